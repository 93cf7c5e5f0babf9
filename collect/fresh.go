package collect

import (
	"net/http"
	"time"
)

// freshConns decides which probes are sent on a new connection: one in four of each
// route, at most one every freshPause and mostFresh in a collection, however high the
// rate. Each costs the service one accepted connection and, with TLS, one handshake.
type freshConns struct {
	made int
	last time.Time // when the last one was due
}

const (
	freshEvery = 4
	freshPause = 200 * time.Millisecond
	mostFresh  = 256
)

// take reports whether the next probe of a route, due at a moment, dials. The first few
// do not, for a short window would have too few on kept connections. The place
// within each four moves on by one, so that these probes take all values of a {name} in
// the route in turn.
func (f *freshConns) take(r *route, due time.Time) bool {
	n := r.window
	r.window++
	if n < freshEvery || n%freshEvery != (n/freshEvery+freshEvery-1)%freshEvery || f.made >= mostFresh || due.Sub(f.last) < freshPause {
		return false
	}
	f.made, f.last = f.made+1, due
	return true
}

// freshClient returns a client like c that shares no connection with it, and a function
// that closes the connections it has made.
func freshClient(c *http.Client) (client *http.Client, done func()) {
	transport := c.Transport.(*http.Transport).Clone()
	fresh := *c
	fresh.Transport = transport
	return &fresh, transport.CloseIdleConnections
}
