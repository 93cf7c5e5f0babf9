package breakdown

import "fmt"

// CompareSchema names the JSON encoding of Comparison.
const CompareSchema = "timesink.compare/1"

// A Comparison is what changed between two sides, each one or more captures of a
// service. Deltas are after minus before, in nanoseconds: negative is faster.
type Comparison struct {
	Schema string `json:"schema"`
	Before Side   `json:"before"`
	After  Side   `json:"after"`
	// Alpha is the probability of a false alarm that the tests allow.
	Alpha float64 `json:"alpha"`
	// Test is what the tests compare: "captures" if each side has at least four, else
	// "requests".
	Test string `json:"test"`
	// Mix separates a shift of traffic between endpoints from changes within them.
	Mix Mix `json:"mix"`
	// Endpoints are first those on both sides, by their request time on both, the
	// largest first, and then those on one side.
	Endpoints []EndpointChange `json:"endpoints"`
	Gates     []Gate           `json:"gates"`
	Warnings  []Warning        `json:"warnings"`
}

// A Side describes one side.
type Side struct {
	Source   Source  `json:"source"`
	Captures int     `json:"captures"`
	Requests int64   `json:"requests"`
	Rate     float64 `json:"requests_per_second"` // of complete requests, per capture
}

// Mix decomposes the change of the mean over all requests. Shift comes from changed
// shares of the traffic, Within from changed times of requests to the same endpoint.
// The two sum to the change.
type Mix struct {
	Before int64 `json:"before_mean_ns"`
	After  int64 `json:"after_mean_ns"`
	Shift  int64 `json:"shift_ns"`
	Within int64 `json:"within_ns"`
}

// An EndpointChange is one endpoint on both sides, or on one.
type EndpointChange struct {
	Name string `json:"endpoint"`
	// Was is the endpoint's name before, if it differed.
	Was            string  `json:"was,omitempty"`
	Route          string  `json:"route,omitempty"`
	Kind           string  `json:"kind,omitempty"`
	Status         string  `json:"status"` // "both", "appeared", "vanished"
	RequestsBefore int64   `json:"requests_before"`
	RequestsAfter  int64   `json:"requests_after"`
	ShareBefore    float64 `json:"share_before"` // of the side's requests
	ShareAfter     float64 `json:"share_after"`
	// Wall has the mean, p50, p95 and p99 of the wall time, in that order. Like Buckets
	// it is empty for an endpoint on one side only.
	Wall []Change `json:"wall"`
	// Buckets are all of them; their deltas sum to that of the mean.
	Buckets []BucketChange `json:"buckets"`
}

// Is reports whether name means this endpoint, as Endpoint.Is does.
func (e *EndpointChange) Is(name string) bool { return named(e.Name, e.Route, name) }

// A Change is one quantity before and after.
type Change struct {
	Quantity string  `json:"quantity"` // "mean", "p50", "p95", "p99", or a bucket's "db mean"
	Before   int64   `json:"before_ns"`
	After    int64   `json:"after_ns"`
	Delta    int64   `json:"delta_ns"`
	Relative float64 `json:"relative"` // Delta over Before, 0 if Before is 0
	// Low and High bound Delta at 1 - alpha.
	Low  int64 `json:"low_ns"`
	High int64 `json:"high_ns"`
	// P is the probability of a change this large if nothing changed.
	P float64 `json:"p"`
	// Floor is the noise floor in ns, how much two captures of one build may differ. If
	// the tests compare requests, a smaller change is not significant. If they compare
	// captures, Floor is 0.
	Floor       int64 `json:"floor_ns"`
	Significant bool  `json:"significant"`
	// Needs says what would decide whether a change that is not significant is real.
	Needs string `json:"needs,omitempty"`
}

// A BucketChange is one bucket's part of the change of the mean.
type BucketChange struct {
	Change
	Bucket Bucket `json:"bucket"`
	// Phases, Sites and Parts each sum to Delta, unless they are empty.
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

// A Gate is a condition that fails a pipeline, with its outcome.
type Gate struct {
	Condition string `json:"condition"`
	Endpoint  string `json:"endpoint,omitempty"` // the one that decided it
	// Outcome is "passed", "broken", or "unsure": the measured change exceeds the limit
	// but is not significant.
	Outcome string `json:"outcome"`
	// Why explains the outcome. A report writes it from Change, which is nil if no
	// change exceeded the limit. A Gate read from JSON has only Why.
	Why    string  `json:"why"`
	Change *Change `json:"-"`
}

// The outcomes of a Gate.
const (
	GatePassed = "passed"
	GateBroken = "broken"
	GateUnsure = "unsure"
)

// Check returns an error if sums do not hold: the buckets' changes sum to that of the
// mean, the phases, sites and parts of a bucket each to the bucket's, and the mix to
// the change over all requests.
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
