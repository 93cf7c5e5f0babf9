package accuracy

import (
	"fmt"
	"math"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/truth"
)

// A Cores row compares how long requests ran without a core, as the service measured and
// as the tool estimates. Times are means per request, in nanoseconds.
type Cores struct {
	Scenario, Condition string
	Requests            int
	Samples             int64 // CPU samples that hit the requests while they ran
	// Ran is the running time within the steps that were measured.
	Ran int64
	Off Pair
	// Bounds are those of the tool's Off.
	Bounds [2]int64
	Cause  breakdown.Deprivation
	Want   breakdown.Deprivation
	// Delayed is how long the kernel kept a request's threads from a core, as far as it
	// says so. On a machine that is busy with other things, that is not only what the
	// condition does.
	Delayed int64
}

// CompareCores compares the requests of one endpoint.
func CompareCores(scenario, condition string, tool []Request, service []truth.Request, e *breakdown.Endpoint, m Machine) Cores {
	row := Cores{Scenario: scenario, Condition: condition, Delayed: m.Delayed}
	byGoroutine := map[int64][]*truth.Request{}
	for i := range service {
		byGoroutine[service[i].Goroutine] = append(byGoroutine[service[i].Goroutine], &service[i])
	}
	for i := range tool {
		t := &tool[i]
		for _, s := range byGoroutine[t.Goroutine] {
			if !t.Incomplete && 2*(min(t.End, s.End)-max(t.Start, s.Start)) > s.End-s.Start {
				row.add(t, s)
				break
			}
		}
	}
	n := int64(max(row.Requests, 1))
	row.Ran, row.Off.Service = row.Ran/n, row.Off.Service/n
	for _, p := range e.Buckets[breakdown.CPU].Phases {
		if p.Phase == breakdown.OffCPU {
			row.Off.Tool, row.Cause = p.Mean, p.Cause
			if p.MeanCI95 != nil {
				row.Bounds = *p.MeanCI95
			}
		}
	}
	return row
}

// add adds a request's steps: what they took on their thread's clock and beside it,
// without what the goroutine was not running for.
func (row *Cores) add(t *Request, s *truth.Request) {
	row.Requests++
	row.Samples += t.Samples
	on, off := StepOf(breakdown.CPU, breakdown.OnCPU), StepOf(breakdown.CPU, breakdown.OffCPU)
	var start, end, ran, without int64
	for _, step := range s.Steps {
		switch step.Kind {
		case on:
			start, ran = step.Start, step.End-step.Start
		case off:
			end, without = step.End, step.End-step.Start
		}
	}
	for i := range t.Path {
		if seg := &t.Path[i]; seg.Bucket != breakdown.CPU {
			without -= max(0, min(seg.End, end)-max(seg.Start, start))
		}
	}
	row.Off.Service += without
	row.Ran += ran + without
}

// within reports whether the service's figure lies within the tool's bounds, widened from
// 95% to 99.9%, so that a correct estimate fails one time in a thousand, and by a
// fiftieth of the running time: the server's own work is in the tool's figure.
func (row *Cores) within() bool {
	wider := func(bound int64) float64 { return 1.7 * float64(bound-row.Off.Tool) }
	slack := float64(row.Ran) / 50
	off := float64(row.Off.Service - row.Off.Tool)
	return wider(row.Bounds[0])-slack <= off && off <= wider(row.Bounds[1])+slack
}

// precise reports whether enough samples were taken, and the service ran without a core
// for long enough, for the tool's figure to be close to the service's: within a tenth,
// or within what chance does to that many samples in one of a thousand captures.
func (row *Cores) precise() (within float64, ok bool) {
	if 2*row.Off.Service < row.Ran || row.Samples < 400 {
		return 0, false
	}
	on := float64(row.Ran - row.Off.Service)
	return max(0.1, 3.3*on/math.Sqrt(float64(row.Samples))/float64(row.Off.Service)), true
}

// Check returns the bounds that the row breaks.
func (row *Cores) Check() (broken []error) {
	fail := func(format string, a ...any) { broken = append(broken, fmt.Errorf(format, a...)) }
	within, precise := row.precise()
	switch off := math.Abs(row.Off.Off()); {
	case row.Requests < fewest:
		fail("%d requests matched, which is too few", row.Requests)
	case !row.within():
		fail("off CPU: the service measured %d ns, the tool says %d, at least %d and at most %d", row.Off.Service, row.Off.Tool, row.Bounds[0], row.Bounds[1])
	case precise && off > within:
		fail("off CPU: the service measured %d ns, the tool says %d, which is off by %.0f%%", row.Off.Service, row.Off.Tool, 100*off)
	case row.Off.Tool > 0 && 50*row.Off.Service < row.Ran:
		fail("off CPU: the tool says %d ns of a service with cores enough", row.Off.Tool)
	}
	// What the tool does not know it need not say. Neighbors may be busy in any test.
	if row.Cause != "" && row.Cause != row.Want && 10*row.Delayed < row.Off.Service {
		fail("the cause is %q, not %q", row.Cause, row.Want)
	}
	return broken
}

// CoresTable formats rows as a Markdown table. Pairs are the service's value, then the
// tool's with its bounds, in ms per request.
func CoresTable(rows []Cores) string {
	var b strings.Builder
	b.WriteString("| scenario | condition | requests | ran | off CPU | 95% bounds | cause |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s, %s | %s to %s | %s |\n", r.Scenario, r.Condition, r.Requests, ms(r.Ran), ms(r.Off.Service), ms(r.Off.Tool), ms(r.Bounds[0]), ms(r.Bounds[1]), r.Cause)
	}
	return b.String()
}
