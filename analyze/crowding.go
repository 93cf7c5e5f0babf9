package analyze

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// This file finds calls to another system that take longer the more of them are in flight,
// or while one from another call site is. A client does not see what the other
// side is busy with. But where its own load varies, a system that has no more to give
// answers each call later the more there are at once, and one that is slow by itself does
// not.

// An ask is a call that waits for another system's answer, which may come in pieces.
type ask struct {
	start, end int64 // of the first wait, and of the last
	took       int64 // all waits, ns
	cause      *breakdown.Cause
}

// asks are those of a capture's complete requests, as far as there is room for them.
type asks struct {
	list [breakdown.NumBuckets][]ask
	last [breakdown.NumBuckets]callKey // the call of the last in the list
	n    int
	full bool
	by   [breakdown.NumBuckets]*places // made when all have been added
}

// A callKey identifies a call of a capture. It is zero for none.
type callKey struct{ goroutine, start int64 }

const (
	mostAsks = 1 << 15 // listed of a capture
	askSize  = 56      // bytes, with what is made of it in the end
)

// callOf returns the call that a part of the path belongs to, of calls that have not ended
// before it.
func callOf(calls []breakdown.Call, s *breakdown.Segment) (key callKey) {
	for i := range calls {
		c := &calls[i]
		if c.Start > s.Start {
			break
		}
		if c.Goroutine == s.Goroutine && c.Bucket == s.Bucket && c.End >= s.End {
			key = callKey{c.Goroutine, c.Start}
		}
	}
	return key
}

// addAsk lists a wait for another system's answer, or adds it to the one before if that is
// of the same call. It stops as soon as less than four times the room is left that all
// could take, because sums matter more.
func (a *account) addAsk(s *breakdown.Segment, call callKey) {
	if s.Phase != s.Bucket.Usual() || s.Cause.State != "waiting" || s.Cause.Hold.Begins() || s.Cause.Hold.Ends() {
		return
	}
	for len(a.asks) <= a.capture {
		a.asks = append(a.asks, &asks{})
	}
	all := a.asks[a.capture]
	if call != (callKey{}) && call == all.last[s.Bucket] {
		w := &all.list[s.Bucket][len(all.list[s.Bucket])-1]
		w.end, w.took = s.End, w.took+s.End-s.Start
		return
	}
	if all.full = all.full || all.n >= mostAsks || a.room < 4*mostAsks*askSize; all.full {
		return
	}
	all.n++
	a.room -= askSize
	all.list[s.Bucket] = append(all.list[s.Bucket], ask{s.Start, s.End, s.End - s.Start, s.Cause})
	all.last[s.Bucket] = call
}

// A flight is how many calls were in flight when.
type flight struct{ starts, ends []int64 }

func flightOf(list []ask) (f flight) {
	for i := range list {
		f.starts = append(f.starts, list[i].start)
		f.ends = append(f.ends, list[i].end)
	}
	slices.Sort(f.starts)
	slices.Sort(f.ends)
	return f
}

// at returns how many are in flight, with one that starts then.
func (f *flight) at(t int64) int {
	begun, _ := slices.BinarySearch(f.starts, t+1)
	over, _ := slices.BinarySearch(f.ends, t+1)
	return begun - over
}

// places are the asks of a bucket by the service's call sites.
type places struct {
	all   flight
	known int64 // until when the calls in flight are known
	of    map[breakdown.Frame][]ask
	order []breakdown.Frame // those with the most time first
	some  map[breakdown.Frame]*flight
	asked map[breakdown.Frame][]asked // see askedAt
}

// places returns the asks of a bucket by their places.
func (a *asks) places(b breakdown.Bucket) *places {
	if a.by[b] != nil {
		return a.by[b]
	}
	list := a.list[b]
	p := &places{all: flightOf(list), known: math.MaxInt64, of: map[breakdown.Frame][]ask{}, some: map[breakdown.Frame]*flight{}, asked: map[breakdown.Frame][]asked{}}
	a.by[b] = p
	// Calls are listed once their requests have ended, until there is no room for more.
	if n := len(list); a.full && n > 0 {
		p.known = p.all.starts[0] + (p.all.ends[n-1]-p.all.starts[0])/2
	}
	times := map[breakdown.Frame]int64{}
	for _, s := range list {
		if at := s.cause.Site; at.Function != "" {
			p.of[at] = append(p.of[at], s)
			times[at] += s.took
		}
	}
	p.order = slices.SortedFunc(maps.Keys(times), func(x, y breakdown.Frame) int {
		return cmp.Or(cmp.Compare(times[y], times[x]), compareFrames(x, y))
	})
	return p
}

// flight returns how many calls of a place were in flight when.
func (p *places) flight(at breakdown.Frame) *flight {
	if p.some[at] == nil {
		f := flightOf(p.of[at])
		p.some[at] = &f
	}
	return p.some[at]
}

// An asked is a call with how many were in flight when it was made, itself included.
type asked struct {
	inFlight    int
	took, start int64
	capture     int
}

func compareAsked(x, y asked) int {
	return cmp.Or(cmp.Compare(x.inFlight, y.inFlight), cmp.Compare(x.took, y.took))
}

// askedAt returns the calls of a place, those with the fewest in flight first.
func (p *places) askedAt(site breakdown.Frame, capture int) []asked {
	list, ok := p.asked[site]
	if ok {
		return list
	}
	for _, s := range p.of[site] {
		if s.start < p.known {
			list = append(list, asked{p.all.at(s.start), s.took, s.start, capture})
		}
	}
	slices.SortFunc(list, compareAsked)
	p.asked[site] = list
	return list
}

// crowding returns how long the calls at the place with the most of an endpoint's time in a
// bucket take, by what else is in flight. It returns nil if there are too few of them.
func (e *endpoint) crowding(which breakdown.Bucket) *diagnosis.Crowding {
	b := &e.buckets[which]
	if b.total == 0 || which == breakdown.DB && len(e.rowLocks) > 0 {
		return nil
	}
	sites := map[breakdown.Frame]int64{}
	for c, t := range b.causes {
		if c.State == "waiting" && c.Site.Function != "" {
			sites[c.Site] += t.ns
		}
	}
	site := mainSite(sites)
	list := e.askedAt(which, site)
	if len(list) < 2*enoughAsked {
		return nil
	}
	out := &diagnosis.Crowding{Site: site}
	whole := int64(0)
	for _, a := range list {
		whole += a.took
	}
	out.Each = mean(whole, int64(len(list)))
	out.Few, out.Many = levelsOf(list)
	out.Behind = e.behind(which, site, whole)
	return out
}

// askedAt returns the calls of a bucket at a place, those with the fewest in flight first.
// The list must not be modified.
func (e *endpoint) askedAt(which breakdown.Bucket, site breakdown.Frame) (list []asked) {
	if len(e.asks) == 1 {
		return e.asks[0].places(which).askedAt(site, 0)
	}
	for i, all := range e.asks {
		list = append(list, all.places(which).askedAt(site, i)...)
	}
	slices.SortFunc(list, compareAsked)
	return list
}

// flights returns how many calls of a bucket at a place were in flight when, by capture.
func (e *endpoint) flights(which breakdown.Bucket, at breakdown.Frame) (list []*flight) {
	for _, all := range e.asks {
		list = append(list, all.places(which).flight(at))
	}
	return list
}

// enoughAsked is how many calls of a kind show how long these take.
const enoughAsked = 20

// levelsOf compares the calls of a sorted list that had the fewest others in flight with
// those that had the most: a quarter each, or more where more had as many, and fewer where
// most had the most. It returns zeros if there are too few.
func levelsOf(list []asked) (few, many diagnosis.Level) {
	low, high := list[len(list)/4].inFlight, list[len(list)-1-len(list)/4].inFlight
	if low == high {
		low-- // as in a small pool, of which mostly all connections are in use
	}
	var least, most crowd
	for _, a := range list {
		if a.inFlight <= low {
			least.add(a)
		}
		if a.inFlight >= high {
			most.add(a)
		}
	}
	if least.n < enoughAsked || most.n < enoughAsked {
		return few, many
	}
	return least.level(), most.level()
}

// mostBehind is how many other places are looked at.
const mostBehind = 4

// behind returns the other place whose calls the calls at a place wait for the longest, nil
// if there is none.
func (e *endpoint) behind(which breakdown.Bucket, site breakdown.Frame, whole int64) (out *diagnosis.Behind) {
	most := int64(0)
	for _, other := range e.otherPlaces(which, site) {
		var with, without, theirs crowd
		others := e.flights(which, other)
		for _, a := range e.askedAt(which, site) {
			if others[a.capture].at(a.start) > 0 {
				with.add(a)
			} else {
				without.add(a)
			}
		}
		for _, a := range e.askedAt(which, other) {
			theirs.add(a)
		}
		if with.n < enoughAsked || without.n < enoughAsked || theirs.n == 0 {
			continue
		}
		b := &diagnosis.Behind{Site: other, Each: theirs.level().Each, With: with.level(), Without: without.level()}
		longer := with.n * (b.With.Each - b.Without.Each)
		if b.Share = share(longer, whole); longer > most {
			most, out = longer, b
		}
	}
	return out
}

// otherPlaces returns the places other than site with the most time in a bucket, in any
// endpoint.
func (e *endpoint) otherPlaces(which breakdown.Bucket, site breakdown.Frame) (list []breakdown.Frame) {
	for _, all := range e.asks {
		for _, at := range all.places(which).order {
			if at != site && !slices.Contains(list, at) && len(list) < mostBehind {
				list = append(list, at)
			}
		}
	}
	return list
}

// A crowd sums calls that have something in common.
type crowd struct {
	n                 int64
	inFlight          int64
	took, squaredTook float64
}

func (c *crowd) add(a asked) {
	c.n++
	c.inFlight += int64(a.inFlight)
	c.took += float64(a.took)
	c.squaredTook += float64(a.took) * float64(a.took)
}

func (c *crowd) level() diagnosis.Level {
	n := float64(c.n)
	each := c.took / n
	variance := max(c.squaredTook/n-each*each, 0) / n
	return diagnosis.Level{InFlight: round(float64(c.inFlight)/n, 100), Each: int64(each), Error: int64(math.Sqrt(variance))}
}
