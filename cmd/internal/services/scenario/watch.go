package scenario

import (
	"context"
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

// Time does a step and times it. Phase is NoPhase where the step is not as fine
// as that. Steps must neither overlap nor lie within each other.
func (w *Watch) Time(b breakdown.Bucket, p breakdown.Phase, do func() error) error {
	start := w.clock.Now()
	err := do()
	w.Note(b, p, start, w.clock.Now())
	return err
}

// Note is Time for a step that was timed already, as by a library's own hooks:
// Unix times in nanoseconds, by Now.
func (w *Watch) Note(b breakdown.Bucket, p breakdown.Phase, start, end int64) {
	w.request.Steps = append(w.request.Steps, truth.Step{Kind: accuracy.StepOf(b, p), Start: start, End: end})
}

// Now is the watch's clock, for Note.
func (w *Watch) Now() int64 { return w.clock.Now() }

// most is how many requests of a scenario are kept.
const most = 1 << 16

// A Recorder does a scenario's requests and keeps what they measured. A request
// must not wait for another one's to be kept, or for all to be read: no stopwatch
// would be around that.
type Recorder struct {
	clock meter.Clock
	meter meter.Meter
	work  Work

	last    atomic.Pointer[kept]
	dropped atomic.Int64
	failed  atomic.Pointer[error] // the first
	since   meter.Reading
}

// kept is a request that has ended, and those before.
type kept struct {
	truth.Request
	before *kept
	nth    int
}

// NewRecorder makes one for a scenario's work.
func NewRecorder(clock meter.Clock, work Work) *Recorder {
	r := &Recorder{clock: clock, work: work}
	r.since = r.meter.Read(clock.Now())
	return r
}

// A served is a request of a server that has work to do around the Work, on a
// goroutine that need not do that itself.
type served struct {
	goroutine int64
	began     time.Time
	end       func()
}

type servedKey struct{}

// Serve makes what is served in a context one request, from its beginning to its
// end and on the calling goroutine.
func Serve(ctx context.Context, serve func(context.Context)) {
	s := &served{goroutine: meter.Goroutine(), began: time.Now(), end: func() {}}
	serve(context.WithValue(ctx, servedKey{}, s))
	s.end()
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

// Truth is what was measured, and the first error of the work.
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
