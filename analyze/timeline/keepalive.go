package timeline

import (
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// next closes a request at a moment, where a stack shows that the goroutine went
// on without having been seen idle: the next request was there already, or the
// connection is left.
func (m *machine) next(g *goroutine, at int64, another bool) *request {
	at = max(at, m.own(g).Start)
	beyond := m.done(g, at, false)
	if !another {
		g.conn = connIdle
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
	r := m.own(g)
	return r == nil || r.reading || r.headed
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
	if r := m.own(g); r != nil && r.finished == 0 && (r.ahead || r.headed && c.Role == rules.Beginning) {
		m.next(g, at, true)
	}
	m.seen(g, at, c, trace.StateRunning)
	if r := m.own(g); r != nil {
		r.headed, r.ahead = true, true
	}
}
