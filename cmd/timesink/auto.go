package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
	"timesink/collect"
	"timesink/collect/capture"
)

// An auto decides when a window may end: as soon as an analysis of what has arrived knows
// the answer. It looks at whole generations only, once a second at first and then more and
// more seldom, and never takes more than a tenth of the time. If it fails, the window lasts
// as long as it may.
type auto struct {
	ctx    context.Context
	path   string // of the capture that is being collected
	least  time.Duration
	probes int
	opts   analyze.Options
	log    *slog.Logger
	cancel context.CancelFunc

	mu      sync.Mutex
	looking bool
	next    time.Duration // no look before
	judged  int           // generations, at the last look
	took    time.Duration
	known   bool
	looks   sync.WaitGroup
}

const (
	// leastAuto and mostAuto bound a window that ends when the answer is known.
	leastAuto = 2 * time.Second
	mostAuto  = 30 * time.Second

	// lookGrowth is how much longer the window is at each look, and restAfterLook how much
	// longer than the last one no look is taken.
	lookGrowth    = 1.25
	restAfterLook = 9
	// slowLook is the duration of a look from which it counts although another generation
	// has arrived in the meantime.
	slowLook = 500 * time.Millisecond
	// lookMargin is by how much narrower than promised the intervals have to be: the
	// window holds a little more than what was looked at.
	lookMargin = 0.1
)

// newAuto returns what decides for a capture at path, and sets cfg so that it is asked.
func (t *tool) newAuto(ctx context.Context, cfg *collect.Config, path string, opts analyze.Options) *auto {
	opts.Grown, opts.Each, opts.Detail, opts.Series = nil, nil, false, false
	opts.Precision, opts.FindUnits = true, false
	opts.Memory = max(opts.Memory/2, analyze.MinMemory)
	a := &auto{path: path, least: leastAuto, probes: cfg.MostProbes(), opts: opts, log: t.log()}
	a.ctx, a.cancel = context.WithCancel(ctx)
	if cfg.Light {
		cfg.EnoughWindows = a.enoughWindows
	} else {
		cfg.Enough = a.enough
	}
	return a
}

// enough reports whether a look at what has arrived knew the answer. If none was taken, it
// begins one.
func (a *auto) enough(now collect.Arrived) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case now.After < a.least || a.looking:
	case a.known && (a.judged >= now.Generations || a.took >= slowLook):
		return true
	case a.judged < now.Generations && (a.known || now.After >= a.next):
		a.looking = true
		a.looks.Go(func() { a.look(now) })
	}
	return false
}

// enoughWindows reports whether the windows of a light collection so far are enough.
func (a *auto) enoughWindows(c *capture.Capture) bool {
	known, err := a.knownFrom(func() (*breakdown.Breakdown, error) {
		return analyze.Captures(a.ctx, []*capture.Capture{c}, a.opts)
	})
	if err != nil {
		a.log.Info("could not look whether the answer is known", "error", err)
	}
	return known
}

// look analyzes the generations that have arrived.
func (a *auto) look(now collect.Arrived) {
	began := time.Now()
	known, err := a.knows(now)
	took := time.Since(began)
	a.log.Info("looked whether the answer is known", "after", now.After, "generations", now.Generations, "known", known, "took", took, "error", err)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.looking, a.judged, a.took, a.known = false, now.Generations, took, known
	a.next = max(time.Duration(lookGrowth*float64(now.After)), now.After+restAfterLook*took)
}

func (a *auto) knows(now collect.Arrived) (known bool, err error) {
	c, err := capture.Open(a.path)
	if err != nil {
		return false, err
	}
	defer c.Close()
	trace, err := c.Trace()
	if err != nil {
		return false, err
	}
	defer trace.Close()
	return a.knownFrom(func() (*breakdown.Breakdown, error) {
		live := analyze.NewLive(a.probes, a.opts)
		live.Read(a.ctx, io.LimitReader(trace, now.Bytes))
		return live.Finish(a.ctx, c)
	})
}

// knownFrom reports whether an analysis knows the answer. If it panics, it does not.
func (a *auto) knownFrom(analysis func() (*breakdown.Breakdown, error)) (known bool, err error) {
	defer timeline.Caught(&err)
	b, err := analysis()
	if err != nil {
		return false, err
	}
	return analyze.IsKnown(b, lookMargin), nil
}

// stop ends a look that is being taken.
func (a *auto) stop() {
	a.cancel()
	a.looks.Wait()
}
