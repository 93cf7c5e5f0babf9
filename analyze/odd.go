package analyze

import (
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
)

// Which instances are odd in one quantity.
//
// The test is the generalized one for extreme values (Rosner, 1983) with leave-one-out
// t-tests: the instance that is furthest from the others, in standard deviations of the
// others, is set aside, then the next one, up to a third of them. The instances that are
// odd are those set aside up to the last whose p-value stands. So several of them do not
// hide each other, and with one of five it still has the degrees of freedom of a t-test.
// The median absolute deviation, which needs no such steps, has a third of the efficiency:
// with five instances it finds nothing.
//
// How requests of an instance differ enters twice, as the variance of its mean, estimated
// from blocks of consecutive requests: the others cannot differ by less than that, and
// an instance whose requests are fewer, or differ more, may be further away.

// The fewest instances of which one can be odd, and the fewest requests and blocks of an
// instance that is compared.
const (
	fewestInstances    = 4
	fewestOfInstance   = 10
	fewestBlocksOfPart = 4
)

// A level is one quantity of an instance: its mean, and the variance of that.
type level struct{ mean, variance float64 }

// A suspect is an instance set aside: its index, by how much it differs from the mean of
// those that were left, and the p-value of that.
type suspect struct {
	index int
	delta float64
	p     float64
}

// oddOnes returns the indices of the odd ones among the levels, with p-values for all
// instances together. quantities is the number of quantities that are tested, and alpha
// the probability of any false alarm in all of them.
func oddOnes(levels []level, quantities int, alpha float64) []suspect {
	left := make([]int, len(levels))
	for i := range left {
		left[i] = i
	}
	var aside []suspect
	odd := 0
	for most := len(levels) / 3; len(left) >= fewestInstances && len(aside) < most; {
		s, at := furthest(levels, left)
		s.p = min(s.p*float64(len(left)*max(quantities, 1)), 1)
		aside = append(aside, s)
		left = slices.Delete(left, at, at+1)
		if s.p <= alpha {
			odd = len(aside)
		}
	}
	return aside[:odd]
}

// furthest returns the one of the indices in left that is furthest from the others, and
// where it stands there.
func furthest(levels []level, left []int) (worst suspect, at int) {
	worst.p = math.Inf(1)
	far := -1.0
	for k, i := range left {
		mean, spread, noise := othersOf(levels, left, k)
		m := float64(len(left) - 1)
		variance := spread*(1+1/m) + max(levels[i].variance-noise, 0)
		delta := levels[i].mean - mean
		t := 0.0
		switch {
		case variance > 0:
			t = math.Abs(delta) / math.Sqrt(variance)
		case delta != 0:
			t = math.Inf(1)
		}
		if t > far {
			far, at = t, k
			worst = suspect{index: i, delta: delta, p: twoSided(t, m-1)}
		}
	}
	return worst, at
}

// othersOf returns the mean of the levels in left but for the one at k, the variance
// between them, which is at least what their requests alone suggest, and the latter.
func othersOf(levels []level, left []int, k int) (mean, spread, noise float64) {
	n := float64(len(left) - 1)
	for at, i := range left {
		if at != k {
			mean += levels[i].mean / n
			noise += levels[i].variance / n
		}
	}
	for at, i := range left {
		if at != k {
			spread += (levels[i].mean - mean) * (levels[i].mean - mean) / (n - 1)
		}
	}
	return mean, max(spread, noise), noise
}

// twoSided returns the two-sided p-value of Student's t.
func twoSided(t, freedom float64) float64 {
	if math.IsInf(t, 0) {
		return 0
	}
	return 2 * stats.TDist{V: freedom}.CDF(-math.Abs(t))
}

// A contrast is the difference between two groups of levels, the groups' means weighing
// each level alike.
type contrast struct{ delta, low, high, p float64 }

// contrastOf compares two groups by Student's t-test with one value per instance, under the
// hypothesis that they do not differ. The variance between instances is at least what
// their requests alone suggest.
func contrastOf(a, b []level) contrast {
	meanOf := func(list []level) (mean, noise float64) {
		for _, l := range list {
			mean += l.mean / float64(len(list))
			noise += l.variance / float64(len(list))
		}
		return mean, noise
	}
	x, nx := meanOf(a)
	y, ny := meanOf(b)
	c := contrast{delta: x - y, p: 1}
	freedom := float64(len(a) + len(b) - 2)
	if freedom < 1 {
		return c
	}
	squares := 0.0
	for _, l := range a {
		squares += (l.mean - x) * (l.mean - x)
	}
	for _, l := range b {
		squares += (l.mean - y) * (l.mean - y)
	}
	na, nb := float64(len(a)), float64(len(b))
	variance := max(squares/freedom, (nx*na+ny*nb)/(na+nb))
	se := math.Sqrt(variance * (1/na + 1/nb))
	if se == 0 {
		if c.delta != 0 {
			c.p = 0
		}
		c.low, c.high = c.delta, c.delta
		return c
	}
	dist := stats.TDist{V: freedom}
	half := se * stats.InvCDF(dist)(0.975)
	c.low, c.high, c.p = c.delta-half, c.delta+half, twoSided(c.delta/se, freedom)
	return c
}

// robustSpread returns the median of values, and their standard deviation as estimated
// from the median absolute deviation, which a few that are far away do not change.
func robustSpread(values []float64) (median, sd float64) {
	median = medianOf(values)
	apart := make([]float64, len(values))
	for i, x := range values {
		apart[i] = math.Abs(x - median)
	}
	return median, 1.4826 * medianOf(apart)
}
