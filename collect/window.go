package collect

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"timesink/collect/capture"
)

// watch runs the window: the trace, the other sources of the window and the
// probes concurrently, then the sources after the window.
func (c *collector) watch(ctx context.Context) error {
	c.begin(StageWindow, c.window)
	ctx, end := context.WithCancel(ctx)
	defer end()
	var probing sync.WaitGroup
	probeCtx, stopProbes := context.WithCancel(ctx)
	defer stopProbes()
	var probes sync.Once
	beside, early, err := c.trace(ctx, func() {
		probing.Go(func() {
			// If this process is killed during the window, its start is known.
			if err := c.save(); err != nil {
				c.log("manifest", "saved in case of a kill", 0, 0, err)
			}
			probes.Do(func() {
				if c.prober != nil {
					c.prober.send(probeCtx, capture.InWindow, 0)
				}
			})
		})
	})
	stopProbes()
	probing.Wait()
	if err != nil {
		dropAll(beside)
		return c.facts.explainTrace(err)
	}

	c.begin(StageFinish, 0)
	var last sync.WaitGroup
	if c.prober != nil {
		last.Go(func() { c.prober.settle(ctx) })
	}
	for _, s := range sourcesAt(capture.After) {
		last.Go(func() { c.takeAfter(s) })
	}
	for _, t := range beside {
		last.Go(func() { t.keep(ctx, early != nil) })
	}
	last.Wait()
	return nil
}

// trace takes the execution trace. It returns the sources that were requested
// beside it, and why the trace ended early, or nil if it did not. If it returns
// an error, no trace arrived.
//
// A service before Go 1.23 refuses a window longer than its write timeout. If
// the timeout was not known before, trace asks again for a window that fits.
func (c *collector) trace(ctx context.Context, began func()) (beside []taking, early *earlyEnd, err error) {
	f, err := c.w.CreatePart(capture.TracePart)
	if err != nil {
		return nil, nil, err
	}
	written := make(chan struct{})
	defer close(written)
	if c.cfg.Growing != nil {
		growing, err := capture.Follow(f.Name(), written)
		if err != nil {
			return nil, nil, errors.Join(err, f.Close())
		}
		go c.cfg.Growing(growing)
	}
	beside, s, early, err := c.takeTrace(ctx, f, began)
	if errors.Is(err, ErrWriteTimeout) {
		dropAll(beside)
		bounded, cancel := context.WithTimeoutCause(ctx, headStart, lateForWindow)
		defer cancel()
		if err = c.fitWriteTimeout(bounded, "mutex", err); err == nil {
			c.begin(StageWindow, c.window)
			beside, s, early, err = c.takeTrace(ctx, f, began)
		}
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	c.log("trace", s.summary(), s.end.Sub(s.started), s.bytes, err)
	if err == nil {
		c.traced(s, early)
	}
	return beside, early, err
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
		limits: limits{maxBytes: c.cfg.MaxBytes, maxLag: c.cfg.MaxLag, reserve: c.cfg.Reserve, dir: c.w.Dir()},
	}
	s.began = func(at time.Time) {
		c.mu.Lock()
		c.manifest.CapturedAt = c.clock.wall(at)
		c.manifest.Window.Start = c.clock.unix(at)
		c.manifest.Window.TraceAsked = int64(s.asked)
		c.mu.Unlock()
		began()
	}
	c.mu.Lock()
	c.stream = s
	c.mu.Unlock()
	var beside []taking
	for _, other := range sourcesAt(capture.During) {
		beside = append(beside, c.take(ctx, other))
	}
	early, err := s.run(ctx, f)
	return beside, s, early, err
}

// traced adds the trace that arrived to the capture.
func (c *collector) traced(s *stream, early *earlyEnd) {
	part := capture.Part{Name: capture.TracePart, Source: s.endpoint(), Took: int64(s.end.Sub(s.started)), Size: s.bytes}
	ended := capture.EndedInTime
	if early != nil {
		ended, part.Error = early.ended, early.message
		c.warn(early.code, "%s", early.message)
	}
	c.part(part, nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.manifest.CapturedAt = s.opened(c.clock)
	w := &c.manifest.Window
	w.End, w.Ended = c.clock.unix(s.end), ended
}
