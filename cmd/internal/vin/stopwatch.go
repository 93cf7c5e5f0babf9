package vin

import (
	"cmp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"timesink/cmd/internal/truth"
)

// A clock tells the time as nanoseconds since the Unix epoch, made of one reading
// of the wall clock and the monotonic clock since.
type clock struct{ base time.Time }

func newClock() clock { return clock{time.Now()} }

func (c clock) now() int64 { return c.base.UnixNano() + int64(time.Since(c.base)) }

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
	clock      clock
	vin        string
	status     int
	goroutine  int64
	start, end int64
	steps      [numSteps]struct{ start, end int64 }
}

// begin starts a step; the function it returns ends it. Both cost a reading of
// the clock, some 40 ns.
func (w *stopwatch) begin(s step) (end func()) {
	w.steps[s].start = w.clock.now()
	return func() { w.steps[s].end = w.clock.now() }
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

// goroutine is the number of the calling goroutine. Only its stack's first line
// tells it, "goroutine 42 [running]:"; to ask takes a microsecond.
func goroutine() int64 {
	var line [32]byte
	n := runtime.Stack(line[:], false)
	fields := strings.Fields(string(line[:n]))
	if len(fields) < 2 {
		return 0
	}
	id, _ := strconv.ParseInt(fields[1], 10, 64)
	return id
}

// A recorder keeps the stopwatches of the last requests in memory that it
// allocates once. A request takes a slot of its own, so that the recording never
// makes one request wait for another; a slot's mutex is contended only by the
// reader.
type recorder struct {
	clock    clock
	slots    []slot
	next     atomic.Int64 // requests ended since the start of the process
	inFlight atomic.Int64

	mu    sync.Mutex
	first int64 // value of next at the last reset
	since measurement
	meter meter
}

type slot struct {
	mu    sync.Mutex
	n     int64 // which request, counted from 1; 0 for none
	watch stopwatch
}

// newRecorder keeps bound requests, at some 300 bytes each.
func newRecorder(bound int, c clock, m meter) *recorder {
	return &recorder{clock: c, slots: make([]slot, max(bound, 1)), meter: m, since: m.measure(c.now())}
}

func (r *recorder) start() *stopwatch {
	r.inFlight.Add(1)
	return &stopwatch{clock: r.clock, start: r.clock.now()}
}

func (r *recorder) finish(w *stopwatch) {
	w.end = r.clock.now()
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
	r.since = r.meter.measure(r.clock.now())
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
	t.Totals = r.meter.measure(r.clock.now()).minus(r.since)
	return t
}
