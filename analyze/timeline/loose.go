package timeline

import (
	"slices"

	"timesink/analyze/breakdown"
)

// This file keeps the calls that goroutines make while they work for no known request, until
// a request turns out to have waited for them.

// A looseCall is a call that belongs to no request yet.
type looseCall struct {
	breakdown.Call
	stream bool
	opened bool // it starts a call and continues none
}

// claim gives a request the calls that a shared worker made while the request waited
// for it.
func (m *machine) claim(r *request, g *goroutine, from, to int64) {
	a := g.call
	if a == nil || r == nil || len(a.loose) == 0 {
		return
	}
	m.dropLoose(a, func(_ int, c *looseCall) bool {
		if c.Start >= to || c.End <= from {
			return false
		}
		at := -1
		if c.stream && !c.opened {
			at = r.streamOf(g, c.Bucket)
		}
		switch {
		case at >= 0:
			r.Calls[at].GoOn(&c.Call)
		case m.mayCall(r):
			r.Calls = append(r.Calls, c.Call)
			if c.stream {
				r.listens(g, len(r.Calls)-1)
			}
		}
		return true
	})
}

// forgetCalls drops the loose calls that ended before the horizon, except those that
// may continue.
func (h *history) forgetCalls(g *goroutine, horizon int64) {
	a := g.call
	if a == nil || len(a.loose) == 0 || len(a.loose) < a.enough {
		return
	}
	over := func(i int) bool { return a.loose[i].End <= horizon && !a.goesOn(i) }
	for i := range min(len(a.loose), maxStates+1) { // among them is the first to end
		if over(i) {
			h.dropLoose(a, func(i int, _ *looseCall) bool { return over(i) })
			a.enough = len(a.loose) + len(a.loose)/4
			return
		}
	}
}

// goesOn reports whether a loose call may continue.
func (a *asking) goesOn(i int) bool {
	return a.req == nil && slices.ContainsFunc(a.calls, func(s callState) bool { return s.open && s.index == i })
}

// dropLoose removes loose calls. A state that referred to one of them no longer
// continues it.
func (h *history) dropLoose(a *asking, gone func(int, *looseCall) bool) {
	kept := a.loose[:0]
	for i := range a.loose {
		stays := !gone(i, &a.loose[i])
		if a.req == nil {
			for j := range a.calls {
				if s := &a.calls[j]; s.index == i {
					s.index, s.open = len(kept), s.open && stays
				}
			}
		}
		if stays {
			kept = append(kept, a.loose[i])
		}
	}
	h.kept -= looseSize * (len(a.loose) - len(kept))
	a.loose = kept
}
