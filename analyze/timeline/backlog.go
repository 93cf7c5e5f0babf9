package timeline

import (
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/trace"
)

// A turning finds the units of a goroutine that a library lets call the service back for
// each, and that never waits because the next is always there: no stack shows where one ends.
// It is where the callback is back at the first step it was seen to take, after others. A
// callback may itself do something again and again, so this holds only
//
//   - if most units between two waits had each step once,
//   - or if no unit between two waits has been seen, and the callback came back many times.
type turning struct {
	first  *class // the first step, nil if not known
	since  int    // steps since it was last there
	backs  int    // how often the unit came back to it
	turned bool   // a unit began where it came back, since the last wait
	single int    // units between two waits that did not come back
	double int    // those that did
}

const (
	mostBacks = 16 // after as many, each is a unit
	mostSteps = 64 // a first step that does not come back within so many was none
)

// comesBack updates it from a stack of the callback, and reports whether that begins a unit.
func (t *turning) comesBack(c *class, state trace.State) bool {
	switch {
	case state == trace.StateRunnable || c.GC || c.Own != nil && c.Own.Bucket == breakdown.Lock:
		return false // what stopped it is no step
	case t.first == nil || earlier(c.called(), t.first.called()) || c != t.first && t.since == mostSteps:
		t.first, t.since = c, 0
		return false
	case c != t.first:
		t.since++
		return false
	}
	pauses := c.Own != nil && c.Own.Bucket == breakdown.Sleep && state == trace.StateWaiting
	back := t.since > 0 || pauses
	t.since = 0
	if !back {
		return false
	}
	t.backs++
	return t.single > t.double || t.single+t.double == 0 && (t.turned || t.backs > mostBacks)
}

// restarts begins a unit at the end of a wait.
func (t *turning) restarts() { t.first, t.since, t.backs, t.turned = nil, 0, 0, false }

// rests learns from a unit that a wait ends.
func (t *turning) rests(r *request) {
	switch {
	case r.Incomplete || t.first == nil:
	case t.backs > 0 || t.turned:
		t.double++
	default:
		t.single++
	}
}

// nextTurn closes the goroutine's unit at a moment and opens the next one, which it takes
// without waiting. A unit that had come back before is several, and is dropped.
func (m *machine) nextTurn(g *goroutine, at int64) *request {
	k := m.consumer(g)
	if k.backs > 1 {
		m.drop(g)
	}
	m.done(g, at, false)
	k.backs, k.turned = 0, true
	return m.unit(g, at)
}

// called returns the frames from the function that a library called back to the innermost
// one that is not of the standard library, leaf first.
func (c *class) called() []breakdown.Frame {
	for i := len(c.Stack) - 1; i >= c.Inner; i-- {
		if strings.TrimSuffix(c.Stack[i].Function, "-fm") == c.Handler {
			return c.Stack[c.Inner : i+1]
		}
	}
	return nil
}
