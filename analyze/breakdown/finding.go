package breakdown

// A Finding is something worth doing. Analysis sets ID and Facts, and a report writes
// Title, Evidence and Try from them. A finding that was read from JSON has words and no
// Facts.
type Finding struct {
	ID       string   `json:"id"` // stable: "dial-per-call", "sequential-calls" …
	Endpoint string   `json:"endpoint"`
	Title    string   `json:"title"`
	Evidence []string `json:"evidence"`
	// SavesUpTo is the most that a request could save: a bound, not a promise.
	SavesUpTo int64  `json:"saves_up_to_ns"`
	Try       string `json:"try"`
	Facts     *Facts `json:"-"`
}

// Facts are what a finding rests on. Which fields are set depends on the finding. Times
// are means per request, in nanoseconds.
type Facts struct {
	Wall  int64 // the wall time of a request
	Spent int64 // the part of Wall that the finding is about
	// Site is the place in the service's code to look at. Its Function is "" if none is
	// known.
	Site Frame
	// Calls is the number of calls per request, InFlight the number of Site's calls in
	// flight while there is at least one, Dialed the percentage of calls that make a
	// connection.
	Calls    float64
	InFlight float64
	Dialed   int
	// Cause is, of time spent without a core, why; Waited is the time spent ready to run
	// for the same reason.
	Cause  Deprivation
	Waited int64
	// Holders are those that kept requests waiting, the longest first.
	Holders []HolderFact
	// Batch is the request's own batch: Spent was spent waiting for others. It is nil if
	// there are no batches.
	Batch *BatchFact
	// Fresh and Kept count the probes on new and on kept connections; FreshWait and
	// KeptWait are how long each waited before the server read it, in the mean. Accept is
	// the loop that accepts the connections, nil if nothing is known about it.
	Fresh, Kept         int
	FreshWait, KeptWait int64
	Accept              *AcceptLoop
}

// A BatchFact is what a request's own batch was busy with for most of its time.
type BatchFact struct {
	Site   Frame  // in the service's code
	Called string // the function that Site called, "" if none is known
	Doing  Bucket
	Busy   int64
}

// A HolderFact is how long one holder kept a request waiting, and what it was busy with
// for most of that time.
type HolderFact struct {
	Frame
	Total int64
	Doing Bucket
	Busy  int64 // the part of Total spent in Doing
}
