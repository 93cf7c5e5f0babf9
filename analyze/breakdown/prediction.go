package breakdown

// WhatIfSchema names the JSON encoding of Prediction.
const WhatIfSchema = "timesink.whatif/1"

// A Prediction is what requests would take if something were different: the requests of a
// window, replayed with a change. Times are in nanoseconds.
type Prediction struct {
	Schema  string          `json:"schema"`
	Source  Source          `json:"source"`
	Changes []PlannedChange `json:"changes"`
	// Load says when requests arrive in the replay: "open", when they did, or "closed",
	// when their client has the answer to the one before. Told is set if the recording
	// suggests it, not the user.
	Load    string `json:"load"`
	Told    bool   `json:"load_told"`
	Clients int    `json:"clients"` // of a closed load, before
	// Replayed is the part of the window that was replayed.
	Replayed  int64               `json:"replayed_ns"`
	Endpoints []EndpointPredicted `json:"endpoints"`
	// Assumptions are what the prediction rests on, Unknown what it cannot know.
	Assumptions []Assumption `json:"assumptions"`
	Unknown     []Assumption `json:"unknown"`
}

// A PlannedChange is something that would be different.
type PlannedChange struct {
	Change string  `json:"change"` // "scale", "concurrent" …
	At     string  `json:"at,omitempty"`
	Factor float64 `json:"factor,omitempty"`
	Number int     `json:"number,omitempty"`
}

// An EndpointPredicted is one endpoint before and after the change.
type EndpointPredicted struct {
	Name   string    `json:"endpoint"`
	Route  string    `json:"route,omitempty"`
	Kind   string    `json:"kind,omitempty"`
	Before Predicted `json:"before"` // as recorded
	After  Predicted `json:"after"`
	// Limited is After if no other system answers more calls at once than it did before. It
	// is nil if they are not asked for more.
	Limited *Predicted `json:"limited,omitempty"`
	// Replayed is the replay without a change. Where it differs from Before, so may After
	// from what would be.
	Replayed Predicted `json:"replayed"`
}

// A Predicted is the wall time of an endpoint's complete requests.
type Predicted struct {
	Requests int64            `json:"requests"`
	Rate     float64          `json:"requests_per_second"`
	Mean     int64            `json:"mean_ns"`
	MeanCI   [2]int64         `json:"mean_ci95_ns"`
	P50      int64            `json:"p50_ns"`
	P50CI    [2]int64         `json:"p50_ci95_ns"`
	P95      int64            `json:"p95_ns"`
	P95CI    [2]int64         `json:"p95_ci95_ns"`
	P99      int64            `json:"p99_ns"`
	P99CI    [2]int64         `json:"p99_ci95_ns"`
	Buckets  []PredictedShare `json:"buckets"` // all of them; they sum to the mean, but for rounding
	Hist     *Histogram       `json:"-"`
}

// A PredictedShare is the mean time in one bucket.
type PredictedShare struct {
	Bucket Bucket `json:"bucket"`
	Mean   int64  `json:"mean_ns"`
}

// An Assumption is something that a prediction rests on, or does not know.
type Assumption struct {
	Code AssumptionCode `json:"code"`
	// Message says it in words. Package report fills it in.
	Message string `json:"message"`
	At      string `json:"at,omitempty"`
	Bucket  string `json:"bucket,omitempty"`
	Time    int64  `json:"time_ns,omitempty"` // what it is about, per request
	Number  int    `json:"number,omitempty"`
	Then    int    `json:"then,omitempty"` // what Number would become
	Pace    *Pace  `json:"pace,omitempty"`
}

// A Pace is how the duration of the calls at one place depends on how many are in flight to
// their system. Times are in nanoseconds.
type Pace struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Calls    int    `json:"calls"` // that it was told from
	// From and To are the levels seen: the mean number of calls in flight during a call.
	From int `json:"from"`
	To   int `json:"to"`
	// Mean is the mean duration, and PerCall how much longer a call takes for each further
	// one in flight.
	Mean      int64    `json:"mean_ns"`
	PerCall   int64    `json:"per_call_ns"`
	PerCallCI Interval `json:"per_call_ci95_ns"`
}

// Holds reports whether the duration does not depend on the calls in flight, as far as can
// be told.
func (p *Pace) Holds() bool { return p.PerCallCI[0] <= 0 }

// An AssumptionCode identifies what is assumed or unknown.
type AssumptionCode string

// The assumptions, and what may be unknown.
const (
	// AssumeLoad: requests arrive as Prediction.Load says; Number is the clients.
	AssumeLoad AssumptionCode = "load"
	// AssumePace: other systems answer as fast as before; they get no more calls at once.
	AssumePace AssumptionCode = "pace-of-others"
	// AssumeFitted: the calls at a place to the system At depend on how many are in flight as
	// Pace says, which was told from the recording.
	AssumeFitted AssumptionCode = "pace-fitted"
	// AssumeQueueKept: Time of waiting in Bucket is kept as recorded, because what the
	// requests waited for is not known.
	AssumeQueueKept AssumptionCode = "queue-kept"
	// AssumeCores: there is a core for each of Number processors.
	AssumeCores AssumptionCode = "cores"
	// AssumeOnce: the one call takes as long as the first did.
	AssumeOnce AssumptionCode = "one-call"
	// AssumePart: only the first part of the window is replayed, Time of it.
	AssumePart AssumptionCode = "part-of-window"
	// UnknownPace: the system At is seen to answer Number calls at once, and would be asked
	// Then of them: whether it keeps its pace is not known.
	UnknownPace AssumptionCode = "pace-unknown"
	// UnknownLevel: the same of a system that was seen with Number calls in flight nearly all
	// the time, so that the recording does not show what its pace depends on.
	UnknownLevel AssumptionCode = "pace-one-level"
	// UnknownIdentity: the replay without a change does not give back what was recorded,
	// by Time in the mean.
	UnknownIdentity AssumptionCode = "not-reproduced"
	// UnknownQueue: what requests queue for at the place At is not known, so the change
	// has no effect in the replay.
	UnknownQueue AssumptionCode = "queue-unknown"
	// UnknownUnnamed: Number requests whose handler is not known are replayed as load only.
	UnknownUnnamed AssumptionCode = "unnamed-requests"
	// UnknownFew: there are only Number requests.
	UnknownFew AssumptionCode = "few-requests"
)
