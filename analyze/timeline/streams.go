package timeline

import "timesink/analyze/rules"

// A stream recognizes goroutines that serve a single request and end with it, as for
// an HTTP/2 stream. The request begins when the goroutine is created. All else works
// as for a connection. A stream does not know which connection its request came on.
type stream struct{ connection }

var ofStreams = claimOf(stream{})

func (stream) claims(c *class) (starting, showing bool) { return c.Role == rules.Stream, false }

func (stream) start(m *machine, g *goroutine, at int64) {
	if r := m.worksFor(g); r != nil && r.proof >= isRequest {
		m.seenOnBranch(g, g.start) // the server is one within another, whose request this is
		return
	}
	g.claim, g.stage = ofStreams, connOnce
	m.begin(g, at).note(g.start)
}

func (stream) meet(m *machine, g *goroutine, c *class, early []interval) bool {
	if c.Role != rules.Stream || !c.Served || !c.ofServer() {
		return false
	}
	g.claim, g.stage = ofStreams, connOnce
	m.beforeWindow(g, early)
	return true
}

// seenOnBranch handles a stack of a goroutine that works for a request. A server
// nested in the one that received the request knows its handler better.
func (m *machine) seenOnBranch(g *goroutine, c *class) {
	if c.Handler == "" && c.Role != rules.Stream {
		return
	}
	r := m.worksFor(g)
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

// inner is added to the depth of a nested server's dispatches, so that they count as
// deeper than those of the outer server.
const inner = 1 << 10

// within updates the request from a stack of a nested server.
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
