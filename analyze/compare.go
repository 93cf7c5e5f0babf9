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

// A ratio is a number split into a whole part and a fraction in [0, 1).
type ratio struct {
	whole int64
	frac  float64
}

// difference returns by how much a total changed per request.
func (p pair) difference(before, after int64) ratio {
	nb, na := p.before.Requests, p.after.Requests
	r := ratio{whole: after/na - before/nb, frac: float64(after%na)/float64(na) - float64(before%nb)/float64(nb)}
	if r.frac < 0 {
		r.whole, r.frac = r.whole-1, r.frac+1
	}
	return r
}

// apportion rounds parts so that they sum to the whole exactly: what is left after
// rounding down goes to those with the largest fractions.
func apportion(parts []ratio, whole int64) []int64 {
	out := make([]int64, len(parts))
	order := make([]int, len(parts))
	for i, p := range parts {
		out[i], order[i] = p.whole, i
		whole -= p.whole
	}
	if len(parts) == 0 {
		return out
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(parts[b].frac, parts[a].frac) })
	for i := 0; whole != 0; i++ {
		step := int64(1)
		at := order[i%len(order)]
		if whole < 0 {
			step, at = -1, order[len(order)-1-i%len(order)]
		}
		out[at] += step
		whole -= step
	}
	return out
}

func phaseChanges(p pair, b breakdown.Bucket, delta int64) []breakdown.PartChange {
	out, parts := []breakdown.PartChange{}, []ratio(nil)
	if b == breakdown.CPU && phaseTotal(&p.before.Buckets[b], breakdown.OffCPU)+phaseTotal(&p.after.Buckets[b], breakdown.OffCPU) == 0 {
		return out // all of it on a core, as far as anything shows
	}
	for phase := breakdown.NoPhase + 1; phase < breakdown.NumPhases; phase++ {
		before, after := phaseTotal(&p.before.Buckets[b], phase), phaseTotal(&p.after.Buckets[b], phase)
		if before != 0 || after != 0 {
			out, parts = append(out, breakdown.PartChange{Part: phase.String()}), append(parts, p.difference(before, after))
		}
	}
	if len(out) == 0 {
		return out
	}
	for i, d := range apportion(parts, delta) {
		out[i].Delta = d
	}
	return out
}

func phaseTotal(t *breakdown.BucketTime, phase breakdown.Phase) int64 {
	for _, p := range t.Phases {
		if p.Phase == phase {
			return p.Total
		}
	}
	return 0
}

// partChanges explains why the time of another system's bucket changed, in parts that
// sum to the change: making connections, waiting for a pool, the number of calls, how
// long each takes, and how much they overlap. With P the time on the path, C the waits
// for connections and S the sum of all calls, the calls themselves take S - C, and S -
// P of that is hidden because they overlap.
func partChanges(p pair, b breakdown.Bucket, delta int64) []breakdown.PartChange {
	out := []breakdown.PartChange{}
	if !b.External() {
		return out
	}
	x, y := callsOf(p.before, b), callsOf(p.after, b)
	if x.calls == 0 && y.calls == 0 {
		return out
	}
	each := func(f func(callMeans) float64) float64 { return f(y) - f(x) }
	count, length := 0.0, 0.0
	if x.calls > 0 && y.calls > 0 {
		// The Shapley values of a product's change: each factor's change times the
		// other's mean.
		count = (y.calls - x.calls) * (x.work/x.calls + y.work/y.calls) / 2
		length = (y.work/y.calls - x.work/x.calls) * (x.calls + y.calls) / 2
	} else {
		count = y.work - x.work
	}
	named := []struct {
		name  string
		delta float64
	}{
		{connecting(x, y), each(func(c callMeans) float64 { return c.connect })},
		{"waiting for a connection from the pool", each(func(c callMeans) float64 { return c.pool })},
		{counted(x, y), count},
		{"each call takes " + longer(length), length},
		{overlapping(x, y), -each(func(c callMeans) float64 { return c.hidden })},
	}
	var parts []ratio
	for _, n := range named {
		out = append(out, breakdown.PartChange{Part: n.name})
		whole := math.Floor(n.delta)
		parts = append(parts, ratio{int64(whole), n.delta - whole})
	}
	for i, d := range apportion(parts, delta) {
		out[i].Delta = d
	}
	return slices.DeleteFunc(out, func(c breakdown.PartChange) bool { return c.Delta == 0 })
}

// callMeans are an endpoint's calls per request: their number, and their times in ns.
type callMeans struct {
	calls, dials         float64
	connect, pool        float64 // on the path
	work, hidden, onPath float64
}

func callsOf(e *breakdown.Endpoint, b breakdown.Bucket) callMeans {
	t, n := &e.Buckets[b], float64(max(e.Requests, 1))
	c := callMeans{calls: t.CallsPerRequest, dials: float64(t.Dials) / n, onPath: float64(t.Total) / n}
	for _, p := range t.Phases {
		switch p.Phase.Stage() {
		case breakdown.Dialing:
			c.connect += float64(p.Total) / n
		case breakdown.Pooling:
			c.pool += float64(p.Total) / n
		}
	}
	c.hidden = float64(t.CallTime)/n - c.onPath
	c.work = float64(t.CallTime)/n - c.connect - c.pool
	return c
}

func connecting(before, after callMeans) string {
	switch reused := func(c callMeans) bool { return c.calls > 0 && c.dials < 0.1*c.calls }; {
	case !reused(before) && reused(after):
		return "connections are reused"
	case reused(before) && !reused(after):
		return "connections are no longer reused"
	}
	return "making connections"
}

func counted(before, after callMeans) string {
	switch {
	case after.calls > before.calls:
		return "more calls"
	case after.calls < before.calls:
		return "fewer calls"
	}
	return "number of calls"
}

func longer(delta float64) string {
	if delta > 0 {
		return "longer"
	}
	return "less time"
}

func overlapping(before, after callMeans) string {
	if after.hidden > before.hidden {
		return "more of the calls overlap"
	}
	return "fewer of the calls overlap"
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
