package timeline

import (
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/trace"
)

// A service may keep tens of thousands of goroutines that only wait, most of them with one
// of few stacks. Those that have done nothing else since before the window share a single
// goroutine for each stack. As soon as anything happens to one of them, it gets its own.

// ofMany is the stage of a goroutine that stands for several. No recognizer has claimed it.
const ofMany = ^stage(0)

// stands reports whether the goroutine stands for several. It must not be modified.
func (g *goroutine) stands() bool { return g.stage == ofMany }

// alike handles a status record of a goroutine that shares one with others, or that may from
// now on. It reports false for all other records.
func (m *machine) alike(r *trace.Record) bool {
	if r.State != trace.StateWaiting || m.met[r.G] != nil {
		return false
	}
	id, c := m.ids[r.G], m.stacks[r.Stack]
	if g := m.gs.Find(id); g != nil {
		return g.stands() // it still waits
	}
	if c == nil {
		return false
	}
	if g := c.common; g != nil && g.reason == r.Reason && g.born == m.known {
		g.root.Goroutines++
		m.follows(id, g)
		return true
	}
	g := m.meet(r.G)
	m.status(g, r)
	if !m.units && g.mayShare(c) {
		g.stage, c.common = ofMany, g
		m.met[r.G] = nil
	}
	return true
}

// mayShare reports whether nothing tells a goroutine from others of before the window that
// wait with its stack.
func (g *goroutine) mayShare(c *class) bool {
	return g.class == c && g.state == trace.StateWaiting && g.since == g.born && g.claim == unclaimed && g.req == nil && g.rare == &nothing &&
		!g.open && !g.dials && c.Phase != breakdown.PoolWait
}

// own gives a goroutine that shares one its own.
func (m *machine) own(id int64, shared *goroutine) *goroutine {
	g := *shared
	g.id, g.stage = id, 0
	m.gs.Remove(id)
	m.gs.Add(id, &g)
	return &g
}

// part gives all goroutines that share one their own.
func (m *machine) part() {
	for _, id := range m.live() {
		if g := m.gs.Find(id); g.stands() {
			m.own(id, g)
		}
	}
}

// find returns the goroutine with an id, for anything that may happen to it. It returns nil
// if there is none.
func (m *machine) find(id int64) *goroutine {
	g := m.gs.Find(id)
	if g != nil && g.stands() {
		return m.own(id, g)
	}
	return g
}

// live returns the ids of the goroutines, ascending.
func (m *machine) live() []int64 {
	ids := make([]int64, 0, m.gs.Len())
	for id := range m.gs.All() {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
