package analyze

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// DefaultAlpha is the probability of a false alarm that comparisons allow by default.
const DefaultAlpha = 0.05

// Changes compares two breakdowns that were made with Options.Series. Requests of one
// capture are not independent samples. With enough captures on each side the tests are
// over captures; with fewer, a change must also exceed the noise floor. An alpha of 0
// means DefaultAlpha. The error is that of a gate on an endpoint that is not on both
// sides.
func Changes(before, after *breakdown.Breakdown, alpha float64, gates []Gate) (*breakdown.Comparison, error) {
	if alpha == 0 {
		alpha = DefaultAlpha
	}
	c := &breakdown.Comparison{Schema: breakdown.CompareSchema, Alpha: alpha, Before: side(before), After: side(after),
		Endpoints: []breakdown.EndpointChange{}, Gates: []breakdown.Gate{}, Test: "requests"}
	t := tester{alpha: alpha, over: min(c.Before.Captures, c.After.Captures) >= enoughCaptures}
	if t.over {
		c.Test = "captures"
	}
	for _, p := range pairs(before, after) {
		c.Endpoints = append(c.Endpoints, t.endpoint(p, c.Before.Requests, c.After.Requests))
	}
	c.Mix = mix(c.Endpoints, pairs(before, after))
	for _, g := range gates {
		outcome, err := g.judge(c)
		if err != nil {
			return nil, err
		}
		c.Gates = append(c.Gates, outcome)
	}
	c.Warnings = comparability(c, before, after)
	return c, nil
}

func side(b *breakdown.Breakdown) breakdown.Side {
	s := breakdown.Side{Source: b.Source, Captures: max(b.Source.Instances, 1)}
	for i := range b.Endpoints {
		s.Requests += b.Endpoints[i].Requests
	}
	if read := cmp.Or(b.Source.Covered, b.Source.Window); read > 0 {
		s.Rate = round(float64(s.Requests)/float64(s.Captures)/(float64(read)/1e9), 1000)
	}
	return s
}

// A pair is an endpoint on both sides. One of them is nil if that side does not have
// it.
type pair struct{ before, after *breakdown.Endpoint }

// either returns the after side, or before if there is no after.
func (p pair) either() *breakdown.Endpoint {
	if p.after != nil {
		return p.after
	}
	return p.before
}

func (p pair) time() (sum int64) {
	for _, e := range []*breakdown.Endpoint{p.before, p.after} {
		if e != nil {
			sum += e.Wall.Total
		}
	}
	return sum
}

// pairs matches the endpoints of two sides: by name, then by route, then by names that
// differ only in what the compiler adds, which changes with the version of Go and with
// other closures around.
func pairs(before, after *breakdown.Breakdown) []pair {
	left, right := pointers(before.Endpoints), pointers(after.Endpoints)
	var out []pair
	for _, alike := range []func(b, a *breakdown.Endpoint) bool{
		func(b, a *breakdown.Endpoint) bool {
			return b.Name == a.Name && kind(b) == kind(a) && b.Route == a.Route
		},
		func(b, a *breakdown.Endpoint) bool { return b.Name == a.Name && kind(b) == kind(a) },
		func(b, a *breakdown.Endpoint) bool { return b.Route == a.Route && b.Route != "" },
		func(b, a *breakdown.Endpoint) bool { return kind(b) == kind(a) && rules.Alike(b.Name, a.Name) },
	} {
		for _, m := range matches(left, right, alike) {
			out = append(out, pair{left[m.before], right[m.after]})
			left[m.before], right[m.after] = nil, nil
		}
	}
	for _, b := range left {
		if b != nil {
			out = append(out, pair{before: b})
		}
	}
	for _, a := range right {
		if a != nil {
			out = append(out, pair{after: a})
		}
	}
	slices.SortStableFunc(out, func(x, y pair) int {
		return cmp.Or(cmp.Compare(x.oneSided(), y.oneSided()), cmp.Compare(y.time(), x.time()), cmp.Compare(x.either().Name, y.either().Name))
	})
	return out
}

// kind returns an endpoint's kind without the mark for long polls, which may be
// recognized on one side only.
func kind(e *breakdown.Endpoint) string { return strings.TrimSuffix(e.Kind, breakdown.LongPolling) }

func (p pair) oneSided() int {
	if p.before == nil || p.after == nil {
		return 1
	}
	return 0
}

func pointers(endpoints []breakdown.Endpoint) []*breakdown.Endpoint {
	var out []*breakdown.Endpoint
	for i := range endpoints {
		if endpoints[i].Requests > 0 {
			out = append(out, &endpoints[i])
		}
	}
	return out
}

// A tester decides what is significant.
type tester struct {
	alpha float64
	over  bool // test over captures
}

func (t *tester) endpoint(p pair, allBefore, allAfter int64) breakdown.EndpointChange {
	e := p.either()
	out := breakdown.EndpointChange{Name: e.Name, Route: e.Route, Kind: e.Kind, Status: "both",
		Wall: []breakdown.Change{}, Buckets: []breakdown.BucketChange{}}
	if p.before != nil {
		out.RequestsBefore, out.ShareBefore = p.before.Requests, share(p.before.Requests, allBefore)
		if p.before.Name != e.Name {
			out.Was = p.before.Name
		}
		out.Route = cmp.Or(out.Route, p.before.Route)
	}
	if p.after != nil {
		out.RequestsAfter, out.ShareAfter = p.after.Requests, share(p.after.Requests, allAfter)
	}
	switch {
	case p.before == nil:
		out.Status = "appeared"
		return out
	case p.after == nil:
		out.Status = "vanished"
		return out
	}
	s := samplesOf(p)
	for _, q := range wallQuantities {
		out.Wall = append(out.Wall, t.change(p, s, q))
	}
	parts := make([]ratio, breakdown.NumBuckets)
	for b := range parts {
		parts[b] = p.difference(p.before.Buckets[b].Total, p.after.Buckets[b].Total)
	}
	deltas := apportion(parts, out.Wall[0].Delta)
	for b, delta := range deltas {
		bucket := breakdown.Bucket(b)
		change := t.change(p, s, ofBucket(bucket))
		change.Delta = delta
		out.Buckets = append(out.Buckets, breakdown.BucketChange{Change: change, Bucket: bucket,
			Phases: phaseChanges(p, bucket, delta), Sites: siteChanges(p, bucket, delta), Parts: partChanges(p, bucket, delta)})
	}
	return out
}

// samples are the series of both sides, one for each capture.
type samples struct{ before, after []*sample }

func samplesOf(p pair) samples { return samples{seriesOf(p.before), seriesOf(p.after)} }

func seriesOf(e *breakdown.Endpoint) (out []*sample) {
	captures := make([]int, 0, len(e.Series))
	for i := range e.Series {
		captures = append(captures, i)
	}
	slices.Sort(captures)
	for _, i := range captures {
		out = append(out, newSample(e.Series[i]))
	}
	return out
}

// change measures and tests one quantity.
func (t *tester) change(p pair, s samples, q quantity) breakdown.Change {
	c := breakdown.Change{Quantity: q.name, Before: q.of(p.before), After: q.of(p.after), P: 1}
	c.Delta = c.After - c.Before
	c.Relative = relative(c.Delta, c.Before)
	if len(s.before) == 0 || len(s.after) == 0 {
		return c
	}
	var v verdict
	if t.over {
		v = overCaptures(valuesOf(s.before, q), valuesOf(s.after, q), t.alpha)
	} else {
		v = withinCaptures(joined(s.before), joined(s.after), q, t.alpha)
		base := c.Before
		if q.q == 0 {
			base = p.before.Wall.Mean
		}
		c.Floor = int64(q.floor * float64(base))
	}
	c.P, c.Low, c.High = round(v.p, 1e6), int64(v.low), int64(v.high)
	c.Significant = v.p < t.alpha && abs(c.Delta) > c.Floor
	if !c.Significant && c.Delta != 0 {
		c.Needs = t.needs(&c, p)
	}
	return c
}

// of returns the quantity for an endpoint, over all its captures.
func (q quantity) of(e *breakdown.Endpoint) int64 {
	switch {
	case q.q > 0:
		return e.Wall.Hist.Quantile(q.q)
	case q.bucket == breakdown.NumBuckets:
		return e.Wall.Mean
	}
	return e.Buckets[q.bucket].Mean
}

func valuesOf(samples []*sample, q quantity) (out []float64) {
	for _, s := range samples {
		out = append(out, s.value(q, nil))
	}
	return out
}

// joined merges all captures of a side into one sample.
func joined(samples []*sample) *sample {
	if len(samples) == 1 {
		return samples[0]
	}
	all := &breakdown.Series{}
	for _, s := range samples {
		all.Blocks = append(all.Blocks, s.blocks...)
	}
	return newSample(all)
}

// needs returns what would decide whether an insignificant change is real.
func (t *tester) needs(c *breakdown.Change, p pair) string {
	if t.over {
		return "more captures a side, if it is real"
	}
	if abs(c.Delta) <= c.Floor {
		return fmt.Sprintf("at least %d captures a side: two of one build differ by as much", enoughCaptures)
	}
	half := float64(c.High-c.Low) / 2
	n := float64(min(p.before.Requests, p.after.Requests))
	more := n * (math.Pow(half/float64(c.Delta), 2) - 1)
	if more < 1 || more > 1e6 {
		return "a longer window"
	}
	return fmt.Sprintf("about %s more requests a side", rounded(more))
}

// rounded returns a number rounded up to one significant digit.
func rounded(x float64) string {
	step := math.Pow(10, math.Floor(math.Log10(x)))
	return fmt.Sprintf("%.0f", math.Ceil(x/step)*step)
}

func abs(x int64) int64 { return max(x, -x) }

func relative(delta, of int64) float64 {
	if of == 0 {
		return 0
	}
	return math.Round(float64(delta)/float64(of)*1e6) / 1e6
}

// mix splits the change of the mean over all requests into shift and within.
func mix(changes []breakdown.EndpointChange, all []pair) breakdown.Mix {
	var totals, counts [2]int64
	for _, p := range all {
		for i, e := range []*breakdown.Endpoint{p.before, p.after} {
			if e != nil {
				totals[i] += e.Wall.Total
				counts[i] += e.Requests
			}
		}
	}
	m := breakdown.Mix{Before: mean(totals[0], counts[0]), After: mean(totals[1], counts[1])}
	if counts[0] == 0 || counts[1] == 0 {
		return m
	}
	within := 0.0
	for _, p := range all {
		if p.before == nil || p.after == nil {
			continue
		}
		weight := float64(p.before.Requests)/float64(counts[0]) + float64(p.after.Requests)/float64(counts[1])
		within += weight / 2 * (float64(p.after.Wall.Total)/float64(p.after.Requests) - float64(p.before.Wall.Total)/float64(p.before.Requests))
	}
	m.Within = int64(math.Round(within))
	m.Shift = m.After - m.Before - m.Within
	return m
}

// comparability warns of differences between the sides that make them hard to compare.
func comparability(c *breakdown.Comparison, before, after *breakdown.Breakdown) []breakdown.Warning {
	var w warnings
	b, a := &c.Before, &c.After
	differ := func(code string, x, y float64) {
		if x != y {
			w.add(code, breakdown.Doubt{Before: x, After: y})
		}
	}
	if b.Requests == 0 || a.Requests == 0 {
		w.add("no-requests", breakdown.Doubt{})
	}
	if lo, hi := min(b.Rate, a.Rate), max(b.Rate, a.Rate); lo > 0 && hi > 1.25*lo {
		differ("other-load", b.Rate, a.Rate)
	}
	if min(b.Source.GOMAXPROCS, a.Source.GOMAXPROCS) > 0 {
		differ("other-gomaxprocs", float64(b.Source.GOMAXPROCS), float64(a.Source.GOMAXPROCS))
	}
	if x, y := b.Source.GoVersion, a.Source.GoVersion; x != y && x != "" && y != "" {
		w.add("other-go", breakdown.Doubt{GoBefore: x, GoAfter: y})
	}
	differ("other-probes", b.Source.ProbeRate, a.Source.ProbeRate)
	for i, of := range []*breakdown.Breakdown{before, after} {
		for _, from := range of.Warnings {
			if from.Code == "trace-truncated" || strings.HasPrefix(from.Code, "generations-") {
				w.pass(from, []string{"before", "after"}[i])
			}
		}
	}
	for i := range c.Endpoints {
		e := &c.Endpoints[i]
		if n := min(e.RequestsBefore, e.RequestsAfter); e.Status == "both" && n < fewRequests && (e.ShareBefore > negligible || e.ShareAfter > negligible) {
			w.add("few-requests", breakdown.Doubt{Endpoint: cmp.Or(e.Route, e.Name), Before: float64(e.RequestsBefore), After: float64(e.RequestsAfter)})
		}
	}
	if w.list == nil {
		w.list = []breakdown.Warning{}
	}
	return w.list
}

// fewRequests is the number of requests below which percentiles are left to chance.
const fewRequests = 30

var errNoEndpoint = errors.New("no such endpoint on both sides")
