package breakdown

// Sampling is how a service's goroutines were sampled in a window without a trace.
type Sampling struct {
	Why       string `json:"why"` // why there is no trace: "asked", "missing", "busy" …
	Snapshots int    `json:"snapshots"`
	// Budget is the share of the service's time that the snapshots were allowed, Spent
	// what they took of it, and Longest what one took at most, in ns.
	Budget  float64 `json:"budget"`
	Spent   int64   `json:"spent_ns"`
	Longest int64   `json:"longest_ns"`
	// Plain counts the snapshots without the goroutines' names and states.
	Plain int `json:"plain,omitempty"`
}

// Outside is said of an answer that rests on probes alone: the service showed neither a
// trace nor its goroutines. Each endpoint is then a route. Its wall time is what its probes
// waited, and all of it is unknown.
type Outside struct {
	Why string `json:"why"` // why there is no trace: "missing", "asked" …
}

// Sampled is what an endpoint's figures rest on if goroutines were sampled. Each snapshot
// that shows a request counts as the time until the next one, so the endpoint's Wall is
// all request time in the window, as far as that is known. Nothing shows where one request
// ends and the next begins: Requests and the percentiles are 0. The means are 0, too,
// unless Arrivals is known.
type Sampled struct {
	// Seen counts the requests that snapshots show: one that lasts is seen several times.
	Seen int64 `json:"seen"`
	// InProgress is how many requests were in progress, on average.
	InProgress     float64       `json:"in_progress"`
	InProgressCI95 ShareInterval `json:"in_progress_ci95"`
	// Arrivals counts the requests that came in the window. It is 0 if the service does
	// not count them.
	Arrivals int64 `json:"arrivals,omitempty"`
	// Effective is how many independent observations would show the shares as precisely.
	Effective int64 `json:"effective_observations"`
	// Joined is set if the cpu bucket includes the scheduler's, because nothing tells the
	// two apart.
	Joined bool `json:"cpu_includes_scheduler,omitempty"`
	// CPUTime is the time on a core by the CPU profile, in ns, 0 if there is none.
	CPUTime int64 `json:"cpu_profile_ns,omitempty"`
}

// A ShareInterval is the lower and the upper bound of an estimated share or number.
type ShareInterval [2]float64
