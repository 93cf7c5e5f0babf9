package replay

import (
	"cmp"
	"math"
	"slices"

	"timesink/analyze/breakdown"
)

// This file is about the other side of calls. Whether a system answers as fast when it is
// asked more at once is not in a client's trace, except for as many calls as it was seen to
// answer at once: pace.go. Beyond that there are two ends: it keeps its pace, or it answers no
// more than that many at a time.

// asks reports whether a step waits for the other side of a call.
func asks(w *what, s *step) bool {
	return s.kind == stays && w.bucket.External() && !w.phase.OwnSide()
}

// findPeers adds each system that is called as a resource without a limit. Its capacity in
// Recording.limit is how many calls it was seen to answer at once.
func (l *linker) findPeers() {
	rec := l.rec
	found := map[poolKey]bool{}
	for i := range rec.requests {
		for _, c := range rec.requests[i].calls {
			s := &rec.sites[c.site]
			found[poolKey{s.bucket, s.system}] = true
		}
	}
	keys := make([]poolKey, 0, len(found))
	for k := range found {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b poolKey) int {
		return cmp.Or(cmp.Compare(a.bucket, b.bucket), cmp.Compare(a.system, b.system))
	})
	for _, k := range keys {
		l.peers[k] = l.add(resource{sort: aPeer, name: k.system, bucket: k.bucket})
	}
}

// busy is the share of the time in which a system answers anything that it must have answered
// as many calls at once as it is known to be able to.
const busy = 0.02

// level returns how many of a resource were taken at once for a part of the time.
func (h *holders) level() int {
	all, sum := int64(0), int64(0)
	for _, t := range h.levels {
		all += t
	}
	for n := len(h.levels) - 1; n > 0; n-- {
		if sum += h.levels[n]; float64(sum) > busy*float64(all) {
			return n
		}
	}
	return 0
}

// count adds up for how long so many of a resource were taken.
func (h *holders) count(now int64) {
	if h.used > 0 {
		if n := h.used + 1 - len(h.levels); n > 0 {
			h.levels = append(h.levels, make([]int64, n)...)
		}
		h.levels[h.used] += now - h.since
	}
	h.since = now
}

// limited returns the world in which no system answers more calls at once than it did in a
// replay, and whether the replay after a change asks for more.
func (w *world) limited(before, after *simulation) (n *world, more []breakdown.Assumption) {
	l := *w
	l.resources = slices.Clone(w.resources)
	for i := range l.resources {
		r := &l.resources[i]
		if r.sort != aPeer {
			continue
		}
		was, is := before.held[i].level(), after.held[i].level()
		r.capacity = max(1, was)
		if is > was {
			a := breakdown.Assumption{Code: breakdown.UnknownPace, At: r.name, Bucket: r.bucket.String(), Number: was, Then: is}
			if r.single {
				a.Code = breakdown.UnknownLevel
			}
			more = append(more, a)
		}
	}
	return &l, more
}

// A change of the mean number of calls in flight by less than this share hardly matters, and
// mostPaces bounds how many paces are listed.
const (
	sameLevel = 0.05
	mostPaces = 3
)

// mean returns how many of a resource were taken while any was.
func (h *holders) mean() float64 {
	sum, all := 0.0, 0.0
	for n, t := range h.levels {
		sum, all = sum+float64(n)*float64(t), all+float64(t)
	}
	return sum / max(1, all)
}

// pacesThatMatter returns the paces of the systems of which more or fewer calls are in flight
// after a change than before, those with the most time first.
func (w *world) pacesThatMatter(before, after *simulation) (list []breakdown.Assumption) {
	for i := range w.paces {
		p := &w.paces[i]
		was, is := before.held[p.peer].mean(), after.held[p.peer].mean()
		if math.Abs(is-was) < sameLevel*was {
			continue
		}
		r := &w.resources[p.peer]
		list = append(list, breakdown.Assumption{Code: breakdown.AssumeFitted, At: r.name, Bucket: r.bucket.String(), Pace: &breakdown.Pace{
			Function: p.frame.Function, File: p.frame.File, Line: p.frame.Line, Calls: p.calls, From: p.lo, To: p.hi, Mean: int64(p.mean),
			PerCall: int64(p.slope), PerCallCI: breakdown.Interval{int64(math.Floor(p.slope - p.half)), int64(math.Ceil(p.slope + p.half))},
		}})
	}
	slices.SortStableFunc(list, func(a, b breakdown.Assumption) int {
		return cmp.Compare(b.Pace.Mean*int64(b.Pace.Calls), a.Pace.Mean*int64(a.Pace.Calls))
	})
	return list[:min(len(list), mostPaces)]
}
