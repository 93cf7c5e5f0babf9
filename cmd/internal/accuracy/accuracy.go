// Package accuracy holds what timesink says of a service's requests against what
// the service measured of itself.
//
// Compare pairs the requests of an analysis with those of a truth and sums both
// up; Row is a line of the table that the tests print, and Row.Check says which
// of the promised bounds it breaks. The package starts nothing.
package accuracy

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/truth"
)

// A Row is one scenario: the service's word beside the tool's. Times are means
// per request in nanoseconds.
type Row struct {
	Scenario string
	Requests int // matched
	// Missed are the service's requests inside the window that the tool has
	// not, Extra the tool's that the service has not.
	Missed, Extra int
	Odd           []string // which ones, for a failing test to show
	Wall          Pair
	// Client is the same requests as the clients saw them, 0 where there are
	// none: a consumer has no clients.
	Client int64
	// Measured are the buckets that the service has a stopwatch around, Steps
	// how many of them there are in a request.
	Measured [breakdown.NumBuckets]Pair
	Steps    [breakdown.NumBuckets]float64
	Phases   map[Phase]Pair
	// Ran is, by phase, the tool's cpu, gc and scheduler within the phase's steps:
	// a library computes there too, and what it does not wait for is no phase.
	Ran map[Phase]int64
	// Estimated tells that the tool's part of Measured holds estimates.
	Estimated bool
	Buckets   [breakdown.NumBuckets]int64 // the tool's
	Calls     float64
	// Aside is the tool's time in a measured bucket that lies outside all of the
	// bucket's steps: another lock than the one with the stopwatch, say.
	Aside [breakdown.NumBuckets]int64
	// OverStep counts the requests in which a bucket exceeds the stopwatches
	// around it, Worst by how much at most.
	OverStep int
	Worst    int64
	// Strange is the time within the steps that is in none of the buckets that
	// it may be in: the step's own, cpu, gc and scheduler. StrangeIn counts the
	// requests with more of it than there may be in the mean.
	Strange   int64
	StrangeIn int
	// Outside lists, for each request, what the tool counts beyond the
	// handler's stopwatch, the least first.
	Outside []int64
}

// A Phase is one of a bucket's.
type Phase struct {
	Bucket breakdown.Bucket
	Phase  breakdown.Phase
}

// A Pair is one quantity as the service and as the tool have it.
type Pair struct{ Service, Tool int64 }

// Off is the tool's relative error.
func (p Pair) Off() float64 {
	if p.Service == 0 {
		return 0
	}
	return float64(p.Tool)/float64(p.Service) - 1
}

// A Request is one of the tool's, reduced to what is compared.
type Request struct {
	Goroutine  int64
	Start, End int64 // wall clock
	Endpoint   string
	Kind       string
	Systems    []string // that the calls go to, each once, sorted
	Path       []breakdown.Segment
	Buckets    [breakdown.NumBuckets]int64
	Phases     map[Phase]int64
	Calls      int
	Incomplete bool
	chains     []*breakdown.Chain
}

// Reduce sums a request up; its times stay on the trace's clock.
func Reduce(r *breakdown.Request) Request {
	out := Request{Goroutine: r.Goroutine, Start: r.Start, End: r.End, Endpoint: r.Endpoint, Kind: r.Kind, Path: slices.Clone(r.Path), Calls: len(r.Calls), Incomplete: r.Incomplete, Phases: map[Phase]int64{},
		chains: slices.Clone(r.Chains)}
	for i := range r.Path {
		s := &r.Path[i]
		out.Buckets[s.Bucket] += s.End - s.Start
		out.Phases[Phase{s.Bucket, s.Phase}] += s.End - s.Start
	}
	for i := range r.Calls {
		out.Systems = append(out.Systems, r.Calls[i].System)
	}
	slices.Sort(out.Systems)
	out.Systems = slices.Compact(out.Systems)
	return out
}

// Shift moves the request to another clock.
func (r *Request) Shift(by int64) {
	r.Start += by
	r.End += by
	for i := range r.Path {
		r.Path[i].Start += by
		r.Path[i].End += by
	}
}

// Waits tells what the waiting within a step belongs to: a bucket and, where the
// step is as fine as that, the phase. ok is false for a step that is not held
// against anything, such as one of several at once.
type Waits func(truth.Kind) (what Phase, ok bool)

// StepOf is the kind of a step that waits for one bucket, and one phase of it.
func StepOf(b breakdown.Bucket, p breakdown.Phase) truth.Kind {
	if p == breakdown.NoPhase {
		return truth.Kind(b.String())
	}
	return truth.Kind(b.String() + "/" + p.String())
}

// Named is the Waits of kinds that StepOf made.
func Named(kind truth.Kind) (what Phase, ok bool) {
	bucket, phase, _ := strings.Cut(string(kind), "/")
	if what.Bucket.UnmarshalText([]byte(bucket)) != nil || what.Phase.UnmarshalText([]byte(phase)) != nil {
		return what, false
	}
	return what, true
}

// mostStrange is how much of a request's steps may be in other buckets, in ns.
const mostStrange = 10_000

// nest is how far the two clocks may be apart, in ns.
const nest = 20_000

// Compare pairs the requests of one route. Each of the service's lies within one
// of the tool's on the same goroutine, and within a client's: the closest.
func Compare(scenario string, tool []Request, service []truth.Request, waits Waits, clients []load.Request, windowStart, windowEnd int64) Row {
	row := Row{Scenario: scenario, Phases: map[Phase]Pair{}, Ran: map[Phase]int64{}}
	onGoroutine := map[int64][]*Request{}
	for i := range tool {
		t := &tool[i]
		onGoroutine[t.Goroutine] = append(onGoroutine[t.Goroutine], t)
		if !t.Incomplete {
			row.Extra++
		}
	}
	for i := range service {
		s := &service[i]
		own := onGoroutine[s.Goroutine]
		at := slices.IndexFunc(own, func(t *Request) bool { return t.Start <= s.Start+nest && t.End >= s.End-nest })
		if at < 0 {
			if s.Start >= windowStart && s.End <= windowEnd {
				row.Missed++
				row.Odd = append(row.Odd, fmt.Sprintf("goroutine %d: service [%d, %d]", s.Goroutine, s.Start-windowStart, s.End-windowStart))
			}
			continue
		}
		if own[at].Incomplete {
			continue // the window's edge cut what the server does around the handler
		}
		row.add(s, own[at], waits, closest(s, clients))
		onGoroutine[s.Goroutine] = slices.Delete(own, at, at+1)
		row.Extra--
	}
	for id, rest := range onGoroutine {
		for _, t := range rest {
			if !t.Incomplete {
				row.Odd = append(row.Odd, fmt.Sprintf("goroutine %d: tool [%d, %d]", id, t.Start-windowStart, t.End-windowStart))
			}
		}
	}
	row.average()
	return row
}

// closest is the length of the shortest of the clients' requests around one of
// the service's.
func closest(s *truth.Request, clients []load.Request) int64 {
	shortest := int64(0)
	for _, c := range clients {
		if d := c.End - c.Start; c.Start <= s.Start+nest && c.End >= s.End-nest && (shortest == 0 || d < shortest) {
			shortest = d
		}
	}
	return shortest
}

func (row *Row) add(s *truth.Request, t *Request, waits Waits, client int64) {
	row.Requests++
	row.Wall.Service += int64(s.Wall())
	row.Wall.Tool += t.End - t.Start
	row.Client += client
	row.Outside = append(row.Outside, t.End-t.Start-int64(s.Wall()))
	row.Calls += float64(t.Calls)
	var measured [breakdown.NumBuckets]int64
	strange := int64(0)
	for _, step := range s.Steps {
		what, ok := waits(step.Kind)
		if !ok {
			continue
		}
		measured[what.Bucket] += step.End - step.Start
		row.Steps[what.Bucket]++
		strange += strangers(&step, t, what.Bucket)
		if what.Phase != breakdown.NoPhase {
			p := row.Phases[what]
			p.Service += step.End - step.Start
			row.Phases[what] = p
			row.Ran[what] += ran(&step, t)
		}
	}
	row.Strange += strange
	if strange > mostStrange {
		row.StrangeIn++
	}
	for bucket, service := range measured {
		if service == 0 {
			continue
		}
		p := &row.Measured[bucket]
		p.Service += service
		p.Tool += t.Buckets[bucket]
		aside := elsewhere(s, t, waits, breakdown.Bucket(bucket))
		row.Aside[bucket] += aside
		if over := t.Buckets[bucket] - aside - service; over > 0 {
			row.OverStep++
			row.Worst = max(row.Worst, over)
			row.Odd = append(row.Odd, fmt.Sprintf("goroutine %d at %d: %s is %d ns, its steps %d", t.Goroutine, t.Start, breakdown.Bucket(bucket), t.Buckets[bucket], service))
		}
	}
	for what, v := range t.Phases {
		if what.Phase != breakdown.NoPhase {
			p := row.Phases[what]
			p.Tool += v
			row.Phases[what] = p
		}
	}
	for b, v := range t.Buckets {
		row.Buckets[b] += v
	}
}

// elsewhere is the request's time in a bucket in segments that no step for it comes
// near.
func elsewhere(s *truth.Request, t *Request, waits Waits, bucket breakdown.Bucket) (sum int64) {
	for i := range t.Path {
		seg := &t.Path[i]
		if seg.Bucket != bucket {
			continue
		}
		near := slices.ContainsFunc(s.Steps, func(step truth.Step) bool {
			what, ok := waits(step.Kind)
			return ok && what.Bucket == bucket && seg.End > step.Start-nest && seg.Start < step.End+nest
		})
		if !near {
			sum += seg.End - seg.Start
		}
	}
	return sum
}

// strangers is the time within a step's stopwatch that is neither in the step's
// bucket nor the processor's.
func strangers(step *truth.Step, t *Request, bucket breakdown.Bucket) (sum int64) {
	for i := range t.Path {
		seg := &t.Path[i]
		switch seg.Bucket {
		case bucket, breakdown.CPU, breakdown.GC, breakdown.Scheduler:
			continue
		}
		sum += max(0, min(seg.End, step.End-nest)-max(seg.Start, step.Start+nest))
	}
	return sum
}

// ran is the time within a step that is the processor's.
func ran(step *truth.Step, t *Request) (sum int64) {
	for i := range t.Path {
		switch seg := &t.Path[i]; seg.Bucket {
		case breakdown.CPU, breakdown.GC, breakdown.Scheduler:
			sum += max(0, min(seg.End, step.End)-max(seg.Start, step.Start))
		}
	}
	return sum
}

func (row *Row) average() {
	slices.Sort(row.Outside)
	n := int64(max(row.Requests, 1))
	row.Wall.Service /= n
	row.Wall.Tool /= n
	row.Client /= n
	row.Strange /= n
	row.Calls /= float64(n)
	for b := range row.Buckets {
		row.Buckets[b] /= n
		row.Steps[b] /= float64(n)
		row.Aside[b] /= n
		row.Measured[b] = Pair{row.Measured[b].Service / n, row.Measured[b].Tool / n}
	}
	for k, p := range row.Phases {
		row.Phases[k] = Pair{p.Service / n, p.Tool / n}
		row.Ran[k] /= n
	}
}

// Estimate adds to the tool's buckets what an endpoint's CPU samples say of them:
// what the service has a stopwatch around and the tool counts as cpu. Phases have
// no estimate.
func (row *Row) Estimate(e *breakdown.Endpoint) {
	row.Estimated, row.Phases = true, map[Phase]Pair{}
	for _, l := range e.CPULibraries {
		row.Measured[l.Bucket].Tool += l.Estimate
	}
}

// gaps is how much the service's stopwatches exceed the tool's buckets.
func (row *Row) gaps() (sum int64) {
	for _, p := range row.Measured {
		sum += p.Service - p.Tool
	}
	return sum
}

// ErrCores is wrapped by what Check says of bounds that hold only where the
// service, its database and its load have the machine's cores for themselves: a
// step that had to wait long for a core is that much longer than its bucket, and
// fewer requests are served in a window. A defect of the tool would break them each
// time they are measured.
var ErrCores = errors.New("more than on cores of one's own")

// ErrRare is wrapped by what Check says of single requests, one in a hundred at
// most: where the kernel takes a thread away between an event and the reading of a
// stopwatch beside it, the two disagree about one request, and where it takes it from
// the holder of a lock that has no stopwatch, one request waits for that. It is said,
// and measured again: a defect of the tool would show again.
var ErrRare = errors.New("in one request of a hundred or fewer")

// Check says which of the promised bounds the row breaks, nil for none. They are
// the README's.
func (row *Row) Check() (broken []error) {
	fail := func(format string, a ...any) { broken = append(broken, fmt.Errorf(format, a...)) }
	single := func(n int, format string, a ...any) {
		if 100*n <= row.Requests {
			format, a = format+": %w", append(a, ErrRare)
		}
		fail(format, a...)
	}
	if row.Requests < 50 { // those that should have been are said below
		fail("only %d requests matched: %w", row.Requests, ErrCores)
	}
	if row.Missed != 0 || row.Extra != 0 {
		single(max(row.Missed, row.Extra), "%d requests matched, %d of the service's missed, %d unknown to it: %q", row.Requests, row.Missed, row.Extra, row.Odd)
	}
	// What the server does outside the handler comes on top: reading the
	// request, waiting for a core to begin, writing the answer. The clients saw
	// that too.
	if row.Wall.Tool < row.Wall.Service || row.Client > 0 && row.Wall.Tool > row.Client {
		fail("wall: the service measured %d ns, the tool says %d, the clients saw %d", row.Wall.Service, row.Wall.Tool, row.Client)
	}
	if n := len(row.Outside); n > 0 {
		if median := row.Outside[n/2]; median < 0 || float64(median) > 0.01*float64(row.Wall.Service) {
			fail("wall: the service measured %d ns, half of the requests are %d ns longer for the tool: %w", row.Wall.Service, median, ErrCores)
		}
	}
	if row.Strange > mostStrange {
		single(row.StrangeIn, "%d ns a request within the steps, of %d requests, are neither in the step's bucket nor the processor's", row.Strange, row.StrangeIn)
	}
	for b, p := range row.Measured {
		if aside := row.Aside[b]; float64(aside) > 0.01*float64(row.Wall.Service) {
			fail("%s: %d ns a request lie outside its steps", breakdown.Bucket(b), aside)
		}
		bucket, over, under := breakdown.Bucket(b), int64(0), p.Service/10
		if row.Estimated {
			over, under = p.Service/5, p.Service/5
		}
		if p.Tool > p.Service+over {
			fail("%s: the tool says %d ns, the stopwatches around it %d", bucket, p.Tool, p.Service)
		}
		if p.Tool < p.Service-under-int64(100_000*row.Steps[b]) {
			fail("%s: the tool says %d ns, the stopwatches around it %d: %w", bucket, p.Tool, p.Service, ErrCores)
		}
	}
	if row.OverStep > 0 {
		single(row.OverStep, "%d times a bucket of a single request exceeds the stopwatches around it, by up to %d ns: %q", row.OverStep, row.Worst, row.Odd)
	}
	own := row.Buckets[breakdown.CPU] + row.Buckets[breakdown.GC] + row.Buckets[breakdown.Scheduler]
	if gaps := row.gaps(); gaps > own {
		fail("the steps exceed their buckets by %d ns, but cpu, gc and scheduler hold only %d", gaps, own)
	}
	for what, p := range row.Phases {
		off := p.Tool - p.Service
		if off < 0 {
			off = min(0, off+row.Ran[what])
		}
		if p.Service > 0 && math.Abs(float64(off)) > 0.02*float64(row.Wall.Service) {
			fail("%s %s: the tool says %d ns, the stopwatches around it %d, of which %d running or ready to: over 2%% of the wall time apart: %w", what.Bucket, what.Phase, p.Tool, p.Service, row.Ran[what], ErrCores)
		}
	}
	if u := float64(row.Buckets[breakdown.Unknown]) / float64(max(row.Wall.Tool, 1)); u > 0.005 {
		fail("%.2f%% is unknown", 100*u)
	}
	return broken
}

// Again tells whether a measurement is worth repeating: nothing is wrong but what
// waiting for cores explains.
func Again(broken []error) bool {
	return len(broken) > 0 && !slices.ContainsFunc(broken, func(err error) bool { return !errors.Is(err, ErrCores) && !errors.Is(err, ErrRare) })
}

// Spent holds the gaps of rows of one process against what it spent by its own
// measure, running or ready to run, in that many requests.
func Spent(rows []Row, requests int, totals *truth.Totals) error {
	if totals.CPU == nil || requests == 0 {
		return nil
	}
	gaps, n := int64(0), 0
	for i := range rows {
		gaps += rows[i].gaps() * int64(rows[i].Requests)
		n += rows[i].Requests
	}
	gaps /= int64(max(n, 1))
	if spent := (totals.CPU.User + totals.CPU.System + totals.SchedLatency.High) / int64(requests); gaps > spent {
		return fmt.Errorf("the steps exceed their buckets by %d ns, the process spent %d ns a request running or ready to run", gaps, spent)
	}
	return nil
}

// Table formats rows for a log: the service's word, then the tool's.
func Table(rows []Row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-12s %8s  %-15s %6s  %-8s  %-15s  %-15s  %-15s  %6s %5s %5s %7s\n", "scenario", "requests", "wall ms", "off", "client", "db ms", "upstream ms", "lock ms", "cpu", "gc", "sched", "unknown")
	for _, r := range rows {
		fmt.Fprintf(&b, "%-12s %8d  %15s %+5.2f%%  %8s  %15s  %15s  %15s  %6s %5s %5s %6.2f%%\n", r.Scenario, r.Requests,
			pair(r.Wall), 100*r.Wall.Off(), ms(r.Client), pair(r.Measured[breakdown.DB]), pair(r.Measured[breakdown.Upstream]), pair(r.Measured[breakdown.Lock]),
			ms(r.Buckets[breakdown.CPU]), ms(r.Buckets[breakdown.GC]), ms(r.Buckets[breakdown.Scheduler]),
			100*float64(r.Buckets[breakdown.Unknown])/float64(max(r.Wall.Tool, 1)))
	}
	return b.String()
}

// Report formats the accuracy table: for each scenario the wall time and each
// bucket and phase that the service measured, as it did and as the tool says, and
// the worst error, as a share of the wall time.
func Report(rows []Row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-26s %8s  %-24s %9s %9s %8s %8s\n", "scenario", "requests", "ms per request", "service", "timesink", "off", "unknown")
	for _, r := range rows {
		fmt.Fprintf(&b, "%-26s %8d  %-24s %9s %9s %+7.2f%% %7.2f%%\n", r.Scenario, r.Requests, "wall", ms(r.Wall.Service), ms(r.Wall.Tool),
			100*r.Wall.Off(), 100*float64(r.Buckets[breakdown.Unknown])/float64(max(r.Wall.Tool, 1)))
		for bucket, p := range r.Measured {
			if p.Service == 0 {
				continue
			}
			name := breakdown.Bucket(bucket).String()
			if r.Estimated && breakdown.Bucket(bucket) <= breakdown.Upstream {
				name += ", estimated"
			}
			r.line(&b, name, p)
			for phase := range breakdown.NumPhases {
				if p := r.Phases[Phase{breakdown.Bucket(bucket), phase}]; p.Service > 0 {
					r.line(&b, "  "+phase.String(), p)
				}
			}
		}
		fmt.Fprintf(&b, "%-26s %8s  %-24s %9s %9s %+7.2f%%\n", "", "", "worst, of the wall", "", "", 100*r.WorstShare())
	}
	return b.String()
}

// Markdown is the table of Report with a line for each scenario, as the README has
// it: each pair is the service's word, then the tool's, in ms per request.
func Markdown(rows []Row) string {
	var b strings.Builder
	b.WriteString("| scenario | requests | wall | where | worst | unknown |\n|---|---|---|---|---|---|\n")
	for _, r := range rows {
		var where []string
		for bucket, p := range r.Measured {
			if p.Service == 0 {
				continue
			}
			name := breakdown.Bucket(bucket).String()
			if r.Estimated && breakdown.Bucket(bucket) <= breakdown.Upstream {
				name += " (estimated)"
			}
			var phases []string
			for phase := range breakdown.NumPhases {
				if p := r.Phases[Phase{breakdown.Bucket(bucket), phase}]; p.Service > 0 {
					phases = append(phases, fmt.Sprintf("%s %s, %s", phase, ms(p.Service), ms(p.Tool)))
				}
			}
			if len(phases) > 1 { // one alone would say the same again
				name += " (" + strings.Join(phases, "; ") + ")"
			}
			where = append(where, fmt.Sprintf("%s %s, %s", name, ms(p.Service), ms(p.Tool)))
		}
		fmt.Fprintf(&b, "| %s | %d | %s, %s | %s | %+.2f%% | %.2f%% |\n", r.Scenario, r.Requests, ms(r.Wall.Service), ms(r.Wall.Tool),
			strings.Join(where, "; "), 100*r.WorstShare(), 100*float64(r.Buckets[breakdown.Unknown])/float64(max(r.Wall.Tool, 1)))
	}
	return b.String()
}

func (row *Row) line(b *strings.Builder, what string, p Pair) {
	fmt.Fprintf(b, "%-26s %8s  %-24s %9s %9s %+7.2f%%\n", "", "", what, ms(p.Service), ms(p.Tool), 100*row.share(p))
}

// share is how far the tool is off, as a share of the wall time.
func (row *Row) share(p Pair) float64 {
	return float64(p.Tool-p.Service) / float64(max(row.Wall.Service, 1))
}

// WorstShare is the largest error of the wall time, a bucket or a phase, as a
// share of the wall time.
func (row *Row) WorstShare() float64 {
	worst := row.share(row.Wall)
	note := func(p Pair) {
		if s := row.share(p); p.Service > 0 && math.Abs(s) > math.Abs(worst) {
			worst = s
		}
	}
	for _, p := range row.Measured {
		note(p)
	}
	for _, p := range row.Phases {
		note(p)
	}
	return worst
}

func pair(p Pair) string { return ms(p.Service) + " " + ms(p.Tool) }

func ms(ns int64) string { return fmt.Sprintf("%.2f", float64(ns)/1e6) }
