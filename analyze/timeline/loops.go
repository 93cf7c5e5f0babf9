package timeline

import (
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// Loops recognizes long-lived goroutines that handle one message after another: they
// read or receive it, work on it, and wait for the next at the same place. That place,
// the head of the loop, is known from a row for the library, or is found in a function
// that the user names. A unit is one turn. A message that was already there is a turn of
// its own only if taking it enters the kernel, as reading from a connection does, or
// wakes another goroutine. Messages that arrive together in a buffer are one.
type loops struct{ passive }

var ofLoops = claimOf(loops{})

// A loop is what is known about such a goroutine.
type loop struct {
	name, kind string
	of         *named // nil for a library's
	rests      rests
	waited     bool // the open turn began with the end of a wait
	// Turns that did something, and those after a wait that did nothing the trace shows.
	worked, silent int
}

func (loops) claims(c *class) (starting, showing bool) { return false, c.Role == rules.Message }

func (loops) start(*machine, *goroutine, int64) {}

func (k loops) adopt(m *machine, g *goroutine, at int64, c *class, state trace.State) bool {
	if m.worksFor(g) != nil {
		return false
	}
	g.claim, g.req, g.ensureRare().memo = ofLoops, nil, &loop{name: c.Handler, kind: c.Kind}
	k.show(m, g, at, c, state)
	return true
}

func (loops) show(m *machine, g *goroutine, at int64, c *class, state trace.State) {
	l, r := g.memo.(*loop), m.served(g)
	switch {
	case l.heads(c):
		m.atHead(g, at, c, state)
	case r == nil:
	case c.closes && r.arrival != arrived:
		m.drop(g) // it read the end of the connection
	default:
		r.arrival = arrived
		r.prove(isRequest)
	}
}

// atHead handles a stack with which a goroutine waits for the next message, or takes it.
func (m *machine) atHead(g *goroutine, at int64, c *class, state trace.State) {
	l, r := g.memo.(*loop), m.served(g)
	switch {
	case g.stopped(state), state == trace.StateRunnable: // it was stopped here, before, during or after a read
	case state == trace.StateWaiting:
		if r != nil && r.arrival == arrived {
			l.worked++
			m.done(g, at, false)
		}
		m.drop(g) // the read found nothing
	default:
		if r != nil && (r.arrival == arrived || r.reads > 0) {
			if l.foundNothing(r) {
				m.drop(g)
			} else {
				r.prove(isRequest) // it did not wait after the read before, which thus found a message
				m.done(g, at, false)
			}
			r = nil
		}
		if r == nil {
			r = m.message(g, at)
		}
		if r.reads++; state != trace.StateSyscall {
			r.arrival = arrived // it woke the goroutine that gave it the message
			r.prove(isRequest)
		}
	}
}

// foundNothing reports whether the read before found nothing, though the goroutine reads
// again without a wait: a message came between the read and the wait. That looks like a
// message whose handling leaves no stack. It is none if turns leave one.
func (l *loop) foundNothing(r *request) bool {
	switch {
	case r.arrival == arrived:
		l.worked++
	case l.waited:
		l.silent++
	default:
		return l.worked > 0 && 16*l.silent <= l.worked
	}
	return false
}

// message opens a unit.
func (m *machine) message(g *goroutine, at int64) *request {
	m.close(g, at, nil, nil)
	l := g.memo.(*loop)
	l.waited = false
	r := m.begin(g, max(at, g.since))
	r.Endpoint, r.Kind, r.depth, r.arrival, r.talks = l.name, l.kind, inner, onlyRead, true
	return r
}

// resume opens a unit at the end of a wait for a message. If a timer ended the wait, it
// is one only if it does something.
func (loops) resume(m *machine, g *goroutine, w wakeup) {
	l := g.memo.(*loop)
	if w.waited == nil || w.reason == trace.ReasonGC {
		return
	}
	if l.of != nil && (w.waker == nil || m.worksFor(w.waker) != m.served(g)) {
		m.learnHead(g, &l.rests, w)
	}
	if m.worksFor(g) != nil || !l.heads(w.waited) {
		return
	}
	r := m.message(g, w.at)
	l.waited = true
	if w.waker != nil && !w.waker.timed {
		r.arrival = arrived
		r.prove(isRequest)
	}
}

// heads reports whether the stack is at the loop's head.
func (l *loop) heads(c *class) bool { return c.Role == rules.Message || l.of.heads(c) }

// A named is a function that the user named as a unit of work and that turned out to be a
// loop: a goroutine waited in it at the same place more than once, for something other
// than its own branches. Of several such places, and of those between two waits at one of
// them, the head is the first in the source: a loop waits for its next message before it
// works on it.
type named struct{ head *class }

// heads reports whether the stack is at the loop's head.
func (n *named) heads(c *class) bool {
	return n != nil && (c == n.head || c.Unit == n.head.Unit && slices.Equal(c.way(), n.head.way()))
}

// turn makes a goroutine a loop of a function that the user named. Of what it did
// so far, only the first turn can be a unit.
func (m *machine) turn(g *goroutine, n *named, u *unit) {
	l := &loop{name: n.head.Unit, kind: kindFunction, of: n}
	if u != nil {
		l.rests = u.rests
		m.firstTurn(g, n, u.rests)
	}
	m.drop(g)
	g.claim, g.ensureRare().memo = ofLoops, l
}

// dropTurns drops the units that are open when the head of a loop turns out to be
// elsewhere. They began in the middle of a turn.
func (m *machine) dropTurns(n *named) {
	for _, g := range m.gs.All() {
		if g.claim == ofLoops && g.memo.(*loop).of == n {
			m.drop(g)
		}
	}
}

// learnHead updates what is known about the loop that a goroutine's wait belongs to. It
// returns the loop if the wait is at its head. Only what a goroutine began in is a loop:
// another function that is named is a unit each time it is called, and may pause or wait
// again and again while it works. So may the job of a goroutine that does one and ends,
// except that it reads from the network only if it serves a connection.
func (m *machine) learnHead(g *goroutine, seen *rests, w wakeup) *named {
	c := w.waited
	if c == nil || c.Unit == "" || c.Unit != c.Root() || !restful(c, w.reason) || w.reason != trace.ReasonNetwork && 2*g.root.ended > g.root.Goroutines {
		return nil
	}
	n := m.named[c.Unit]
	i := slices.IndexFunc(*seen, func(o rest) bool { return o.isAt(c) })
	if i < 0 {
		if len(*seen) < mostRests {
			*seen = append(*seen, rest{class: c, from: markOf(m.served(g), w.at)})
		}
		if n != nil && g.claim == ofLoops && c.precedes(n.head) {
			m.drop(g) // it may have begun in the middle of a turn
		}
		return nil
	}
	for _, o := range (*seen)[i+1:] {
		if o.class.precedes(c) {
			c = o.class // it lies between two waits at one place, so it is in the loop too
		}
	}
	switch {
	case n == nil:
		n = &named{c}
		m.named[c.Unit] = n
	case !n.heads(c) && c.precedes(n.head):
		n.head = c
		m.dropTurns(n)
	}
	if n.heads(w.waited) {
		return n
	}
	return nil
}

// restful reports whether a wait may be one for a message, or between two turns of a
// loop: no rule says that it is a call to another system or for a lock.
func restful(c *class, reason trace.Reason) bool {
	return (awaits(reason) || reason == trace.ReasonSleep) && (c.Own == nil || c.Own.Bucket == breakdown.Sleep) && c.Role == rules.NoRole
}

// getsMessage reports whether a wait may have been for a message, which came.
func (iv *interval) getsMessage() bool {
	return awaits(iv.reason) && restful(iv.class, iv.reason) && (iv.waker != nil && !iv.waker.timed || iv.reason == trace.ReasonNetwork && !iv.open)
}

// way returns the frames from the function that the user named to the innermost one that
// is not of the standard library, leaf first.
func (c *class) way() []breakdown.Frame {
	for i := len(c.Stack) - 1; i >= c.Inner; i-- {
		if c.Stack[i].Function == c.Unit {
			return c.Stack[c.Inner : i+1]
		}
	}
	return nil
}

// precedes reports whether a wait comes before another one in the source, as far as one
// function has both. A pause comes after all others.
func (c *class) precedes(o *class) bool {
	pause := func(c *class) bool { return c.Own != nil }
	if pause(c) != pause(o) {
		return pause(o)
	}
	return earlier(c.way(), o.way())
}

// earlier reports whether one way into a function leaves it at an earlier line than another,
// as far as both have the same functions.
func earlier(a, b []breakdown.Frame) bool {
	for i := 1; i <= min(len(a), len(b)); i++ {
		x, y := a[len(a)-i], b[len(b)-i]
		switch {
		case x.Function != y.Function:
			return false
		case x.Line != y.Line:
			return x.Line < y.Line
		}
	}
	return false
}
