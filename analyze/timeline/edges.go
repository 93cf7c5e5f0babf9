package timeline

import (
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// connState is where the goroutine of a server's connection stands.
type connState uint8

const (
	connUnknown  connState = iota // there before the window; no stack seen yet
	connNone                      // no server's goroutine
	connFresh                     // accepted, no request read yet
	connIdle                      // between requests
	connActive                    // a request has begun, or may have
	connStream                    // serves one request and ends
	connConsumer                  // takes units of work from a queue
)

// A request is one that is open.
type request struct {
	breakdown.Request
	seq  uint32
	g    *goroutine
	open bool
	// reading: only the reading of its first bytes has been seen, reads times;
	// it may turn out to be the connection's end. stopped: by the collector, after
	// such a read. served: a stack showed that it is a request. headed: one showed
	// that its header has been read. ahead: its goroutine began to read ahead.
	reading bool
	reads   int
	stopped bool
	served  bool
	headed  bool
	ahead   bool
	held    bool // its path may turn out to be something else
	handed  handedOpening
	worker  *goroutine // that is at its work when the window closes
	given   bool       // a consumer's: it waited for this
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

// note takes what a stack of the request's own goroutine tells.
func (r *request) note(c *class) {
	r.served = r.served || c.Served
	r.headed = r.headed || c.Served && c.Role != rules.Beginning
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
	if c.Kind != "" && (c.Role < rules.Fetch) == (r.g.consumer == nil) {
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
	r.seq, r.g, r.open = m.seq, g, true
	g.req, g.reqSeq, g.borrowed = r, r.seq, false
	return r
}

// drop forgets what turned out to be no request.
func (m *machine) drop(g *goroutine) {
	if r := m.own(g); r != nil {
		r.open = false
		m.reuse(r)
	}
	m.unmark(g)
	g.req = nil
}

// own is the open request that the goroutine itself serves.
func (m *machine) own(g *goroutine) *request {
	if r := m.tag(g); r != nil && r.g == g {
		return r
	}
	return nil
}

// done closes a request at a moment: the goroutine is idle again, or ends. What
// the path holds beyond that moment is returned.
func (m *machine) done(g *goroutine, at int64, incomplete bool) (beyond []breakdown.Segment) {
	r := m.own(g)
	if r == nil {
		return nil
	}
	m.close(g, at, nil, nil) // a stack may tell it amid a state
	m.noteOpen(r, at)
	beyond = r.cutAt(at)
	r.End = m.upTo(r, g, at)
	r.Incomplete = r.Incomplete || incomplete
	if r.served && !r.observer && r.End > r.Start {
		if r.Endpoint == "" {
			r.Endpoint = r.branch
		}
		if r.streams {
			r.Kind += breakdown.Streaming
		}
		m.placeCalls(r)
		m.sum.Requests++
		if r.held = m.mayTurnOut(r); r.held {
			m.held = append(m.held, r)
		} else {
			m.tell(r)
		}
	}
	m.drop(g)
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

// begun looks at a new goroutine's first frame.
func (m *machine) begun(g *goroutine, at int64) {
	switch g.start.Role {
	case rules.Connection:
		// It may have been accepted by a goroutine of a request, but serves
		// others.
		g.conn, g.req = connFresh, nil
	case rules.Stream:
		if r := m.tag(g); r != nil && r.served {
			g.conn = connNone // the server is one within another, whose request this is
			m.seenOnBranch(g, g.start)
			return
		}
		g.conn = connStream
		m.begin(g, at).note(g.start)
	case rules.Callback:
		m.consumer(g)
	default:
		g.conn = connNone
		if g.start.Unit != "" && m.mayMark(g) {
			m.open(g, at, kindFunction, g.start.Unit, unit{task: noTask, named: true})
		}
	}
}

// seen looks at a stack of a goroutine: one that it blocked or entered the
// kernel with, or one with which it woke or created another.
func (m *machine) seen(g *goroutine, at int64, c *class, state trace.State) {
	at = max(at, g.since)
	if c.collects() || c.Role == rules.Fetch && g.stopped(state) {
		return
	}
	if c.before != nil {
		m.learn(g, c)
	}
	g.was = nil
	if g.conn == connUnknown {
		m.recognize(g, c)
	}
	if g.conn == connNone || g.conn == connConsumer {
		if m.units {
			m.below(g, at, c)
		}
		if !m.consumes(g, at, c, state) {
			m.seenOnBranch(g, c)
		}
		return
	}
	switch c.Role {
	case rules.Fetch:
		// A session: the connection was taken over before the window. Else it is
		// the other end of one, which a request uses.
		if r := m.own(g); r == nil || r.Incomplete {
			m.drop(g)
			g.conn = connNone
			m.consumes(g, at, c, state)
			return
		}
	case rules.Idle:
		g.conn = connIdle
		m.idle(g, at, state)
		return
	case rules.ReadHeader:
		if g.conn == connFresh || m.readingHeader(g) {
			m.idle(g, at, state)
			return
		}
	case rules.Closing:
		m.done(g, at, false)
		g.conn = connIdle
		return
	case rules.Unconnected:
		m.done(g, at, false)
		g.conn = connFresh
		return
	case rules.Hijacked:
		if r := m.own(g); r != nil {
			r.note(c)
		}
		m.done(g, at, false)
		g.conn = connNone
		return
	case rules.NotRequest:
		m.drop(g)
		g.conn = connNone
		return
	}
	r := m.own(g)
	if r != nil && r.finished != 0 && c.Role != rules.Finishing {
		if r = m.next(g, r.finished, c.Served); r == nil {
			return
		}
	}
	if r == nil {
		if !c.Served || g.conn == connStream {
			return
		}
		r = m.begin(g, at)
	}
	r.reading = false
	g.conn = connActive
	r.note(c)
}

// collects tells a stack that would be idle, but is at work for the collector: an
// allocation there began a collection, or had to assist one.
func (c *class) collects() bool {
	return c.GC && (c.readsRequest() || c.Role == rules.Fetch)
}

// stopped tells that the collector made a goroutine wait, wherever it was: before,
// amid or after a read.
func (g *goroutine) stopped(state trace.State) bool {
	return state == trace.StateWaiting && g.reason == trace.ReasonGC
}

// seenOnBranch looks at a stack of a goroutine that works for a request: a server
// within the one that the request came to knows its handler better.
func (m *machine) seenOnBranch(g *goroutine, c *class) {
	if c.Handler == "" && c.Role != rules.Stream {
		return
	}
	r := m.tag(g)
	switch {
	case r == nil || g.borrowed || r.g == g:
	case c.Role == rules.Stream:
		r.within(c)
	case r.branch == "" || r.branch == c.Handler:
		r.branch = c.Handler
		if c.chain != nil && r.depth == 0 {
			r.pass(c.chain)
		}
	}
}

// inner is how much deeper the dispatches of a server within another are than the
// other's.
const inner = 1 << 10

// within takes what a stack of a server within another tells.
func (r *request) within(c *class) {
	r.Kind, r.streams = c.Kind, r.streams || c.Streams
	r.depth = max(r.depth, inner)
	if inner+c.Depth > r.depth {
		r.Endpoint, r.depth, r.Chains = c.Handler, inner+c.Depth, r.Chains[:0]
	}
	if c.chain != nil && inner+c.Depth == r.depth {
		r.pass(c.chain)
	}
}

// idle takes a stack of reading the first bytes of a request. A read that finds
// them there is the request's beginning; one that finds nothing is followed by a
// wait, and the request begins when that ends. A second read that has to wait
// is waiting for the rest of a header.
func (m *machine) idle(g *goroutine, at int64, state trace.State) {
	r := m.own(g)
	if r != nil && !r.reading {
		m.done(g, at, false)
		r = nil
	}
	switch state {
	case trace.StateSyscall:
		if r != nil && r.stopped {
			m.drop(g) // the read before had found nothing
			r = nil
		}
		if r == nil {
			r = m.begin(g, at)
			r.reading = true
		}
		r.reads++
		g.conn = keepFresh(g.conn, connActive)
	case trace.StateWaiting:
		if g.reason == trace.ReasonSync {
			return // for a lock of the server's own
		}
		if r != nil && g.stopped(state) {
			r.stopped = r.reads > 0
		}
		if g.stopped(state) || r != nil && r.reads > 1 {
			return
		}
		m.drop(g)
		g.conn = keepFresh(g.conn, connIdle)
	}
}

// keepFresh keeps a connection fresh until a request was seen on it: only there
// is the reading of a header the beginning.
func keepFresh(c, next connState) connState {
	if c == connFresh {
		return c
	}
	return next
}

// woken follows the end of a wait: if it was for a request's first bytes, they
// have arrived. What another goroutine handed over is a request for certain.
func (m *machine) woken(g *goroutine, at int64, waited *class, why trace.Reason, handed bool) {
	if waited == nil || why == trace.ReasonGC || why == trace.ReasonSync || waited.collects() || m.own(g) != nil {
		return
	}
	if g.conn == connIdle && waited.readsRequest() || g.conn == connFresh && waited.Role == rules.ReadHeader {
		r := m.begin(g, at)
		r.Kind, r.reading, r.served = waited.Kind, !handed, handed
	}
}

// ended looks at a goroutine's end.
func (m *machine) ended(g *goroutine, at int64) {
	if m.own(g) != nil {
		m.done(g, at, false)
	}
}

// recognize looks at the first stack of a goroutine that was there before the
// window. If it serves a request, that one was cut by the window's edge.
func (m *machine) recognize(g *goroutine, c *class) {
	g.root.Goroutines--
	g.root = m.rootOf(c)
	g.root.Goroutines++
	early := g.early
	m.shows(g.opening, c)
	if c.Kind != "" && c.Role < rules.Fetch {
		g.forgetEarly()
	}
	switch {
	case c.Role == rules.NotRequest, c.Role == rules.Background, c.Role >= rules.Fetch, c.Kind == "":
		g.conn = connNone
	case c.Served:
		r := m.begin(g, g.born)
		r.Incomplete = true
		g.conn = connActive
		if c.Role == rules.Stream {
			g.conn = connStream
		}
		for i := range early {
			m.attribute(r, g, &early[i])
		}
	case c.readsRequest() && lastWait(early) != 0:
		// It was waiting for this request's first bytes.
		g.conn = connActive
		m.begin(g, lastWait(early)).reading = true
		r := m.own(g)
		for i := range early {
			if early[i].start >= r.Start {
				m.attribute(r, g, &early[i])
			}
		}
	case c.Role == rules.Unconnected:
		g.conn = connFresh
	default:
		g.conn = connIdle
	}
}

// lastWait is the end of the last wait, 0 where there is none. Where another goroutine
// ended it, or the collector, it was not for a request's first bytes: those the
// network tells of.
func lastWait(ivs []interval) int64 {
	for i := len(ivs) - 1; i >= 0; i-- {
		if iv := &ivs[i]; iv.state == trace.StateWaiting {
			if iv.waker != nil || iv.reason == trace.ReasonGC {
				return 0
			}
			return iv.end
		}
	}
	return 0
}

// attributeOpen attributes the state that a request's goroutine is in at the window's
// end.
func (m *machine) attributeOpen(g *goroutine) {
	r := m.own(g)
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
	r := m.own(g)
	if r == nil {
		return
	}
	switch {
	case r.reading && !r.given:
		m.drop(g)
	case r.finished != 0 && (g.class == nil || g.class.Role != rules.Finishing):
		m.done(g, r.finished, false) // its answer is given
	default:
		m.done(g, m.now, true)
	}
}
