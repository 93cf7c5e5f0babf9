package speed_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A command is a process that runs several times and is measured as a whole.
type command struct {
	name  string
	args  []string
	cores int
	limit time.Duration // 0 is two minutes
	out   printed       // by the last run
	runs  []reading
}

// The output, and the time of its last write.
type printed struct {
	strings.Builder
	at time.Time
}

func (p *printed) Write(data []byte) (int, error) {
	p.at = time.Now()
	return p.Builder.Write(data)
}

// A reading of one run: its time in seconds, its peak memory in bytes, and the share
// of all processors' time that other processes took meanwhile, NaN if unknown.
type reading struct{ seconds, peak, others float64 }

func (c *command) run(b *testing.B) {
	b.Helper()
	limit := c.limit
	if limit == 0 {
		limit = 2 * time.Minute
	}
	ctx, cancel := context.WithTimeout(b.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(c.cores))
	c.out = printed{}
	var stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &c.out, &stderr
	busy := processors()
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start).Seconds()
	if err != nil {
		b.Fatalf("%s: %v after %.1f s\n%s", c.name, err, took, &stderr)
	}
	own := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	c.runs = append(c.runs, reading{took, float64(peakMemory(cmd.ProcessState)), processors().since(busy, own)})
}

func (c *command) each(of func(reading) float64) []float64 {
	all := make([]float64, len(c.runs))
	for i, r := range c.runs {
		all[i] = of(r)
	}
	return all
}

func (c *command) times() []float64 { return c.each(func(r reading) float64 { return r.seconds }) }
func (c *command) peaks() []float64 { return c.each(func(r reading) float64 { return r.peak }) }
func (c *command) seconds() float64 { return median(c.times()) }
func (c *command) peak() float64    { return median(c.peaks()) }
func (c *command) most() float64    { return slices.Max(c.peaks()) }

// ratio returns the median of two commands' ratios within each round: a slowdown of
// the machine affects both.
func ratio(c, to *command) float64 {
	ratios := make([]float64, len(c.runs))
	for i := range ratios {
		ratios[i] = c.runs[i].seconds / to.runs[i].seconds
	}
	return median(ratios)
}

func median(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// printCommands prints times and memory, with their ranges.
func printCommands(commands ...*command) {
	const line = "%-24s %9s %20s %10s %18s\n"
	fmt.Printf(line, "", "time", "", "peak", "others' share")
	for _, c := range commands {
		times := c.times()
		others := "unknown"
		if o := median(c.each(func(r reading) float64 { return r.others })); o == o {
			others = fmt.Sprintf("%.0f%%", 100*o)
		}
		fmt.Printf(line, c.name, fmt.Sprintf("%.3f s", c.seconds()),
			fmt.Sprintf("(%.3f to %.3f)", slices.Min(times), slices.Max(times)),
			fmt.Sprintf("%.0f MB", c.most()/1e6), others)
	}
}

// A table lists figures with their bounds.
type table []*bound

type bound struct {
	what            string
	measured, limit float64
	aim             float64 // 0 is none
	unit            string
	least           bool // the limit is a lower bound, not an upper one
}

// most adds a figure with an upper bound.
func (t *table) most(what string, measured, limit float64, unit string) *bound {
	*t = append(*t, &bound{what: what, measured: measured, limit: limit, unit: unit})
	return (*t)[len(*t)-1]
}

// least adds a figure with a lower bound.
func (t *table) least(what string, measured, limit float64, unit string) *bound {
	added := t.most(what, measured, limit, unit)
	added.least = true
	return added
}

func (r *bound) holds() bool {
	if r.least {
		return r.measured >= r.limit
	}
	return r.measured <= r.limit
}

// print prints the table and fails the benchmark if a bound does not hold.
func (t *table) print(b *testing.B) {
	const line = "%-58s %12s %14s %10s %s\n"
	fmt.Printf("\n"+line, "", "measured", "bound", "aim", "")
	for _, r := range *t {
		sign, verdict, aim := "at most ", "", ""
		if r.least {
			sign = "at least "
		}
		if !r.holds() {
			verdict = "  EXCEEDED"
			b.Errorf("%s: %.3g %s", r.what, r.measured, r.unit)
		}
		if r.aim > 0 {
			aim = fmt.Sprintf("%.3g %s", r.aim, r.unit)
		}
		fmt.Printf(line, r.what, fmt.Sprintf("%.3g %s", r.measured, r.unit), fmt.Sprintf("%s%.3g %s", sign, r.limit, r.unit), aim, verdict)
	}
	fmt.Println()
}
