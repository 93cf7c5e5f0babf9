package breakdown

// A Warning tells what the answer does not cover or may be wrong about. As of a
// Finding, analysis says what it is and what it rests on, and a report puts it into
// words. Those that came with a capture, or were read from JSON, have words and no
// Facts.
type Warning struct {
	Code    string `json:"code"` // stable: "trace-truncated" …
	Message string `json:"message"`
	Facts   *Doubt `json:"-"`
}

// A Doubt is what a warning rests on. Which fields are set depends on the warning.
// Times are nanoseconds.
type Doubt struct {
	// Side is "before" or "after" where a comparison passes on a warning of one of
	// its sides.
	Side     string
	Endpoint string // its route, else its name
	Cause    string // an error, in its own words
	// Count is of what the warning is about, Of how many it should be, Requests how
	// many requests suffered from it.
	Count, Of, Requests int64
	Share               float64 // of the time
	Bytes               int64
	Memory              int64 // that the analysis might take, bytes
	// Covered is the time that could be read, Asked what was asked for, 0 where that
	// is not known.
	Covered, Asked int64
	Generations    []GenerationRun
	Processors     int
	// Running is how long goroutines ran, Sampled how long the CPU samples say.
	Running, Sampled int64
	// Of the time of an old trace, InCalls is an estimate, and AfterCalls may be time
	// in files.
	InCalls, AfterCalls int64
	Unruled             *Unruled
	Before, After       float64 // what differs between two sides
	GoBefore, GoAfter   string
}

// A GenerationRun is the trace's generations from First to Last, both included.
type GenerationRun struct{ First, Last uint64 }

// Unruled is a place in which requests wait and that no rule knows: a library, or the
// service's own code.
type Unruled struct {
	Time    int64 // ns per request
	Library string
	// Of the service's own code, Stack leads from what it waits in to the call site,
	// which is the last; where Cut is set, frames are left out before that. InC is set
	// where it waits in C code.
	Stack    []Frame
	Cut, InC bool
	// Rule is what a rule would have to name, "" where none would help.
	Rule string
}
