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

func sequentialCalls(s *subject) *found {
	t := &s.Buckets[breakdown.Upstream]
	if t.CallsPerRequest < 1.5 {
		return nil
	}
	site := busiest(t)
	if !s.worth(s.Serial) || site.Concurrency > 1.2 {
		return nil
	}
	return &found{sure: breakdown.Likely, claims: []claim{{bucket: breakdown.Upstream, ns: s.Serial}}, saves: s.Serial, key: site.Function, facts: append(breakdown.Facts{
		{Kind: breakdown.FactCalls, Value: t.CallsPerRequest},
		{Kind: breakdown.FactInFlight, Value: max(site.Concurrency, 1)}}, at(site.Frame)...)}
}

func dialPerCall(s *subject) *found {
	t := &s.Buckets[breakdown.Upstream]
	// At one call in two, expired connections are no explanation.
	dialed := t.DialPercent()
	if dialed < 50 {
		return nil
	}
	c := s.claimed(breakdown.Upstream, breakdown.Dialing)
	site := busiest(t).Frame
	return &found{sure: breakdown.Certain, claims: []claim{c}, saves: c.ns, key: site.Function, stands: true,
		facts: append(breakdown.Facts{spent(c.ns), {Kind: breakdown.FactDialed, Value: float64(dialed)}}, at(site)...)}
}

func poolStarved(s *subject) *found {
	t := &s.Buckets[breakdown.DB]
	c := s.claimed(breakdown.DB, breakdown.Pooling)
	if !s.worth(c.ns) {
		return nil
	}
	return &found{sure: breakdown.Certain, claims: []claim{c}, saves: c.ns, facts: append(breakdown.Facts{spent(c.ns)}, s.holders(t)...)}
}

func manyQueries(s *subject) *found {
	site := busiest(&s.Buckets[breakdown.DB])
	if site.CallsPerRequest < 10 || !s.worth(site.Mean) {
		return nil
	}
	return &found{sure: breakdown.Certain, claims: []claim{{bucket: breakdown.DB, ns: site.Mean}}, key: site.Function,
		saves: site.Mean - int64(float64(site.Mean)/site.CallsPerRequest),
		facts: append(breakdown.Facts{spent(site.Mean), {Kind: breakdown.FactCalls, Value: site.CallsPerRequest}}, at(site.Frame)...)}
}

// otherSide finds time in which another system works, or its answer is on the way.
func otherSide(s *subject) *found {
	var best claim
	for _, b := range breakdown.BucketsOf(breakdown.External) {
		c := s.claimed(b, breakdown.Asking)
		if len(s.Buckets[b].Phases) == 0 {
			c = s.whole(b)
		}
		if c.ns = s.available(c, false); c.ns > best.ns {
			best = c
		}
	}
	if !s.worth(best.ns) {
		return nil
	}
	t := &s.Buckets[best.bucket]
	f := &found{sure: breakdown.Certain, claims: []claim{best}, saves: -1, key: t.Bucket.String(), facts: breakdown.Facts{
		spent(best.ns), {Kind: breakdown.FactOtherSide, Name: t.Bucket.String(), Value: float64(best.ns)}}}
	for _, name := range t.Systems {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactSystem, Name: name})
	}
	if len(t.Sites) > 0 {
		f.facts = append(f.facts, at(t.Sites[0].Frame)...)
	}
	return f
}
