package timeline

import (
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// Consumers recognizes goroutines that take units of work from a queue or messages
// from a session. It recognizes them by the roles of their frames and by who hands
// them work, not by the name of a queue.
type consumers struct{ passive }

var ofConsumers = claimOf(consumers{})

// A consumer is a goroutine that takes units of work from a queue. A unit is what
// happens between two idle fetches: it begins when the goroutine receives something
// it waited for, and ends when it asks for more. A fetch that finds something already
// there is visible only if it wakes another goroutine or enters the kernel. Whatever
// is taken without either belongs to the unit before, unless a library calls the service
// back for each: see turning.
type consumer struct {
	idle  *class // how it waits, if its waker and not its stack identifies it
	given bool   // it received something, and still waits in its library
	unit  string // the function that processes the unit
	kind  string
	turning
}

func (consumers) claims(c *class) (starting, showing bool) {
	return c.Role == rules.Callback, c.Role == rules.Fetch || c.Role == rules.Callback
}

func (consumers) start(m *machine, g *goroutine, _ int64) { m.consumer(g) }

func (k consumers) adopt(m *machine, g *goroutine, at int64, c *class, state trace.State) bool {
	if !m.unbound(g) {
		return false
	}
	m.consumer(g).learn(c)
	if busy := c.Role == rules.Callback && c.Served && (c.Own != nil || !awaits(g.reason)); busy || c.Role == rules.Fetch {
		m.atWork(g, busy)
	}
	k.show(m, g, at, c, state)
	return true
}

func (consumers) show(m *machine, g *goroutine, at int64, c *class, state trace.State) {
	k := m.consumer(g)
	k.learn(c)
	r := m.served(g)
	switch {
	case c.Role != rules.Fetch && c != k.idle:
		switch {
		case r == nil:
		case c.Role == rules.Callback && k.unit == "":
			m.drop(g) // the library calls itself back
		default:
			if c.Role == rules.Callback && c.Served && k.comesBack(c, state) {
				r = m.nextTurn(g, at)
			}
			r.arrival = arrived
			r.prove(isRequest)
			r.note(c)
		}
	case state == trace.StateWaiting:
		k.given = r != nil && r.arrival == wasGiven && !awaits(g.reason)
		if r != nil && !k.given && (r.arrival == wasGiven || r.arrival == arrived) {
			k.rests(r)
			m.done(g, at, false)
		}
		m.drop(g)
	case r == nil || r.arrival == arrived:
		m.done(g, at, false)
		m.unit(g, at).arrival = onlyRead
	}
}

// unbound reports whether a goroutine works for no request but its own.
func (m *machine) unbound(g *goroutine) bool {
	r := m.worksFor(g)
	return r == nil || g.borrowed || g.claim == ofConsumers && r.g == g
}

// consumer makes the goroutine a consumer, unless it already is one, and returns its
// state.
func (m *machine) consumer(g *goroutine) *consumer {
	if g.claim != ofConsumers {
		g.claim, g.req, g.ensureRare().memo = ofConsumers, nil, &consumer{}
	}
	return g.memo.(*consumer)
}

// atWork opens the unit that a consumer was at before it was known to be one, if it
// existed before the window. If it was not seen to receive that work, the window's
// start has cut the unit or, unless busy, there was none.
func (m *machine) atWork(g *goroutine, busy bool) {
	start, given, early := g.born, false, g.early
	m.forgetEarly(g)
	if len(early) > 0 && early[0].state == trace.StateWaiting && early[0].hasNoStack() {
		start, given, early = early[0].end, feeds(early[0].wakerClass), early[1:]
	}
	if g.fresh || m.consumer(g).unit == "" || len(early) == 0 && !busy {
		return
	}
	r := m.unit(g, start)
	r.Incomplete = !given
	r.prove(isRequest)
	fetching := !busy
	for i := range early {
		fetching = fetching && early[i].hasNoStack() // otherwise it is past its fetch
		m.attribute(r, g, &early[i])
	}
	switch {
	case fetching && given:
		r.arrival = wasGiven
	case fetching:
		r.arrival = onlyRead
	}
	m.claim(r, g, start, g.since)
}

// learn updates the consumer from a stack of its work.
func (k *consumer) learn(c *class) {
	if c.Kind != "" && c.Role >= rules.Fetch { // not the kind of the server below a session
		k.kind = c.Kind
	}
	switch {
	case c.Handler != "":
		k.unit = c.Handler
	case c.InService && (c.Role == rules.Fetch || c == k.idle):
		k.unit = c.Site.Function
	}
}

// unit opens a unit of work.
func (m *machine) unit(g *goroutine, at int64) *request {
	r := m.begin(g, at)
	k := m.consumer(g)
	r.Endpoint, r.Kind = k.unit, k.kind
	return r
}

// awaits reports whether a wait for work can have this reason.
func awaits(reason trace.Reason) bool {
	switch reason {
	case trace.ReasonNetwork, trace.ReasonSelect, trace.ReasonRecv, trace.ReasonCond:
		return true
	}
	return false
}

// feeds reports whether the stack belongs to a goroutine that hands out work to
// consumers.
func feeds(c *class) bool { return c != nil && c.Role == rules.Feed }

func (m *machine) mayConsume(g *goroutine, c *class) bool {
	return c != nil && (c.Role == rules.Fetch || c.Own == nil && c.InService && (g.isWorker() || g.claim == ofConsumers)) && m.unbound(g)
}

// feed handles a goroutine that ends a wait, before the wait is attributed: a
// goroutine that was given work was idle.
func (m *machine) feed(g *goroutine, by *class) {
	if !feeds(by) || !awaits(g.reason) || !m.mayConsume(g, g.class) {
		return
	}
	k := m.consumer(g)
	k.idle, k.kind = g.class, by.Kind
	k.learn(g.class)
	if len(g.early) > 0 {
		m.atWork(g, false)
	}
	m.done(g, g.since, false)
}

// resume opens a unit at the end of a consumer's wait. If a timer ended the wait, the
// consumer may have received nothing: it is a unit only if it does something.
func (consumers) resume(m *machine, g *goroutine, w wakeup) {
	k, waited := m.consumer(g), w.waited
	if m.served(g) != nil || waited == nil || w.reason == trace.ReasonGC || waited.collects() || waited.Role != rules.Fetch && (waited != k.idle || !feeds(w.by)) {
		return
	}
	r := m.unit(g, w.at)
	r.arrival = onlyRead
	k.restarts()
	if k.given || awaits(w.reason) && w.waker != nil && !w.waker.timed && !waited.Gathers {
		r.give()
	}
}

// consumed handles a goroutine that woke one with something to hand out: it has taken
// that without waiting.
func (m *machine) consumed(g *goroutine, at int64, c, from *class) {
	if !feeds(from) || !m.mayConsume(g, c) {
		return
	}
	k := m.consumer(g)
	k.kind = from.Kind
	m.forgetEarly(g)
	if r := m.served(g); r == nil || r.Start < at {
		m.done(g, at, false)
		m.unit(g, at)
	}
	m.served(g).give()
}

// give records that the goroutine received what it waited for.
func (r *request) give() {
	r.arrival = wasGiven
	r.prove(isRequest)
}
