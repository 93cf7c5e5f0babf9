package timeline

import (
	"math"

	"timesink/analyze/trace"
	"timesink/analyze/trace/byid"
)

// stretch starts a stretch of generations without a gap, unless one is under way. The
// time since the previous stretch is lost.
func (m *machine) stretch(first int64) {
	if m.from != 0 {
		return
	}
	if m.start == 0 {
		m.start = first
	} else {
		m.sum.Lost += min(max(0, first-m.now), math.MaxInt64-m.sum.Lost)
	}
	m.from = max(first, m.now)
}

// covered returns how much of the trace's time has been read, in ns.
func (m *machine) covered() int64 {
	if m.from == 0 {
		return m.sum.Covered
	}
	return m.sum.Covered + m.now - m.from
}

// interrupt ends a stretch. No state is carried across the gap that follows.
func (m *machine) interrupt() {
	for _, g := range m.leave() {
		m.unwatch(g)
	}
	m.gs, m.weight = byid.Table[goroutine]{}, 0
	m.forgetAll()
	m.stops, m.stopped = nil, 0
	m.forgetEvidence()
	clear(m.tasks)
	clear(m.named)
	m.procs = byid.Table[processor]{}
	m.procsRunning, m.busySince = 0, 0
	m.lookout = lookout{}
	m.sum.Covered, m.from = m.covered(), 0
}

// leave closes everything open at the end of a stretch. It returns the live
// goroutines by ascending id, one that is shared for each that shares it.
func (m *machine) leave() []*goroutine {
	ids := m.live()
	gs := make([]*goroutine, len(ids))
	for i, id := range ids {
		gs[i] = m.gs.Find(id)
	}
	m.closing(gs)
	for _, g := range gs {
		m.attributeOpen(g)
	}
	if m.last {
		m.sum.Standing, m.sum.Growth = m.standing(gs), m.growth(gs)
	}
	for _, g := range gs {
		m.cut(g)
	}
	for _, g := range gs {
		if g.state != trace.StateUnknown && m.now > g.since {
			iv := interval{start: g.since, end: m.now, class: g.class, state: g.state, reason: g.reason, open: true}
			m.account(m.worksFor(g), g, &iv)
			if a := g.acceptor; a != nil {
				a.spend(&iv)
			}
		}
	}
	m.deliverHeld()
	if m.busySince != 0 {
		m.sum.Saturated += m.now - m.busySince
	}
	return gs
}
