package timeline

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// An AcceptLoop is the loops that accept connections and were held up at one place: by a
// limit of connections, by work that they do themselves, by a back-off. Times are in ns.
type AcceptLoop struct {
	At *breakdown.Cause // where they were held up for the longest
	// Held is how long they waited for anything but clients. Accepted counts the
	// connections that they took, Queued those of them that had come while the loop was
	// held up: it took them without waiting for a client.
	Held             int64
	Accepted, Queued int64
}

// An acceptor is what is known about a goroutine that accepts connections. It creates a
// goroutine for each, or does its own work until it accepts the next.
type acceptor struct {
	at       map[*class]int64 // where it was held up, for how long
	reason   map[*class]trace.Reason
	held     int64
	accepted int64
	queued   int64
	// What it did since it last took a connection: it was held up, and it waited for a
	// client.
	late, idle bool
}

// maxHeldAt bounds the places that are kept of an acceptor.
const maxHeldAt = 16

// accepting makes the goroutine an acceptor.
func (m *machine) accepting(g *goroutine) {
	a := &acceptor{at: map[*class]int64{}, reason: map[*class]trace.Reason{}}
	g.ensureRare().acceptor = a
	m.acceptors = append(m.acceptors, a)
}

// spend adds an interval of the acceptor's goroutine.
func (a *acceptor) spend(iv *interval) {
	c := iv.class
	switch {
	case iv.state != trace.StateWaiting || iv.reason == trace.ReasonGC || c == nil || c.GC:
	case c.Role == rules.Background:
		a.idle = true
	default:
		a.late = true
		a.held += iv.end - iv.start
		if _, known := a.at[c]; known || len(a.at) < maxHeldAt {
			a.at[c] += iv.end - iv.start
			a.reason[c] = iv.reason
		}
	}
}

// accepts counts a connection: the acceptor has created its goroutine.
func (a *acceptor) accepts() {
	a.accepted++
	if a.late && !a.idle {
		a.queued++
	}
	a.late, a.idle = false, false
}

// acceptLoops sums up the acceptors that were held up, by the place.
func (m *machine) acceptLoops() (out []AcceptLoop) {
	for _, a := range m.acceptors {
		var at *class
		for c, t := range a.at {
			if at == nil || t > a.at[at] || t == a.at[at] && c.key < at.key {
				at = c
			}
		}
		if at == nil {
			continue
		}
		cause := m.causeOf(at, trace.StateWaiting, a.reason[at], nil)
		i := slices.IndexFunc(out, func(l AcceptLoop) bool { return l.At == cause })
		if i < 0 {
			i, out = len(out), append(out, AcceptLoop{At: cause})
		}
		l := &out[i]
		l.Held, l.Accepted, l.Queued = l.Held+a.held, l.Accepted+a.accepted, l.Queued+a.queued
	}
	slices.SortStableFunc(out, func(x, y AcceptLoop) int { return cmp.Compare(y.Held, x.Held) })
	return out
}
