package timeline

import "timesink/analyze/trace"

// Units recognizes units of work that the service itself marks, and functions that the
// user names. It knows no library.
type units struct{ passive }

var ofUnits = claimOf(units{})

func (units) claims(c *class) (starting, showing bool) { return c.Unit != "", false }

func (units) start(m *machine, g *goroutine, at int64) {
	if m.mayMark(g) {
		m.open(g, at, kindFunction, g.start.Unit, unit{task: noTask, named: true})
	}
}

// A unit of work that the service itself marks: a region or a task of
// runtime/trace, or a function that the user names. It is one only where the
// goroutine serves no request and works for none.
type unit struct {
	task  int64 // that it is, noTask: it is none
	open  int   // regions, of which the outermost is the unit
	named bool  // by the user
}

const noTask = -1

// The kinds of such units.
const (
	kindTask     = "task"
	kindRegion   = "region"
	kindFunction = "function"
)

// mayMark reports whether what the service marks on a goroutine may be a unit.
func (m *machine) mayMark(g *goroutine) bool {
	return g.claim == unclaimed && m.worksFor(g) == nil
}

// mark opens a unit.
func (m *machine) mark(g *goroutine, at int64, kind, name string, u unit) {
	m.close(g, at, nil, nil)
	m.open(g, max(at, g.since), kind, name, u)
}

// open opens a unit at a moment up to which nothing more is to be attributed. No
// stack names it better.
func (m *machine) open(g *goroutine, at int64, kind, name string, u unit) *request {
	r := m.begin(g, at)
	r.Kind, r.Endpoint, r.depth, r.proof = kind, name, inner, isRequest
	g.claim, g.ensureRare().memo = ofUnits, &u
	return r
}

// marked is the unit that the goroutine is in, nil where it is in none.
func (m *machine) marked(g *goroutine) *unit {
	if g.claim != ofUnits {
		return nil
	}
	return g.memo.(*unit)
}

// region begins or ends a region. Regions nest.
func (m *machine) region(r *trace.Record) {
	g := m.goroutine(r.G)
	m.seenAt(g, r)
	u := m.marked(g)
	switch {
	case u == nil && r.Op == trace.OpRegionBegin && m.mayMark(g):
		m.mark(g, r.At, kindRegion, m.names[r.Stack2], unit{task: noTask, open: 1})
	case u == nil || u.open == 0:
	case r.Op == trace.OpRegionBegin:
		u.open++
	default:
		if u.open--; u.open == 0 {
			m.done(g, r.At, false)
		}
	}
}

// task begins or ends a task, which need not end on the goroutine that it began
// on: whoever ends it ends that one's wait. A goroutine that begins a task that
// is no part of its last one has handed that over: what another goroutine does
// for it is a unit there if it is in a region.
func (m *machine) task(r *trace.Record) {
	g := m.goroutine(r.G)
	m.seenAt(g, r)
	if r.Op == trace.OpTaskEnd {
		if of := m.tasks[m.ids[r.Other]]; of != nil {
			if of != g {
				m.close(of, r.At, g, m.stacks[r.Stack])
			}
			m.done(of, r.At, false)
		}
		return
	}
	if u := m.marked(g); u != nil && u.task != noTask && r.Op != trace.OpSubtaskBegin {
		m.drop(g)
	}
	if m.mayMark(g) {
		m.mark(g, r.At, kindTask, m.names[r.Stack2], unit{task: m.ids[r.Other]})
		m.tasks[m.ids[r.Other]] = g
	}
}

// unmark forgets the unit that a goroutine is in.
func (m *machine) unmark(g *goroutine) {
	if u := g.memo.(*unit); m.tasks[u.task] == g {
		delete(m.tasks, u.task)
	}
	g.claim, g.memo = unclaimed, nil
}

// seenAt looks at the stack with which a goroutine marks something.
func (m *machine) seenAt(g *goroutine, r *trace.Record) {
	if c := m.stacks[r.Stack]; c != nil {
		m.seen(g, r.At, c, trace.StateRunning)
	}
}

// below follows a goroutine into and out of the functions that the user takes for
// units. A trace has stacks only where a goroutine blocks, enters the kernel, or
// deals with another one: the running time between a stack with the function and
// one without it counts for the unit, and two calls with no such stack between
// them are one.
func (m *machine) below(g *goroutine, at int64, c *class) {
	u := m.marked(g)
	switch {
	case u != nil && u.named && c.Unit == "" && !c.Cut:
		m.done(g, at, false)
	case u == nil && c.Unit != "" && m.mayMark(g):
		ran := g.ran
		if g.state == trace.StateRunning && g.since < at {
			at = g.since
		}
		if len(ran) > 0 {
			at = ran[0].start
		}
		r := m.open(g, at, kindFunction, c.Unit, unit{task: noTask, named: true})
		r.Incomplete = !g.fresh && !g.outside // it may have begun before the window
		for i := range ran {
			m.attribute(r, g, &ran[i])
		}
	}
	rare := g.ensureRare()
	rare.ran, rare.outside = rare.ran[:0], rare.outside || c.Unit == ""
}

// runs keeps what a goroutine did since its last stack: it may turn out to have
// been in a unit.
func (g *goroutine) runs(iv *interval) {
	const most = 32
	rare := g.ensureRare()
	switch {
	case iv.state != trace.StateRunning && iv.state != trace.StateRunnable:
		rare.ran = rare.ran[:0]
	case iv.state == trace.StateRunnable && len(rare.ran) == 0:
		// It was not in the function before it ran.
	default:
		if len(rare.ran) == most {
			rare.ran = append(rare.ran[:0], rare.ran[most/2:]...)
		}
		rare.ran = append(rare.ran, *iv)
	}
}
