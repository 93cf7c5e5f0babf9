package diagnosis

import (
	"slices"

	"timesink/analyze/breakdown"
)

// The intervals within which a cause may be settled must not be wider than this, so that an
// answer is worth something beside its cause.
const (
	settledMean   = 0.25 // relative
	settledShares = 0.10
	// settledBatches and settledRequests are how many there must be at least.
	settledBatches  = 5
	settledRequests = 20
	// settledCut is the share of the endpoint's time that the window's edges may cut.
	settledCut = 0.2
	// runnerUp is the most request time that another endpoint may have, as a share of that of
	// the busiest one.
	runnerUp = 0.7
)

// Settled reports whether no values within the intervals of an endpoint's figures would lead
// to another cause as its conclusion. A cause is a part of buckets, whose shares have
// intervals; it counts as being as uncertain as the most uncertain of them. Without a
// conclusion, nothing is settled.
func Settled(b *breakdown.Breakdown, e *breakdown.Endpoint) bool {
	doubt, _ := e.ShareError()
	if e.Precision == nil || e.Precision.Batches < settledBatches || e.Requests < settledRequests || e.MeanError() > settledMean || doubt > settledShares ||
		float64(e.IncompleteTime) > settledCut*float64(e.RequestTime()) || e.Wall.Mean <= 0 {
		return false
	}
	best := -1
	for i := range b.Causes {
		if x := &b.Causes[i]; eligible(x, e) && atLeast(b, e, x, -doubt) && (best < 0 || rank(x) < rank(&b.Causes[best])) {
			best = i
		}
	}
	if best < 0 {
		return false
	}
	x := &b.Causes[best]
	for i := range b.Causes {
		y := &b.Causes[i]
		if i == best || y.ID == x.ID || !eligible(y, e) || !atLeast(b, e, y, doubt) || rank(y) > rank(x) {
			continue
		}
		if rank(y) < rank(x) || portion(b, y)+doubt >= portion(b, x)-doubt {
			return false
		}
	}
	return b.Busiest() != e || b.Conclusion.Cause == x.ID && leads(b, e)
}

// eligible reports whether a cause may be the conclusion for an endpoint.
func eligible(x *breakdown.Explanation, e *breakdown.Endpoint) bool {
	return !beside[x.ID] && (x.Shown || !isFinding(x.ID)) && slices.Contains(x.Endpoints, e.Name)
}

// portion returns the share of the time of a cause's endpoints that it accounts for.
func portion(b *breakdown.Breakdown, x *breakdown.Explanation) float64 {
	part, whole := Accounted(b, x)
	if whole <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// atLeast reports whether a cause accounts for enough to be the conclusion if it accounts for
// more of the time by a share, which may be negative: then with certainty, and else
// possibly.
func atLeast(b *breakdown.Breakdown, e *breakdown.Endpoint, x *breakdown.Explanation, more float64) bool {
	p := portion(b, x) + more
	if !isFinding(x.ID) {
		return p >= mostly
	}
	largest := 0.0
	for i := range e.Buckets {
		largest = max(largest, e.Buckets[i].Share)
	}
	// What leads accounts for most of a bucket that has most of the time.
	if 2*p >= largest-more && 2*(largest+more) >= 1 {
		return p >= leading
	}
	return p >= conclusive
}

// leads reports whether no other endpoint may have more request time than the busiest.
func leads(b *breakdown.Breakdown, e *breakdown.Endpoint) bool {
	for i := range b.Endpoints {
		if o := &b.Endpoints[i]; o != e && o.Lasts() == e.Lasts() && float64(o.RequestTime()) > runnerUp*float64(e.RequestTime()) {
			return false
		}
	}
	return true
}
