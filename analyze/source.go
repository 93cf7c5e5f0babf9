package analyze

import (
	"fmt"

	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// taken is how much of a service one capture shows, in all its windows. Times are in ns.
type taken struct {
	windows                      int
	window, covered, busy, asked int64
	base, probes                 []*capture.Probe
	costed                       bool // the source's cost is that of this capture
}

// add adds a window, which is the first of another capture if it is not a later one.
func (t *taken) add(c *capture.Capture, sum *timeline.Summary, match *matcher) {
	if c.Nth() <= 1 {
		*t = taken{}
	}
	t.windows++
	t.window += sum.Window()
	t.covered += sum.Covered
	t.busy += sum.Saturated
	t.base, t.probes = append(t.base, match.base...), append(t.probes, match.probes...)
	if m := c.Manifest(); m != nil {
		t.asked += m.Window.TraceAsked
	}
}

// source adds a window of a capture to the description of what was analyzed, given all of the
// capture so far. Of several instances it keeps what they have in common, and the longest
// time.
func source(s *breakdown.Source, c *capture.Capture, sum *timeline.Summary, all *taken) {
	first := s.Window == 0
	keep := func(have *string, now string) {
		if first {
			*have = now
		} else if *have != now {
			*have = ""
		}
	}
	format := fmt.Sprintf("go 1.%d", sum.Version)
	goVersion, target := capture.WrittenBy(format).String(), ""
	if m := c.Manifest(); m != nil {
		target = m.Target
		if m.Service.GoVersion != "" {
			goVersion = m.Service.GoVersion
		}
		if !m.CapturedAt.IsZero() && (first || s.CapturedAt != nil && m.CapturedAt.Before(*s.CapturedAt)) {
			at := m.CapturedAt.UTC()
			s.CapturedAt = &at
		}
		if len(m.Asked.URLs) > 0 {
			s.ProbeRate = max(s.ProbeRate, m.Asked.Rate)
		}
		s.Asked = max(s.Asked, all.asked)
		if l := m.Asked.Light; l != nil {
			s.Light = lightOf(s.Light, m, all.windows)
		}
	}
	keep(&s.Target, target)
	keep(&s.GoVersion, goVersion)
	if all.covered > 0 {
		s.Saturated = max(s.Saturated, float64(all.busy)/float64(all.covered))
	}
	s.Window = max(s.Window, all.window)
	s.Covered = max(s.Covered, all.covered)
	s.GOMAXPROCS = max(s.GOMAXPROCS, sum.GOMAXPROCS)
	if c.Nth() > 1 && all.costed {
		s.Cost = nil
	}
	if s.Cost == nil {
		s.Cost = costOf(all.base, all.probes)
		all.costed = s.Cost != nil
	}
}

// lightOf returns how a capture's windows lie in time, given that many of them so far; of
// several captures, the most and the longest.
func lightOf(have *breakdown.Light, m *capture.Manifest, windows int) *breakdown.Light {
	out := breakdown.Light{Windows: windows, Within: m.Asked.Duration}
	if have != nil {
		out.Windows, out.Within = max(out.Windows, have.Windows), max(out.Within, have.Within)
	}
	return &out
}

// captureOf returns what a comparison needs to know of a capture. A CPU sample stands for
// period ns.
func captureOf(c *capture.Capture, sum *timeline.Summary, period int64) breakdown.Capture {
	out := breakdown.Capture{Covered: sum.Covered, Running: sum.Running - sum.AfterCalls}
	if m := c.Manifest(); m != nil && !m.CapturedAt.IsZero() {
		at := m.CapturedAt.UTC()
		out.At = &at
	}
	if sampledThroughout(sum) {
		out.Sampled = sum.SamplesRunning * period
	}
	return out
}
