package breakdown

// A Snapshot is what a window amounts to that is still open: enough to see the
// answer grow. It counts the requests that have ended.
type Snapshot struct {
	Covered   int64 // of the window, ns
	Requests  int64
	Endpoints int
	// Top is the endpoint that most request time went to, without sites, and
	// with no Requests where there is none yet. TopShare is its share of the
	// request time.
	Top      Endpoint
	TopShare float64
}
