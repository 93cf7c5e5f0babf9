package analyze

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/infer"
	"timesink/analyze/rules"
)

// topCPUSites is how many places with CPU samples an endpoint lists.
const topCPUSites = 20

// topSites is how many call sites a bucket lists by name. The rest are summed as other.
const topSites = 12

// render returns the endpoints of the answer, the one with the most request time first,
// and streams and long polls after the others. A CPU sample stands for samplePeriod ns.
func render(s *settled, samplePeriod int64, samplings []sampling) []breakdown.Endpoint {
	out := []breakdown.Endpoint{}
	for _, e := range s.byKey {
		if e.requests > 0 || e.incomplete > 0 {
			out = append(out, renderEndpoint(e, samplePeriod, samplings))
		}
	}
	last := func(e breakdown.Endpoint) int {
		if e.Lasts() {
			return 1
		}
		return 0
	}
	slices.SortFunc(out, func(a, b breakdown.Endpoint) int {
		return cmp.Or(last(a)-last(b), cmp.Compare(b.Wall.Total+b.IncompleteTime, a.Wall.Total+a.IncompleteTime),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

func renderEndpoint(e *endpoint, samplePeriod int64, samplings []sampling) breakdown.Endpoint {
	out := breakdown.Endpoint{
		Name: e.key.name, Kind: e.key.kind, Route: routeOf(e), Requests: e.requests, Known: e.requests - e.inferred, Inferred: e.inferred,
		Incomplete: e.incomplete, IncompleteTime: e.incompleteTime,
		Wall: breakdown.Stats{Total: e.wallTotal, Mean: mean(e.wallTotal, e.requests), P50: e.wall.Quantile(0.5),
			P95: e.wall.Quantile(0.95), P99: e.wall.Quantile(0.99), Max: e.wall.Max(), Hist: &e.wall},
		Client: clientOf(e.probes), Routes: e.shown(), Series: e.series, Tail: e.tails.render(e),
	}
	for b := breakdown.Bucket(0); b < breakdown.NumBuckets; b++ {
		out.Buckets = append(out.Buckets, renderBucket(e, b))
	}
	renderPresence(e, &out.Buckets[breakdown.CPU], samplings)
	out.CPU = []breakdown.CPUFunction{}
	for _, s := range e.samples {
		out.CPU = append(out.CPU, breakdown.CPUFunction{Frame: s.frame, Samples: s.n, Self: s.n * samplePeriod})
	}
	slices.SortFunc(out.CPU, func(a, b breakdown.CPUFunction) int {
		return cmp.Or(cmp.Compare(b.Samples, a.Samples), cmp.Compare(a.Function, b.Function))
	})
	out.CPU = out.CPU[:min(len(out.CPU), 20)]
	out.CPULibraries = cpuLibraries(e)
	out.CPUSites = cpuSites(e)
	divide(&out.Buckets[breakdown.CPU], out.CPUSites, e.requests)
	out.CPUSites = out.CPUSites[:min(len(out.CPUSites), topCPUSites)]
	if e.figures != nil {
		addIntervals(&out, e.figures)
	}
	if e.detail != nil {
		out.Detail = e.detail.render()
	}
	return out
}

// renderPresence splits the running time by whether there was a core, if CPU samples
// tell.
func renderPresence(e *endpoint, t *breakdown.BucketTime, samplings []sampling) {
	if slices.ContainsFunc(samplings, func(s sampling) bool { return s.old }) {
		return
	}
	if p, ok := presenceOf(e.exposed, samplings); ok && t.Total+t.IncompleteTotal > 0 {
		t.Phases = p.phases(t.Total, t.IncompleteTotal, e.requests, why(e.exposed, p, samplings))
	}
}

// addIntervals adds the intervals of the figures. The figures themselves count requests
// that were dealt out as whole ones, so they are always within.
func addIntervals(out *breakdown.Endpoint, f *infer.Figure) {
	exact := f.Requests.Low == f.Requests.High && f.Mean.Low == f.Mean.High
	around := func(in infer.Interval, x int64) *breakdown.Interval {
		if exact {
			return &breakdown.Interval{x, x}
		}
		return &breakdown.Interval{min(int64(math.Floor(in.Low)), x), max(int64(math.Ceil(in.High)), x)}
	}
	out.RequestsCI95 = around(f.Requests, out.Requests)
	out.Wall.MeanCI95, out.Wall.P50CI95, out.Wall.P95CI95 = around(f.Mean, out.Wall.Mean), around(f.P50, out.Wall.P50), around(f.P95, out.Wall.P95)
}

// cpuLibraries estimates the running time in calls to other systems from their share of
// the samples.
func cpuLibraries(e *endpoint) []breakdown.CPULibrary {
	out := []breakdown.CPULibrary{}
	ran := mean(e.buckets[breakdown.CPU].total, e.requests)
	for k, n := range e.libraries {
		out = append(out, breakdown.CPULibrary{Bucket: k.bucket, System: k.system, Samples: n, OfSamples: e.running,
			Estimate: int64(math.Round(float64(ran) * float64(n) / float64(e.running)))})
	}
	slices.SortFunc(out, func(a, b breakdown.CPULibrary) int {
		return cmp.Or(cmp.Compare(b.Samples, a.Samples), cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.System, b.System))
	})
	return out
}

// routeOf returns the endpoint's route, "" if it has none or its probes had several.
func routeOf(e *endpoint) string {
	if e.key.route != "" {
		return e.key.route
	}
	if shown := e.shown(); len(shown) == 1 {
		return shown[0]
	}
	return ""
}

// fewProbes is how many times fewer probes than of another route may have shown a route.
// On a busy machine a probe may be taken for another one's request; of the routes of one
// endpoint, each is probed as often.
const fewProbes = 8

// shown returns the routes that probes showed, in order.
func (e *endpoint) shown() (routes []string) {
	most := int64(0)
	for _, n := range e.routes {
		most = max(most, n)
	}
	for route, n := range e.routes {
		if fewProbes*n >= most {
			routes = append(routes, route)
		}
	}
	slices.Sort(routes)
	return routes
}

func renderBucket(e *endpoint, which breakdown.Bucket) breakdown.BucketTime {
	b := &e.buckets[which]
	b.hist.RecordN(0, e.requests-b.hist.N()) // those that spent no time here
	out := breakdown.BucketTime{
		Bucket: which, Total: b.total, Mean: mean(b.total, e.requests),
		Share: share(b.total, e.wallTotal), TimeShare: share(b.total+b.incomplete, e.wallTotal+e.incompleteTime),
		P50: b.hist.Quantile(0.5), P95: b.hist.Quantile(0.95), P99: b.hist.Quantile(0.99), Hist: &b.hist,
		Ceiling:      mean(e.wallTotal-b.total, e.requests),
		QueuedBehind: mean(b.queued, e.requests), Shadowed: mean(b.shadowed, e.requests),
		Systems: systems(b.systems), Phases: []breakdown.PhaseTime{}, IncompleteTotal: b.incomplete,
	}
	if e.requests > 0 {
		out.CallsPerRequest = round(float64(b.callCount)/float64(e.requests), 1000)
	}
	for p, t := range b.phases {
		// Time in no phase is listed only beside other phases.
		if incomplete := b.incompletePhase(p); (t > 0 || incomplete > 0) && (p != int(breakdown.NoPhase) || t+incomplete != b.total+b.incomplete) {
			out.Phases = append(out.Phases, breakdown.PhaseTime{Phase: breakdown.Phase(p), Total: t, Mean: mean(t, e.requests), IncompleteTotal: incomplete})
		}
	}
	out.Calls, out.Dials = b.callCount, b.dialCount
	for _, c := range b.calls {
		out.CallTime += c.time
	}
	out.Sites = sitesOf(which, b, e.requests)
	if e.incompleteTime > e.wallTotal && e.key.name != breakdown.Unnamed { // without a handler, no stack shows the service
		out.IncompleteSites = sitesOf(which, &bucketSums{causes: b.cut}, e.incomplete)
	}
	out.Holders = holdersOf(b)
	return out
}

// systems returns the names in order. It leaves out the generic interface that a driver
// is called through if the driver itself is known.
func systems(set map[string]bool) []string {
	out := []string{}
	for name := range set {
		if name != rules.GenericSQL || len(set) == 1 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// sitesOf groups the causes of a bucket by call site. The endpoint has that many
// complete requests.
func sitesOf(which breakdown.Bucket, b *bucketSums, requests int64) []breakdown.SiteTime {
	type siteSum struct {
		total, top int64
		why        string
		because    breakdown.Because
	}
	sums := map[breakdown.Frame]*siteSum{}
	for c, t := range b.causes {
		s := sums[c.Site]
		if s == nil {
			s = &siteSum{}
			sums[c.Site] = s
		}
		s.total += t.ns
		if why := evidence(c, which); t.ns > s.top || t.ns == s.top && why < s.why {
			s.top, s.why, s.because = t.ns, why, becauseOf(c, which)
		}
	}
	for frame := range b.calls {
		if sums[frame] == nil {
			sums[frame] = &siteSum{}
		}
	}
	out := []breakdown.SiteTime{}
	rest := int64(0)
	for frame, s := range sums {
		if frame == (breakdown.Frame{}) {
			rest += s.total
			continue
		}
		site := breakdown.SiteTime{Frame: frame, Total: s.total, Mean: mean(s.total, requests), Why: s.why, Because: s.because}
		if c := b.calls[frame]; c != nil && requests > 0 {
			site.CallsPerRequest = round(float64(c.n)/float64(requests), 1000)
			site.Trips = c.asked.tripsPerCall()
			if c.union > 0 {
				site.Concurrency = round(float64(c.time)/float64(c.union), 1000)
			}
		}
		out = append(out, site)
	}
	slices.SortFunc(out, func(x, y breakdown.SiteTime) int {
		return cmp.Or(cmp.Compare(y.Total, x.Total), compareFrames(x.Frame, y.Frame))
	})
	for len(out) > topSites {
		rest += out[len(out)-1].Total
		out = out[:len(out)-1]
	}
	if rest > 0 {
		out = append(out, breakdown.SiteTime{Frame: breakdown.Frame{Function: breakdown.Other}, Total: rest, Mean: mean(rest, requests)})
	}
	return out
}

// evidence describes a cause as text.
func evidence(c *breakdown.Cause, b breakdown.Bucket) string {
	because := becauseOf(c, b)
	text := because.State
	if because.Reason != "" {
		text += " (" + because.Reason + ")"
	}
	switch {
	case because.Timer != "":
		text += " for a timer of " + because.Timer
	case because.In != "":
		text += " in " + because.In
	}
	return text
}

// becauseOf returns what a cause rests on: the state, the runtime's reason, and the frame
// that the attribution to a bucket rests on.
func becauseOf(c *breakdown.Cause, b breakdown.Bucket) breakdown.Because {
	out := breakdown.Because{State: c.State, Reason: c.Reason}
	switch name := cName(c); {
	case c.Timer != "" && c.State == "waiting" && b == breakdown.Sleep:
		out.Timer = c.Timer
	case c.Rule != "":
		out.In = strings.TrimSuffix(c.Rule, ".")
	case name != "":
		out.In = name
	case len(c.Stack) > 0:
		out.In = c.Stack[0].Function
	}
	return out
}

// holdersOf returns what kept the bucket's requests waiting, the longest first. A holder
// served batches if it did so for most of that time.
func holdersOf(b *bucketSums) []breakdown.Holder {
	type holder struct {
		frame breakdown.Frame
		doing breakdown.Bucket
	}
	type places map[breakdown.Frame]int64
	sums, at, through := map[holder]int64{}, map[holder]places{}, map[holder]places{}
	batches := map[breakdown.Frame]int64{}
	place := func(of map[holder]places, h holder, c *breakdown.Cause, t int64) {
		if of[h] == nil {
			of[h] = places{}
		}
		if c != nil {
			of[h][c.Site] += t
		} else {
			of[h][breakdown.Frame{}] += t
		}
	}
	for k, sum := range b.holders {
		h, t := holder{k.release.Site, k.doing}, *sum
		sums[h] += t
		place(at, h, k.at, t)
		place(through, h, k.through, t)
		if !k.batch {
			t = -t
		}
		batches[h.frame] += t
	}
	var out []breakdown.Holder
	for h, t := range sums {
		out = append(out, breakdown.Holder{Frame: h.frame, Doing: h.doing, Total: t, Batch: batches[h.frame] > 0, At: mainPlace(at[h]), Through: mainPlace(through[h])})
	}
	slices.SortFunc(out, func(x, y breakdown.Holder) int {
		return cmp.Or(cmp.Compare(y.Total, x.Total), compareFrames(x.Frame, y.Frame), cmp.Compare(x.Doing, y.Doing))
	})
	return out[:min(len(out), topSites)]
}

// mainPlace returns the place with most of the time, nil if that is no place.
func mainPlace(times map[breakdown.Frame]int64) *breakdown.Frame {
	var most breakdown.Frame
	for f, t := range times {
		if c := cmp.Or(cmp.Compare(t, times[most]), compareFrames(most, f)); c > 0 {
			most = f
		}
	}
	if most.Function == "" {
		return nil
	}
	return &most
}

func compareFrames(a, b breakdown.Frame) int {
	return cmp.Or(cmp.Compare(a.Function, b.Function), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
}

// mean returns the rounded mean of a total over n, 0 if n is 0.
func mean(total, n int64) int64 {
	if n == 0 {
		return 0
	}
	return (total + n/2) / n
}

// share returns a part's share of the whole, rounded to six digits.
func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return round(float64(part)/float64(whole), 1e6)
}

func round(x, steps float64) float64 {
	return float64(int64(x*steps+0.5)) / steps
}
