package vin

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"timesink/cmd/internal/meter"
	"timesink/cmd/internal/truth"
)

// A step is a place in a record. Each upstream has its own, so that concurrent
// calls write without a lock.
type step uint8

const (
	stepLock step = iota
	stepDB
	stepUpstreams
	stepRecalls
	stepSpecs
	stepMarket
	stepHistory
	stepCPU
	stepEncode
	stepWrite
	numSteps
)

var stepNames = [numSteps]struct {
	kind   truth.Kind
	detail string
}{
	stepLock:      {truth.Lock, ""},
	stepDB:        {truth.DB, ""},
	stepUpstreams: {truth.Upstreams, ""},
	stepRecalls:   {truth.Upstream, Recalls},
	stepSpecs:     {truth.Upstream, Specs},
	stepMarket:    {truth.Upstream, Market},
	stepHistory:   {truth.Upstream, History},
	stepCPU:       {truth.CPU, ""},
	stepEncode:    {truth.Encode, ""},
	stepWrite:     {truth.Write, ""},
}

// A stopwatch times the steps of one request.
type stopwatch struct {
	clock      meter.Clock
	vin        string
	status     int
	goroutine  int64
	start, end int64
	steps      [numSteps]struct{ start, end int64 }
}

// begin starts a step; the function it returns ends it. Both cost a reading of
// the clock, some 40 ns.
func (w *stopwatch) begin(s step) (end func()) {
	w.steps[s].start = w.clock.Now()
	return func() { w.steps[s].end = w.clock.Now() }
}

// request is the record as the tests read it; steps that did not happen are left
// out.
func (w *stopwatch) request() truth.Request {
	r := truth.Request{Route: Route, Endpoint: Endpoint, VIN: w.vin, Goroutine: w.goroutine, Status: w.status, Start: w.start, End: w.end, Steps: []truth.Step{}}
	for i, s := range w.steps {
		if s.end != 0 {
			r.Steps = append(r.Steps, truth.Step{Kind: stepNames[i].kind, Detail: stepNames[i].detail, Start: s.start, End: s.end})
		}
	}
	slices.SortStableFunc(r.Steps, func(a, b truth.Step) int { return cmp.Compare(a.Start, b.Start) })
	return r
}

// A recorder keeps the stopwatches of the last requests in memory that it
// allocates once. A request takes a slot of its own, so that the recording never
// makes one request wait for another; a slot's mutex is contended only by the
// reader.
type recorder struct {
	clock    meter.Clock
	slots    []slot
	next     atomic.Int64 // requests ended since the start of the process
	inFlight atomic.Int64

	mu    sync.Mutex
	first int64 // value of next at the last reset
	since meter.Reading
	meter meter.Meter
}

type slot struct {
	mu    sync.Mutex
	n     int64 // which request, counted from 1; 0 for none
	watch stopwatch
}

// newRecorder keeps bound requests, at some 300 bytes each.
func newRecorder(bound int, c meter.Clock, m meter.Meter) *recorder {
	return &recorder{clock: c, slots: make([]slot, max(bound, 1)), meter: m, since: m.Read(c.Now())}
}

func (r *recorder) start() *stopwatch {
	r.inFlight.Add(1)
	return &stopwatch{clock: r.clock, start: r.clock.Now()}
}

func (r *recorder) finish(w *stopwatch) {
	w.end = r.clock.Now()
	n := r.next.Add(1)
	s := &r.slots[(n-1)%int64(len(r.slots))]
	s.mu.Lock()
	if n > s.n { // else a faster request has gone round the ring
		s.n, s.watch = n, *w
	}
	s.mu.Unlock()
	r.inFlight.Add(-1)
}

// reset forgets the requests that ended so far and begins the totals anew.
func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.first = r.next.Load()
	r.since = r.meter.Read(r.clock.Now())
}

func (r *recorder) truth() truth.Truth {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.next.Load()
	t := truth.Truth{Requests: []truth.Request{}, Bound: len(r.slots), InFlight: r.inFlight.Load()}
	for i := range r.slots {
		s := &r.slots[i]
		s.mu.Lock()
		if s.n > r.first && s.n <= last {
			t.Requests = append(t.Requests, s.watch.request())
		}
		s.mu.Unlock()
	}
	t.Dropped = max(0, last-r.first-int64(len(r.slots)))
	slices.SortStableFunc(t.Requests, func(a, b truth.Request) int { return cmp.Compare(a.End, b.End) })
	t.Totals = r.meter.Read(r.clock.Now()).Since(r.since)
	return t
}
