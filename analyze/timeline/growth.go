package timeline

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/trace"
)

// A Growth is the goroutines that one go statement started in the window and that were all
// at one place when it closed, without those that work for an open request or serve a
// connection of the service's.
type Growth struct {
	// Site is the place in the service's code that started them, or that made a library
	// start them. Root is the function that they run.
	Site breakdown.Frame
	Root string
	// Cause is what they are at. Waits is set if that is a wait which only another
	// goroutine ends.
	Cause *breakdown.Cause
	Waits bool
	// Created counts all that the statement started in the window, Ended those of them
	// that ended, and Alive those at that place, Quarters by the quarter of the window in
	// which they were started.
	Created, Ended, Alive int64
	Quarters              [4]int64
	// Older counts the goroutines from before the window with the same root, and
	// OlderEnded those like them that ended in it.
	Older, OlderEnded int64
}

// fewestGrown is the fewest goroutines that are growth.
const fewestGrown = 12

// growth returns the go statements whose goroutines stay, the most first.
func (m *machine) growth(gs []*goroutine) (out []Growth) {
	by := map[*class]*grown{}
	for _, g := range gs {
		if !g.fresh || g.created == nil || g.origin == nil || !g.origin.InService || g.start == nil || g.timed || m.worksFor(g) != nil || g.claim != unclaimed || g.created.Accepts {
			continue
		}
		by[g.created] = by[g.created].add(g, m)
	}
	older := map[string]int64{}
	for _, g := range gs {
		if c := g.class; !g.fresh && c != nil && c.opening == nil {
			older[c.Root()]++
		}
	}
	for created, of := range by {
		of.Created, of.Ended = created.births, created.deaths
		of.Older, of.OlderEnded = older[of.Root], m.oldEnds[of.Root]
		if of.settle(m); of.Alive >= fewestGrown {
			out = append(out, of.Growth)
		}
	}
	slices.SortFunc(out, func(a, b Growth) int {
		return cmp.Or(cmp.Compare(b.Alive, a.Alive), cmp.Compare(a.Site.Function, b.Site.Function), cmp.Compare(a.Site.Line, b.Site.Line), cmp.Compare(a.Root, b.Root))
	})
	return out[:min(len(out), mostGrowth)]
}

// mostGrowth bounds how many go statements a Summary lists.
const mostGrowth = 32

// grown gathers a Growth.
type grown struct {
	Growth
	at map[spell]*[4]int64 // by quarter of the window
}

// mostPlaces bounds how many places the goroutines of one statement are told apart by.
const mostPlaces = 64

func (of *grown) add(g *goroutine, m *machine) *grown {
	if of == nil {
		of = &grown{at: map[spell]*[4]int64{}}
		of.Site, of.Root = g.origin.Site, g.start.Root()
	}
	window := m.now - m.from
	if g.class == nil || g.class.opening != nil || window <= 0 {
		return of
	}
	s := spell{g.class, g.state, g.reason}
	if of.at[s] == nil {
		if len(of.at) == mostPlaces {
			return of
		}
		of.at[s] = new([4]int64)
	}
	of.at[s][min(max(4*(g.born-m.from)/window, 0), 3)]++
	return of
}

// settle chooses the place where goroutines of all quarters are: that with most of them in
// the quarter with the fewest.
func (of *grown) settle(m *machine) {
	var at spell
	var most int64
	for s, quarters := range of.at {
		if least := slices.Min(quarters[:]); at.class == nil || least > most || least == most && s.before(at) {
			at, most, of.Quarters = s, least, *quarters
		}
	}
	if at.class == nil {
		return
	}
	for _, n := range of.Quarters {
		of.Alive += n
	}
	of.Cause = m.causeOf(at.class, at.state, at.reason, nil)
	of.Waits = at.state == trace.StateWaiting && at.reason != trace.ReasonSleep && at.reason != trace.ReasonNetwork
}

// before orders spells.
func (s spell) before(o spell) bool {
	return cmp.Or(cmp.Compare(s.class.key, o.class.key), cmp.Compare(s.state, o.state), cmp.Compare(s.reason, o.reason)) < 0
}
