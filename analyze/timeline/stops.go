package timeline

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// A Stopper is a place in the service's code that stops the world, on goroutines that serve
// no request.
type Stopper struct {
	Site        breakdown.Frame
	Called      string // the function that Site called for it
	Times, Time int64  // Time is in ns
}

type stopperKey struct {
	site   breakdown.Frame
	called string
}

// mostStoppers bounds how many places are told apart.
const mostStoppers = 1 << 8

// stopsWorld finds the place that stops the world. Collections that nobody asked for have
// none.
func (m *machine) stopsWorld(r *trace.Record) {
	m.stopper = nil
	c := m.stacks[r.Stack]
	if c == nil || r.G < 0 || !c.InService || c.Observer || m.worksFor(m.goroutine(r.G)) != nil {
		return
	}
	key := stopperKey{site: c.Site, called: rules.Stopper(c.Stack)}
	if i := slices.Index(c.Stack, c.Site); key.called == "" {
		if c.GC || i < 1 {
			return
		}
		key.called = c.Stack[i-1].Function
	}
	s := m.stoppers[key]
	if s == nil && len(m.stoppers) < mostStoppers {
		if m.stoppers == nil {
			m.stoppers = map[stopperKey]*Stopper{}
		}
		s = &Stopper{Site: key.site, Called: key.called}
		m.stoppers[key] = s
	}
	m.stopper = s
}

// stoppersFound returns the places that stop the world, the longest first.
func (m *machine) stoppersFound() (out []Stopper) {
	for _, s := range m.stoppers {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Stopper) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Site.Function, b.Site.Function), cmp.Compare(a.Site.File, b.Site.File), cmp.Compare(a.Site.Line, b.Site.Line), cmp.Compare(a.Called, b.Called))
	})
	return out
}

// stoppedUntil returns how long the world was stopped at the end of a wait, in ns: what
// came in that time was noticed only afterwards.
func (m *machine) stoppedUntil(from, at int64) int64 {
	stop := span{m.stopped, at}
	if n := len(m.stops); m.stopped == 0 {
		if n == 0 || at-m.stops[n-1].end > afterStop {
			return 0
		}
		stop = m.stops[n-1]
	}
	return max(0, min(stop.end, at)-max(stop.start, from))
}
