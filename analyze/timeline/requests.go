package timeline

import (
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// An open request: what is known of it, what each stack of its goroutine adds, and
// how it is opened, closed, dropped and cut by the window's edge. When that happens is
// for the recognizers to say (recognizers.go), what its time goes to for attribution.

// A request is what may be one, until it is delivered.
type request struct {
	breakdown.Request
	seq     uint32
	g       *goroutine
	life    life
	arrival arrival
	proof   proof
	reads   int // of its first bytes
	handed  handedOpening
	worker  *goroutine // that is at its work when the window closes
	asked   bool       // it gave something to a goroutine that is not its own
	// streams: it comes or is answered bit by bit. flushes counts how often a bit
	// of the answer was sent ahead, one after another.
	streams  bool
	flushing bool
	flushes  int
	// finished is when the goroutine was last seen ending the answer, 0: not yet.
	finished int64
	observer bool
	depth    int
	branch   string // a handler seen on a branch: http.TimeoutHandler has one
	branches []*goroutine
	load
}

// A life says who has a request.
type life uint8

const (
	over life = iota // nobody: it has been delivered, or dropped
	open             // its goroutine, which is at it
	held             // the machine: it has ended, but its path may turn out to be something else
)

// An arrival says how much of a request has been seen to come. One of which nothing but
// the arrival is seen may turn out to be the connection's end, or a fetch of nothing.
type arrival uint8

const (
	arrived     arrival = iota // its goroutine went on to more
	onlyRead                   // nothing but the reading of its first bytes
	readStopped                // the same, and the collector stopped its goroutine after a read
	wasGiven                   // a consumer's goroutine waited for it, and was given it
)

// A proof says what stacks showed of a request. Each includes the ones before.
type proof uint8

const (
	unproven   proof = iota
	isRequest        // it is a request
	headerRead       // its header has been read
	readAhead        // its goroutine began to read ahead
)

// prove takes a proof of a request.
func (r *request) prove(p proof) { r.proof = max(r.proof, p) }

// note takes what a stack of the request's own goroutine tells.
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
		r.NamedBySample = false
	}
	if c.Depth > r.depth {
		r.Endpoint, r.depth, r.Chains = c.Handler, c.Depth, r.Chains[:0]
	}
	if c.chain != nil && c.Depth == r.depth {
		r.pass(c.chain)
	}
}

// maxChains bounds how many chains are kept of a request: more are of a handler
// that calls many functions, and not of middleware, which calls the next one.
const maxChains = 8

// pass takes what a stack of the request shows of how it was passed on.
func (r *request) pass(chain *breakdown.Chain) {
	if len(r.Chains) < maxChains && !slices.Contains(r.Chains, chain) {
		r.Chains = append(r.Chains, chain)
	}
}

// noteKind takes what a stack tells of what the request is.
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
	// Cleared in its place, as in close; what it holds is used again.
	path, calls, samples, chains, waits, branches := r.Path[:0], r.Calls[:0], r.Samples[:0], r.Chains[:0], r.Waits[:0], r.branches[:0]
	*r = request{}
	r.Goroutine, r.Start = g.id, at
	r.Path, r.Calls, r.Samples, r.Chains, r.Waits, r.branches = path, calls, samples, chains, waits, branches
	r.seq, r.g, r.life = m.seq, g, open
	g.req, g.reqSeq, g.borrowed = r, r.seq, false
	return r
}

// drop forgets what turned out to be no request.
func (m *machine) drop(g *goroutine) { m.release(g, over) }

// release ends what ties a goroutine to its request, and leaves that in a state.
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

// served is the open request that the goroutine itself serves.
func (m *machine) served(g *goroutine) *request {
	if r := m.worksFor(g); r != nil && r.g == g {
		return r
	}
	return nil
}

// done closes a request at a moment: the goroutine is idle again, or ends. What
// the path holds beyond that moment is returned.
func (m *machine) done(g *goroutine, at int64, incomplete bool) (beyond []breakdown.Segment) {
	r := m.served(g)
	if r == nil {
		return nil
	}
	m.close(g, at, nil, nil) // a stack may tell it amid a state
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
		m.placeCalls(r)
		m.sum.Requests++
		if m.mayTurnOut(r) {
			to = held
			m.held = append(m.held, r)
		} else {
			m.deliver(r)
		}
	}
	m.release(g, to)
	return beyond
}

// cutAt cuts the path at a moment and returns what lies beyond.
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

// ended looks at a goroutine's end.
func (m *machine) ended(g *goroutine, at int64) {
	if m.served(g) != nil {
		m.done(g, at, false)
	}
}

// attributeOpen attributes the state that a request's goroutine is in at the window's
// end.
func (m *machine) attributeOpen(g *goroutine) {
	r := m.served(g)
	if r == nil {
		return
	}
	if m.now > g.since && g.state != trace.StateUnknown {
		iv := interval{start: g.since, end: m.now, class: g.class, state: g.state, reason: g.reason, assist: g.assist, aide: aideOf(g, nil), open: true}
		m.attribute(r, g, &iv)
	}
}

// cut closes what is open at the window's end.
func (m *machine) cut(g *goroutine) {
	r := m.served(g)
	if r == nil {
		return
	}
	switch {
	case r.arrival == onlyRead, r.arrival == readStopped:
		m.drop(g)
	case r.finished != 0 && (g.class == nil || g.class.Role != rules.Finishing):
		m.done(g, r.finished, false) // its answer is given
	default:
		m.done(g, m.now, true)
	}
}
