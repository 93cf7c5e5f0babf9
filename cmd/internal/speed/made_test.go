package speed_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"timesink/cmd/internal/accuracy"
	"timesink/cmd/internal/speed/made"
	"timesink/cmd/internal/testbin"
)

var write = flag.Bool("write", false, "write the table of made traces into README.md")

const (
	madeLength = 12 * time.Second // of the shorter traces
	madeRounds = 5                // of the compared commands, in turn
	quiet      = 100_000          // goroutines that wait for something that never comes
)

// BenchmarkMade measures the analysis of made traces of each shape, and what a goroutine
// takes that only waits, each figure with its bound. The traces are the same on any machine.
func BenchmarkMade(b *testing.B) {
	exe := testbin.Build(b, "cmd/timesink")
	var t table
	var rows strings.Builder
	rows.WriteString("| requests | trace | bare loop, one core | one core | two cores | memory | twice as long |\n|---|---|---|---|---|---|---|\n")
	for _, s := range made.Shapes() {
		rows.WriteString(shaped(b, &t, exe, s))
	}
	waiting(b, &t, exe)
	t.print(b)
	fmt.Println(rows.String())
	if *write {
		if err := accuracy.Publish("README.md", "made", rows.String()); err != nil {
			b.Fatal(err)
		}
	}
}

// shaped measures the analysis of a shape's trace and of one twice as long, and returns the
// line of the table.
func shaped(b *testing.B, t *table, exe string, s made.Shape) string {
	once, twice := makeTrace(b, s, madeLength), makeTrace(b, s, 2*madeLength)
	bare := &command{name: s.Name + ": bare loop, 1 core", args: []string{self(b), "bareloop", once.path}, cores: 1}
	one := analysis(exe, s.Name+": 1 core", once.path, 1)
	two := analysis(exe, s.Name+": 2 cores", once.path, 2)
	long := analysis(exe, s.Name+": twice as long", twice.path, 2)
	for range madeRounds {
		for _, c := range []*command{bare, one, two, long} {
			c.run(b)
		}
	}
	printCommands(bare, one, two, long)
	if one.out.String() != two.out.String() {
		b.Errorf("%s: the answer depends on the number of cores", s.Name)
	}
	t.most(s.Name+": 1 core / bare loop on 1", ratio(one, bare), 1.2, "x").aim = 0.9
	t.most(s.Name+": 2 cores / bare loop on 1", ratio(two, bare), 0.9, "x").aim = 0.5
	t.most(s.Name+": memory on 2 cores", two.most()/1e6, 200, "MB").aim = 100
	t.most(s.Name+": time for twice the trace / twice the time", ratio(long, two)/2, 1.1, "x")
	return fmt.Sprintf("| %s | %.0f MB, %.1f million events, %d requests | %.2f s | ×%.2f | ×%.2f | %.0f MB | ×%.2f |\n",
		s.Name, float64(size(b, once.path))/1e6, float64(once.Events)/1e6, once.Requests, bare.seconds(), ratio(one, bare), ratio(two, bare), two.most()/1e6, ratio(long, two))
}

func analysis(exe, name, path string, cores int) *command {
	return &command{name: name, args: []string{exe, "analyze", "-f", "json", path}, cores: cores}
}

// waiting measures the memory for goroutines that only wait.
func waiting(b *testing.B, t *table, exe string) {
	s := made.Shapes()[0]
	s.Health.Rate /= 10
	without := makeTrace(b, s, madeLength)
	s.Quiet = quiet
	with := makeTrace(b, s, madeLength)
	few, many := analysis(exe, "few goroutines", without.path, 2), analysis(exe, "100,000 more that wait", with.path, 2)
	for range madeRounds {
		few.run(b)
		many.run(b)
	}
	printCommands(few, many)
	t.most("memory of a goroutine that only waits", (many.peak()-few.peak())/quiet, 1000, "bytes").aim = 60
}

// A madeTrace is a made trace in a file.
type madeTrace struct {
	made.Made
	path string
}

func makeTrace(b *testing.B, s made.Shape, length time.Duration) madeTrace {
	f, err := os.Create(scratch(b, fmt.Sprintf("%s %d %s.out", strings.ReplaceAll(s.Name, ",", ""), s.Quiet, length)))
	if err != nil {
		b.Fatal(err)
	}
	m, err := s.Write(f, length)
	if err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return madeTrace{m, f.Name()}
}
