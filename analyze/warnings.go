package analyze

import (
	"cmp"
	"math"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// warnings collects what the answer does not cover or may be wrong about. Package
// report holds the words.
type warnings struct {
	list   []breakdown.Warning
	memory int64 // that the analysis may use, in bytes
	short  bool  // a trace is not whole: a longer window would not complete its requests
}

func (w *warnings) add(code string, d breakdown.Doubt) {
	w.list = append(w.list, breakdown.Warning{Code: code, Facts: &d})
}

// pass passes on a warning of one side of a comparison.
func (w *warnings) pass(from breakdown.Warning, side string) {
	if from.Facts != nil {
		d := *from.Facts
		d.Side = side
		from.Facts = &d
	} else {
		from.Message = side + ": " + from.Message
	}
	w.list = append(w.list, from)
}

// capture adds the warnings about one capture, whose sampling is the last.
func (w *warnings) capture(c *capture.Capture, sum *timeline.Summary, match *matcher, samplings []sampling) {
	own := c.Warnings()
	for _, from := range own[:min(len(own), mostCollected)] {
		w.list = append(w.list, breakdown.Warning{Code: from.Code, Message: from.Message})
	}
	if more := len(own) - mostCollected; more > 0 {
		w.add("warnings-many", breakdown.Doubt{Count: int64(more)})
	}
	asked := int64(0)
	if m := c.Manifest(); m != nil && m.Window.TraceAsked > 0 {
		asked = max(m.Window.TraceAsked, sum.Window()) // a service may trace for longer
	}
	w.short = w.short || !isWhole(c, sum)
	if sum.Cut != nil {
		w.add("trace-truncated", breakdown.Doubt{Bytes: sum.CutBytes, Cause: sum.Cut.Error(), Covered: sum.Covered, Asked: asked})
	}
	w.generations(sum, asked)
	if sum.Version < 22 {
		w.add("old-go", breakdown.Doubt{InCalls: sum.InCalls, AfterCalls: sum.AfterCalls})
	}
	w.given(sum)
	if window := sum.Covered; window > 0 && float64(sum.Saturated) > 0.5*float64(window) {
		w.add("cores-saturated", breakdown.Doubt{Processors: sum.GOMAXPROCS, Share: float64(sum.Saturated) / float64(window)})
	}
	w.offCPU(samplings)
	answered := 0
	for i := range match.probes {
		if match.probes[i].Status != 0 {
			answered++
		}
	}
	if seen := float64(answered) * share(sum.Covered, sum.Window()); 2*float64(match.pairs) < seen {
		w.add("probes-unmatched", breakdown.Doubt{Count: int64(match.pairs), Of: int64(answered)})
	}
}

// isWhole reports whether a trace was read from the beginning to the end of its window.
func isWhole(c *capture.Capture, sum *timeline.Summary) bool {
	m := c.Manifest()
	return sum.Cut == nil && sum.Missing.Count == 0 && sum.Late.Count == 0 && sum.Skipped == 0 &&
		(m == nil || m.Window.Ended == "" || m.Window.Ended == capture.EndedInTime || m.Window.Ended == capture.EndedEnough)
}

// mostCollected is how many warnings that came with a capture are passed on. No collection
// gives that many.
const mostCollected = 20

// generations warns of generations that are missing, out of order or repeated.
func (w *warnings) generations(sum *timeline.Summary, asked int64) {
	for _, faulty := range []struct {
		code string
		n    *timeline.Numbers
	}{
		{"generations-missing", &sum.Missing},
		{"generations-out-of-order", &sum.Late},
		{"generations-repeated", &sum.Repeated},
	} {
		if faulty.n.Count == 0 {
			continue
		}
		d := breakdown.Doubt{Count: int64(min(faulty.n.Count, math.MaxInt64)), Covered: sum.Covered, Asked: cmp.Or(asked, sum.Window())}
		for _, r := range faulty.n.Runs {
			d.Generations = append(d.Generations, breakdown.GenerationRun{First: r.First, Last: r.Last})
		}
		w.add(faulty.code, d)
	}
}

// given warns of detail that was dropped to stay within memory.
func (w *warnings) given(sum *timeline.Summary) {
	for _, up := range []struct {
		code  string
		count int64
		d     breakdown.Doubt
	}{
		{"generations-skipped", int64(sum.Skipped), breakdown.Doubt{Bytes: sum.SkippedBytes}},
		{"history-forgotten", int64(sum.Forgotten), breakdown.Doubt{}},
		{"paths-condensed", sum.Condensed, breakdown.Doubt{}},
		{"calls-uncounted", sum.CallsCut, breakdown.Doubt{}},
		{"goroutines-unfollowed", int64(sum.Evicted), breakdown.Doubt{Requests: sum.EvictedRequests}},
		{"stacks-cut", int64(sum.StacksCut), breakdown.Doubt{}},
		{"evidence-cut", int64(sum.CausesCut), breakdown.Doubt{}},
	} {
		if up.d.Count, up.d.Memory = up.count, w.memory; up.count > 0 {
			w.add(up.code, up.d)
		}
	}
}

// offCPU warns if the goroutines ran for notably longer than their CPU samples account
// for: the kernel had taken the core away.
func (w *warnings) offCPU(samplings []sampling) {
	s := samplings[len(samplings)-1:]
	all := []exposure{s[0].process}
	least := notable
	if s[0].old {
		least = 0.4 // goroutines also seem to run while they are in system calls
	}
	if p, ok := presenceOf(all, s); ok && p.deprived && 1-p.share >= least {
		w.add("cpu-throttled", breakdown.Doubt{Running: s[0].process.ran, Sampled: int64(p.share * float64(s[0].process.ran)), Deprived: why(all, p, s)})
	}
}

// answer adds the warnings about the answer as a whole.
func (w *warnings) answer(b *breakdown.Breakdown, s *settled) {
	if s.requests == 0 && !slices.ContainsFunc(b.Causes, func(x breakdown.Explanation) bool { return x.Shown && x.Facts.Has(breakdown.FactStuck) }) {
		w.add("no-requests", breakdown.Doubt{})
	}
	if s.cut {
		w.add("sums-merged", breakdown.Doubt{Endpoint: others, Memory: w.memory})
	}
	whole, inferred := map[bool]int64{}, breakdown.Doubt{}
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		whole[e.Lasts()] += e.Wall.Total + e.IncompleteTime
		inferred.Count, inferred.Of = inferred.Count+e.Inferred, inferred.Of+e.Requests
	}
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		if own := e.Wall.Total + e.IncompleteTime; float64(own) >= negligible*float64(whole[e.Lasts()]) {
			w.endpoint(b, e, own)
			w.unruled(e, s)
		}
	}
	if inferred.Count > 0 {
		w.add("requests-inferred", inferred)
	}
}

// notable is the smallest share of the time that is worth a warning.
const notable = 0.10

// negligible is the share of all request time below which an endpoint is not worth a
// warning.
const negligible = 0.01

// endpoint adds the warnings about one endpoint's figures.
func (w *warnings) endpoint(b *breakdown.Breakdown, e *breakdown.Endpoint, whole int64) {
	if of := unexplained(e); of > 0.005 {
		w.add("unknown-time", breakdown.Doubt{Endpoint: title(e), Share: of})
	}
	if float64(e.IncompleteTime) > 0.2*float64(whole) && !e.Lasts() && !standsStill(b, e) {
		w.add("incomplete-requests", breakdown.Doubt{Endpoint: title(e), Count: e.Incomplete, Share: float64(e.IncompleteTime) / float64(whole), Short: w.short})
	}
	if e.Requests > 0 && e.Requests < enoughRequests {
		w.add("few-requests", breakdown.Doubt{Endpoint: title(e), Count: e.Requests})
	}
}

// enoughRequests is the fewest requests whose percentiles mean something.
const enoughRequests = 20

// standsStill reports whether a cause says that requests of the endpoint stand still: in a
// longer window they do so too.
func standsStill(b *breakdown.Breakdown, e *breakdown.Endpoint) bool {
	return slices.ContainsFunc(b.Causes, func(x breakdown.Explanation) bool {
		return x.Shown && x.Facts.Has(breakdown.FactStuck) && slices.Contains(x.Endpoints, e.Name)
	})
}

// unexplained returns the share of the wall time of which nothing is known.
func unexplained(e *breakdown.Endpoint) float64 {
	u := &e.Buckets[breakdown.Unknown]
	rest := u.Total
	for _, p := range u.Phases {
		if p.Phase != breakdown.NoPhase {
			rest -= p.Total
		}
	}
	return share(rest, e.Wall.Total)
}

// title returns an endpoint's route, or its name if it has none.
func title(e *breakdown.Endpoint) string { return cmp.Or(e.Route, e.Name) }
