package diagnosis

import (
	"slices"

	"timesink/analyze/breakdown"
)

// after reports whether the goroutines of a came past the place where those of b wait: in
// the function that b waits in, a is at a later line. What was taken there, a may hold.
func after(a, b *Stand) bool {
	if !slices.Contains(b.Stack, b.Site) {
		return false
	}
	for j := len(a.Stack) - 1; j >= 0; j-- {
		if f := a.Stack[j]; f.Function == b.Site.Function {
			return f.Line > b.Site.Line // the outermost: a recursion began there
		}
	}
	return false
}

// behind reports whether a is at a later line than b in a function that both are in, and b
// waits in a function called there. What was taken there has mostly been given back, or
// was never taken if the two are branches.
func behind(a, b *Stand) bool {
	x, y := a.Stack, b.Stack
	i, j := len(x)-1, len(y)-1
	for i >= 0 && j >= 0 && x[i] == y[j] {
		i, j = i-1, j-1
	}
	return a.Site != b.Site && i >= 0 && j >= 0 && x[i].Function == y[j].Function && x[i].Line > y[j].Line
}

// A held says that the goroutines of a stand hold what others wait for.
type held struct {
	by *Stand
	of *Stand // where others wait for it
}

// holders returns those of a list that came past a place where the group waits.
func (g *group) holders(list []*Stand, past func(a, b *Stand) bool) (out []held) {
	for _, a := range list {
		for _, w := range g.waiters {
			if w.Stand != a && past(a, w.Stand) {
				out = append(out, held{a, w.Stand})
				break
			}
		}
	}
	return out
}

// members returns the group's stands, and beside returns all others: of requests, and of
// goroutines that serve none.
func (g *group) members() (list []*Stand) {
	for _, w := range g.waiters {
		list = append(list, w.Stand)
	}
	return list
}

func (s *still) beside(g *group) (list []*Stand) {
	members := g.members()
	for i := range s.in.Evidence {
		stands := s.in.Evidence[i].Stands
		for j := range stands {
			if !slices.Contains(members, &stands[j]) {
				list = append(list, &stands[j])
			}
		}
	}
	for i := range s.in.Others {
		list = append(list, &s.in.Others[i])
	}
	return list
}

// rests reports whether goroutines that serve no request have nothing to do: they wait
// for a message in the service's own code, or have been in one system call for the whole
// window, as for a terminal or a pipe.
func (s *Stand) rests() bool {
	switch {
	case s.State == "" || s.Branches > 0:
		return false
	case s.State == "syscall":
		return s.Whole == s.Count && (s.Bucket == breakdown.Unknown || s.Bucket == breakdown.File)
	case s.Bucket == breakdown.Unknown:
		return s.Reason == "network"
	}
	return s.State == "waiting" && s.Bucket == breakdown.Wait && s.Reason != "chan send"
}

// group returns the group that waits for something, nil if there is none that stands
// still.
func (s *still) group(what string, least int64) *group {
	for _, g := range s.groups {
		if g.what == what && s.stands(g, least) && !s.moved(g) {
			return g
		}
	}
	return nil
}

// cycle is the fewest requests that a cycle takes.
const cycle = 2

// pool finds a pool whose connections do not come back: they are held by requests that
// wait for a second one, or by nobody. It returns nil if one may: as long as a goroutine
// is in the database, or holds a connection while it waits for something else, that
// decides.
func (s *still) pool() *sum {
	g := s.group(forConnection, cycle)
	if g == nil {
		return nil
	}
	beside := s.beside(g)
	if slices.ContainsFunc(beside, func(o *Stand) bool { return o.Bucket == g.bucket && o.Phase.Stage() != breakdown.Pooling }) {
		return nil
	}
	if h := g.holders(beside, after); len(h) > 0 {
		return s.heldElsewhere(g, h)
	}
	if h := g.holders(g.members(), after); len(h) > 0 {
		return s.cause("deadlock", breakdown.Likely, g, s.heldBy(h))
	}
	if g.count < fewestStanding {
		return nil
	}
	// Requests that wait behind another call's place may hold what that took, and others
	// that wait for something else may hold a connection.
	if len(g.holders(g.members(), behind)) > 0 || slices.ContainsFunc(beside, func(o *Stand) bool { return !o.rests() && o.awaits() != "" || o.State == "running" && o.Branches == 0 }) {
		return s.cause("stuck-requests", breakdown.Likely, g, nil)
	}
	return s.cause("connection-leak", breakdown.Likely, g, nil)
}

// locks finds locks that are not released: by goroutines that wait for another lock, or
// by none that is there.
func (s *still) locks() *sum {
	g := s.group(forLock, cycle)
	if g == nil {
		return nil
	}
	beside := s.beside(g)
	var locked []*Stand // by goroutines that serve no request
	beside = slices.DeleteFunc(beside, func(o *Stand) bool {
		if o.Bucket == breakdown.Lock && o.State != "" {
			locked = append(locked, o)
			return true
		}
		return false
	})
	if h := g.holders(beside, after); len(h) > 0 {
		return s.heldElsewhere(g, h)
	}
	if h := g.holders(append(g.members(), locked...), after); len(h) > 0 {
		return s.cause("deadlock", breakdown.Likely, g, s.heldBy(h))
	}
	if g.count < fewestStanding {
		return nil
	}
	sure := breakdown.Likely
	if slices.ContainsFunc(beside, mayHold) {
		sure = breakdown.Possible
	}
	return s.cause("stuck-requests", sure, g, nil)
}

// mayHold reports whether goroutines that serve no request may hold a lock and still give
// it back: they are at work.
func mayHold(o *Stand) bool {
	return o.State != "" && o.Branches == 0 && !o.rests()
}

// heldElsewhere returns the cause of a group whose holders wait for something else. It
// returns nil if that may come.
func (s *still) heldElsewhere(g *group, h []held) *sum {
	stuck := func(o *Stand) bool {
		if o.Whole == 0 || o.Reason == "sleep" || o.State != "" && o.State != "waiting" {
			return false
		}
		of := s.groupWith(o)
		return of == nil && o.Reason == "chan send" || of != nil && !s.moved(of) && (of.what != forAnswer || s.overdue(of))
	}
	if !slices.ContainsFunc(h, func(x held) bool { return stuck(x.by) }) || slices.ContainsFunc(h, func(x held) bool { return !stuck(x.by) }) {
		return nil
	}
	for _, x := range h {
		if of := s.groupWith(x.by); of != nil {
			of.named = true
		}
	}
	return s.cause("stuck-requests", breakdown.Likely, g, s.heldBy(h))
}

// groupWith returns the group of a stand, nil if it is in none.
func (s *still) groupWith(o *Stand) *group {
	for _, g := range s.groups {
		if slices.Contains(g.members(), o) {
			return g
		}
	}
	return nil
}

// heldBy returns the facts of who holds what a group waits for: where they wait, for what,
// and where they took it.
func (s *still) heldBy(h []held) (facts breakdown.Facts) {
	slices.SortStableFunc(h, func(a, b held) int { return int(b.by.Count - a.by.Count) })
	for _, x := range h[:min(len(h), mostPlaces)] {
		what := x.by.awaits()
		if what == "" {
			what = x.by.Bucket.String()
		}
		facts = append(facts,
			breakdown.Fact{Kind: breakdown.FactParty, Name: what, Place: breakdown.Place(x.by.Site), Value: float64(x.by.Count)},
			breakdown.Fact{Kind: breakdown.FactPartyHolds, Place: breakdown.Place(x.of.Site)})
	}
	return facts
}
