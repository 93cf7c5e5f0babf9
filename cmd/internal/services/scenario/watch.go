package scenario

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/accuracy"
	"timesink/cmd/internal/meter"
	"timesink/cmd/internal/truth"
)

// A Watch times the steps of one request, one after another. It is used by the
// goroutine that serves the request.
type Watch struct {
	clock   meter.Clock
	request *truth.Request
}

// Time does a step and times it. Phase is NoPhase if the step is not a single
// phase. Steps must not overlap or nest.
func (w *Watch) Time(b breakdown.Bucket, p breakdown.Phase, do func() error) error {
	start := w.clock.Now()
	err := do()
	w.Note(b, p, start, w.clock.Now())
	return err
}

// Note is Time for a step that has already been timed, as by a library's hooks,
// in Unix nanoseconds from Now.
func (w *Watch) Note(b breakdown.Bucket, p breakdown.Phase, start, end int64) {
	w.request.Steps = append(w.request.Steps, truth.Step{Kind: accuracy.StepOf(b, p), Start: start, End: end})
}

// Run does a step that only computes, and times it. On a thread of its own, that thread's
// processor time says for how much of it there was a core.
func (w *Watch) Run(do func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start, cpu := w.clock.Now(), meter.ThreadCPU()
	do()
	cpu = meter.ThreadCPU() - cpu
	end := w.clock.Now()
	w.Note(breakdown.CPU, breakdown.OnCPU, start, start+cpu)
	w.Note(breakdown.CPU, breakdown.OffCPU, start+cpu, max(start+cpu, end))
}

// Now reads the watch's clock, for Note.
func (w *Watch) Now() int64 { return w.clock.Now() }

// most is the maximum number of requests kept for a scenario.
const most = 1 << 16

// A Recorder does a scenario's requests and keeps their measurements. A request
// must not wait while another one is recorded or all are read, because no
// stopwatch would measure that.
type Recorder struct {
	clock meter.Clock
	meter meter.Meter
	work  Work

	last    atomic.Pointer[kept]
	dropped atomic.Int64
	failed  atomic.Pointer[error] // the first
	since   meter.Reading
}

// kept is a finished request, linked to the earlier ones.
type kept struct {
	truth.Request
	before *kept
	nth    int
}

// NewRecorder returns a Recorder for a scenario's work.
func NewRecorder(clock meter.Clock, work Work) *Recorder {
	r := &Recorder{clock: clock, work: work}
	r.since = r.meter.Read(clock.Now())
	return r
}

// A served is a request of a server that does its own work around the Work,
// possibly on another goroutine.
type served struct {
	goroutine int64
	began     time.Time
	end       func()
}

type servedKey struct{}

// Serve makes everything served in a context one request, from beginning to end,
// on the calling goroutine.
func Serve(ctx context.Context, serve func(context.Context)) {
	ctx, end := Begin(ctx, meter.Goroutine())
	serve(ctx)
	end()
}

// Begin is Serve for a request of another goroutine, whose end some other code sees. It
// returns the context to serve in and the function that ends the request.
func Begin(ctx context.Context, goroutine int64) (context.Context, func()) {
	s := &served{goroutine: goroutine, began: time.Now(), end: func() {}}
	return context.WithValue(ctx, servedKey{}, s), func() { s.end() }
}

// Do does one request on the calling goroutine.
func (r *Recorder) Do(ctx context.Context) error {
	request := truth.Request{Goroutine: meter.Goroutine(), Steps: make([]truth.Step, 0, 4), Start: r.clock.Now()}
	w := &Watch{r.clock, &request}
	err := r.work(ctx, w)
	w.Time(breakdown.Sleep, breakdown.NoPhase, func() error { time.Sleep(Pad); return nil })
	if err != nil {
		r.failed.CompareAndSwap(nil, &err)
	}
	keep := func() {
		request.End = r.clock.Now()
		r.keep(&kept{Request: request})
	}
	if s, ok := ctx.Value(servedKey{}).(*served); ok {
		request.Goroutine, request.Start = s.goroutine, r.clock.Now()-int64(time.Since(s.began))
		s.end = keep
	} else {
		keep()
	}
	return err
}

func (r *Recorder) keep(k *kept) {
	for {
		k.before, k.nth = r.last.Load(), 1
		if k.before != nil {
			k.nth = k.before.nth + 1
		}
		if k.nth > most {
			r.dropped.Add(1)
			return
		}
		if r.last.CompareAndSwap(k.before, k) {
			return
		}
	}
}

// Truth returns the measurements and the first error of the work.
func (r *Recorder) Truth() (truth.Truth, error) {
	t := truth.Truth{Requests: []truth.Request{}, Bound: most, Dropped: r.dropped.Load(), Totals: r.meter.Read(r.clock.Now()).Since(r.since)}
	for k := r.last.Load(); k != nil; k = k.before {
		t.Requests = append(t.Requests, k.Request)
	}
	slices.Reverse(t.Requests)
	if err := r.failed.Load(); err != nil {
		return t, *err
	}
	return t, nil
}
