package analyze

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// A cold start shows in an endpoint's first requests: they come after a stretch without
// any, and are unlike the rest.

const (
	// mostFirsts is how many requests of a capture are kept, those that began first.
	mostFirsts = 48
	// mostFirstParts is how many parts of such a request are kept, the longest ones.
	mostFirstParts = 4
	// firstSize is the size of a kept request, in bytes.
	firstSize = 256
)

// firsts are an endpoint's first complete requests in a capture.
type firsts struct {
	list     []firstRequest // by their start
	requests int64          // all complete ones
	last     int64          // when the last of them began
	cut      bool           // there are incomplete ones
	cutFrom  int64          // when the first of these began
	lost     bool           // there was no room for some of the list
}

type firstRequest struct {
	start, goroutine, wall int64
	spent, dialing         [breakdown.NumBuckets]int64
	parts                  []tailTime
}

func (f *firstRequest) compare(o *firstRequest) int {
	return cmp.Or(cmp.Compare(f.start, o.start), cmp.Compare(f.goroutine, o.goroutine))
}

// firstsIn returns those of the capture being read.
func (e *endpoint) firstsIn() *firsts {
	for len(e.firsts) <= e.capture {
		e.firsts = append(e.firsts, firsts{})
	}
	return &e.firsts[e.capture]
}

// addToFirsts adds a complete request with its time in each bucket.
func (e *endpoint) addToFirsts(r *breakdown.Request, spent *[breakdown.NumBuckets]int64) {
	f := e.firstsIn()
	f.requests++
	f.last = max(f.last, r.Start)
	switch {
	case f.lost || f.precede(r): // nearly every request
		return
	case len(f.list) == mostFirsts:
		f.list = f.list[:mostFirsts-1]
	case !e.spend(firstSize):
		f.list, f.lost = nil, true
		return
	}
	e.keepFirst(f, r, spent)
}

// precede reports whether a complete request comes later than all first ones, of which there
// are as many as are kept.
func (f *firsts) precede(r *breakdown.Request) bool {
	if len(f.list) < mostFirsts {
		return f.lost
	}
	last := &f.list[mostFirsts-1]
	return r.Start > last.start || r.Start == last.start && r.Goroutine >= last.goroutine
}

// keepFirst adds a request to the first ones, for which there is room.
func (e *endpoint) keepFirst(f *firsts, r *breakdown.Request, spent *[breakdown.NumBuckets]int64) {
	first := firstRequest{start: r.Start, goroutine: r.Goroutine, wall: r.Wall(), spent: *spent}
	for i := range r.Path {
		if s := &r.Path[i]; s.Phase.Stage() == breakdown.Dialing {
			first.dialing[s.Bucket] += s.End - s.Start
		}
	}
	first.parts = longestParts(e.partsOf(r))
	at, _ := slices.BinarySearchFunc(f.list, first, func(x, y firstRequest) int { return x.compare(&y) })
	f.list = slices.Insert(f.list, at, first)
}

// longestParts returns those of a request's parts that are worth keeping, in memory of
// their own.
func longestParts(parts []tailTime) []tailTime {
	list := slices.DeleteFunc(slices.Clone(parts), func(p tailTime) bool { return p.held })
	slices.SortStableFunc(list, func(x, y tailTime) int { return cmp.Compare(y.time, x.time) })
	return slices.Clone(list[:min(len(list), mostFirstParts)])
}

// addCutToFirsts adds an incomplete request.
func (e *endpoint) addCutToFirsts(r *breakdown.Request) {
	f := e.firstsIn()
	if !f.cut || r.Start < f.cutFrom {
		f.cut, f.cutFrom = true, r.Start
	}
}

// mergeFirsts returns the first requests of two endpoints that are one.
func mergeFirsts(list, more []firsts) []firsts {
	for capture := range more {
		if capture >= len(list) {
			return append(list, more[capture:]...)
		}
		to, from := &list[capture], &more[capture]
		to.requests += from.requests
		to.last = max(to.last, from.last)
		if from.cut && (!to.cut || from.cutFrom < to.cutFrom) {
			to.cut, to.cutFrom = true, from.cutFrom
		}
		to.lost = to.lost || from.lost
		to.list = append(to.list, from.list...)
		slices.SortFunc(to.list, func(x, y firstRequest) int { return x.compare(&y) })
		to.list = to.list[:min(len(to.list), mostFirsts)]
	}
	return list
}

// Requests are the first ones if there were none for longQuiet ns and for manyGaps times as
// long as there is between the starts of two requests later.
const (
	longQuiet = 20_000_000
	manyGaps  = 10
)

// quiet returns how long the window had been open when the first request began, 0 if that
// is not long, or if others may have come before it.
func (f *firsts) quiet(opened int64) int64 {
	if f.lost || len(f.list) == 0 || f.cut && f.cutFrom < f.list[0].start {
		return 0
	}
	quiet := f.list[0].start - opened
	if quiet < longQuiet || quiet*max(f.requests-1, 1) < manyGaps*(f.last-f.list[0].start) {
		return 0
	}
	return quiet
}

// Most of the first requests must be slow, most of the slow ones must be among the first,
// and that must not be chance.
const (
	slowShare   = 0.9
	firstShare  = 0.8
	firstChance = 0.01
)

// leading returns how many requests at the beginning of the list are slow, with few others
// among them, and how many of them are. It returns 0 if the list has no end to that.
func (f *firsts) leading(slow int64) (n, of int) {
	count := 0
	for i := range f.list {
		if f.list[i].wall < slow {
			continue
		}
		if count++; float64(count) >= slowShare*float64(i+1) {
			n, of = count, i+1
		}
	}
	if of == mostFirsts {
		return 0, 0
	}
	return n, of
}

// coldStart returns how the first requests differ from the others, nil if they do not, or
// if they are not known to be the first.
func (e *endpoint) coldStart() *diagnosis.ColdStart {
	if e.requests < breakdown.FewestInTail {
		return nil
	}
	slow := int64(0)
	out := &diagnosis.ColdStart{}
	var list []firstRequest
	leading := 0
	for capture := range e.firsts {
		if capture >= len(e.windows) {
			break
		}
		f := &e.firsts[capture]
		quiet := f.quiet(e.windows[capture])
		if quiet == 0 {
			continue
		}
		// How slow the first ones are tells them from others that are merely slower.
		from := max(2*e.wall.Quantile(0.5), f.list[0].wall/2)
		n, of := f.leading(from)
		if n == 0 {
			continue
		}
		if slow == 0 || from < slow {
			slow = from
		}
		if out.Quiet == 0 || quiet < out.Quiet {
			out.Quiet = quiet
		}
		leading += n
		list = append(list, f.list[:of]...)
	}
	all := max(slowIn(&e.wall, slow), int64(leading))
	if leading == 0 || 4*int64(len(list)) > e.requests || float64(leading) < firstShare*float64(all) || byChance(leading, all, e.requests) > firstChance {
		return nil
	}
	e.compareFirsts(out, list)
	return out
}

// slowIn returns how many of a histogram's wall times are slow.
func slowIn(h *breakdown.Histogram, slow int64) (sum int64) {
	h.Each(func(lo, _, count int64) {
		if lo >= slow {
			sum += count
		}
	})
	return sum
}

// byChance returns how likely it is that n requests are all slow, of all of which so many are.
func byChance(n int, slow, all int64) float64 {
	p := 1.0
	for i := range int64(n) {
		p *= float64(slow-i) / float64(all-i)
	}
	return p
}

// compareFirsts sets what the first requests spend more time on than the others.
func (e *endpoint) compareFirsts(out *diagnosis.ColdStart, list []firstRequest) {
	n := int64(len(list))
	others := e.requests - n
	wall, spent, dialing := int64(0), [breakdown.NumBuckets]int64{}, [breakdown.NumBuckets]int64{}
	sites := map[breakdown.Bucket]map[breakdown.Frame]int64{}
	for i := range list {
		f := &list[i]
		wall += f.wall
		for b := range spent {
			spent[b] += f.spent[b]
			dialing[b] += f.dialing[b]
		}
		for _, p := range f.parts {
			if p.cause.Site.Function == "" {
				continue
			}
			if sites[p.bucket] == nil {
				sites[p.bucket] = map[breakdown.Frame]int64{}
			}
			sites[p.bucket][p.cause.Site] += p.time
		}
	}
	out.Requests, out.Mean, out.OthersMean = n, mean(wall, n), mean(e.wallTotal-wall, others)
	for b := range spent {
		whole := int64(0)
		for p, ns := range e.buckets[b].phases {
			if breakdown.Phase(p).Stage() == breakdown.Dialing {
				whole += ns
			}
		}
		out.Longer[b] = max(mean(spent[b], n)-mean(e.buckets[b].total-spent[b], others), 0)
		out.Dialing[b] = min(max(mean(dialing[b], n)-mean(whole-dialing[b], others), 0), out.Longer[b])
		out.Sites[b] = longestSite(sites[breakdown.Bucket(b)], n*out.Longer[b]/2)
	}
}

// longestSite returns the place with the most time, the zero Frame if it has less than
// least.
func longestSite(sites map[breakdown.Frame]int64, least int64) (site breakdown.Frame) {
	most := int64(0)
	for f, ns := range sites {
		if ns >= max(least, 1) && (ns > most || ns == most && compareFrames(f, site) < 0) {
			site, most = f, ns
		}
	}
	return site
}
