package sampled

import (
	"math"

	"timesink/analyze/interval"
)

// A Tally is what snapshots show of one endpoint: for each, in order, how much of
// something (Part) there was and of how much (Whole), both weighted by the time that the
// snapshot stands for.
type Tally struct {
	Part, Whole []int64
	Seen        int64 // goroutines
}

// A Share is an estimated share with the interval that holds the true one with a
// probability of 95%.
type Share struct {
	Value, Low, High float64
	// Effective is how many independent observations would be as precise.
	Effective float64
}

// Estimate returns the share of the parts in the wholes.
//
// Goroutines that one snapshot shows are no independent observations, and neither are
// snapshots that show the same requests. So the variance is that between batches of
// snapshots, of the length with the largest one, by linearization of the ratio. The
// interval is Clopper and Pearson's for as many independent observations as would have
// that variance (Korn and Graubard, Survey Methodology 24, 1998), never more than there
// are goroutines. Where all batches agree, each counts as one observation.
func Estimate(t Tally) Share {
	part, whole := sum(t.Part), sum(t.Whole)
	if whole <= 0 {
		return Share{High: 1}
	}
	out := Share{Value: part / whole}
	p := out.Value
	effective, least := math.Inf(1), 0.0
	for size := 1; ; size *= 2 {
		batches, variance := between(t, p, whole, size)
		if size > 1 && batches < fewestBatches || batches < 2 {
			break
		}
		student := interval.Student(float64(batches - 1))
		shrink := interval.Normal * interval.Normal / (student * student)
		if least == 0 {
			least = float64(batches) * shrink
		}
		if variance > 0 {
			effective = min(effective, p*(1-p)/variance*shrink)
		}
	}
	if math.IsInf(effective, 1) {
		effective = least // no batch differs
	}
	out.Effective = min(effective, float64(t.Seen))
	out.Low, out.High = interval.ClopperPearson(p, out.Effective)
	return out
}

// fewestBatches is how many batches a variance needs at least, unless there are not as
// many snapshots.
const fewestBatches = 10

// between returns how many batches of that many snapshots show anything, and the
// variance of the share p that follows from how they differ.
func between(t Tally, p, whole float64, size int) (batches int, variance float64) {
	for i := 0; i < len(t.Whole); i += size {
		j := min(i+size, len(t.Whole))
		x, y := sum(t.Whole[i:j]), sum(t.Part[i:j])
		if x == 0 {
			continue
		}
		batches++
		r := y - p*x
		variance += r * r
	}
	if batches < 2 {
		return batches, 0
	}
	n := float64(batches)
	return batches, variance * n / (n - 1) / (whole * whole)
}

// EstimateMean returns the mean of values with the interval that holds the true mean with
// a probability of 95%, by the variance between batches.
func EstimateMean(values []float64) (mean, low, high float64) {
	n := len(values)
	if n == 0 {
		return 0, 0, 0
	}
	total := 0.0
	for _, v := range values {
		total += v
	}
	mean = total / float64(n)
	margin := 0.0
	for size := 1; ; size *= 2 {
		var means []float64
		for i := 0; i+size <= n; i += size {
			s := 0.0
			for _, v := range values[i : i+size] {
				s += v
			}
			means = append(means, s/float64(size))
		}
		k := len(means)
		if size > 1 && k < fewestBatches || k < 2 {
			break
		}
		square := 0.0
		for _, m := range means {
			square += (m - mean) * (m - mean)
		}
		margin = max(margin, interval.Student(float64(k-1))*math.Sqrt(square/float64(k-1)/float64(k)))
	}
	if n < 2 {
		return mean, 0, math.Inf(1)
	}
	return mean, max(mean-margin, 0), mean + margin
}

func sum(list []int64) (s float64) {
	for _, v := range list {
		s += float64(v)
	}
	return s
}

// PoissonRange returns the 95% interval of the mean of a count.
func PoissonRange(n int64) (low, high float64) {
	x := float64(n)
	// The quantiles of the gamma distribution, by Wilson and Hilferty: right to 1% from
	// one count on.
	of := func(k, z float64) float64 {
		c := 1 - 1/(9*k) + z/(3*math.Sqrt(k))
		return k * c * c * c
	}
	if n > 0 {
		low = max(of(x, -interval.Normal), 0)
	}
	return low, of(x+1, interval.Normal)
}
