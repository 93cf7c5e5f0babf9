package breakdown

// An Outcome is a prediction beside what came of the changes. Deltas are of the endpoint's
// mean, in nanoseconds: negative is faster.
type Outcome struct {
	Forecast Forecast `json:"forecast"`
	// Signs are what shows that the changes were made, one for each.
	Signs []Sign `json:"signs"`
	// Predicted is the forecast's relative change of the mean before; Low and High bound it
	// at 95%. Limited is the other end if other systems may not keep their pace.
	Predicted     int64  `json:"predicted_delta_ns"`
	PredictedLow  int64  `json:"predicted_low_ns"`
	PredictedHigh int64  `json:"predicted_high_ns"`
	Limited       *int64 `json:"limited_delta_ns,omitempty"`
	// Measured is the change of the mean, with its interval.
	Measured     int64 `json:"measured_delta_ns"`
	MeasuredLow  int64 `json:"measured_low_ns"`
	MeasuredHigh int64 `json:"measured_high_ns"`
	// Quantities are the mean, the p50 and the p95 side by side.
	Quantities []OutcomeQuantity `json:"quantities"`
	// OtherLoad is set if the service had more to do on one side.
	OtherLoad bool `json:"other_load"`
	// Others is how many other predictions are about changes that seem to have been made to
	// the same endpoint as well: the measured change is that of all of them.
	Others int `json:"others"`
}

// An OutcomeQuantity is one quantity of the wall time, in ns: before the changes, as it was
// predicted from there, and as it was measured after them.
type OutcomeQuantity struct {
	Quantity  string `json:"quantity"`
	Before    int64  `json:"before_ns"`
	Predicted int64  `json:"predicted_ns"`
	Measured  int64  `json:"measured_ns"`
}

// Within reports whether what was measured and what was predicted cannot be told apart: the
// intervals overlap, between both ends if there are two.
func (o *Outcome) Within() bool {
	low, high := o.PredictedLow, o.PredictedHigh
	if o.Limited != nil {
		low, high = min(low, *o.Limited), max(high, *o.Limited)
	}
	return o.MeasuredLow <= high && low <= o.MeasuredHigh
}

// A Sign is a quantity whose change shows that a change was made.
type Sign struct {
	Change string  `json:"change"` // as in PlannedChange
	What   string  `json:"what"`   // one of the Sign constants
	At     string  `json:"at,omitempty"`
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

// What shows that changes were made. Times are means per request, in nanoseconds.
const (
	SignCalls      = "calls_per_request"
	SignInFlight   = "calls_in_flight"
	SignDialed     = "dialed_share" // of the calls
	SignPoolWait   = "pool_wait_ns"
	SignWait       = "wait_ns"
	SignLock       = "lock_ns"
	SignTime       = "time_ns"
	SignProcessors = "gomaxprocs"
	SignRate       = "requests_per_second"
)
