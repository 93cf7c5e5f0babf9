package collect

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"timesink/collect/capture"
)

// watch runs the window: the trace, the other sources of the window and the
// probes concurrently, then the sources after the window.
func (c *collector) watch(ctx context.Context) error {
	c.begin(StageWindow, c.span())
	ctx, end := context.WithCancel(ctx)
	defer end()
	p := &windowProbes{c: c, ctx: ctx}
	var beside []taking
	var early *earlyEnd
	var err error
	if c.isLight() && c.untraced == nil && c.outside == nil {
		beside, early, err = c.observeLight(ctx, p)
	} else {
		c.unlighten()
		beside, early, err = c.observeWindow(ctx, p.begin)
	}
	p.stop()
	if err != nil {
		dropAll(beside)
		return err
	}

	c.begin(StageFinish, 0)
	var last sync.WaitGroup
	if c.prober != nil {
		last.Go(func() { c.prober.settle(ctx) })
	}
	for _, s := range c.after() {
		last.Go(func() { c.takeAfter(s) })
	}
	for _, t := range beside {
		last.Go(func() { t.keep(ctx, early) })
	}
	last.Wait()
	if c.outside != nil {
		return c.keepOutside()
	}
	return nil
}

// windowProbes are the probes of a window.
type windowProbes struct {
	c   *collector
	ctx context.Context // of the whole collection

	running sync.WaitGroup
	mu      sync.Mutex
	cut     context.CancelFunc // nil if none are sent
}

// begin sends probes, unless that has begun, until stop is called. It saves the manifest, so
// that the window's start is known if this process is killed during it.
func (p *windowProbes) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx, again := p.ctx, p.cut != nil
	if !again {
		ctx, p.cut = context.WithCancel(p.ctx)
	}
	p.running.Go(func() {
		if err := p.c.save(); err != nil {
			p.c.log("manifest", "saved in case of a kill", 0, 0, err)
		}
		if p.c.prober != nil && !again {
			p.c.prober.send(ctx, capture.InWindow, 0)
		}
	})
}

// stop ends the probes, which may begin again.
func (p *windowProbes) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut != nil {
		p.cut()
	}
	p.running.Wait()
	p.cut = nil
}

// after returns the sources to request after the window.
func (c *collector) after() []source {
	if c.outside != nil {
		return nil
	}
	return sourcesAt(capture.After)
}

// observeWindow takes the execution trace, or samples the goroutines if there is none, or
// else sends probes alone. It returns the other sources of the window, and why the window
// ended early, or nil if it did not.
func (c *collector) observeWindow(ctx context.Context, began func()) (beside []taking, early *earlyEnd, err error) {
	if c.outside != nil {
		if c.fix("there is no execution trace") {
			c.begin(StageWindow, c.window)
		}
		early, err = c.observeOutside(ctx, began)
		return nil, early, err
	}
	if c.untraced == nil {
		beside, early, err = c.trace(ctx, began)
		if err = c.facts.explainTrace(c.facts.explainTracer(ctx, err)); err == nil {
			return beside, early, nil
		}
		if err = c.fallBack(ctx, err); err != nil {
			return beside, early, err
		}
		if c.fix("there is no execution trace") {
			dropAll(beside)
			pause(ctx, profileStops)
			beside = c.takeBeside(ctx)
		}
		c.begin(StageWindow, c.window)
	} else {
		if c.fix("there is no execution trace") {
			c.begin(StageWindow, c.window)
		}
		beside = c.takeBeside(ctx)
	}
	early, err = c.sample(ctx, began)
	if err = c.untraced.explain(err); err == nil {
		return beside, early, nil
	}
	if err = c.goOutside(ctx, err); err != nil {
		return beside, nil, err
	}
	dropAll(beside)
	early, err = c.observeOutside(ctx, began)
	return nil, early, err
}

// takeBeside requests the other sources of the window.
func (c *collector) takeBeside(ctx context.Context) (beside []taking) {
	for _, other := range sourcesAt(capture.During) {
		beside = append(beside, c.take(ctx, other))
	}
	return beside
}

// trace takes the execution trace. It returns the sources that were requested
// beside it, and why the trace ended early, or nil if it did not. If it returns
// an error, no trace arrived.
//
// A service before Go 1.23 refuses a window longer than its write timeout. If
// the timeout was not known before, trace asks again for a window that fits. It
// also asks again if the service was overloaded.
func (c *collector) trace(ctx context.Context, began func()) (beside []taking, early *earlyEnd, err error) {
	name := c.partName(capture.TracePart)
	f, err := c.w.CreatePart(name)
	if err != nil {
		return nil, nil, err
	}
	written := make(chan struct{})
	defer close(written)
	if c.cfg.Growing != nil && !c.isLight() {
		growing, err := capture.Follow(f.Name(), written, c.settled())
		if err != nil {
			return nil, nil, errors.Join(err, f.Close())
		}
		go c.cfg.Growing(growing)
	}
	beside, s, early, err := c.takeTrace(ctx, f, began)
	if err != nil && c.mayAskAgain(ctx, &err, beside) {
		c.begin(StageWindow, c.span())
		if err = restart(f); err == nil {
			beside, s, early, err = c.takeTrace(ctx, f, began)
		}
	}
	if err == nil {
		err = s.trim(f, early)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = c.unreadable(s, early)
	}
	c.log("trace", s.summary(), s.end.Sub(s.started), s.bytes, err)
	if err == nil {
		c.traced(s, early)
	} else {
		c.part(capture.Part{Name: name, Source: s.endpoint(), Size: s.bytes}, err)
		if s.bytes == 0 {
			err = errors.Join(err, c.w.RemovePart(name))
		}
	}
	return beside, early, err
}

// mayAskAgain reports whether a trace that was refused may be had by asking once more: for
// a shorter window, or after a while. It drops what was requested beside the trace. Where
// it learns more about the refusal, it replaces err.
func (c *collector) mayAskAgain(ctx context.Context, err *error, beside []taking) bool {
	switch wait, passes := askedToWait(*err, c.window); {
	case errors.Is(*err, ErrWriteTimeout):
		dropAll(beside)
		bounded, cancel := context.WithTimeoutCause(ctx, headStart, lateForWindow)
		defer cancel()
		*err = c.fitWriteTimeout(bounded, "mutex", *err)
		return *err == nil
	case errors.Is(*err, errNoGenerations):
		dropAll(beside)
		c.fix("the service's version of Go writes traces that can only be read whole")
		if !pause(ctx, profileStops) {
			*err = c.client.failed("trace", context.Canceled)
			return false
		}
		return true
	case passes:
		dropAll(beside)
		c.log("trace", "was refused, and is asked for again after "+secondsText(wait), 0, 0, *err)
		return pause(ctx, max(wait, profileStops))
	}
	return false
}

// restart empties the file of a trace that is asked for again.
func restart(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return errors.Join(f.Truncate(0), err)
}

func dropAll(list []taking) {
	for _, t := range list {
		t.drop()
	}
}

// takeTrace requests the other sources of the window and then the trace.
func (c *collector) takeTrace(ctx context.Context, f io.Writer, began func()) ([]taking, *stream, *earlyEnd, error) {
	s := &stream{
		client: c.client,
		asked:  traceDuration(c.window),
		limits: limits{maxBytes: c.mostBytes(), maxLag: c.cfg.MaxLag, reserve: c.cfg.Reserve, others: c.cfg.Others, dir: c.w.Dir(), costly: c.tooCostly},
	}
	if c.mayEnd() {
		s.enough = c.cfg.Enough
	}
	s.began = func(at time.Time) {
		c.mu.Lock()
		c.describe(func(opened *time.Time, w *capture.Window) {
			*opened, w.Start, w.TraceAsked = c.clock.wall(at), c.clock.unix(at), int64(s.asked)
		})
		c.mu.Unlock()
		began()
	}
	c.mu.Lock()
	c.stream = s
	c.mu.Unlock()
	beside := c.takeBeside(ctx)
	early, err := s.run(ctx, f)
	return beside, s, early, err
}

// traced adds the trace that arrived to the capture.
func (c *collector) traced(s *stream, early *earlyEnd) {
	part := capture.Part{Name: c.partName(capture.TracePart), Source: s.endpoint(), Took: int64(s.end.Sub(s.started)), Size: s.bytes}
	ended := capture.EndedInTime
	switch {
	case early == nil:
	case early.ended == capture.EndedEnough:
		ended = early.ended
		c.log("trace", early.message, 0, s.bytes, nil)
	default:
		ended, part.Error = early.ended, early.message
		c.warn(early.code, "%s", early.message)
	}
	c.part(part, nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.describe(func(opened *time.Time, w *capture.Window) {
		*opened = s.opened(c.clock)
		if ended == capture.EndedEnough {
			w.TraceAsked = 0
		}
		w.End, w.Ended = c.clock.unix(s.end), ended
	})
	if c.isLight() {
		c.light.earlier += s.bytes
	}
}
