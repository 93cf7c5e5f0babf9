// Package accuracy holds what timesink says of a service's requests against what
// the service measured of itself.
//
// Compare pairs the requests of an analysis with those of a truth and sums both
// up; Row is a line of the table that the tests print. The package compares and
// formats; it starts nothing and judges nothing: the bounds are in the tests.
package accuracy

import (
	"fmt"
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
	Client        int64 // the same requests as the clients saw them
	Steps         map[truth.Kind]Pair
	Buckets       [breakdown.NumBuckets]int64 // the tool's
	Phases        [breakdown.NumPhases]int64
	Calls         float64
	// OverStep counts the requests in which a bucket exceeds the stopwatch
	// around it, Worst by how much at most.
	OverStep int
	Worst    int64
	// Strange is the time within the steps that is in none of the buckets that
	// it may be in: the step's own, cpu, gc and scheduler.
	Strange int64
	// Outside lists, for each request, what the tool counts beyond the
	// handler's stopwatch, the least first.
	Outside []int64
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
	Path       []breakdown.Segment
	Buckets    [breakdown.NumBuckets]int64
	Phases     [breakdown.NumPhases]int64
	Calls      int
	Incomplete bool
}

// Reduce sums a request up; its times stay on the trace's clock.
func Reduce(r *breakdown.Request) Request {
	out := Request{Goroutine: r.Goroutine, Start: r.Start, End: r.End, Endpoint: r.Endpoint, Path: slices.Clone(r.Path), Calls: len(r.Calls), Incomplete: r.Incomplete}
	for i := range r.Path {
		s := &r.Path[i]
		out.Buckets[s.Bucket] += s.End - s.Start
		out.Phases[s.Phase] += s.End - s.Start
	}
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

// Stopwatch maps each step of the service to the bucket that its waiting belongs
// to.
var Stopwatch = map[truth.Kind]breakdown.Bucket{
	truth.DB:        breakdown.DB,
	truth.Upstreams: breakdown.Upstream,
	truth.Lock:      breakdown.Lock,
}

// nest is how far the two clocks may be apart, in ns.
const nest = 20_000

// Compare pairs the requests of one route. Each of the service's lies within one
// of the tool's on the same goroutine, and within a client's: the closest.
func Compare(scenario string, tool []Request, service []truth.Request, clients []load.Request, windowStart, windowEnd int64) Row {
	row := Row{Scenario: scenario, Steps: map[truth.Kind]Pair{}}
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
		row.add(s, own[at], closest(s, clients))
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

func (row *Row) add(s *truth.Request, t *Request, client int64) {
	row.Requests++
	row.Wall.Service += int64(s.Wall())
	row.Wall.Tool += t.End - t.Start
	row.Client += client
	row.Outside = append(row.Outside, t.End-t.Start-int64(s.Wall()))
	row.Calls += float64(t.Calls)
	for kind, bucket := range Stopwatch {
		if s.Spent(kind) == 0 {
			continue
		}
		row.Strange += strangers(s, t, kind, bucket)
		p := row.Steps[kind]
		p.Service += int64(s.Spent(kind))
		p.Tool += t.Buckets[bucket]
		row.Steps[kind] = p
		if t.Buckets[bucket] > int64(s.Spent(kind)) {
			row.OverStep++
			row.Worst = max(row.Worst, t.Buckets[bucket]-int64(s.Spent(kind)))
		}
	}
	for b, v := range t.Buckets {
		row.Buckets[b] += v
	}
	for p, v := range t.Phases {
		row.Phases[p] += v
	}
}

// strangers is the time within a step's stopwatch that is neither in the step's
// bucket nor the processor's.
func strangers(s *truth.Request, t *Request, kind truth.Kind, bucket breakdown.Bucket) (sum int64) {
	for _, step := range s.Steps {
		if step.Kind != kind {
			continue
		}
		for i := range t.Path {
			seg := &t.Path[i]
			switch seg.Bucket {
			case bucket, breakdown.CPU, breakdown.GC, breakdown.Scheduler:
				continue
			}
			sum += max(0, min(seg.End, step.End-nest)-max(seg.Start, step.Start+nest))
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
	for k, p := range row.Steps {
		row.Steps[k] = Pair{p.Service / n, p.Tool / n}
	}
	for b := range row.Buckets {
		row.Buckets[b] /= n
	}
	for p := range row.Phases {
		row.Phases[p] /= n
	}
}

// Table formats rows for a log: the service's word, then the tool's.
func Table(rows []Row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-12s %8s  %-15s %6s  %-8s  %-15s  %-15s  %-15s  %6s %5s %5s %7s\n", "scenario", "requests", "wall ms", "off", "client", "db ms", "upstream ms", "lock ms", "cpu", "gc", "sched", "unknown")
	for _, r := range rows {
		fmt.Fprintf(&b, "%-12s %8d  %15s %+5.2f%%  %8s  %15s  %15s  %15s  %6s %5s %5s %6.2f%%\n", r.Scenario, r.Requests,
			pair(r.Wall), 100*r.Wall.Off(), ms(r.Client), pair(r.Steps[truth.DB]), pair(r.Steps[truth.Upstreams]), pair(r.Steps[truth.Lock]),
			ms(r.Buckets[breakdown.CPU]), ms(r.Buckets[breakdown.GC]), ms(r.Buckets[breakdown.Scheduler]),
			100*float64(r.Buckets[breakdown.Unknown])/float64(max(r.Wall.Tool, 1)))
	}
	return b.String()
}

func pair(p Pair) string { return ms(p.Service) + " " + ms(p.Tool) }

func ms(ns int64) string { return fmt.Sprintf("%.2f", float64(ns)/1e6) }
