package breakdown

// A Snapshot summarizes a window that is still open: enough to show the answer grow. It
// counts the requests that have ended.
type Snapshot struct {
	Covered   int64 // of the window, ns
	Requests  int64
	Endpoints int
	// Top is the endpoint with the most request time, without sites. Its Requests is 0
	// if there is no endpoint yet. TopShare is its share of the request time.
	Top      Endpoint
	TopShare float64
}

// Runnable returns the share of the top endpoint's request time in which its requests were
// ready to run and waited for a processor.
func (s *Snapshot) Runnable() float64 {
	for i := range s.Top.Buckets {
		if b := &s.Top.Buckets[i]; b.Bucket == Scheduler && s.Top.Wall.Total > 0 {
			return float64(b.Total) / float64(s.Top.Wall.Total)
		}
	}
	return 0
}
