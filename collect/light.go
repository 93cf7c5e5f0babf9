package collect

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"timesink/collect/capture"
)

// A light collection takes several short windows at random moments in place of one long one.
// The time is cut into slots of equal length, and each has one window at a random phase, so
// that nothing periodic in the service can keep in step with them. Windows last whole seconds,
// as CPU profiles do, and cover about a quarter of the time.

const (
	// lightShare is the share of the time that windows cover, one in four.
	lightShare = 4
	// lightWindows is about how many windows there are: a longer collection has longer
	// ones, which cut fewer requests.
	lightWindows = 8
	// lightGap is the least time from the end of one window to the start of the next.
	lightGap = 500 * time.Millisecond
)

// LeastLight is the shortest time in which a light collection has two windows.
const LeastLight = 2 * lightShare * time.Second

// lightLength returns how long the windows within a time are.
func lightLength(span time.Duration) time.Duration {
	return max(span.Truncate(time.Second)/(lightShare*lightWindows), time.Second).Truncate(time.Second)
}

// lightStarts returns when windows of a length begin, counted from the begin of the whole
// time. draw returns random numbers in [0, 1).
func lightStarts(span, length time.Duration, draw func() float64) []time.Duration {
	n := int((span + lightShare*length - 1) / (lightShare * length))
	slot := span / time.Duration(n)
	starts := make([]time.Duration, n)
	for i := range starts {
		starts[i] = time.Duration(i)*slot + time.Duration(draw()*float64(slot-length-lightGap))
	}
	return starts
}

// A light is the state of a light collection.
type light struct {
	span    time.Duration // the whole time
	nth     int           // the number of the window under way, from 1
	earlier int64         // bytes of the traces before it
}

// isLight reports whether the collection takes several windows. It is false once there turned
// out to be no trace.
func (c *collector) isLight() bool { return c.light != nil }

// lighten plans the windows of a light collection.
func (c *collector) lighten() {
	c.light = &light{span: c.window}
	c.window = lightLength(c.window)
	c.manifest.Asked.Light = &capture.Light{
		Windows: len(lightStarts(c.light.span, c.window, func() float64 { return 0 })), Length: int64(c.window)}
}

// unlighten makes the collection one of a single window, if no trace has arrived, and
// reports whether it was a light one: without a trace it is light anyway.
func (c *collector) unlighten() bool {
	if !c.isLight() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.window, c.light = c.light.span, nil
	if c.cfg.EnoughWindows != nil {
		c.window = min(c.window, c.fixedWindow())
	}
	c.manifest.Asked.Light, c.manifest.Windows = nil, nil
	return true
}

// partName returns the name of a kind of part in the window under way.
func (c *collector) partName(kind string) string {
	if !c.isLight() {
		return kind
	}
	return capture.PartName(kind, c.light.nth)
}

// span returns how long the collection observes, from the first window to the last.
func (c *collector) span() time.Duration {
	if c.isLight() {
		return c.light.span
	}
	return c.window
}

// mostBytes returns how large the trace under way may become; 0 means any size.
func (c *collector) mostBytes() int64 {
	if c.cfg.MaxBytes <= 0 || !c.isLight() {
		return c.cfg.MaxBytes
	}
	return max(c.cfg.MaxBytes-c.light.earlier, 1)
}

// describe changes what the manifest says of the window under way. The caller holds c.mu.
func (c *collector) describe(change func(at *time.Time, w *capture.Window)) {
	m := &c.manifest
	if !c.isLight() {
		change(&m.CapturedAt, &m.Window)
		return
	}
	if n := c.light.nth; len(m.Windows) < n {
		m.Windows = append(m.Windows, capture.OneWindow{})
	}
	last := &m.Windows[len(m.Windows)-1]
	change(&last.CapturedAt, &last.Window)
	m.CapturedAt, m.Window = m.Windows[0].CapturedAt, m.Windows[0].Window
}

// observeLight takes the windows of a light collection, one after another. It ends with the
// one that ends early, or when what has arrived is enough. The first one is taken as usual,
// with what there is in place of a trace. Without any of the others the rest is kept.
func (c *collector) observeLight(ctx context.Context, p *windowProbes) (beside []taking, early *earlyEnd, err error) {
	begun := time.Now()
	starts := lightStarts(c.light.span, c.window, rand.Float64)
	for i, at := range starts {
		if !pause(ctx, time.Until(begun.Add(at))) {
			return beside, nil, c.interruptedLight(i)
		}
		c.mu.Lock()
		c.light.nth = i + 1
		c.mu.Unlock()
		if i == 0 {
			beside, early, err = c.observeWindow(ctx, p.begin)
			if err != nil || !c.isLight() {
				return beside, early, err
			}
		} else if beside, early, err = c.trace(ctx, p.begin); err != nil {
			dropAll(beside)
			c.lost(err)
			return nil, nil, nil
		}
		if early != nil || i == len(starts)-1 {
			return beside, early, nil
		}
		p.stop()
		keepAll(ctx, beside, early)
		beside = nil
		if c.knowsEnough(i + 1) {
			return nil, nil, nil
		}
	}
	return nil, nil, nil
}

// interruptedLight ends a light collection between two windows, of which n are complete.
func (c *collector) interruptedLight(n int) error {
	if n == 0 {
		return c.client.failed("trace", context.Canceled)
	}
	c.warn("interrupted", "the collection was ended early, after %d of its %d windows", n, c.manifest.Asked.Light.Windows)
	return nil
}

// lost keeps the windows before one that has no trace.
func (c *collector) lost(err error) {
	c.mu.Lock()
	n := c.light.nth
	c.manifest.Windows = c.manifest.Windows[:min(n-1, len(c.manifest.Windows))]
	c.mu.Unlock()
	c.warn("window-missing", "only the first %d of %d windows have a trace: %s", n-1, c.manifest.Asked.Light.Windows, told(err))
}

// knowsEnough reports whether the windows so far are enough.
func (c *collector) knowsEnough(windows int) bool {
	if c.cfg.EnoughWindows == nil {
		return false
	}
	if err := c.save(); err != nil {
		return false
	}
	all, err := c.w.Open()
	if err != nil {
		return false
	}
	defer all.Close()
	began := time.Now()
	enough := c.cfg.EnoughWindows(all)
	c.log("trace", fmt.Sprintf("looked whether %d windows are enough: %v", windows, enough), time.Since(began), 0, nil)
	if !enough {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.describe(func(_ *time.Time, w *capture.Window) { w.Ended = capture.EndedEnough })
	return true
}

func keepAll(ctx context.Context, list []taking, early *earlyEnd) {
	for _, t := range list {
		t.keep(ctx, early)
	}
}
