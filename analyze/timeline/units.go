package timeline

import "timesink/analyze/trace"

// Units recognizes units of work that the service itself marks, and functions that
// the user names. It depends on no library.
type units struct{ passive }

var ofUnits = claimOf(units{})

func (units) claims(c *class) (starting, showing bool) { return c.Unit != "", false }

func (units) start(m *machine, g *goroutine, at int64) {
	if m.mayMark(g) {
		m.open(g, at, kindFunction, g.start.Unit, unit{task: noTask, named: true}).talks = true
	}
}

// resume learns whether the function is a loop: see named.
func (units) resume(m *machine, g *goroutine, w wakeup) {
	u := g.memo.(*unit)
	if r := m.served(g); r == nil || !u.named || w.waker != nil && m.worksFor(w.waker) == r {
		return // a branch of its own ended the wait
	}
	if l := m.learnHead(g, &u.rests, w); l != nil {
		m.turn(g, l, u)
		recognizers[g.claim].resume(m, g, w)
	}
}

// show notes when the goroutine leaves the places at which it waited, and when it is back.
func (units) show(m *machine, g *goroutine, at int64, c *class, state trace.State) {
	if u := g.memo.(*unit); len(u.rests) > 0 && !g.stopped(state) {
		u.rests.pass(m.served(g), at, c)
	}
}

// A unit is work that the service marks itself: a region or a task of runtime/trace,
// or a function that the user names. It counts only if the goroutine serves no
// request and works for none.
type unit struct {
	task  int64 // its id, or noTask
	open  int   // open regions; the outermost is the unit
	named bool  // by the user
	rests rests // the waits of a function that the user names
}

const noTask = -1

// The kinds of such units.
const (
	kindTask     = "task"
	kindRegion   = "region"
	kindFunction = "function"
)

// mayMark reports whether what the service marks on the goroutine can be a unit.
func (m *machine) mayMark(g *goroutine) bool {
	return g.claim == unclaimed && m.worksFor(g) == nil
}

// mark closes the goroutine's current interval and opens a unit.
func (m *machine) mark(g *goroutine, at int64, kind, name string, u unit) {
	m.close(g, at, nil, nil)
	m.open(g, max(at, g.since), kind, name, u)
}

// open opens a unit at a moment up to which everything has been attributed. Stacks do
// not change the name of the unit.
func (m *machine) open(g *goroutine, at int64, kind, name string, u unit) *request {
	r := m.begin(g, at)
	r.Kind, r.Endpoint, r.depth, r.proof = kind, name, inner, isRequest
	g.claim, g.ensureRare().memo = ofUnits, &u
	return r
}

// marked returns the unit that the goroutine is in, or nil.
func (m *machine) marked(g *goroutine) *unit {
	if g.claim != ofUnits {
		return nil
	}
	return g.memo.(*unit)
}

// region handles the beginning or end of a region. Regions nest.
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

// task handles the beginning or end of a task. A task may end on another goroutine
// than it began on; that goroutine then ends the wait of the first. A goroutine that
// begins a task that is not a subtask of its last one has handed the last one over.
// Work on that task by another goroutine is a unit there if it is in a region.
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

// unmark forgets the unit that the goroutine is in.
func (m *machine) unmark(g *goroutine) {
	if u := g.memo.(*unit); m.tasks[u.task] == g {
		delete(m.tasks, u.task)
	}
	g.claim, g.memo = unclaimed, nil
}

// seenAt handles the stack of a record with which a goroutine marks work.
func (m *machine) seenAt(g *goroutine, r *trace.Record) {
	if c := m.stacks[r.Stack]; c != nil {
		m.seen(g, r.At, c, trace.StateRunning)
	}
}

// below tracks when a goroutine enters and leaves the functions that the user has
// named as units. A trace has stacks only where a goroutine blocks, enters the
// kernel, or interacts with another one. So the running time between a stack with the
// function and one without it counts toward the unit, and two calls with no such
// stack in between are one unit.
func (m *machine) below(g *goroutine, at int64, c *class) {
	u := m.marked(g)
	switch {
	case c.Unit != "" && (u == nil && m.mayMark(g) || u != nil && u.named) && m.named[c.Unit].heads(c):
		if u != nil {
			u.rests.pass(m.served(g), at, c)
		}
		m.turn(g, m.named[c.Unit], u)
		return
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

// runs keeps the goroutine's intervals since its last stack, since they may turn out
// to belong to a unit.
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
