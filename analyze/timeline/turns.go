package timeline

import (
	"slices"

	"timesink/analyze/breakdown"
)

// This file recovers the first turn of a loop that the user named. Only when a goroutine
// is back at the head is it known to be in a loop. By then its first turn is over.

// rests are the places at which a goroutine has waited as for a message.
type rests []rest

// mostRests bounds how many of them are kept.
const mostRests = 16

// A rest is such a place. If it turns out to be the head, the first turn lasts from when
// the goroutine first went on from there until it was back.
type rest struct {
	class       *class
	from, until mark
	worked      bool // it was elsewhere since
}

// A mark is a moment in a request, with what had been counted until then.
type mark struct {
	at                int64
	ran, briefly, hit int64 // Ran, RanBriefly and RanSampled
	samples           int   // the number of Samples
}

// markOf returns the mark of a moment up to which everything has been attributed. r may be
// nil.
func markOf(r *request, at int64) mark {
	if r == nil {
		return mark{at: at}
	}
	return mark{at, r.Ran, r.RanBriefly, r.RanSampled, len(r.Samples)}
}

// isAt reports whether a stack is at the same place.
func (o *rest) isAt(c *class) bool { return o.class == c || slices.Equal(o.class.way(), c.way()) }

// pass updates what is known about a goroutine's rests from its next stack.
func (all rests) pass(r *request, at int64, c *class) {
	for i := range all {
		switch o := &all[i]; {
		case o.until.at != 0:
		case !o.isAt(c):
			o.worked = true
		case o.worked:
			o.until = markOf(r, at)
		}
	}
}

// firstTurn cuts the first turn of a goroutine out of the unit that it was in so far, once
// the head of its loop is known, and delivers it. It does not if the head may still turn
// out to be elsewhere: at a pause, or after another rest in the source. Which waits are
// part of the turn is not known, so it has no Waits.
func (m *machine) firstTurn(g *goroutine, n *named, seen rests) {
	r := m.served(g)
	i := slices.IndexFunc(seen, func(o rest) bool { return n.heads(o.class) })
	if r == nil || i < 0 || n.head.Own != nil || slices.ContainsFunc(seen, func(o rest) bool { return o.class.precedes(n.head) }) {
		return
	}
	from, until := seen[i].from, seen[i].until
	if until.at == 0 || r.Condensed > from.at {
		return
	}
	path, calls := slices.Clone(r.Path), slices.Clone(r.Calls)
	samples := slices.Clone(r.Samples[from.samples:until.samples])
	m.drop(g)
	t := m.begin(g, from.at)
	t.Endpoint, t.Kind, t.depth, t.proof, t.talks = n.head.Unit, kindFunction, inner, isRequest, true
	t.Path = append(t.Path, after(path, from.at)...)
	for _, c := range calls {
		if c.Start >= from.at && c.Start < until.at {
			t.Calls = append(t.Calls, c)
		}
	}
	t.Samples = append(t.Samples, samples...)
	t.Ran, t.RanBriefly, t.RanSampled = until.ran-from.ran, until.briefly-from.briefly, until.hit-from.hit
	m.weigh(t)
	m.done(g, until.at, false)
}

// after returns the part of a path after a moment.
func after(path []breakdown.Segment, moment int64) []breakdown.Segment {
	i := 0
	for i < len(path) && path[i].End <= moment {
		i++
	}
	path = path[i:]
	if len(path) > 0 && path[0].Start < moment {
		path[0].Start = moment
	}
	return path
}
