package diagnosis

import "timesink/analyze/breakdown"

// Expired are calls that a deadline ended. Times are in ns.
type Expired struct {
	Calls         int64
	Total, OnPath int64
	Least, Most   int64 // of one call
	// Inferred is set if that a deadline ended them is told from what followed.
	Inferred bool
}

// Add adds other calls.
func (e *Expired) Add(o Expired) {
	if o.Calls == 0 {
		return
	}
	if e.Calls == 0 || o.Least < e.Least {
		e.Least = o.Least
	}
	e.Inferred = e.Inferred || o.Inferred
	e.Calls, e.Total, e.OnPath, e.Most = e.Calls+o.Calls, e.Total+o.Total, e.OnPath+o.OnPath, max(e.Most, o.Most)
}

// Alike reports whether the calls are so many, and in the mean so little longer than the
// shortest, that what ended them is a deadline of a fixed length.
func (e *Expired) Alike() bool { return e.Calls >= 3 && 4*e.Total <= 5*e.Least*e.Calls }

// timeoutReached finds calls that their deadline ended.
func timeoutReached(s *subject) *found {
	var most *Way
	for i := range s.Ways {
		if w := &s.Ways[i]; w.Expired.Calls > 0 && (most == nil || w.Expired.OnPath > most.Expired.OnPath) {
			most = w
		}
	}
	if most == nil {
		return nil
	}
	e := &most.Expired
	ns := mean(e.OnPath, s.Requests)
	if !s.worth(ns) {
		return nil
	}
	sure := breakdown.Certain
	if e.Inferred {
		sure = breakdown.Likely
	}
	return &found{sure: sure, claims: []claim{{bucket: most.Bucket, ns: ns}}, saves: ns, key: most.Bucket.String() + " " + most.Site.Function, facts: append(breakdown.Facts{
		spent(ns), {Kind: breakdown.FactTimedOut, Value: float64(e.Calls)}, {Kind: breakdown.FactMade, Value: float64(most.Calls)},
		{Kind: breakdown.FactDeadline, Value: float64(mean(e.Total, e.Calls))}, {Kind: breakdown.FactDeadlineLeast, Value: float64(e.Least)}, {Kind: breakdown.FactDeadlineMost, Value: float64(e.Most)},
		{Kind: breakdown.FactBucket, Name: most.Bucket.String()}}, at(most.Site)...)}
}
