package diagnosis

import (
	"slices"

	"timesink/analyze/breakdown"
)

// The usual suspect: the other system that people blame first, and what it has to do with
// the time.

// settle sets how much of each bucket of another system the service itself explains.
func (s *subject) settle() {
	for _, b := range breakdown.BucketsOf(breakdown.External) {
		own := s.ours[b]
		for _, p := range s.Buckets[b].Phases {
			if p.Phase.OwnSide() {
				own += p.Mean
			}
		}
		s.Buckets[b].OwnSide = min(own, s.Buckets[b].Mean)
	}
}

// notWorthIt finds that the usual suspect has too little to do with the time of the busiest
// endpoint to matter. It returns nil if there is no suspect, if it matters, or if there is
// something to do about its bucket.
func notWorthIt(b *breakdown.Breakdown, subjects []*subject, found []*sum) *sum {
	i := slices.IndexFunc(subjects, func(s *subject) bool { return s.Endpoint == b.Busiest() })
	if i < 0 {
		return nil
	}
	s := subjects[i]
	suspects := breakdown.BucketsOf(breakdown.External) // the database first
	j := slices.IndexFunc(suspects, func(b breakdown.Bucket) bool { return s.Buckets[b].Total > 0 })
	if j < 0 {
		return nil
	}
	t := &s.Buckets[suspects[j]]
	ns := max(t.Mean-t.OwnSide, 0)
	if 2*s.Buckets[breakdown.Unknown].Mean >= s.Wall.Mean {
		return nil // who knows whose that is
	}
	if s.worth(ns) || s.worth(t.QueuedBehind) {
		return nil
	}
	for _, o := range found {
		if o.Shown && slices.Contains(o.Endpoints, s.Name) && o.isAbout(t) {
			return nil
		}
	}
	return &sum{explains: ns * s.Requests, saves: ns * s.Requests, requests: s.Requests, Explanation: breakdown.Explanation{
		ID: "not-worth-it", Confidence: breakdown.Certain, Endpoints: []string{s.Name}, Shown: true,
		Facts: append(breakdown.Facts{{Kind: breakdown.FactWall, Value: float64(s.Wall.Mean)}, spent(t.Mean)}, side(t, ns)...)}}
}

// isAbout reports whether a cause is about a bucket: a quarter or more of what it claims is
// there, or it is about calls there that are made again. A cause such as a lack of
// processors has a little to do with every bucket, and is about none of them.
func (s *sum) isAbout(t *breakdown.BucketTime) bool {
	again := s.Facts.Frame(breakdown.FactAgain)
	if again.Function != "" && slices.ContainsFunc(t.Sites, func(at breakdown.SiteTime) bool { return at.Frame == again }) {
		return true
	}
	in, all, any := int64(0), int64(0), false
	for _, c := range s.claims {
		all += c.ns
		if c.bucket == t.Bucket {
			in, any = in+c.ns, true
		}
	}
	return any && 4*in >= all
}
