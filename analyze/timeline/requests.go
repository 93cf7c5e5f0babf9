package timeline

import (
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// This file defines an open request: what is known about it, what each stack of its
// goroutine adds, and how it is opened, closed, dropped and cut at the edges of the
// window. The recognizers decide when that happens (recognizers.go), and attribution
// where its time went.

// A request may turn out to be none until it is delivered.
type request struct {
	breakdown.Request
	seq     uint32
	g       *goroutine
	life    life
	arrival arrival
	proof   proof
	reads   int // of its first bytes
	handed  handedOpening
	worker  *goroutine // working on it when the window closes
	asked   bool       // it gave something to a goroutine that is not its own
	// The worker that last took something from its own goroutine, and when.
	gaveTo *goroutine
	gaveAt int64
	shared sharing   // its last wait, if that was for such a goroutine
	led    []sharing // its waits that other requests ended
	// streams is set if it arrives or is answered piece by piece. flushes counts how
	// often a part of the answer was sent early, one after another.
	streams  bool
	flushing bool
	flushes  int
	// gaveUp is when a deadline last ended a wait of its goroutine in the service's own
	// code, 0 if something else ended one since.
	gaveUp int64
	// finished is when the goroutine was last seen ending the answer, or 0.
	finished int64
	observer bool
	talks    bool // its goroutine writes answers to the network
	depth    int
	branch   string // a handler seen on a branch, as with http.TimeoutHandler
	branches []*goroutine
	load
}

// A life says who holds a request.
type life uint8

const (
	over life = iota // no one: it has been delivered or dropped
	open             // its goroutine, which is working on it
	held             // the machine: it has ended, but its path may still change
)

// An arrival says how much of a request has been seen to arrive. If nothing but the
// arrival is seen, it may turn out to be the end of the connection, or an empty
// fetch.
type arrival uint8

const (
	arrived     arrival = iota // its goroutine went on to more
	onlyRead                   // nothing but the reading of its first bytes
	readStopped                // the same, and the collector stopped its goroutine after a read
	wasGiven                   // a consumer's goroutine waited for it and received it
)

// A proof says what stacks have shown about a request. Each value includes those
// before it.
type proof uint8

const (
	unproven   proof = iota
	isRequest        // it is a request
	headerRead       // its header has been read
	readAhead        // its goroutine began to read ahead
)

// prove raises the proof of a request to p, if it is lower.
func (r *request) prove(p proof) { r.proof = max(r.proof, p) }

// note updates the request from a stack of its own goroutine.
func (r *request) note(c *class) {
	switch {
	case !c.Served:
	case c.Role == rules.Beginning:
		r.prove(isRequest)
	default:
		r.prove(headerRead)
	}
	r.observer = r.observer || c.Observer
	if r.depth < inner {
		r.noteKind(c)
	}
	if c.Depth > 0 {
		r.NamedBySample, r.NamedInPassing = false, false
	}
	if c.Depth > r.depth {
		r.Endpoint, r.depth, r.Chains = c.Handler, c.Depth, r.Chains[:0]
	}
	if c.chain != nil && c.Depth == r.depth {
		r.pass(c.chain)
	}
}

// maxChains bounds how many chains are kept of a request. More of them come from a
// handler that calls many functions, not from middleware, which calls the next one.
const maxChains = 8

// pass records how a stack shows the request being passed on.
func (r *request) pass(chain *breakdown.Chain) {
	if len(r.Chains) < maxChains && !slices.Contains(r.Chains, chain) {
		r.Chains = append(r.Chains, chain)
	}
}

// noteKind updates the kind of the request from a stack.
func (r *request) noteKind(c *class) {
	if c.Kind != "" && (c.Role < rules.Fetch) == (r.g.claim != ofConsumers) {
		r.Kind = c.Kind
	}
	if c.Flushes && !r.flushing {
		r.flushes++
	}
	r.flushing = c.Flushes
	r.streams = r.streams || c.Streams || r.flushes > 1
}

// begin opens a request on a goroutine at a moment.
func (m *machine) begin(g *goroutine, at int64) *request {
	var r *request
	if n := len(m.free); n > 0 {
		r = m.free[n-1]
		m.free = m.free[:n-1]
	} else {
		r = &request{}
	}
	m.seq++
	// Cleared in place, as in close, and its slices are reused.
	path, calls, samples, chains, waits, branches, led := r.Path[:0], r.Calls[:0], r.Samples[:0], r.Chains[:0], r.Waits[:0], r.branches[:0], r.led[:0]
	*r = request{}
	r.Goroutine, r.Start = g.id, at
	r.Path, r.Calls, r.Samples, r.Chains, r.Waits, r.branches, r.led = path, calls, samples, chains, waits, branches, led
	r.seq, r.g, r.life = m.seq, g, open
	g.req, g.reqSeq, g.borrowed = r, r.seq, false
	return r
}

// drop discards a request that turned out to be none.
func (m *machine) drop(g *goroutine) { m.release(g, over) }

// release separates a goroutine from its request and sets the request's life.
func (m *machine) release(g *goroutine, to life) {
	if r := m.served(g); r != nil {
		r.life = to
		m.reuse(r)
	}
	if g.claim == ofUnits {
		m.unmark(g)
	}
	g.req = nil
}

// served returns the open request that the goroutine itself serves, or nil.
func (m *machine) served(g *goroutine) *request {
	if r := m.worksFor(g); r != nil && r.g == g {
		return r
	}
	return nil
}

// done closes a request at a moment: the goroutine is idle again, or ends. It returns
// what the path holds beyond that moment.
func (m *machine) done(g *goroutine, at int64, incomplete bool) (beyond []breakdown.Segment) {
	r := m.served(g)
	if r == nil {
		return nil
	}
	m.close(g, at, nil, nil) // the stack may come in the middle of a state
	m.noteOpen(r, at)
	beyond = r.cutAt(at)
	r.End = m.upTo(r, g, at)
	r.Incomplete = r.Incomplete || incomplete
	to := over
	if r.proof >= isRequest && !r.observer && r.End > r.Start {
		if r.Endpoint == "" {
			r.Endpoint = r.branch
		}
		if r.streams {
			r.Kind += breakdown.Streaming
		}
		m.settleLed(r)
		r.giveUp()
		m.sum.Requests++
		if m.mayTurnOut(r) {
			to = held
			m.held = append(m.held, r)
		} else {
			m.placeCalls(r)
			m.deliver(r)
		}
	}
	m.release(g, to)
	return beyond
}

// cutAt cuts the path at a moment and returns the rest.
func (r *request) cutAt(at int64) (beyond []breakdown.Segment) {
	i := len(r.Path)
	for i > 0 && r.Path[i-1].Start >= at {
		i--
	}
	beyond = slices.Clone(r.Path[i:])
	r.Path = r.Path[:i]
	if i > 0 && r.Path[i-1].End > at {
		last := &r.Path[i-1]
		rest := *last
		rest.Start, rest.Behind = at, nil
		last.End, last.Behind = at, nil
		beyond = slices.Insert(beyond, 0, rest)
	}
	return beyond
}

// ended handles the end of a goroutine.
func (m *machine) ended(g *goroutine, at int64) {
	if m.served(g) != nil {
		m.done(g, at, false)
	}
}

// attributeOpen attributes the state that a request's goroutine is in when the window
// ends.
func (m *machine) attributeOpen(g *goroutine) {
	r := m.served(g)
	if r == nil {
		return
	}
	if m.now > g.since && g.state != trace.StateUnknown {
		iv := interval{start: g.since, end: m.now, class: g.class, state: g.state, reason: g.reason, assist: g.assist, aide: aideOf(g, nil), open: true}
		m.attribute(r, g, &iv)
		m.noteStanding(r, g)
	}
}

// cut closes what is open when the window ends.
func (m *machine) cut(g *goroutine) {
	r := m.served(g)
	if r == nil {
		return
	}
	switch {
	case r.arrival == onlyRead, r.arrival == readStopped:
		m.drop(g)
	case r.finished != 0 && (g.class == nil || g.class.Role != rules.Finishing):
		m.done(g, r.finished, false) // its answer is complete
	default:
		m.done(g, m.now, true)
	}
}
