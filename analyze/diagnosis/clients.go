package diagnosis

import "timesink/analyze/breakdown"

// Calls to other systems: how the service makes them, and how long the other side takes.

// busiest returns the site with the most calls.
func busiest(t *breakdown.BucketTime) (site breakdown.SiteTime) {
	for _, s := range t.Sites {
		if s.CallsPerRequest > site.CallsPerRequest {
			site = s
		}
	}
	return site
}

// otherSide returns a look for time in which another system works, or its answer is on
// the way.
func otherSide(b breakdown.Bucket) look {
	return func(s *subject) *found {
		c := s.claimed(b, breakdown.Asking)
		if len(s.Buckets[b].Phases) == 0 {
			c = s.whole(b)
		}
		if c.ns = s.available(c); !s.worth(c.ns) {
			return nil
		}
		t := &s.Buckets[b]
		f := &found{sure: breakdown.Certain, claims: []claim{c}, saves: -1, key: b.String(), facts: append(breakdown.Facts{spent(c.ns)}, side(t, c.ns)...)}
		if len(t.Sites) > 0 {
			f.facts = append(f.facts, at(t.Sites[0].Frame)...)
		}
		if s.Crowding[b].isSteady() {
			f.facts = append(f.facts, s.Crowding[b].facts()...)
		}
		return f
	}
}

// side returns the facts of how long another system takes.
func side(t *breakdown.BucketTime, ns int64) breakdown.Facts {
	list := breakdown.Facts{{Kind: breakdown.FactOtherSide, Name: t.Bucket.String(), Value: float64(ns)}}
	for _, name := range t.Systems {
		list = append(list, breakdown.Fact{Kind: breakdown.FactSystem, Name: name})
	}
	return list
}
