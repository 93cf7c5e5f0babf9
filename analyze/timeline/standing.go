package timeline

import (
	"cmp"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/trace"
)

// This file tells what goroutines stand at when the window closes: the requests that are
// still waiting, and the service's other goroutines, among which may be what they wait
// for.

// noteStanding records what an open request waits for, in the last stretch. Its path must
// reach to the end of the window.
func (m *machine) noteStanding(r *request, g *goroutine) {
	if !m.last || g.state != trace.StateWaiting || g.class == nil || g.class.opening != nil || len(r.Path) == 0 {
		return
	}
	i := len(r.Path) - 1
	for i > 0 && sameWait(&r.Path[i-1], &r.Path[i]) {
		i--
	}
	since := max(r.Path[i].Start, g.since)
	m.noteStood(r, g.class)
	r.Stands = breakdown.Standing{Since: since, Whole: since <= m.from, Cause: m.causeOf(g.class, g.state, g.reason, nil)}
}

// A stand is how requests of one kind wait.
type stand struct {
	kind   string
	bucket breakdown.Bucket
	phase  breakdown.Phase
}

// standAt returns how a request waits in a segment of its path.
func (r *request) standAt(s *breakdown.Segment) stand {
	return stand{strings.TrimSuffix(r.Kind, breakdown.Streaming), s.Bucket, s.Phase}
}

// A stood is the handler of all requests that wait in one way when the window closes, ""
// if there are several, and the stack with which they do, nil if there are several.
type stood struct {
	handler string
	class   *class
}

// noteStood records whose request waits with a stack when the window closes.
func (m *machine) noteStood(r *request, c *class) {
	name := cmp.Or(r.Endpoint, r.branch)
	if name == "" {
		return
	}
	at := r.standAt(&r.Path[len(r.Path)-1])
	have := m.stood[at]
	if have == nil {
		if m.stood == nil {
			m.stood = map[stand]*stood{}
		}
		have = &stood{name, c}
		m.stood[at] = have
	}
	if have.handler != name {
		have.handler = ""
	}
	if have.class != c {
		have.class = nil
	}
}

// likeStanding names a request that was under way when the window opened and left no stack
// of its handler, by those that wait in the same way when the window closes: if all
// requests last longer than the window, no such wait is seen from its beginning to its end.
func (m *machine) likeStanding(r *request, opened *breakdown.Segment) {
	if opened.Bucket == breakdown.Unknown {
		return
	}
	have := m.stood[r.standAt(opened)]
	if have == nil || have.handler == "" {
		return
	}
	r.Endpoint = have.handler
	if have.class != nil {
		opened.Cause = m.causeOf(have.class, trace.StateWaiting, trace.ReasonNone, nil)
	}
}

// sameWait reports whether a segment is the same wait as the one before it.
func sameWait(before, s *breakdown.Segment) bool {
	return before.Bucket == s.Bucket && before.Phase == s.Phase && before.Cause.Site == s.Cause.Site
}

// A Standing is the goroutines that serve no request and were all in one state with one
// stack, that of the service's own code, when the window closed.
type Standing struct {
	Cause *breakdown.Cause
	// Bucket and Phase are what the stack alone says: Wait if it says nothing.
	Bucket breakdown.Bucket
	Phase  breakdown.Phase
	Count  int64
	// Whole counts those that were in that state for the whole window, and Branches those
	// that work for a request.
	Whole, Branches int64
	Longest         int64 // ns, that one has been in that state
}

// mostStanding bounds how many groups of goroutines are told apart.
const mostStanding = 1024

// standing returns the groups of the service's goroutines that serve no request.
func (m *machine) standing(gs []*goroutine) (out []Standing) {
	at := map[*breakdown.Cause]int{}
	for _, g := range gs {
		c := g.class
		if m.served(g) != nil || g.state == trace.StateUnknown || c == nil || c.opening != nil || !c.InService || c.Observer || c.Accepts || idles(c) {
			continue
		}
		cause := m.causeOf(c, g.state, g.reason, nil)
		i, ok := at[cause]
		if !ok {
			if len(out) == mostStanding {
				continue
			}
			iv := interval{class: c, state: g.state, reason: g.reason, open: true}
			i = len(out)
			at[cause] = i
			out = append(out, Standing{Cause: cause, Bucket: ownBucket(&iv), Phase: c.Phase})
		}
		s := &out[i]
		s.Count++
		s.Longest = max(s.Longest, m.now-g.since)
		if g.since <= m.from {
			s.Whole++
		}
		if m.worksFor(g) != nil {
			s.Branches++
		}
	}
	slices.SortStableFunc(out, func(a, b Standing) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(b.Longest, a.Longest))
	})
	return out
}
