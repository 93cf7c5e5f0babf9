package diagnosis

import "timesink/analyze/breakdown"

// A Limit is a semaphore that requests wait for.
type Limit struct {
	Bucket  breakdown.Bucket // that the time is in
	Library string           // the semaphore's or what else counts the places, "" for a channel of the service's own
	Site    breakdown.Frame
	Time    int64 // ns per request
}

// concurrencyLimit finds time in which requests wait for a place that other requests hold.
func concurrencyLimit(s *subject) *found {
	l := s.Limit
	if l == nil || !s.worth(l.Time) {
		return nil
	}
	f := &found{sure: breakdown.Certain, claims: []claim{{bucket: l.Bucket, ns: l.Time}}, saves: l.Time, key: l.Library + " " + l.Site.Function,
		facts: append(breakdown.Facts{spent(l.Time)}, at(l.Site)...)}
	if l.Library != "" {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactLibrary, Name: l.Library})
	}
	f.facts = append(f.facts, s.holders(&s.Buckets[l.Bucket])...)
	return f
}
