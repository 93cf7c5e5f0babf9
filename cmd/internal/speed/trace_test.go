package speed_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/testbin"
	"timesink/cmd/internal/vin/stack"
)

// The minimum size of the measured trace.
const (
	minBytes  = 100 << 20
	minEvents = 20_000_000
)

// traces returns a big trace and one of at least twice the minimum size. Each is
// read from the file named in the environment, or recorded into it if it does not
// exist; without a name it is recorded for this run only.
func traces(b *testing.B) (once, twice string) {
	once = cmp.Or(os.Getenv("TIMESINK_BIG_TRACE"), scratch(b, "big.out"))
	twice = cmp.Or(os.Getenv("TIMESINK_TWICE_TRACE"), scratch(b, "twice.out"))
	if exists(once) && exists(twice) {
		return once, twice
	}
	pprof, stop := loaded(b)
	defer stop()
	const probe = 4 // s
	rate := fetch(b, pprof, probe, io.Discard) / probe
	for i, path := range []string{once, twice} {
		if exists(path) {
			continue
		}
		// The service's speed varies: record a little more than necessary, and again
		// if the trace is still too small.
		for least := int64(minBytes * (i + 1)); !exists(path) || size(b, path) < least; {
			seconds := least*4/3/rate + 1
			record(b, pprof, seconds, path)
			rate = min(rate, size(b, path)/seconds)
		}
	}
	return once, twice
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// loaded starts the VIN service under load on its cheapest and its most expensive
// endpoint, and returns the URL of its pprof.
func loaded(b *testing.B) (pprof string, stop func()) {
	st, err := stack.Start(b.Context(), testbin.Build(b, "cmd/vinservice"), nil, stack.Default())
	if err != nil {
		b.Fatal(err)
	}
	ctx, end := context.WithCancel(b.Context())
	done := make(chan error, 2)
	for _, c := range []load.Config{
		{URL: st.URL + "/healthz", Connections: 16},
		{Connections: 8},
	} {
		go func() {
			_, err := st.Load(ctx, c)
			done <- err
		}()
	}
	return st.Pprof, func() {
		end()
		for range cap(done) {
			if err := <-done; err != nil {
				b.Error(err)
			}
		}
		if err := st.Stop(); err != nil {
			b.Error(err)
		}
	}
}

// record records a trace of the given seconds into a file. It leaves no incomplete
// file.
func record(b *testing.B, pprof string, seconds int64, path string) {
	b.Helper()
	f, err := os.Create(path + ".partial")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	defer os.Remove(f.Name())
	fetch(b, pprof, seconds, f)
	if err := cmp.Or(f.Close(), os.Rename(f.Name(), path)); err != nil {
		b.Fatal(err)
	}
}

// fetch copies a trace of the given seconds and returns its size in bytes.
func fetch(b *testing.B, pprof string, seconds int64, to io.Writer) int64 {
	b.Helper()
	url := fmt.Sprintf("%s/debug/pprof/trace?seconds=%d", pprof, seconds)
	ctx, cancel := context.WithTimeout(b.Context(), time.Duration(seconds+60)*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		b.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(to, resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return n
}

// goToolTrace returns the path of the program behind `go tool trace`, because as a
// child of go it would not be measured.
func goToolTrace(b *testing.B) string {
	out, err := exec.Command("go", "tool", "-n", "trace").Output()
	if err != nil {
		b.Fatalf("finding go tool trace: %v", err)
	}
	path := strings.TrimSpace(string(out))
	if !exists(path) { // Go builds it on first use
		exec.Command("go", "tool", "trace", "-h").Run()
	}
	return path
}
