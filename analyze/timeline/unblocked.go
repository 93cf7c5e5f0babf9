package timeline

import (
	"timesink/analyze/breakdown"
	"timesink/analyze/trace"
)

// Most intervals are of goroutines that run, or are ready to run, and have no stack. There
// is little to be found out about them, so they take a shorter way through the machine:
// this file does what close, intervalEnded, account, attribute and explain do for others.

// isUnblocked reports whether the goroutine's current interval is such a one.
func (g *goroutine) isUnblocked() bool {
	return g.class == nil && (g.state == trace.StateRunning || g.state == trace.StateRunnable) && !g.assist && g.reason == trace.ReasonNone
}

// closeUnblocked ends an unblocked interval at a moment later than its start.
func (m *machine) closeUnblocked(g *goroutine, at int64) {
	since, state := g.since, g.state
	g.since = at
	if g.rare != &nothing && state == trace.StateRunnable && g.notice.at == since && since != 0 {
		g.notice.queued = at - since
	}
	r := m.worksFor(g)
	m.accountUnblocked(r, g, state == trace.StateRunning, since, at)
	switch {
	case r != nil:
		if r.g == g {
			m.attributeUnblocked(r, g, state, since, at)
		}
		if r.parts() >= r.weighAt {
			m.weigh(r)
		}
	case m.units || g.claim == unseen || g.early != nil: // as hardly any
		iv := interval{start: since, end: at, state: state}
		m.mayBe(g, &iv)
		if m.units {
			g.runs(&iv)
		}
	}
	if iv := m.keep(g, since); iv != nil {
		iv.start, iv.end, iv.state = since, at, state
	}
}

// accountUnblocked accounts for an unblocked interval of a goroutine that works for r, which is nil if
// it works for no request.
func (m *machine) accountUnblocked(r *request, g *goroutine, running bool, start, end int64) {
	length, bucket := end-start, breakdown.Scheduler
	if running {
		bucket = breakdown.CPU
		m.ran(r, start, end, false)
	}
	if r != nil && r.observer {
		return
	}
	root := g.root
	root.Spent[bucket] += length
	if root.runtime {
		return
	}
	c := &m.sum.Coverage
	c.AtWork += length
	if running {
		c.Running += length
	}
	if r != nil {
		c.AtWorkInRequests += length
		if running {
			c.RunningInRequests += length
		}
	}
}

// attributeUnblocked appends an unblocked interval of the request's own goroutine to its path.
func (m *machine) attributeUnblocked(r *request, g *goroutine, state trace.State, start, end int64) {
	start = m.upTo(r, g, start)
	if start >= end {
		return
	}
	bucket := breakdown.CPU
	if state == trace.StateRunnable {
		if bucket = breakdown.Scheduler; m.mayHaveStopped(start) {
			w := walk{m: m, r: r, out: &r.Path}
			w.runnable(g, &interval{state: state}, start, end)
			return
		}
	}
	extend(&r.Path, g.id, bucket, breakdown.NoPhase, m.causeOfNone(state), start, end, nil)
}

// mayHaveStopped reports whether the world may have been stopped after a moment.
func (m *machine) mayHaveStopped(moment int64) bool {
	n := len(m.stops)
	return m.stopped != 0 || n > 0 && m.stops[n-1].end > moment
}
