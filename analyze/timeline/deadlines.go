package timeline

import (
	"timesink/analyze/breakdown"
	"timesink/analyze/trace"
)

// This file finds out which calls ended since their deadline had passed.
//
// The deadline of a context starts a goroutine, which ends the waits that watch the
// context. Some of them are a library's own: its goroutine then closes the connection, or
// sets a deadline on it that has passed, which ends the wait of the goroutine that reads.
// So what such a goroutine ends before its next wait ends by the deadline too. A deadline
// of a connection ends the wait without any goroutine: it shows by what follows, which is
// no read. And a request may wait in the service's own code for a call on one of its
// branches or for the deadline, whichever comes first.

// noteExpiry sets whether a deadline ended an interval that a goroutine waited in.
func (m *machine) noteExpiry(g *goroutine, iv *interval) {
	iv.expired = m.expires(g, iv)
	switch {
	case iv.expired:
		g.ensureRare().expired = true
		g.ownWait = iv.class != nil && iv.class.Bare
		m.expireCall(g)
	case g.expired:
		g.expired = false
	}
	if r := m.worksFor(g); r != nil && r.g == g && iv.class != nil && iv.class.Bare {
		r.gaveUp = 0
		if iv.expired || iv.waker == nil && iv.wakerClass == nil && iv.reason == trace.ReasonSelect {
			r.gaveUp = iv.end
		}
	}
}

// expires reports whether a deadline ended a wait.
func (m *machine) expires(g *goroutine, iv *interval) bool {
	if iv.waker == nil {
		if iv.reason == trace.ReasonNetwork {
			return iv.wakerClass != nil && iv.wakerClass.cuts && m.cutter != nil && (m.cutter.onExpiry() || iv.wakerClass.Expires)
		}
		return iv.wakerClass == nil && iv.class != nil && iv.class.Limited && iv.reason == trace.ReasonSelect
	}
	if iv.wakerClass != nil && iv.wakerClass.Expires {
		return true
	}
	if !iv.waker.onExpiry() {
		return false
	}
	// A request whose call has timed out goes on, and what it gives to others is none of
	// the deadline's business. Nor is what it does itself after it waited in its own code:
	// it may go on to make a call.
	r := m.worksFor(iv.waker)
	return r == nil || r == m.worksFor(g) && !(r.g == iv.waker && iv.waker.expired && iv.waker.ownWait)
}

// onExpiry reports whether a deadline started the goroutine, or ended its last wait.
func (g *goroutine) onExpiry() bool { return g.expired || g.created != nil && g.created.Expires }

// expireCall marks the call that a client's goroutine watches the deadline of.
func (m *machine) expireCall(g *goroutine) {
	r := m.worksFor(g)
	if r == nil || g.created == nil || g.created.Own == nil || !g.created.Own.Bucket.External() {
		return
	}
	for i := len(r.Calls) - 1; i >= 0; i-- {
		if r.Calls[i].Bucket == g.created.Own.Bucket {
			r.Calls[i].TimedOut = true
			return
		}
	}
}

// noteEnd updates how a call ended, if this interval is its last.
func (m *machine) noteEnd(call *breakdown.Call, iv *interval) {
	call.TimedOut = call.TimedOut || iv.expired
	switch waits := iv.state == trace.StateWaiting; {
	case waits:
		call.Unread = iv.reason == trace.ReasonNetwork && iv.class.polls && (iv.wakerClass == nil || !iv.wakerClass.cuts) && !iv.open && !m.instant
	case !iv.class.sends && !iv.class.closes:
		call.Unread = false
	}
}

// giveUp marks the calls on branches that the request gave up waiting for: they are still
// under way when it ends.
func (r *request) giveUp() {
	if r.gaveUp == 0 {
		return
	}
	for i := range r.Calls {
		if c := &r.Calls[i]; c.Goroutine != r.Goroutine && c.Start < r.gaveUp && c.End >= r.End {
			c.TimedOut = true
		}
	}
}
