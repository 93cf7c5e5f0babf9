package timeline

import (
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// A connection recognizes the goroutines that serve a connection's requests one after
// another: a request begins with its first bytes, and ends when its goroutine is idle
// again. It knows the loop of a server by the roles of its frames, and no server by
// name.
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

// start begins with no request: the connection may have been accepted by a goroutine
// of a request, but serves others.
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
		// A session: the connection was taken over before the window. Else it is
		// the other end of one, which a request uses.
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

// work takes a stack of a handler, or of what is done before or behind it.
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

// resume opens a request where a wait for its first bytes ends: they have arrived.
// What another goroutine handed over is a request for certain.
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

// beforeWindow opens the request that a goroutine was at when the window opened.
func (m *machine) beforeWindow(g *goroutine, early []interval) {
	r := m.begin(g, g.born)
	r.Incomplete = true
	for i := range early {
		m.attribute(r, g, &early[i])
	}
}

// ofServer reports whether a stack is of a goroutine that serves requests.
func (c *class) ofServer() bool {
	return c.Kind != "" && c.Role < rules.Fetch && c.Role != rules.NotRequest && c.Role != rules.Background
}

// idle takes a stack of reading the first bytes of a request. A read that finds
// them there is the request's beginning; one that finds nothing is followed by a
// wait, and the request begins when that ends. A second read that has to wait
// is waiting for the rest of a header.
func (m *machine) idle(g *goroutine, at int64, state trace.State) {
	r := m.served(g)
	if r != nil && r.arrival == arrived {
		m.done(g, at, false)
		r = nil
	}
	switch state {
	case trace.StateSyscall:
		if r != nil && r.arrival == readStopped {
			m.drop(g) // the read before had found nothing
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
			return // for a lock of the server's own
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

// keepFresh keeps a connection fresh until a request was seen on it: only there
// is the reading of a header the beginning.
func keepFresh(c, next stage) stage {
	if c == connFresh {
		return c
	}
	return next
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

// next closes a request at a moment, where a stack shows that the goroutine went
// on without having been seen idle: the next request was there already, or the
// connection is left.
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

// readsRequest reports whether a stack waits for, or reads, a request's first bytes
// or its header.
func (c *class) readsRequest() bool { return c.Role == rules.Idle || c.Role == rules.ReadHeader }

// readingHeader reports whether the header that is being read is that of a request
// of which nothing else has been seen. One that is read after a handler was seen is
// the next request's: before Go 1.20 a server without an idle timeout waits for it
// there.
func (m *machine) readingHeader(g *goroutine) bool {
	r := m.served(g)
	return r == nil || r.arrival != arrived || r.proof >= headerRead
}

// readsAhead follows a connection's goroutine that begins to read ahead of a
// request. Each request has that at most once: where it has no body before its
// handler is called, else when the body has been read. It tells one request from
// the next where the goroutine was not seen to read the next one: that was there
// already, in the buffer of a connection with TLS. Where within the time since it
// was last seen the next one began is not known; it lies at the end of that time,
// since a handler may go on after its last write, and what is left to do until the
// next handler is little.
func (m *machine) readsAhead(g *goroutine, at int64, c *class) {
	if r := m.served(g); r != nil && r.finished == 0 && (r.proof == readAhead || r.proof == headerRead && c.Role == rules.Beginning) {
		m.next(g, at, true)
	}
	m.seen(g, at, c, trace.StateRunning)
	if r := m.served(g); r != nil {
		r.prove(readAhead)
	}
}
