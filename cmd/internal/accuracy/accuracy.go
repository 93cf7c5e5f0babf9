// Package accuracy compares timesink's answer about a service's requests with the
// service's own measurements.
//
// Compare pairs the requests of an analysis with those of a truth and sums both up.
// Row is a line of the table that the tests print, and Row.Check returns the
// promised bounds that it breaks. The package starts no processes.
package accuracy

import (
	"fmt"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/truth"
)

// A Row is one scenario: the service's measurements beside the tool's. Times are
// means per request, in nanoseconds.
type Row struct {
	Scenario string
	Requests int // matched
	// Missed counts the service's requests inside the window that the tool did not
	// find, Extra the tool's that the service did not have.
	Missed, Extra int
	Odd           []string // which ones, for a failing test to show
	Wall          Pair
	// Client is the time of the same requests as the clients saw them, or 0 without
	// clients, as for a consumer. Beyond is the tool's time outside the client's
	// that no processor explains.
	Client, Beyond int64
	// Machine is the cost of the processors per request.
	Machine Machine
	// Measured holds the buckets with a stopwatch in the service, Steps the number
	// of their steps per request.
	Measured [breakdown.NumBuckets]Pair
	Steps    [breakdown.NumBuckets]float64
	Phases   map[Phase]Pair
	// Ran holds, by phase, the tool's cpu, gc and scheduler time within the phase's
	// steps: a library also computes there, and time without waiting belongs to no
	// phase.
	Ran map[Phase]int64
	// Estimated reports whether the tool's part of Measured contains estimates.
	Estimated bool
	Buckets   [breakdown.NumBuckets]int64 // the tool's
	Calls     float64
	// Aside is the tool's time in a measured bucket outside all of the bucket's
	// steps, such as in a lock without a stopwatch.
	Aside [breakdown.NumBuckets]int64
	// Over is the time by which buckets of single requests exceed the stopwatches
	// around them; OverStep counts these requests, and Worst is the largest excess.
	Over, Worst int64
	OverStep    int
	// Strange is the time within the steps that is in none of the allowed buckets:
	// the step's own, cpu, gc and scheduler.
	Strange int64
	// Around is the tool's time before and after the handler's stopwatch in buckets
	// where a server spends no time: all but client_io, cpu, gc and scheduler.
	Around int64
	// Samples is the number of CPU samples behind the estimates of an Estimated row.
	Samples int64
	// Cut compares the requests that the window's edges cut, which are not counted
	// above.
	Cut Cut
}

// Machine is the cost of the processors per request, as measured by the service and
// the kernel, in nanoseconds. Bounds widen with it, so that a slower machine or a
// noisy neighbor does not break them. Zero is for recordings, whose bounds are
// fixed.
type Machine struct {
	// Ran is the time its goroutines ran or were ready to run, divided evenly among
	// all requests.
	Ran int64
	// Delayed is the time its threads were ready to run while the kernel ran other
	// threads.
	Delayed int64
}

// NewMachine returns what a process spent, per request served meanwhile.
func NewMachine(spent truth.Totals, requests int) Machine {
	m := Machine{Ran: spent.SchedLatency.High, Delayed: spent.RunDelay}
	if spent.CPU != nil {
		m.Ran += spent.CPU.User + spent.CPU.System
	}
	return m.Per(requests)
}

// Per returns m, the cost of a whole process, per request served meanwhile.
func (m Machine) Per(requests int) Machine {
	n := int64(max(requests, 1))
	return Machine{Ran: m.Ran / n, Delayed: m.Delayed / n}
}

// uneven is how many times the processor time of the process's average request one
// scenario's request may need.
const uneven = 4

// late bounds the difference between a stopwatch and the trace in a request because
// the kernel preempted a thread between the two.
func (m Machine) late() int64 { return uneven * m.Delayed }

// Late returns the share of the service's wall time by which the kernel may have delayed
// a request.
func (r *Row) Late() float64 {
	return float64(r.Machine.late()) / float64(max(r.Wall.Service, 1))
}

// computing bounds the time that a request may spend running or ready to run.
func (m Machine) computing() int64 { return uneven * (m.Ran + m.Delayed) }

// A Phase is a phase of a bucket.
type Phase struct {
	Bucket breakdown.Bucket
	Phase  breakdown.Phase
}

// A Pair is one quantity as measured by the service and as reported by the tool.
type Pair struct{ Service, Tool int64 }

// Off returns the tool's relative error.
func (p Pair) Off() float64 {
	if p.Service == 0 {
		return 0
	}
	return float64(p.Tool)/float64(p.Service) - 1
}

// A Request is a request of the tool's, reduced to what is compared.
type Request struct {
	Goroutine  int64
	Start, End int64 // wall clock
	Endpoint   string
	Kind       string
	Systems    []string // of the calls, sorted, without duplicates
	Path       []breakdown.Segment
	Buckets    [breakdown.NumBuckets]int64
	Phases     map[Phase]int64
	Calls      int
	Samples    int64 // CPU samples that hit the request while it ran
	Incomplete bool
	chains     []*breakdown.Chain
}

// Reduce summarizes a request. Its times stay on the trace's clock.
func Reduce(r *breakdown.Request) Request {
	out := Request{Goroutine: r.Goroutine, Start: r.Start, End: r.End, Endpoint: r.Endpoint, Kind: r.Kind, Path: slices.Clone(r.Path), Calls: len(r.Calls), Samples: r.RanSampled, Incomplete: r.Incomplete, Phases: map[Phase]int64{},
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

// Shift moves the request to another clock by adding an offset.
func (r *Request) Shift(by int64) {
	r.Start += by
	r.End += by
	for i := range r.Path {
		r.Path[i].Start += by
		r.Path[i].End += by
	}
}

// Waits returns the bucket to which the waiting within a step belongs and, if the
// step is fine enough, the phase. ok is false for a step that is not compared, such
// as one of several concurrent ones.
type Waits func(truth.Kind) (what Phase, ok bool)

// StepOf returns the kind of a step that waits in one bucket and one phase of it.
func StepOf(b breakdown.Bucket, p breakdown.Phase) truth.Kind {
	if p == breakdown.NoPhase {
		return truth.Kind(b.String())
	}
	return truth.Kind(b.String() + "/" + p.String())
}

// Named is a Waits for kinds returned by StepOf.
func Named(kind truth.Kind) (what Phase, ok bool) {
	bucket, phase, _ := strings.Cut(string(kind), "/")
	if what.Bucket.UnmarshalText([]byte(bucket)) != nil || what.Phase.UnmarshalText([]byte(phase)) != nil {
		return what, false
	}
	return what, true
}

// small is the share of the wall time that may be in the wrong bucket.
const small = 0.01

// nest is the largest difference between the two clocks, in ns.
const nest = 20_000

// Compare pairs the requests of one route. It pairs a request of the service's with
// the tool's on the same goroutine that overlaps it most, and with the shortest of
// the clients' that encloses it. The row has no Machine yet.
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
	row.cut(onGoroutine, service, waits, windowStart, windowEnd)
	for i := range service {
		s := &service[i]
		own := onGoroutine[s.Goroutine]
		at := slices.IndexFunc(own, func(t *Request) bool {
			return 2*(min(t.End, s.End)-max(t.Start, s.Start)) > s.End-s.Start
		})
		if at < 0 {
			if s.Start >= windowStart && s.End <= windowEnd {
				row.Missed++
				row.Odd = append(row.Odd, fmt.Sprintf("goroutine %d: service [%d, %d]", s.Goroutine, s.Start-windowStart, s.End-windowStart))
			}
			continue
		}
		if own[at].Incomplete {
			continue // the window's edge cut the server's work around the handler
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

// closest returns the shortest of the clients' requests that encloses a request of
// the service's, or nil.
func closest(s *truth.Request, clients []load.Request) (shortest *load.Request) {
	for i := range clients {
		c := &clients[i]
		if c.Start <= s.Start+nest && c.End >= s.End-nest && (shortest == nil || c.End-c.Start < shortest.End-shortest.Start) {
			shortest = c
		}
	}
	return shortest
}

func (row *Row) add(s *truth.Request, t *Request, waits Waits, client *load.Request) {
	row.Requests++
	row.Wall.Service += int64(s.Wall())
	row.Wall.Tool += t.End - t.Start
	if client != nil {
		row.Client += client.End - client.Start
		row.Beyond += beyond(t, client)
	}
	row.Around += around(s, t)
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
			row.Over += over
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

// beyond returns the time by which the tool's request exceeds the client's, not
// counting processor time and the write during which the client got its answer.
func beyond(t *Request, c *load.Request) int64 {
	sum := max(0, c.Start-nest-t.Start)
	for i := range t.Path {
		seg := &t.Path[i]
		if !processor(seg.Bucket) && seg.Start > c.End+nest {
			sum += seg.End - seg.Start
		}
	}
	return sum
}

// processor reports whether the bucket is time of goroutines that are running or
// ready to run.
func processor(b breakdown.Bucket) bool {
	return b == breakdown.CPU || b == breakdown.GC || b == breakdown.Scheduler
}

// around returns the request's time outside the handler in buckets where a server
// spends no time.
func around(s *truth.Request, t *Request) (sum int64) {
	for i := range t.Path {
		seg := &t.Path[i]
		if processor(seg.Bucket) || seg.Bucket == breakdown.ClientIO {
			continue
		}
		sum += max(0, min(seg.End, s.Start-nest)-seg.Start) + max(0, seg.End-max(seg.Start, s.End+nest))
	}
	return sum
}

// elsewhere returns the request's time in a bucket in segments that overlap no step
// of that bucket.
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

// strangers returns the time within a step that is neither in the step's bucket nor
// processor time.
func strangers(step *truth.Step, t *Request, bucket breakdown.Bucket) (sum int64) {
	for i := range t.Path {
		seg := &t.Path[i]
		if seg.Bucket == bucket || processor(seg.Bucket) {
			continue
		}
		sum += max(0, min(seg.End, step.End-nest)-max(seg.Start, step.Start+nest))
	}
	return sum
}

// ran returns the processor time within a step.
func ran(step *truth.Step, t *Request) (sum int64) {
	for i := range t.Path {
		if seg := &t.Path[i]; processor(seg.Bucket) {
			sum += max(0, min(seg.End, step.End)-max(seg.Start, step.Start))
		}
	}
	return sum
}

func (row *Row) average() {
	n := int64(max(row.Requests, 1))
	row.Wall.Service /= n
	row.Wall.Tool /= n
	row.Client /= n
	row.Beyond /= n
	row.Over /= n
	row.Strange /= n
	row.Around /= n
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

// Estimate adds to the tool's buckets the estimates from an endpoint's CPU samples,
// for work that the service times and the tool counts as cpu. Phases have no
// estimate.
func (row *Row) Estimate(e *breakdown.Endpoint) {
	row.Estimated, row.Phases = true, map[Phase]Pair{}
	for _, l := range e.CPULibraries {
		row.Measured[l.Bucket].Tool += l.Estimate
		row.Samples += l.Samples
	}
}

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
	m := NewMachine(*totals, requests)
	if spent := m.Ran + m.Delayed; gaps > spent {
		return fmt.Errorf("the steps exceed their buckets by %d ns, the process spent %d ns a request running or ready to run", gaps, spent)
	}
	return nil
}
