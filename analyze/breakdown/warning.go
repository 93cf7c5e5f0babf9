package breakdown

// A Warning is something that the answer does not cover or may be wrong about. Analysis
// sets Code and Facts, and a report writes Message from them. A warning that came with
// a capture, or was read from JSON, has a Message and no Facts.
type Warning struct {
	Code    string `json:"code"` // stable: "trace-truncated" …
	Message string `json:"message"`
	Facts   *Doubt `json:"-"`
}

// A Doubt is what a warning rests on. Which fields are set depends on the warning.
// Times are nanoseconds.
type Doubt struct {
	// Side is "before" or "after" if a comparison passes on a warning of that side.
	Side     string
	Endpoint string // its route, or its name if it has none
	Cause    string // an error, in its own words
	// Count is the number of what the warning is about, Of the number there should be,
	// Requests the number of requests affected.
	Count, Of, Requests int64
	Share               float64 // of the time
	Bytes               int64
	Memory              int64 // that the analysis was allowed, in bytes
	// Covered is the time that could be read, Asked the time asked for, 0 if that is
	// unknown.
	Covered, Asked int64
	Generations    []GenerationRun
	Processors     int
	// Running is how long goroutines ran, Sampled how long they ran according to the
	// CPU samples, and Deprived why the rest was without a core.
	Running, Sampled int64
	Deprived         Deprivation
	// In an old trace, InCalls is the time that is an estimate, and AfterCalls the time
	// that may have been spent in files.
	InCalls, AfterCalls int64
	Unruled             *Unruled
	Before, After       float64 // the quantity that differs between the sides
	GoBefore, GoAfter   string
}

// A GenerationRun is the trace's generations from First to Last, both included.
type GenerationRun struct{ First, Last uint64 }

// Unruled is a place where requests wait and that no rule matches: a library, or the
// service's own code.
type Unruled struct {
	Time    int64 // ns per request
	Library string
	// For the service's own code, Stack leads from the function that it waits in to the
	// call site, which is last. If Cut is set, frames before the call site are left
	// out. InC is set if it waits in C code.
	Stack    []Frame
	Cut, InC bool
	// Rule is what a rule would have to name, "" if none would help.
	Rule string
}
