package analyze

import (
	"fmt"

	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// source adds a capture to the description of what was analyzed. Of several instances
// it keeps what they have in common, and the longest window.
func source(s *breakdown.Source, c *capture.Capture, sum *timeline.Summary, match *matcher) {
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
		s.Asked = max(s.Asked, m.Window.TraceAsked)
	}
	keep(&s.Target, target)
	keep(&s.GoVersion, goVersion)
	if sum.Covered > 0 {
		s.Saturated = max(s.Saturated, float64(sum.Saturated)/float64(sum.Covered))
	}
	s.Window = max(s.Window, sum.Window())
	s.Covered = max(s.Covered, sum.Covered)
	s.GOMAXPROCS = max(s.GOMAXPROCS, sum.GOMAXPROCS)
	if cost := match.cost(); cost != nil && s.Cost == nil {
		s.Cost = cost
	}
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
