package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"timesink/collect/capture"
)

// Where a service shows neither a trace nor its goroutines, the probes are all there is:
// they say what its clients wait for, and its answers may say more in Server-Timing headers.

// An outside is why a window has probes alone.
type outside struct {
	why string // one of the capture.Untraced constants
	err error  // with which the collection would have failed
}

// goOutside makes the window one of probes alone, if there are any and the error says
// that the service shows nothing of itself. Otherwise it returns the error.
func (c *collector) goOutside(ctx context.Context, err error) error {
	why, ok := showsNothing(err)
	switch {
	case !ok || ctx.Err() != nil:
		return err
	case len(c.routes) == 0:
		return offerProbes(err)
	}
	if c.untraced != nil && c.untraced.err == nil {
		why = c.untraced.why // the user wanted no trace
	}
	c.outside = &outside{why, err}
	c.log("probes", "are all there is: neither a trace nor goroutines are served", 0, 0, err)
	return nil
}

// showsNothing returns why there is no trace, and whether the error says that the service shows
// nothing of itself. Where the address or the credentials are wrong, it does not say that.
func showsNothing(err error) (why string, ok bool) {
	if u := untracedBy(err); u != nil {
		return u.why, true
	}
	return capture.UntracedMissing, slices.ContainsFunc([]error{ErrRefused, ErrRedirected}, func(kind error) bool { return errors.Is(err, kind) })
}

// offerProbes adds to the hint of an error that probes would give an answer. If nothing
// answers at the target, the address is more likely to be wrong.
func offerProbes(err error) error {
	var e *capture.Error
	if settles(err) || !errors.As(err, &e) {
		return err
	}
	const offer = "--url URL would at least measure from outside"
	hint := offer
	if e.Hint != "" {
		hint = e.Hint + "; " + offer
	}
	return &capture.Error{Op: e.Op, Err: e.Err, Hint: hint}
}

// hopeless is how many probes without an answer end a window of probes alone.
const hopeless = 5

// observeOutside lets the window pass while probes are sent. It calls began when the
// window opens, and returns why it ended early, or nil. If the service answers no probe it
// returns the error for which there are probes alone.
func (c *collector) observeOutside(ctx context.Context, began func()) (*earlyEnd, error) {
	if n := c.prober.count(capture.Baseline); n.sent > 0 && n.answered == 0 {
		return nil, c.unanswered()
	}
	start := time.Now()
	c.mu.Lock()
	c.manifest.CapturedAt = c.clock.wall(start)
	c.manifest.Window = capture.Window{Start: c.clock.unix(start)}
	c.manifest.Outside = &capture.Outside{Why: c.outside.why, Asked: int64(c.window)}
	c.mu.Unlock()
	began()
	early, err := c.pass(ctx, start)
	if err != nil {
		return nil, err
	}
	ended := capture.EndedInTime
	if early != nil {
		ended = early.ended
		c.warn(early.code, "%s", early.message)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.manifest.Window.End, c.manifest.Window.Ended = c.clock.unix(time.Now()), ended
	return early, nil
}

// pass waits for the end of the window of probes alone.
func (c *collector) pass(ctx context.Context, start time.Time) (*earlyEnd, error) {
	over := time.NewTimer(c.window)
	defer over.Stop()
	tick := time.NewTicker(observeEvery)
	defer tick.Stop()
	for {
		select {
		case <-over.C:
			return nil, nil
		case <-ctx.Done():
			return &earlyEnd{capture.EndedInterrupted, "interrupted",
				fmt.Sprintf("the window was ended early, after %s of %s", secondsText(time.Since(start)), secondsText(c.window))}, nil
		case <-tick.C:
		}
		if n := c.prober.count(capture.InWindow); n.failed >= hopeless && n.answered == 0 {
			return nil, c.unanswered()
		}
		var early *earlyEnd
		if errors.As(c.tooCostly(), &early) {
			return early, nil
		}
	}
}

// keepOutside says in the capture what it lacks. It returns an error if the service answered
// no probe, so that there is nothing to keep.
func (c *collector) keepOutside() error {
	if c.prober.count(capture.InWindow).answered == 0 {
		return c.unanswered()
	}
	c.warn("no-pprof", "no pprof (%s): only what clients see is known; %s", told(c.outside.err), c.toShow())
	return nil
}

// unanswered returns the error of a service that shows nothing and answers no probe.
func (c *collector) unanswered() error {
	var e *capture.Error
	if !errors.As(c.outside.err, &e) {
		return c.outside.err
	}
	sum := c.prober.count(capture.Baseline)
	sum.add(c.prober.count(capture.InWindow))
	hint := "nor was a probe answered: " + cmp.Or(sum.failure, "none in time")
	if e.Hint != "" {
		hint = e.Hint + "; " + hint
	}
	return &capture.Error{Op: e.Op, Err: e.Err, Hint: hint}
}

// toShow says what to add to a service so that it shows where its time goes.
func (c *collector) toShow() string {
	if c.facts.shows() {
		return c.client.target.traceHint()
	}
	return `add the line import _ "net/http/pprof" to package main of the service; unless it serves http.DefaultServeMux already, also go http.ListenAndServe("localhost:6060", nil)`
}
