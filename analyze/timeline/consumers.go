package timeline

import (
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// Consumers recognizes the goroutines that take units of work from a queue, or messages
// from a session. It knows them by the roles of their frames and by who hands them
// work, and no queue by name.
type consumers struct{ passive }

var ofConsumers = claimOf(consumers{})

// A consumer is a goroutine that takes units of work from a queue. A unit is what
// happens between two idle fetches: it begins when the goroutine was given
// something that it waited for, and ends when it asks for more. A fetch that finds
// something there already shows only where that wakes another goroutine or enters
// the kernel; what is taken without either belongs to the unit before it.
type consumer struct {
	idle  *class // how it waits, where not its stack but who ends the wait tells
	given bool   // it was given something, and waits on in its library
	unit  string // the function that does the work
	kind  string
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
			r.arrival = arrived
			r.prove(isRequest)
			r.note(c)
		}
	case state == trace.StateWaiting:
		k.given = r != nil && r.arrival == wasGiven && !awaits(g.reason)
		if r != nil && !k.given && (r.arrival == wasGiven || r.arrival == arrived) {
			m.done(g, at, false)
		}
		m.drop(g)
	case r == nil || r.arrival == arrived:
		m.done(g, at, false)
		m.unit(g, at).arrival = onlyRead
	}
}

// unbound tells a goroutine that works for no request but its own.
func (m *machine) unbound(g *goroutine) bool {
	r := m.worksFor(g)
	return r == nil || g.borrowed || g.claim == ofConsumers && r.g == g
}

// consumer makes a goroutine one, unless it is, and returns what is kept of it.
func (m *machine) consumer(g *goroutine) *consumer {
	if g.claim != ofConsumers {
		g.claim, g.req, g.ensureRare().memo = ofConsumers, nil, &consumer{}
	}
	return g.memo.(*consumer)
}

// atWork opens the unit that a consumer was at before it was known to be one, in
// case it was there before the window. Where it was not seen to be given that, the
// window's edge has cut it, or it was none if not busy.
func (m *machine) atWork(g *goroutine, busy bool) {
	start, given, early := g.born, false, g.early
	g.forgetEarly()
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
		fetching = fetching && early[i].hasNoStack() // else it is past its fetch
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

// learn takes what a stack tells of a consumer's work.
func (k *consumer) learn(c *class) {
	if c.Kind != "" && c.Role >= rules.Fetch { // not the server's that a session is below
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

// awaits tells the reasons of a wait for work.
func awaits(reason trace.Reason) bool {
	switch reason {
	case trace.ReasonNetwork, trace.ReasonSelect, trace.ReasonRecv, trace.ReasonCond:
		return true
	}
	return false
}

// feeds tells a goroutine that hands out what consumers take, and takes whether a
// stack with which another one deals with it is a consumer's.
func feeds(c *class) bool { return c != nil && c.Role == rules.Feed }

func (m *machine) mayConsume(g *goroutine, c *class) bool {
	return c != nil && (c.Role == rules.Fetch || c.Own == nil && c.InService && (g.isWorker() || g.claim == ofConsumers)) && m.unbound(g)
}

// feed sees that a goroutine ends a wait, before that is attributed: one that was
// given work was idle.
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

// resume opens a unit where a consumer's wait ends. One that a timer ended may have
// been given nothing: it is no unit unless it does something.
func (consumers) resume(m *machine, g *goroutine, w wakeup) {
	k, waited := m.consumer(g), w.waited
	if m.served(g) != nil || waited == nil || w.reason == trace.ReasonGC || waited.collects() || waited.Role != rules.Fetch && (waited != k.idle || !feeds(w.by)) {
		return
	}
	r := m.unit(g, w.at)
	r.arrival = onlyRead
	if k.given || awaits(w.reason) && w.waker != nil && !w.waker.timed && !waited.Gathers {
		r.give()
	}
}

// consumed sees that a goroutine let one go on that had something to hand out: it has
// taken that without a wait.
func (m *machine) consumed(g *goroutine, at int64, c, from *class) {
	if !feeds(from) || !m.mayConsume(g, c) {
		return
	}
	k := m.consumer(g)
	k.kind = from.Kind
	g.forgetEarly()
	if r := m.served(g); r == nil || r.Start < at {
		m.done(g, at, false)
		m.unit(g, at)
	}
	m.served(g).give()
}

// give says that the goroutine was given what it waited for.
func (r *request) give() {
	r.arrival = wasGiven
	r.prove(isRequest)
}
