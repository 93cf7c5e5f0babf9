package timeline

import (
	"slices"

	"timesink/analyze/breakdown"
)

// A request may send a message and wait for the one that answers it, which a broker's client
// or a consumer hands to it. The time until the answer comes is that of the broker and of
// whoever is behind it. It is no queueing for the goroutine that takes the answers, and the
// answer is no news.

// replies reports whether what a goroutine takes from a broker may answer a message that a
// request sent before a moment. It returns the kind of the broker, and when the answer came.
func (m *machine) replies(r *request, waker *goroutine, by *class, from, to int64) (kind string, at int64, ok bool) {
	switch u := m.served(waker); {
	case u == r:
		return "", 0, false
	case u != nil && waker.claim == ofConsumers:
		kind, at = u.Kind, min(u.Start, to)
	case feeds(by):
		kind, at = by.Kind, to
	}
	return kind, at, at > from && slices.ContainsFunc(r.Calls, func(c breakdown.Call) bool {
		return c.Bucket == breakdown.Queue && c.System == kind && c.Start <= from && !c.Awaits
	})
}

// answered attributes a wait for the answer to a message, and what was done with the answer.
// It reports false if the wait was for something else.
func (w *walk) answered(g *goroutine, iv *interval, waker *goroutine, a, b int64, depth int) bool {
	if w.r == nil || w.holder {
		return false
	}
	kind, at, ok := w.m.replies(w.r, waker, iv.wakerClass, a, b)
	if !ok {
		return false
	}
	w.add(g, breakdown.Queue, breakdown.Fetch, w.repliedCause(kind, iv), a, at, nil)
	if c := iv.class; c != nil && g == w.r.g && w.out == &w.r.Path && w.m.mayCall(w.r) {
		w.r.Calls = append(w.r.Calls, breakdown.Call{Start: a, End: at, Goroutine: g.id, Bucket: breakdown.Queue, System: kind, Site: c.Site, Way: c.comes(), Awaits: true})
	}
	w.stretch(waker, at, b, depth)
	return true
}

// A replyKey is what the evidence for a wait for an answer depends on.
type replyKey struct {
	wait   *breakdown.Cause
	system string
}

// repliedCause returns the evidence for a wait for an answer from a broker.
func (w *walk) repliedCause(kind string, iv *interval) *breakdown.Cause {
	m := w.m
	key := replyKey{w.cause(iv), kind}
	if cause := m.replied[key]; cause != nil {
		return cause
	}
	if (len(m.cause)+len(m.replied))*causeSize > m.causesRoom {
		return key.wait
	}
	if m.replied == nil {
		m.replied = map[replyKey]*breakdown.Cause{}
	}
	cause := *key.wait
	cause.System = kind
	m.replied[key] = &cause
	return &cause
}
