package breakdown

// A Tail is what the slowest of an endpoint's complete requests do that the others do
// not. A part of it is nil if fewer than FewestInTail requests lie beyond its percentile.
type Tail struct {
	P95 *Slowest `json:"p95,omitempty"`
	P99 *Slowest `json:"p99,omitempty"`
}

// FewestInTail is the fewest requests from which a tail is told.
const FewestInTail = 20

// Slowest are the requests beyond a percentile of the wall time. Times are means per
// request in nanoseconds, those of the Others over all requests but these.
type Slowest struct {
	// From is the wall time from which a request counts. Wall times are told apart in
	// steps of a twelfth or less, and the step that the percentile lies in does not count:
	// there are no more requests than the percentile's share, and there may be fewer.
	From       int64 `json:"from_ns"`
	Requests   int64 `json:"requests"`
	Mean       int64 `json:"mean_ns"`
	OthersMean int64 `json:"others_mean_ns"`
	// Buckets are those that hold any time, and Sites and Holders some of them, the one
	// first that the slowest spend most time in beyond the others.
	Buckets []TailBucket `json:"buckets"`
	Sites   []TailSite   `json:"sites"`
	Holders []TailHolder `json:"holders"`
	// Burst is nil unless the slowest came together.
	Burst *Burst `json:"burst,omitempty"`
}

// A TailBucket is a bucket's time in a tail.
type TailBucket struct {
	Bucket     Bucket `json:"bucket"`
	Mean       int64  `json:"mean_ns"`
	OthersMean int64  `json:"others_mean_ns"`
}

// Longer returns how much longer the slowest are in the bucket than the others.
func (t *TailBucket) Longer() int64 { return t.Mean - t.OthersMean }

// A TailSite is the time of a call site in one bucket. Mean is a lower bound: a request's
// small parts are not told by call site.
type TailSite struct {
	Frame
	TailBucket
}

// A TailHolder is what kept the slowest waiting in a bucket, and what it was busy with.
// Mean is a lower bound.
type TailHolder struct {
	Frame
	TailBucket
	Doing Bucket `json:"doing"`
}

// A Burst is when the slowest requests began, if they came together: Share of them, and
// OthersShare of the others, began within Within ns, from Start ns after the start of the
// window on, in Times separate stretches.
type Burst struct {
	Start       int64   `json:"start_ns"`
	Within      int64   `json:"within_ns"`
	Times       int     `json:"times"`
	Share       float64 `json:"share"`
	OthersShare float64 `json:"others_share"`
}
