package capture

import (
	"math"
	"time"
)

// around is how far from the window a probe may lie: a window is at most as long.
const around = int64(time.Hour)

// readings is by how much the phases of a probe may exceed the whole, in ns, if a writer
// reads the clock more than once.
const readings = int64(time.Millisecond)

// possible reports whether the times of a probe can be true. A damaged or invented
// capture may have others, which no sum can bear.
func (m *Manifest) possible(p *Probe) bool { return p.consistent() && m.near(p) }

// consistent reports whether a probe's times fit together: none is negative, the probe
// ended after it began, and no phase took longer than the whole.
func (p *Probe) consistent() bool {
	if p.Scheduled < 0 || p.Start < 0 || p.End < p.Start || len(p.ServerTiming) > MaxServerTimings {
		return false
	}
	for i := range p.ServerTiming {
		if d := p.ServerTiming[i].Duration; d < 0 || d > MaxServerTiming {
			return false
		}
	}
	left := min(p.End-p.Start, math.MaxInt64-readings) + readings
	for _, phase := range []int64{p.ConnWait, p.DNS, p.Connect, p.TLS, p.RequestWrite, p.FirstByte, p.BodyRead} {
		if phase < 0 || phase > left {
			return false
		}
		left -= phase
	}
	return true
}

// near reports whether a probe lies near the window, if the manifest states when that was.
func (m *Manifest) near(p *Probe) bool {
	if m == nil || m.Window.Start <= 0 {
		return true
	}
	return p.Start >= m.Window.Start-around && p.End <= max(m.Window.End, m.Window.Start)+2*around
}
