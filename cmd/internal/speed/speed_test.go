// Package speed measures how fast timesink reads a big trace, against a bare
// loop over the reader's events in the same run on the same machine.
//
//	go test -run '^$' -bench . -benchtime 1x ./cmd/internal/speed
package speed_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/exp/trace"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/testbin"
	"timesink/cmd/internal/vin/stack"
)

// bareLoop, where set, makes this test binary read the trace that it names and
// nothing else: the floor that the analysis is measured against.
const bareLoop = "TIMESINK_BARE_LOOP"

func TestMain(m *testing.M) {
	if path := os.Getenv(bareLoop); path != "" {
		if err := readAll(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	testbin.Main(m)
}

// readAll calls ReadEvent until the end, with a buffer of 1 MB, and prints the
// number of events.
func readAll(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := trace.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		if _, err := r.ReadEvent(); errors.Is(err, io.EOF) {
			fmt.Println(n)
			return nil
		} else if err != nil {
			return err
		}
	}
}

// The size of the trace that is measured on.
const (
	minBytes  = 100 << 20
	minEvents = 20_000_000
)

// rounds is how often each command runs, in turn with the others.
const rounds = 5

// BenchmarkAnalyze prints the times side by side, and fails where analysis takes
// more than twice the bare loop or more than 300 MB.
func BenchmarkAnalyze(b *testing.B) {
	exe := testbin.Build(b, "timesink/cmd/timesink")
	path := os.Getenv("TIMESINK_BIG_TRACE") // made by an earlier run
	if path == "" {
		path = record(b)
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	commands := []*command{
		{name: "bare loop, 1 core", args: []string{self}, env: []string{bareLoop + "=" + path, "GOMAXPROCS=1"}},
		{name: "analyze, 1 core", args: []string{exe, "analyze", "-f", "json", path}, env: []string{"GOMAXPROCS=1"}},
		{name: "analyze", args: []string{exe, "analyze", "-f", "json", path}},
		{name: "timesink --help", args: []string{exe, "--help"}},
	}
	for range b.N {
		for range rounds {
			for _, c := range commands {
				c.run(b)
			}
		}
	}
	bare := commands[0]
	events, err := strconv.Atoi(strings.TrimSpace(bare.out))
	if err != nil || events < minEvents {
		b.Fatalf("the trace holds %s events, not %d: %v", strings.TrimSpace(bare.out), minEvents, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	fmt.Printf("\none trace, %.1f MB, %.1f million events; medians of %d runs in turn\n", float64(info.Size())/1e6, float64(events)/1e6, rounds*b.N)
	for _, c := range commands {
		fmt.Printf("%-20s %7.3f s   %5.2f x bare   peak %4d MB\n", c.name, c.median(), c.median()/bare.median(), c.peak>>20)
	}
	analyze := commands[2]
	b.ReportMetric(analyze.median()/bare.median(), "x-bare")
	b.ReportMetric(commands[1].median()/bare.median(), "x-bare-1core")
	b.ReportMetric(float64(analyze.peak>>20), "peak-MB")
	if ratio := analyze.median() / bare.median(); ratio > 2 {
		b.Errorf("analysis takes %.2f times the bare loop", ratio)
	}
	if analyze.peak > 300<<20 {
		b.Errorf("analysis takes %d MB", analyze.peak>>20)
	}
}

// A command is one that is timed as a whole process.
type command struct {
	name  string
	args  []string
	env   []string
	out   string
	times []float64 // s
	peak  int64     // bytes
}

func (c *command) run(b *testing.B) {
	cmd := exec.Command(c.args[0], c.args[1:]...)
	cmd.Env = append(os.Environ(), c.env...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v", c.name, err)
	}
	c.times = append(c.times, time.Since(start).Seconds())
	c.peak = max(c.peak, peakMemory(cmd.ProcessState))
	c.out = out.String()
}

func (c *command) median() float64 {
	sorted := slices.Sorted(slices.Values(c.times))
	return sorted[len(sorted)/2]
}

// record makes the trace: the VIN service under load on its cheapest and on its
// dearest endpoint.
func record(b *testing.B) string {
	st, err := stack.Start(b.Context(), testbin.Build(b, "timesink/cmd/vinservice"), nil, stack.Default())
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := st.Stop(); err != nil {
			b.Error(err)
		}
	}()
	ctx, stop := context.WithTimeout(b.Context(), 5*time.Minute)
	loaded := make(chan error, 2)
	for _, c := range []load.Config{
		{URL: st.URL + "/healthz", Connections: 16},
		{Connections: 8},
	} {
		go func() {
			_, err := st.Load(ctx, c)
			loaded <- err
		}()
	}
	defer func() {
		stop()
		for range cap(loaded) {
			if err := <-loaded; err != nil {
				b.Error(err)
			}
		}
	}()
	path := filepath.Join(b.TempDir(), "big.out")
	seconds := 15
	for {
		size := fetch(b, fmt.Sprintf("%s/debug/pprof/trace?seconds=%d", st.Pprof, seconds), path)
		if size >= minBytes {
			return path
		}
		more := int(float64(seconds)*float64(minBytes)/float64(size)*1.15) + 1
		if seconds = more; seconds > 180 {
			b.Fatalf("the service writes %d bytes of trace in %d s: too little for this benchmark", size, seconds)
		}
	}
}

func fetch(b *testing.B, url, path string) int64 {
	resp, err := http.Get(url)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	n, err := io.Copy(f, resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return n
}
