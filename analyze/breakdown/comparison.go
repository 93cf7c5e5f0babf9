package breakdown

import (
	"fmt"
	"time"
)

// CompareSchema names the JSON encoding of Comparison.
const CompareSchema = "timesink.compare/1"

// A Comparison is what changed between two sides, each one or more captures of a
// service. Deltas are after minus before, in nanoseconds: negative is faster.
type Comparison struct {
	Schema string `json:"schema"`
	Before Side   `json:"before"`
	After  Side   `json:"after"`
	// Noise describes the captures that show how much captures of this service differ. It
	// is nil if there are none.
	Noise *Side `json:"noise,omitempty"`
	// Alpha is the probability of a false alarm that each test by itself allows.
	// GateAlpha is that of the gates together.
	Alpha     float64 `json:"alpha"`
	GateAlpha float64 `json:"gate_alpha"`
	// Test is what the tests compare.
	Test string `json:"test"`
	// Undecided holds the codes of the warnings that say why nothing can be decided. It
	// is empty if the tests can tell a change from chance.
	Undecided []string `json:"undecided"`
	// Mix separates a shift of traffic between endpoints from changes within them.
	Mix Mix `json:"mix"`
	// Endpoints are first those on both sides, by their request time on both, the
	// largest first, and then those on one side.
	Endpoints []EndpointChange `json:"endpoints"`
	Gates     []Gate           `json:"gates"`
	// Predictions are what had been predicted from the captures before for changes that seem
	// to have been made since, beside what came.
	Predictions []Outcome `json:"predictions,omitempty"`
	Warnings    []Warning `json:"warnings"`
}

// What tests compare.
const (
	OverCaptures = "captures" // how captures of one side differ
	OverNoise    = "noise"    // how the captures that are Noise differ
	OverRequests = "requests" // only how requests within a capture differ, which decides nothing
)

// A Side describes one side.
type Side struct {
	Source   Source  `json:"source"`
	Captures int     `json:"captures"`
	Requests int64   `json:"requests"`
	Rate     float64 `json:"requests_per_second"` // of complete requests, per capture
	// Concurrency is the mean number of complete requests in progress at once, per
	// capture.
	Concurrency float64 `json:"requests_at_once"`
	// OffCore is the share of the running time that CPU samples do not account for,
	// because the kernel had taken the core. It is nil if there are no samples.
	OffCore *float64 `json:"off_core,omitempty"`
	// Files are the names of the captures. Only commands that choose them set it.
	Files []string `json:"files,omitempty"`
}

// A Capture is what a comparison needs to know of one of the captures that a Breakdown
// was made from, beside its requests. Times are in nanoseconds.
type Capture struct {
	At      *time.Time `json:"at,omitempty"` // when the window opened; nil if unknown
	Covered int64      `json:"covered_ns"`
	// Running is how long goroutines ran. Sampled is how long they did according to the
	// CPU samples, 0 if there are none for the whole window.
	Running int64 `json:"running_ns"`
	Sampled int64 `json:"sampled_ns"`
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
	// Disturbances are likelier causes of the mean's change than the build.
	Disturbances []Disturbance `json:"disturbances"`
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
	// P is the probability of a change this large if nothing changed, 1 if that cannot
	// be told.
	P float64 `json:"p"`
	// Spread is the standard deviation between captures of one build, relative to
	// Before. It is 0 if it is not known.
	Spread float64 `json:"spread"`
	// Floor is the noise floor in ns: the most that two of the captures that are noise
	// differ by. If the tests are over noise, a smaller change is not significant.
	// Otherwise Floor is 0.
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

// A Disturbance is something beside the build that differs between the sides and
// explains a large part of a change of the mean.
type Disturbance struct {
	// What is "neighbors", "processors", "collector", "load" or "go".
	What string `json:"what"`
	// Delta is the part of the mean's change that it can account for. It is 0 for the
	// load and the Go version, whose effect is not measured.
	Delta int64 `json:"delta_ns"`
}

// What disturbs a comparison.
const (
	OtherPrograms     = "neighbors"  // the kernel gave the cores to other programs
	SlowScheduler     = "processors" // goroutines waited for a processor, though requests did not compute more
	GarbageCollection = "collector"
	OtherLoad         = "load"
	OtherGo           = "go" // another version of Go
)

// Excuses reports whether a change that the disturbance explains must not break a gate,
// because it says nothing about the build.
func (d *Disturbance) Excuses() bool { return d.What == OtherPrograms || d.What == OtherLoad }

// A Gate is a condition that fails a pipeline, with its outcome.
type Gate struct {
	Condition string `json:"condition"`
	Endpoint  string `json:"endpoint,omitempty"` // the one that decided it
	Outcome   string `json:"outcome"`
	// Why explains the outcome. A report writes it from the other fields. A Gate read
	// from JSON has only Why.
	Why string `json:"why"`
	// Change is that of the endpoint that decided, nil if there is none.
	Change *Change `json:"change,omitempty"`
	// P is the probability of a change this large, in this direction, by chance in any
	// of the Looks: each gate looks at each endpoint that it covers. It is 1 if that
	// cannot be told.
	P     float64 `json:"p"`
	Looks int     `json:"looks"`
	// Cause is what is likelier than the build to have caused the change.
	Cause *Disturbance `json:"likelier_cause,omitempty"`
}

// The outcomes of a Gate. A gate is broken if the measured change exceeds the limit and
// chance does not explain it, passed if the interval of the change excludes the limit,
// and otherwise unsure.
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
