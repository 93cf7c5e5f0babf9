package diagnosis

import (
	"slices"

	"timesink/analyze/breakdown"
)

// conclusive is the share of the time from which one cause is the conclusion, and mostly
// that from which another system is. A cause that explains most of a bucket which has most
// of the time is one from the share of leading.
const (
	conclusive = 0.4
	mostly     = 0.5
	leading    = 0.25
)

// beside are the causes of time that is no part of a complete request's wall time.
var beside = map[string]bool{"accept-queue": true, "connection-leak": true, "deadlock": true, "goroutines-grow": true, "no-deadline": true, "stuck-requests": true}

// Concluding returns the cause that the answer ends with: the one that accounts for most
// of the time of the endpoint with the most request time. It returns nil if none accounts
// for enough. What the service itself can change comes before another system's time, and a
// cause that is merely possible after both.
func Concluding(b *breakdown.Breakdown) *breakdown.Explanation { return concluding(b, b.Causes) }

func concluding(b *breakdown.Breakdown, causes []breakdown.Explanation) *breakdown.Explanation {
	e := b.Busiest()
	if e == nil || e.Requests == 0 && e.Lasts() != lasting(b) {
		return nil
	}
	var best *breakdown.Explanation
	for i := range causes {
		x := &causes[i]
		if beside[x.ID] || !x.Shown && isFinding(x.ID) || !slices.Contains(x.Endpoints, e.Name) {
			continue
		}
		part, whole := Accounted(b, x)
		if whole > 0 && float64(part) >= enough(e, x, part)*float64(whole) && (best == nil || rank(x) < rank(best)) {
			best = x
		}
	}
	return best
}

// enough returns the share of an endpoint's time from which a cause is the conclusion.
func enough(e *breakdown.Endpoint, x *breakdown.Explanation, part int64) float64 {
	if !isFinding(x.ID) {
		return mostly
	}
	largest := int64(0)
	for i := range e.Buckets {
		largest = max(largest, e.Buckets[i].Mean)
	}
	if 2*part >= largest && 2*largest >= e.Wall.Mean {
		return leading
	}
	return conclusive
}

// rank orders causes that account for enough.
func rank(x *breakdown.Explanation) int {
	switch {
	case x.Confidence == breakdown.Possible:
		return 2
	case !isFinding(x.ID):
		return 1
	}
	return 0
}

func isFinding(id string) bool {
	e := Explain(id)
	return e != nil && e.Finding
}

// Accounted returns how much of the time of a cause's endpoints it accounts for, per
// request: of the complete ones or, if there are none, of those cut by the window's edges.
// Both times are 0 if there are neither.
func Accounted(b *breakdown.Breakdown, x *breakdown.Explanation) (part, whole int64) {
	var requests, time, cut, cutTime int64
	lasting := lasting(b)
	for i := range b.Endpoints {
		// The streams of a handler that also answers at once are an endpoint of the same name.
		if e := &b.Endpoints[i]; slices.Contains(x.Endpoints, e.Name) && (e.Lasts() == lasting || e.Requests == 0) {
			requests, time, cut, cutTime = requests+e.Requests, time+e.Wall.Total, cut+e.Incomplete, cutTime+e.IncompleteTime
		}
	}
	if requests == 0 {
		requests, time = cut, cutTime
	}
	if requests == 0 {
		return 0, 0
	}
	return x.Explains, mean(time, requests)
}

// concluded returns the conclusion without its text.
func concluded(b *breakdown.Breakdown, causes []breakdown.Explanation) breakdown.Conclusion {
	if x := concluding(b, causes); x != nil {
		return breakdown.Conclusion{Cause: x.ID}
	}
	return breakdown.Conclusion{}
}
