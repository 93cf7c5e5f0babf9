package breakdown

import "math"

// Precision is how far an endpoint's figures may be from those that the same service would
// show over a longer time, under the same load. Its intervals hold those with a probability of
// 95%.
type Precision struct {
	MeanCI95 Interval `json:"mean_ci95_ns"`
	P95CI95  Interval `json:"p95_ci95_ns"`
	// SharesCI95 are those of the buckets' shares, in the order of the buckets.
	SharesCI95 []ShareInterval `json:"shares_ci95"`
	// Batches is how many independent stretches of time the mean's interval rests on.
	Batches float64 `json:"batches"`
}

// Auto is how a window ended that was to end as soon as the answer was known.
type Auto struct {
	// Least and Most are the shortest and the longest window allowed, in ns.
	Least int64     `json:"least_ns"`
	Most  int64     `json:"most_ns"`
	Known Knowledge `json:"known"`
	// Asked are the endpoints that had to be known beside those with the most request time,
	// as the user named them, and Open those of all that were not known in the end.
	Asked []string `json:"asked"`
	Open  []string `json:"open"`
}

// A Knowledge says whether an answer is known, and how.
type Knowledge string

const (
	// Precise: the mean is known to 3%, and each bucket's share to a point.
	Precise Knowledge = "precise"
	// Conclusive: no value within the intervals would lead to another cause.
	Conclusive Knowledge = "conclusive"
	// Undetermined: neither, so that a longer window would have told more.
	Undetermined Knowledge = "undecided"
	// FixedWindow: there was nothing to tell while the window lasted, so that its length
	// was fixed.
	FixedWindow Knowledge = "fixed"
)

// MeanError returns the largest distance of the mean from the bounds of its interval, as a
// share of it. It is +Inf if nothing is known.
func (e *Endpoint) MeanError() float64 {
	if e.Precision == nil {
		return math.Inf(1)
	}
	return distance(e.Wall.Mean, e.Precision.MeanCI95)
}

// P95Error is MeanError of the 95th percentile.
func (e *Endpoint) P95Error() float64 {
	if e.Precision == nil {
		return math.Inf(1)
	}
	return distance(e.Wall.P95, e.Precision.P95CI95)
}

func distance(x int64, in Interval) float64 {
	if x <= 0 {
		return math.Inf(1)
	}
	return float64(max(in[1]-x, x-in[0])) / float64(x)
}

// ShareError returns the largest distance of a bucket's share from the bounds of its interval,
// and the bucket. It is +Inf if nothing is known.
func (e *Endpoint) ShareError() (most float64, of Bucket) {
	if e.Precision == nil {
		return math.Inf(1), 0
	}
	for i, in := range e.Precision.SharesCI95[:min(len(e.Precision.SharesCI95), len(e.Buckets))] {
		t := &e.Buckets[i]
		if d := max(in[1]-t.Share, t.Share-in[0]); d > most {
			most, of = d, t.Bucket
		}
	}
	return most, of
}
