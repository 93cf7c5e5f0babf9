package breakdown

// A Warning is something that the answer does not cover or may be wrong about. Analysis
// sets Code and Facts, and a report writes Message from them. A warning that came with
// a capture has a Message and no Facts.
type Warning struct {
	Code    string `json:"code"` // stable: "trace-truncated" …
	Message string `json:"message"`
	Facts   *Doubt `json:"facts,omitempty"`
}

// A Doubt is what a warning rests on. Which fields are set depends on the warning.
// Times are nanoseconds.
type Doubt struct {
	// Side is "before" or "after" if a comparison passes on a warning of that side.
	Side     string `json:"side,omitempty"`
	Endpoint string `json:"endpoint,omitempty"` // its route, or its name if it has none
	Cause    string `json:"cause,omitempty"`    // an error, in its own words
	// Count is the number of what the warning is about, Of the number there should be,
	// Requests the number of requests affected.
	Count    int64   `json:"count,omitempty"`
	Of       int64   `json:"of,omitempty"`
	Requests int64   `json:"requests,omitempty"`
	Share    float64 `json:"share,omitempty"` // of the time
	// Short is set if the trace is not whole, so that a longer window would not help.
	Short  bool  `json:"short,omitempty"`
	Bytes  int64 `json:"bytes,omitempty"`
	Memory int64 `json:"memory_bytes,omitempty"` // that the analysis was allowed, if it took more
	// Covered is the time that could be read, Asked the time asked for, 0 if that is
	// unknown.
	Covered     int64           `json:"covered_ns,omitempty"`
	Asked       int64           `json:"asked_ns,omitempty"`
	Generations []GenerationRun `json:"generations,omitempty"`
	Processors  int             `json:"processors,omitempty"`
	// Running is how long goroutines ran, Sampled how long they ran according to the
	// CPU samples, and Deprived why the rest was without a core.
	Running  int64       `json:"running_ns,omitempty"`
	Sampled  int64       `json:"sampled_ns,omitempty"`
	Deprived Deprivation `json:"deprived,omitempty"`
	// In an old trace, InCalls is the time that is an estimate, and AfterCalls the time
	// that may have been spent in files.
	InCalls    int64    `json:"in_calls_ns,omitempty"`
	AfterCalls int64    `json:"after_calls_ns,omitempty"`
	Unruled    *Unruled `json:"unruled,omitempty"`
	// Before and After are the quantity that differs between the sides.
	Before   float64 `json:"before,omitempty"`
	After    float64 `json:"after,omitempty"`
	GoBefore string  `json:"go_before,omitempty"`
	GoAfter  string  `json:"go_after,omitempty"`
	// Instances are the names of those that the warning is about, if there are several
	// instances. The other facts are those of the first.
	Instances []string `json:"instances,omitempty"`
}

// A GenerationRun is the trace's generations from First to Last, both included.
type GenerationRun struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// Unruled is a place where requests wait and that no rule matches: a library, or the
// service's own code.
type Unruled struct {
	Time    int64  `json:"time_ns"` // per request
	Library string `json:"library,omitempty"`
	// For the service's own code, Stack leads from the function that it waits in to the
	// call site, which is last. If Cut is set, frames before the call site are left
	// out. InC is set if it waits in C code.
	Stack []Frame `json:"stack,omitempty"`
	Cut   bool    `json:"cut,omitempty"`
	InC   bool    `json:"in_c,omitempty"`
	// Rule is what a rule would have to name, "" if none would help.
	Rule string `json:"rule,omitempty"`
}
