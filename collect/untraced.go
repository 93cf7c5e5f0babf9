package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"timesink/collect/capture"
)

// Without a trace, a window is sampled: snapshots of all goroutines, as often as they
// cost the service no more than Config.SampleBudget. What is known from them is an estimate.

// An untraced is why a window has no trace.
type untraced struct {
	why  string // one of the capture.Untraced constants
	text string // in a sentence, after "no execution trace: "
	err  error  // of the trace; nil if the user wanted none
}

// untracedBy returns why a trace's error leaves the window without one. It returns nil
// for errors that also keep other pages from being read.
func untracedBy(err error) *untraced {
	for _, row := range []struct {
		is  error
		why string
	}{
		{ErrTraceRunning, capture.UntracedBusy},
		{ErrWriteTimeout, capture.UntracedTimeout},
		{ErrNotFound, capture.UntracedMissing},
		{capture.ErrNotTrace, capture.UntracedMissing},
		{errCutTrace, capture.UntracedCut},
		{errOldTrace, capture.UntracedOld},
		{ErrStatus, capture.UntracedMissing},
		{ErrUnreachable, capture.UntracedCut},
	} {
		if errors.Is(err, row.is) {
			return &untraced{row.why, told(err), err}
		}
	}
	return nil
}

// explain returns the error of a window that could not be sampled either: the trace's,
// which says more, unless sampling was refused.
func (u *untraced) explain(err error) error {
	var e *capture.Error
	switch {
	case u.err == nil || err == nil || errors.Is(err, ErrInterrupted):
		return err
	case errors.Is(err, ErrTooCostly) && errors.As(err, &e):
		return &capture.Error{Op: e.Op, Err: &fault{kind: ErrTooCostly, cause: u.err, seen: fmt.Sprintf("no execution trace (%s), and %s", u.text, e.Err)},
			Hint: capture.Hint(u.err) + "; to sample goroutines instead: " + e.Hint}
	}
	return u.err
}

// Traces that arrived and cannot be read.
var (
	errCutTrace = errors.New("cut")
	errOldTrace = errors.New("too old")
)

// unreadable returns why nothing of the trace can be read, or nil.
func (c *collector) unreadable(s *stream, early *earlyEnd) error {
	version := s.position.version
	minor := minorVersion("go" + version[min(len(version), len("go ")):])
	whole := s.position.generations > 1 || early != nil && early.code == "trace-short" && s.position.skip == 0 && len(s.position.head) == 0
	switch {
	case minor >= 0 && minor < oldestTrace:
		return withOp(c.client.op("trace"), newFault(errOldTrace, "build the service with Go 1.11 or later", "the service writes traces in the format of %s, which cannot be read", version))
	case early == nil || early.ended != capture.EndedCut:
		return nil
	case minor < readableCut && early.code == "trace-short", minor >= readableCut && (whole || s.position.lost):
		return nil
	}
	return withOp(c.client.op("trace"), newFault(errCutTrace, "", "%s, before any part of it was whole", early.message))
}

// oldestTrace is the first minor version of Go whose traces can be read.
const oldestTrace = 11

// fallBack makes the window one without a trace, if the trace's error allows for that and
// the service lists its goroutines. Otherwise it returns the error.
func (c *collector) fallBack(ctx context.Context, err error) error {
	why := untracedBy(err)
	if why == nil || ctx.Err() != nil {
		return err
	}
	c.untraced = why
	return nil
}

// listsGoroutines reports whether the service lists its goroutines.
func (c *collector) listsGoroutines(ctx context.Context) bool {
	if c.facts.known().Goroutines > manyGoroutines {
		return true // too many to try
	}
	a := c.client.fetch(ctx, "goroutine", maxProfile)
	return a.err == nil && isGzip(a.body)
}

// sample takes the samples of a window without a trace. It calls began when the window
// opens. If it returns an error, nothing was sampled.
func (c *collector) sample(ctx context.Context, began func()) (early *earlyEnd, err error) {
	f, err := c.w.CreatePart(capture.SamplesPart)
	if err != nil {
		return nil, err
	}
	known := c.facts.known()
	minor := minorVersion(known.GoVersion)
	s := &sampler{client: c.client, clock: c.clock, window: c.window, out: capture.NewSampleWriter(f), maxBytes: c.cfg.MaxBytes, tooDear: c.tooCostly,
		goroutines: known.Goroutines, costs: map[string]*costs{}, whole: minor > 0 && minor < gentleList}
	s.sampling = capture.Sampling{Why: c.untraced.why, Asked: int64(c.window), Budget: c.cfg.SampleBudget}
	start := time.Now()
	c.mu.Lock()
	c.sampler = s
	c.manifest.CapturedAt = c.clock.wall(start)
	c.manifest.Window = capture.Window{Start: c.clock.unix(start)}
	c.mu.Unlock()
	early, err = s.run(ctx, began)
	end := time.Now()
	err = errors.Join(err, f.Close())
	c.log("samples", fmt.Sprintf("took %s: %d snapshots, %s of the service's time in all, %s at most", capture.SamplesPart,
		s.sampling.Snapshots, millisText(time.Duration(s.sampling.Spent)), millisText(time.Duration(s.sampling.Longest))), end.Sub(start), s.out.Size(), err)
	if err != nil {
		return nil, errors.Join(err, c.w.RemovePart(capture.SamplesPart))
	}
	c.keepSamples(s, early, start, end)
	return early, nil
}

// gentleList is the first minor version of Go that goes on while it lists goroutines in
// the profile form.
const gentleList = 19

// keepSamples adds the samples to the capture.
func (c *collector) keepSamples(s *sampler, early *earlyEnd, start, end time.Time) {
	part := capture.Part{Name: capture.SamplesPart, Source: "goroutine", Took: int64(end.Sub(start)), Size: s.out.Size()}
	ended := capture.EndedInTime
	if early != nil {
		ended, part.Error = early.ended, early.message
		c.warn(early.code, "%s", early.message)
	}
	c.part(part, nil)
	c.warn("no-trace", "no execution trace (%s): all figures are estimates from %d snapshots of the goroutines", c.untraced.text, s.sampling.Snapshots)
	if s.stopped != "" {
		c.warn("samples-plain", "%s, more than the %s that a snapshot may stop the service: later ones are without states, so running and ready goroutines are not told from those in system calls",
			s.stopped, millisText(maxPause))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.manifest.Window.End, c.manifest.Window.Ended = c.clock.unix(end), ended
	c.manifest.Sampling = &s.sampling
}
