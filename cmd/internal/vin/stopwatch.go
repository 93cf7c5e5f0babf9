package vin

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"timesink/cmd/internal/meter"
	"timesink/cmd/internal/truth"
)

// A step is a slot in a record. Each upstream has a separate one, so that
// concurrent calls write without a lock.
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

// begin starts a step; the returned function ends it. Both read the clock, which
// takes about 40 ns.
func (w *stopwatch) begin(s step) (end func()) {
	w.steps[s].start = w.clock.Now()
	return func() { w.steps[s].end = w.clock.Now() }
}

// request returns the record in the form of package truth, without steps that
// did not happen.
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
// allocates once. Each request takes a separate slot, so that recording never
// makes one request wait for another; only the reader contends for a slot's
// mutex.
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

// newRecorder returns a recorder for bound requests, at about 300 bytes each.
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
	if n > s.n { // otherwise a faster request has gone round the ring
		s.n, s.watch = n, *w
	}
	s.mu.Unlock()
	r.inFlight.Add(-1)
}

// reset discards the requests that have ended and restarts the totals.
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
