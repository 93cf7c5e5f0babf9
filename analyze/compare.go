package analyze

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// DefaultAlpha is the probability of a false alarm that each test of a comparison allows
// by default, and DefaultGateAlpha that of all gates together.
const (
	DefaultAlpha     = 0.05
	DefaultGateAlpha = 0.01
)

// CompareOptions configure a comparison. The zero value is ready to use.
type CompareOptions struct {
	Alpha     float64 // DefaultAlpha if it is 0
	GateAlpha float64 // DefaultGateAlpha if it is 0
	Gates     []Gate
	// Noise are captures of one build of the service, made with Options.Series. They
	// show how much captures of it differ. It may be nil.
	Noise *breakdown.Breakdown
	// Forecasts are the predictions that were kept with the captures before. Those in the
	// Breakdown before count as well.
	Forecasts []breakdown.Forecast
}

// Changes compares two breakdowns that were made with Options.Series. The tests are over
// captures: requests of one capture resemble each other, so they are not independent
// samples, and captures of one build differ by more than their requests suggest. Where
// a change of the build cannot be told from another moment, nothing is significant, and
// Undecided says why. The error is that of a gate on an endpoint that is not on both
// sides.
func Changes(before, after *breakdown.Breakdown, o CompareOptions) (*breakdown.Comparison, error) {
	c := &breakdown.Comparison{Schema: breakdown.CompareSchema, Alpha: cmp.Or(o.Alpha, DefaultAlpha), GateAlpha: cmp.Or(o.GateAlpha, DefaultGateAlpha),
		Before: side(before), After: side(after), Endpoints: []breakdown.EndpointChange{}, Gates: []breakdown.Gate{}, Undecided: []string{}}
	if o.Noise != nil {
		noise := side(o.Noise)
		c.Noise = &noise
	}
	doubts := compareSides(c, before, after)
	t := newTester(c, doubts, o.Noise)
	all := pairs(before, after)
	for _, p := range all {
		change := t.endpoint(p, c.Before.Requests, c.After.Requests)
		change.Disturbances = doubts.disturbances(c, &change, p)
		c.Endpoints = append(c.Endpoints, change)
	}
	c.Mix = mix(c.Endpoints, all)
	c.Predictions = outcomes(c, before, after, all, doubts, o.Forecasts)
	var err error
	if c.Gates, err = judged(c, o.Gates); err != nil {
		return nil, err
	}
	c.Warnings = doubts.about(c, before, after)
	return c, nil
}

func side(b *breakdown.Breakdown) breakdown.Side {
	s := breakdown.Side{Source: b.Source, Captures: max(b.Source.Instances, 1)}
	wall := int64(0)
	for i := range b.Endpoints {
		s.Requests += b.Endpoints[i].Requests
		wall += b.Endpoints[i].Wall.Total
	}
	read := float64(cmp.Or(b.Source.Covered, b.Source.Window)) * float64(s.Captures)
	if len(b.Captures) > 0 {
		read = 0
	}
	for _, c := range b.Captures {
		read += float64(c.Covered)
	}
	if read > 0 {
		s.Rate = round(float64(s.Requests)/(read/1e9), 1000)
		s.Concurrency = round(float64(wall)/read, 1000)
	}
	s.OffCore = offCore(b.Captures)
	return s
}

// offCore returns the share of the running time that CPU samples do not account for, nil
// if there are none.
func offCore(captures []breakdown.Capture) *float64 {
	running, sampled := int64(0), int64(0)
	for _, c := range captures {
		if c.Sampled > 0 {
			running, sampled = running+c.Running, sampled+c.Sampled
		}
	}
	if running == 0 {
		return nil
	}
	off := round(max(1-float64(sampled)/float64(running), 0), 1e6)
	return &off
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

func (t *tester) endpoint(p pair, allBefore, allAfter int64) breakdown.EndpointChange {
	e := p.either()
	out := breakdown.EndpointChange{Name: e.Name, Route: e.Route, Kind: e.Kind, Status: "both",
		Wall: []breakdown.Change{}, Buckets: []breakdown.BucketChange{}, Disturbances: []breakdown.Disturbance{}}
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
	s := t.samplesOf(p)
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

// fewRequests is the number of requests below which percentiles are left to chance.
const fewRequests = 30

var errNoEndpoint = errors.New("no such endpoint on both sides")
