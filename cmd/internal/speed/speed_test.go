// Package speed measures what timesink costs: the time and memory to read a big
// trace, compared with a bare loop over the reader's events, and what a capture
// costs the service.
//
//	bash .ci/bench
//
// The compared commands run on one machine in one run, in turn, each in a
// separate process; a ratio is the median over the rounds. The benchmark prints
// how busy the machine was otherwise, because that affects figures for more than
// one core most.
package speed_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/exp/trace"

	"timesink/cmd/internal/testbin"
)

// roles maps the first argument of this test binary to what it then runs.
var roles = map[string]func(args []string) error{
	"bareloop": bareLoop,
	"chatty":   chatty,
}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			if err := role(os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	testbin.Main(m)
}

// bareLoop calls ReadEvent until the end of a file, with a buffer of 1 MB, and
// prints the number of events: the floor that the analysis is measured against.
func bareLoop(args []string) error {
	f, err := os.Open(args[0])
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

// The number of runs of each.
const (
	rounds      = 5  // of the compared commands, in turn
	startUps    = 20 // timesink --help
	windowTimes = 3  // timesink run
)

// BenchmarkBounds prints how fast a big trace is read and how soon the answer
// appears, each figure with its bound, and fails if a bound is exceeded. It also
// runs `go tool trace`, which needs 12 GB of memory.
func BenchmarkBounds(b *testing.B) {
	exe := testbin.Build(b, "cmd/timesink")
	once, twice := traces(b)
	if size(b, once) < minBytes || size(b, twice) < 2*minBytes {
		b.Fatalf("%s or %s is too small: they must have at least %d bytes and twice as many", once, twice, minBytes)
	}
	var t table
	for range b.N {
		offline(b, &t, exe, once, twice)
		answering(b, &t, exe)
		starting(b, &t, exe)
	}
	t.print(b)
}

// offline measures the analysis of a trace and of one twice as long.
func offline(b *testing.B, t *table, exe, once, twice string) {
	analyze := func(name, path string, cores int) *command {
		return &command{name: name, args: []string{exe, "analyze", "-f", "json", path}, cores: cores}
	}
	bare := &command{name: "bare loop, 1 core", args: []string{self(b), "bareloop", once}, cores: 1}
	one := analyze("analyze, 1 core", once, 1)
	two := analyze("analyze, 2 cores", once, 2)
	// The memory for a trace depends on the activity per second. So the trace of
	// twice the length is compared with its own first half.
	long := analyze("analyze, twice as long", twice, 2)
	half := analyze("analyze, the half of that", firstHalf(b, twice), 2)
	gotool := &command{name: "go tool trace", args: []string{goToolTrace(b), "-pprof=net", once}, cores: 2, limit: 10 * time.Minute}
	for range rounds {
		for _, c := range []*command{bare, one, two, gotool, long, half} {
			c.run(b)
		}
	}

	events, err := strconv.Atoi(strings.TrimSpace(bare.out.String()))
	if err != nil || events < minEvents {
		b.Fatalf("%s holds %q events: too little to measure on", once, strings.TrimSpace(bare.out.String()))
	}
	fmt.Printf("\n%.1f MB of trace, %.1f million events, and a trace of %.1f MB; medians of %d rounds in turn\n\n",
		float64(size(b, once))/1e6, float64(events)/1e6, float64(size(b, twice))/1e6, rounds*b.N)
	printCommands(bare, one, two, long, half, gotool)
	sameBytes(b, exe, once, one.out.String(), two.out.String())

	t.most("analyze / bare loop, both on 1 core", ratio(one, bare), 1.8, "x").aim = 1.4
	t.most("analyze on 2 cores / bare loop on 1 core", ratio(two, bare), 1, "x").aim = 0.75
	t.least("go tool trace -pprof=net / analyze", ratio(gotool, two), 12, "x").aim = 20
	t.most("peak memory on 2 cores", two.most()/1e6, 250, "MB")
	t.most("the same, trace twice as long / its half", long.peak()/half.peak(), 1.1, "x")
}

// firstHalf returns the first half of a trace.
func firstHalf(b *testing.B, path string) string {
	from, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer from.Close()
	to, err := os.Create(scratch(b, "half.out"))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.CopyN(to, from, size(b, path)/2); err != nil {
		b.Fatal(err)
	}
	if err := to.Close(); err != nil {
		b.Fatal(err)
	}
	return to.Name()
}

// sameBytes checks that the answer is the same for any number of cores.
func sameBytes(b *testing.B, exe, path string, outs ...string) {
	for _, cores := range []int{3, 4, 8} {
		c := &command{name: fmt.Sprintf("analyze, %d workers", cores), args: []string{exe, "analyze", "-f", "json", path}, cores: cores}
		c.run(b)
		outs = append(outs, c.out.String())
	}
	for _, out := range outs {
		if out != outs[0] || out == "" {
			b.Error("the answer depends on the number of cores")
			return
		}
	}
	fmt.Printf("\nthe same %d bytes of answer on 1, 2, 3, 4 and 8 workers\n", len(outs[0]))
}

// starting measures how long timesink --help takes.
func starting(b *testing.B, t *table, exe string) {
	help := &command{name: "timesink --help", args: []string{exe, "--help"}, cores: 2}
	for range startUps {
		help.run(b)
	}
	t.most("start-up, timesink --help", 1e3*help.seconds(), 30, "ms")
}

func self(b *testing.B) string {
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	return exe
}

func size(b *testing.B, path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

// scratch returns the name of a temporary file of the benchmark.
func scratch(b *testing.B, name string) string { return filepath.Join(b.TempDir(), name) }
