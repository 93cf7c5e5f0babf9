package breakdown

// A Finding is something worth doing. Analysis says what it is, by its ID, and what it
// rests on, in its Facts. Its words, Title, Evidence and Try, are made of these where
// a report is written; one that was read from JSON has words and no Facts.
type Finding struct {
	ID       string   `json:"id"` // stable: "dial-per-call", "sequential-calls" …
	Endpoint string   `json:"endpoint"`
	Title    string   `json:"title"`
	Evidence []string `json:"evidence"`
	// SavesUpTo is per request, a bound and not a promise.
	SavesUpTo int64  `json:"saves_up_to_ns"`
	Try       string `json:"try"`
	Facts     *Facts `json:"-"`
}

// Facts are what a finding rests on. Which of them are set depends on the finding.
// Times are means per request, in nanoseconds.
type Facts struct {
	Wall  int64 // all that a request takes
	Spent int64 // of it, what the finding is about
	// Site is the place in the service's code to look at, without a function where
	// none is known.
	Site Frame
	// Calls are how many a request makes, InFlight how many of Site's are in flight
	// while any is, Dialed how many of 100 make a connection.
	Calls    float64
	InFlight float64
	Dialed   int
	// Holders are those that kept requests waiting, the longest first.
	Holders []HolderFact
}

// A HolderFact is what one holder kept a request waiting for, and what it was busy
// with for most of that.
type HolderFact struct {
	Frame
	Total int64
	Doing Bucket
	Busy  int64 // the part of Total spent in Doing
}
