package breakdown

import "fmt"

// CompareSchema names the JSON encoding of Comparison.
const CompareSchema = "timesink.compare/1"

// A Comparison says what changed between two sides, each one or more captures of
// a service. Deltas are after minus before, in nanoseconds: negative is faster.
type Comparison struct {
	Schema string `json:"schema"`
	Before Side   `json:"before"`
	After  Side   `json:"after"`
	// Alpha is the probability of an alarm where nothing changed, that the tests
	// allow.
	Alpha float64 `json:"alpha"`
	// Test says what the p-values are of: "captures" where each side has four of
	// them or more, else "requests".
	Test string `json:"test"`
	// Mix tells a shift in the traffic's endpoints from a change within them.
	Mix Mix `json:"mix"`
	// Endpoints are those of both sides, by their request time on both, the
	// largest first; then those of one side.
	Endpoints []EndpointChange `json:"endpoints"`
	Gates     []Gate           `json:"gates"`
	Warnings  []Warning        `json:"warnings"`
}

// A Side is what one side was read from.
type Side struct {
	Source   Source  `json:"source"`
	Captures int     `json:"captures"`
	Requests int64   `json:"requests"`
	Rate     float64 `json:"requests_per_second"` // of complete requests, per capture
}

// Mix decomposes the change of the mean over all requests: Shift is what comes
// from endpoints having another share of the traffic, Within from requests to the
// same endpoint taking another time. The two sum to the change.
type Mix struct {
	Before int64 `json:"before_mean_ns"`
	After  int64 `json:"after_mean_ns"`
	Shift  int64 `json:"shift_ns"`
	Within int64 `json:"within_ns"`
}

// An EndpointChange is one endpoint on both sides, or on one.
type EndpointChange struct {
	Name string `json:"endpoint"`
	// Was is the endpoint's name before, where it was another.
	Was            string  `json:"was,omitempty"`
	Route          string  `json:"route,omitempty"`
	Kind           string  `json:"kind,omitempty"`
	Status         string  `json:"status"` // "both", "appeared", "vanished"
	RequestsBefore int64   `json:"requests_before"`
	RequestsAfter  int64   `json:"requests_after"`
	ShareBefore    float64 `json:"share_before"` // of the side's requests
	ShareAfter     float64 `json:"share_after"`
	// Wall are the mean, p50, p95 and p99 of the wall time, in that order. Like
	// the rest it is empty for an endpoint of one side.
	Wall []Change `json:"wall"`
	// Buckets are all of them; their deltas sum to that of the mean.
	Buckets []BucketChange `json:"buckets"`
}

// Is tells whether a user means this endpoint, as Endpoint.Is does.
func (e *EndpointChange) Is(name string) bool { return named(e.Name, e.Route, name) }

// A Change is one quantity before and after.
type Change struct {
	Quantity string  `json:"quantity"` // "mean", "p50", "p95", "p99", or a bucket's "db mean"
	Before   int64   `json:"before_ns"`
	After    int64   `json:"after_ns"`
	Delta    int64   `json:"delta_ns"`
	Relative float64 `json:"relative"` // Delta over Before; 0 where that is 0
	// Low and High bound Delta at 1 - alpha.
	Low  int64 `json:"low_ns"`
	High int64 `json:"high_ns"`
	// P is the probability of so large a change where nothing changed.
	P float64 `json:"p"`
	// Floor is how much two captures of one build may differ in it, in ns: where
	// the test is over requests, a smaller change is not called significant. 0
	// where it is over captures.
	Floor       int64 `json:"floor_ns"`
	Significant bool  `json:"significant"`
	// Needs says, of a change that is not significant, what would tell.
	Needs string `json:"needs,omitempty"`
}

// A BucketChange is one bucket's part in the change of the mean.
type BucketChange struct {
	Change
	Bucket Bucket `json:"bucket"`
	// Phases sum to the bucket's Delta where it has any, Sites and Parts too.
	Phases []PartChange `json:"phases"`
	Sites  []SiteChange `json:"sites"`
	Parts  []PartChange `json:"parts"`
}

// A PartChange is a part of a change, in ns per request.
type PartChange struct {
	Part  string `json:"part"`
	Delta int64  `json:"delta_ns"`
}

// A SiteChange is a call site's part of a change.
type SiteChange struct {
	Frame
	Delta int64 `json:"delta_ns"`
}

// A Gate is a condition that a pipeline fails on, and what became of it.
type Gate struct {
	Condition string `json:"condition"`
	Endpoint  string `json:"endpoint,omitempty"` // the one that decided it
	// Outcome is "passed", "broken", or "unsure": it holds for what was measured,
	// but the samples cannot tell.
	Outcome string `json:"outcome"`
	// Why is in words, which a report makes of Change: what decided it, nil where
	// nothing changed by as much. One that was read from JSON has words alone.
	Why    string  `json:"why"`
	Change *Change `json:"-"`
}

// The outcomes of a Gate.
const (
	GatePassed = "passed"
	GateBroken = "broken"
	GateUnsure = "unsure"
)

// Check holds what must be so of the sums: the buckets' changes sum to that of the
// mean, the parts of each, its phases and its sites to the bucket's, and the mix to
// the change over all.
func (c *Comparison) Check() error {
	if m := &c.Mix; m.Shift+m.Within != m.After-m.Before {
		return fmt.Errorf("the mix's parts %d and %d are not the change from %d to %d", m.Shift, m.Within, m.Before, m.After)
	}
	for i := range c.Endpoints {
		if err := c.Endpoints[i].check(); err != nil {
			return fmt.Errorf("%s: %w", c.Endpoints[i].Name, err)
		}
	}
	return nil
}

func (e *EndpointChange) check() error {
	if len(e.Wall) == 0 {
		return nil
	}
	sum := int64(0)
	for i := range e.Buckets {
		b := &e.Buckets[i]
		sum += b.Delta
		sites := int64(0)
		for _, s := range b.Sites {
			sites += s.Delta
		}
		for what, parts := range map[string][]PartChange{"phases": b.Phases, "parts": b.Parts} {
			of := int64(0)
			for _, p := range parts {
				of += p.Delta
			}
			if len(parts) > 0 && of != b.Delta {
				return fmt.Errorf("the %s of %s sum to %d, not %d", what, b.Bucket, of, b.Delta)
			}
		}
		if len(b.Sites) > 0 && sites != b.Delta {
			return fmt.Errorf("the sites of %s sum to %d, not %d", b.Bucket, sites, b.Delta)
		}
	}
	if sum != e.Wall[0].Delta {
		return fmt.Errorf("the buckets sum to %d, the mean changed by %d", sum, e.Wall[0].Delta)
	}
	return nil
}
