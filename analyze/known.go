package analyze

import (
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/collect/capture"
)

// What must be known for an answer to be known.
const (
	knownMean   = 0.03 // relative
	knownShares = 0.01
	// mattering is the share of the request time from which an endpoint matters, of the
	// first mostMattering.
	mattering     = 0.10
	mostMattering = 3
	// fewestKnown is the number of complete requests from which figures say anything.
	fewestKnown = 20
	// mostCut is the share of an endpoint's time up to which the window's edges may cut its
	// requests. A request slower than the window must not vanish.
	mostCut = 0.2
)

// Known reports whether the answer is known: for each endpoint that matters, the intervals are
// narrow, or no value within them would lead to another cause. Those that matter have a
// tenth of the request time, or the user asked for them. It returns the titles of those that
// are not known. margin is by which the intervals must be narrower than promised, 0 for what
// is promised.
func Known(b *breakdown.Breakdown, margin float64) (k breakdown.Knowledge, open []string) {
	list, open := whichMatter(b)
	k = breakdown.Precise
	for _, e := range list {
		switch {
		case isPrecise(e, margin):
		case diagnosis.Settled(b, e):
			k = breakdown.Conclusive
		default:
			open = append(open, title(e))
		}
	}
	if len(open) > 0 || len(list) == 0 {
		return breakdown.Undetermined, open
	}
	return k, open
}

// IsKnown reports whether the answer is known: see Known.
func IsKnown(b *breakdown.Breakdown, margin float64) bool {
	k, _ := Known(b, margin)
	return k == breakdown.Precise || k == breakdown.Conclusive
}

// whichMatter returns the endpoints that must be known, and the names that mean none.
func whichMatter(b *breakdown.Breakdown) (list []*breakdown.Endpoint, missing []string) {
	whole := int64(0)
	for i := range b.Endpoints {
		if !b.Endpoints[i].Lasts() {
			whole += b.Endpoints[i].RequestTime()
		}
	}
	named := map[string]bool{}
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		matters := len(list) < mostMattering && !e.Lasts() && float64(e.RequestTime()) >= mattering*float64(whole)
		for _, name := range mustKnow(b) {
			if e.Is(name) || slices.Contains(e.Routes, name) {
				named[name], matters = true, true
			}
		}
		if matters {
			list = append(list, e)
		}
	}
	for _, name := range mustKnow(b) {
		if !named[name] {
			missing = append(missing, name)
		}
	}
	return list, missing
}

func mustKnow(b *breakdown.Breakdown) []string {
	if b.Source.Auto == nil {
		return nil
	}
	return b.Source.Auto.Asked
}

// isPrecise reports whether an endpoint's intervals are as narrow as promised.
func isPrecise(e *breakdown.Endpoint, margin float64) bool {
	shares, _ := e.ShareError()
	return e.Requests >= fewestKnown && float64(e.IncompleteTime) <= mostCut*float64(e.RequestTime()) &&
		e.MeanError() <= knownMean*(1-margin) && shares <= knownShares*(1-margin)
}

// isAuto reports whether a capture's window was to end as soon as the answer was known.
func isAuto(c *capture.Capture) bool { return c.Manifest() != nil && c.Manifest().Asked.Auto != nil }

// endedBy describes how the window of a capture was to end, without whether the answer is
// known; nil if its length was given.
func endedBy(m *capture.Manifest) *breakdown.Auto {
	if m == nil || m.Asked.Auto == nil {
		return nil
	}
	out := &breakdown.Auto{Least: m.Asked.Auto.Least, Most: m.Asked.Duration, Known: breakdown.Undetermined, Asked: []string{}, Open: []string{}}
	if slices.ContainsFunc(m.Warnings, func(w capture.Warning) bool { return w.Code == "window-fixed" }) {
		out.Known = breakdown.FixedWindow
	}
	for _, u := range m.Asked.URLs {
		out.Asked = append(out.Asked, u.Route)
	}
	out.Asked = append(out.Asked, m.Asked.Auto.Endpoints...)
	return out
}

// conclude says of a window that was to end as soon as the answer was known whether it is.
func (a *answer) conclude() {
	auto := a.b.Source.Auto
	if auto == nil || auto.Known == breakdown.FixedWindow {
		return
	}
	known, open := Known(&a.b, 0)
	auto.Known, auto.Open = known, append(auto.Open, open...)
}

// precise sets how precise the endpoints' figures are.
func (a *answer) precise(s *settled) {
	if !a.f.keepSeries || a.b.Source.Instances > 1 {
		return
	}
	covered := a.b.Source.Covered
	if l := a.b.Source.Light; l != nil {
		covered /= int64(max(l.Windows, 1))
	}
	for i := range a.b.Endpoints {
		e := &a.b.Endpoints[i]
		if sums := s.of(e); sums != nil && !e.Lasts() {
			e.Precision = precisionOf(stretchesOf([]*endpoint{sums}), e, covered, false)
		}
	}
}
