package timeline

import (
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// A connection recognizes goroutines that serve the requests of a connection one
// after another. A request begins with its first bytes and ends when its goroutine is
// idle again. Servers are recognized by the roles of their frames, not by name.
type connection struct{ passive }

var ofConnections = claimOf(connection{})

// The stages of a connection.
const (
	connFresh  stage = iota // accepted, no request read yet
	connIdle                // between requests
	connActive              // a request has begun, or may have
	connOnce                // serves one request and ends
)

func (connection) claims(c *class) (starting, showing bool) { return c.Role == rules.Connection, false }

// start opens no request. A request's goroutine may have accepted the connection, but
// the connection serves others.
func (connection) start(_ *machine, g *goroutine, _ int64) {
	g.claim, g.stage, g.req = ofConnections, connFresh, nil
}

func (connection) meet(m *machine, g *goroutine, c *class, early []interval) bool {
	if !c.ofServer() {
		return false
	}
	g.claim = ofConnections
	switch {
	case c.Served:
		g.stage = connActive
		m.beforeWindow(g, early)
	case c.readsRequest() && lastWait(early) != 0:
		// It was waiting for this request's first bytes.
		g.stage = connActive
		r := m.begin(g, lastWait(early))
		r.arrival = onlyRead
		for i := range early {
			if early[i].start >= r.Start {
				m.attribute(r, g, &early[i])
			}
		}
	case c.Role == rules.Unconnected:
		g.stage = connFresh
	default:
		g.stage = connIdle
	}
	return true
}

func (connection) show(m *machine, g *goroutine, at int64, c *class, state trace.State) {
	switch c.Role {
	case rules.Fetch:
		// The connection was hijacked before the window: this is a session. Otherwise
		// it is the client end of one, used by a request.
		if r := m.served(g); r == nil || r.Incomplete {
			m.drop(g)
			g.claim = unclaimed
			recognizers[c.showing].adopt(m, g, at, c, state)
			return
		}
	case rules.Idle:
		g.stage = connIdle
		m.idle(g, at, state)
		return
	case rules.ReadHeader:
		if g.stage == connFresh || m.readingHeader(g) {
			m.idle(g, at, state)
			return
		}
	case rules.Closing:
		m.done(g, at, false)
		g.stage = connIdle
		return
	case rules.Unconnected:
		m.done(g, at, false)
		g.stage = connFresh
		return
	case rules.Hijacked:
		if r := m.served(g); r != nil {
			r.note(c)
		}
		m.done(g, at, false)
		g.claim = unclaimed
		return
	case rules.NotRequest:
		m.drop(g)
		g.claim = unclaimed
		return
	}
	m.work(g, at, c)
}

// work handles a stack of a handler, or of the server's code before or after it.
func (m *machine) work(g *goroutine, at int64, c *class) {
	r := m.served(g)
	if r != nil && r.finished != 0 && c.Role != rules.Finishing {
		if r = m.next(g, r.finished, c.Served); r == nil {
			g.stage = connIdle
			return
		}
	}
	if r == nil {
		if !c.Served || g.stage == connOnce {
			return
		}
		r = m.begin(g, at)
	}
	r.arrival = arrived
	g.stage = connActive
	r.note(c)
}

// resume opens a request at the end of a wait for its first bytes: they have arrived.
// If another goroutine handed them over, it is certainly a request.
func (connection) resume(m *machine, g *goroutine, w wakeup) {
	waited := w.waited
	if waited == nil || w.reason == trace.ReasonGC || w.reason == trace.ReasonSync || waited.collects() || m.served(g) != nil {
		return
	}
	if g.stage == connIdle && waited.readsRequest() || g.stage == connFresh && waited.Role == rules.ReadHeader {
		r := m.begin(g, w.at)
		r.Kind = waited.Kind
		if w.waker != nil {
			r.prove(isRequest)
		} else {
			r.arrival = onlyRead
		}
	}
}

// beforeWindow opens the request that a goroutine was serving when the window opened.
func (m *machine) beforeWindow(g *goroutine, early []interval) {
	r := m.begin(g, g.born)
	r.Incomplete = true
	for i := range early {
		m.attribute(r, g, &early[i])
	}
}

// ofServer reports whether the stack belongs to a goroutine that serves requests.
func (c *class) ofServer() bool {
	return c.Kind != "" && c.Role < rules.Fetch && c.Role != rules.NotRequest && c.Role != rules.Background
}

// idle handles a stack that reads the first bytes of a request. If the read finds
// them, it is the beginning of the request. If it finds nothing, a wait follows, and
// the request begins when that wait ends. A second read that has to wait is waiting
// for the rest of a header.
func (m *machine) idle(g *goroutine, at int64, state trace.State) {
	r := m.served(g)
	if r != nil && r.arrival == arrived {
		m.done(g, at, false)
		r = nil
	}
	switch state {
	case trace.StateSyscall:
		if r != nil && r.arrival == readStopped {
			m.drop(g) // the read before found nothing
			r = nil
		}
		if r == nil {
			r = m.begin(g, at)
			r.arrival = onlyRead
		}
		r.reads++
		g.stage = keepFresh(g.stage, connActive)
	case trace.StateWaiting:
		if g.reason == trace.ReasonSync {
			return // for one of the server's own locks
		}
		if r != nil && g.stopped(state) && r.reads > 0 {
			r.arrival = readStopped
		}
		if g.stopped(state) || r != nil && r.reads > 1 {
			return
		}
		m.drop(g)
		g.stage = keepFresh(g.stage, connIdle)
	}
}

// keepFresh returns next, but keeps a fresh connection fresh: until a request has
// been seen on it, reading a header counts as the beginning.
func keepFresh(c, next stage) stage {
	if c == connFresh {
		return c
	}
	return next
}

// lastWait returns the end of the last wait, or 0 if there is none. It also returns 0
// if another goroutine or the collector ended that wait: it was not for a request's
// first bytes, since the network reports those.
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

// next closes the goroutine's request at a moment and, if another follows, opens it
// there and returns it; otherwise it returns nil. It is called when a stack shows
// that the goroutine went on without having been seen idle: the next request had
// already arrived, or the goroutine left the connection.
func (m *machine) next(g *goroutine, at int64, another bool) *request {
	at = max(at, m.served(g).Start)
	beyond := m.done(g, at, false)
	if !another {
		return nil
	}
	r := m.begin(g, at)
	r.Path = append(r.Path, beyond...)
	return r
}

// readsRequest reports whether the stack waits for, or reads, a request's first bytes
// or header.
func (c *class) readsRequest() bool { return c.Role == rules.Idle || c.Role == rules.ReadHeader }

// readingHeader reports whether the header being read belongs to a request of which
// nothing else has been seen. A header read after a handler was seen belongs to the
// next request: before Go 1.20, a server without an idle timeout waits for it there.
func (m *machine) readingHeader(g *goroutine) bool {
	r := m.served(g)
	return r == nil || r.arrival != arrived || r.proof >= headerRead
}

// readsAhead handles a connection's goroutine that starts to read ahead of a request.
// That happens at most once for each request: before the handler is called if there
// is no body, otherwise when the body has been read. It separates two requests if the
// goroutine was not seen reading the second one, as when that was already in the
// buffer of a TLS connection. Where the second request began since the goroutine was
// last seen is unknown. It is taken to be at the end of that time, because a handler
// may go on after its last write, and little is left to do before the next handler.
func (m *machine) readsAhead(g *goroutine, at int64, c *class) {
	if r := m.served(g); r != nil && r.finished == 0 && (r.proof == readAhead || r.proof == headerRead && c.Role == rules.Beginning) {
		m.next(g, at, true)
	}
	m.seen(g, at, c, trace.StateRunning)
	if r := m.served(g); r != nil {
		r.prove(readAhead)
	}
}
