package analyze

import (
	"fmt"
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"

	"timesink/analyze/breakdown"
)

// A tester decides whether changes are significant. The unit of its tests is the
// capture.
type tester struct {
	alpha     float64
	test      string // as in breakdown.Comparison
	undecided []string
	noise     map[string][]*sample // of the captures that are noise, by endpoint
}

// newTester decides what the tests of c are over, and whether they can decide anything.
// If all of one side was taken before the other, or there is only one capture, nothing
// but captures of one build at different times can tell.
func newTester(c *breakdown.Comparison, d comparability, noise *breakdown.Breakdown) *tester {
	t := &tester{alpha: c.Alpha, test: breakdown.OverCaptures, noise: map[string][]*sample{}}
	if noise != nil {
		for i := range noise.Endpoints {
			e := &noise.Endpoints[i]
			t.noise[e.Name+" "+kind(e)] = seriesOf(e)
		}
	}
	known := c.Noise != nil && c.Noise.Captures >= 2
	switch {
	case known && (d.oneCapture || !d.inTurn):
		t.test = breakdown.OverNoise
	case d.oneCapture:
		t.test = breakdown.OverRequests
		t.undecided = append(t.undecided, oneCapture)
	case !d.inTurn:
		t.undecided = append(t.undecided, oneAfterAnother)
	}
	if d.otherLoad {
		t.undecided = append(t.undecided, otherLoad)
	}
	c.Test = t.test
	c.Undecided = append(c.Undecided, t.undecided...)
	return t
}

// samples are the series of both sides, and those that are noise, one for each capture.
type samples struct{ before, after, noise []*sample }

func (t *tester) samplesOf(p pair) samples {
	s := samples{before: seriesOf(p.before), after: seriesOf(p.after)}
	for _, e := range []*breakdown.Endpoint{p.before, p.after} {
		if s.noise == nil {
			s.noise = t.noise[e.Name+" "+kind(e)]
		}
	}
	return s
}

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
	before, after := valuesOf(s.before, q), valuesOf(s.after, q)
	if q.q > 0 && t.test != breakdown.OverRequests && len(before) > 0 && len(after) > 0 {
		// The quantile of all requests would be that of the slowest captures.
		c.Before, c.After = int64(math.Round(before.mean())), int64(math.Round(after.mean()))
	}
	c.Delta = c.After - c.Before
	c.Relative = relative(c.Delta, c.Before)
	if len(before) == 0 || len(after) == 0 {
		return c
	}
	v := verdict{p: 1}
	switch {
	case t.test == breakdown.OverNoise:
		v = t.overNoise(&c, valuesOf(s.noise, q))
	case t.test == breakdown.OverCaptures && min(len(before), len(after)) >= 2:
		v = t.overCaptures(&c, before, after, valuesOf(s.noise, q))
	default:
		v.low, v.high = withinCaptures(joined(s.before), joined(s.after), q, t.alpha)
	}
	if len(t.undecided) > 0 {
		v.p = 1
	}
	c.P, c.Low, c.High = round(v.p, 1e6), int64(v.low), int64(v.high)
	if c.Before > 0 {
		c.Spread = round(v.spread/float64(c.Before), 1e6)
	}
	c.Significant = v.p < t.alpha && abs(c.Delta) > c.Floor
	if !c.Significant && c.Delta != 0 {
		c.Needs = t.needs(&c, v)
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

// values are one quantity of several captures, each with its weight in the side's value.
// Weights sum to 1. within is the variance that the requests of a capture alone suggest,
// 0 if there are enough captures to do without it.
type values []struct{ x, weight, within float64 }

// enoughCaptures is the number of captures from which their own variance suffices.
const enoughCaptures = 6

func valuesOf(samples []*sample, q quantity) values {
	out, requests := make(values, len(samples)), int64(0)
	for _, s := range samples {
		requests += s.requests()
	}
	for i, s := range samples {
		out[i].x = s.value(q, nil)
		if out[i].weight = 1 / float64(len(samples)); q.q == 0 {
			out[i].weight = float64(s.requests()) / float64(max(requests, 1))
		}
		if len(samples) < enoughCaptures {
			out[i].within = s.variance(q)
		}
	}
	return out
}

func (v values) mean() (sum float64) {
	for i := range v {
		sum += v[i].weight * v[i].x
	}
	return sum
}

// squares returns the sum of squared deviations from the mean, and its degrees of
// freedom.
func (v values) squares() (sum float64, freedom int) {
	mean := v.mean()
	for i := range v {
		sum += (v[i].x - mean) * (v[i].x - mean)
	}
	return sum, max(len(v)-1, 0)
}

// share returns the variance of the side's value, if that of each capture is 1.
func (v values) share() (sum float64) {
	for i := range v {
		sum += v[i].weight * v[i].weight
	}
	return sum
}

func (v values) within() (mean float64) {
	for i := range v {
		mean += v[i].within / float64(len(v))
	}
	return mean
}

// scaled returns the values with their mean moved to another.
func (v values) scaled(to float64) values {
	from := v.mean()
	if from == 0 {
		return nil
	}
	out := slices.Clone(v)
	for i := range out {
		out[i].x *= to / from
		out[i].within *= to / from * to / from
	}
	return out
}

// A verdict is the result of a test: the p-value, the bounds of the difference, the
// standard deviation between captures of one build, and the degrees of freedom it has.
type verdict struct {
	p         float64
	low, high float64
	spread    float64
	freedom   int
}

// overCaptures tests the difference between two sides by Student's t-test with one value
// per capture. Under the hypothesis that nothing changed, both sides have one variance.
// With few captures their values may lie together by chance; the requests of a capture
// give a lower bound of the variance between captures. Captures that are noise add to
// what is known of the variance, but do not make it smaller than that of the sides.
func (t *tester) overCaptures(c *breakdown.Change, before, after, noise values) verdict {
	squares, freedom := before.squares()
	more, n := after.squares()
	squares, freedom = squares+more, freedom+n
	variance := squares / float64(freedom)
	if len(noise) >= 2 {
		more, n := noise.scaled(float64(c.Before)).squares()
		if pooled := (squares + more) / float64(freedom+n); pooled > variance || n > 10*freedom {
			variance, freedom = max(pooled, variance), freedom+n
		}
	}
	variance = max(variance, before.within(), after.within())
	return t.student(float64(c.Delta), variance, variance*(before.share()+after.share()), freedom)
}

// overNoise tests the difference between two sides, each a single moment however many
// captures it has, against captures of one build: it must exceed the most that two of
// those differ by, and the prediction interval that Student's t-test gives for two more.
func (t *tester) overNoise(c *breakdown.Change, noise values) verdict {
	noise = noise.scaled(float64(c.Before))
	if len(noise) < 2 {
		return verdict{p: 1}
	}
	squares, freedom := noise.squares()
	least, most := noise[0].x, noise[0].x
	for i := range noise {
		least, most = min(least, noise[i].x), max(most, noise[i].x)
	}
	c.Floor = int64(most - least)
	variance := squares / float64(freedom)
	return t.student(float64(c.Delta), variance, 2*variance, freedom)
}

// student tests a difference with a variance of its own, estimated with some degrees of
// freedom.
func (t *tester) student(delta, between, variance float64, freedom int) verdict {
	v := verdict{p: 1, spread: math.Sqrt(between), freedom: freedom, low: delta, high: delta}
	if variance <= 0 || freedom < 1 {
		return v
	}
	se, dist := math.Sqrt(variance), stats.TDist{V: float64(freedom)}
	v.p = 2 * dist.CDF(-math.Abs(delta)/se)
	half := se * stats.InvCDF(dist)(1-t.alpha/2)
	v.low, v.high = delta-half, delta+half
	return v
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
func (t *tester) needs(c *breakdown.Change, v verdict) string {
	switch {
	case slices.Contains(t.undecided, oneCapture), slices.Contains(t.undecided, oneAfterAnother):
		return "two or more captures of each build, taken in turn (timesink ab takes them)"
	case len(t.undecided) > 0:
		return "captures under the same load"
	case t.test == breakdown.OverNoise:
		return "captures of each build, taken in turn: two of one build differ by as much"
	case v.spread == 0:
		return "more captures a side"
	}
	n := capturesFor(float64(c.Delta)/v.spread, t.alpha)
	if n > mostAdvised {
		return fmt.Sprintf("more than %d captures a side: those of one build differ by %.0f%%", mostAdvised, 100*c.Spread)
	}
	return fmt.Sprintf("about %d captures a side: those of one build differ by %.1f%%", n, 100*c.Spread)
}

// mostAdvised is the largest number of captures a side worth advising.
const mostAdvised = 200

// capturesFor returns how many captures a side it takes to find a change in four of five
// trials, if it is that many standard deviations between captures.
func capturesFor(effect, alpha float64) int {
	normal := stats.StdNormal
	z := normal.InvCDF(1-alpha/2) + normal.InvCDF(0.8)
	n := 2 * (z / effect) * (z / effect)
	return int(min(math.Ceil(n+normal.InvCDF(1-alpha/2)*normal.InvCDF(1-alpha/2)/4), 1e6))
}
