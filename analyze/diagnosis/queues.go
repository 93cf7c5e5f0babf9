package diagnosis

import "timesink/analyze/breakdown"

// Queues: what producers wait for.

// batchDelay finds time in which messages wait in the client for a batch to fill, or keys in
// a loader for more of them.
func batchDelay(s *subject) *found {
	if list := s.sleeps(breakdown.Gathering); s.worth(total(list)) {
		facts, ns, key := slept(list)
		return &found{sure: breakdown.Certain, claims: []claim{{bucket: breakdown.Sleep, ns: ns}}, saves: ns, key: key, facts: facts}
	}
	return s.producing(s.claimed(breakdown.Queue, breakdown.Batching), breakdown.Certain)
}

// synchronousProduce finds time in which requests wait until the broker has taken their
// own message.
func synchronousProduce(s *subject) *found {
	c := claim{bucket: breakdown.Queue, phases: []breakdown.Phase{breakdown.Produce}}
	for _, p := range s.Buckets[breakdown.Queue].Phases {
		if p.Phase == breakdown.Produce {
			c.ns = p.Mean
		}
	}
	return s.producing(c, breakdown.Certain)
}

// producing returns a cause for a claim on a producer's time, nil if it is not notable.
func (s *subject) producing(c claim, sure breakdown.Confidence) *found {
	if !s.worth(c.ns) {
		return nil
	}
	t := &s.Buckets[breakdown.Queue]
	f := &found{sure: sure, claims: []claim{c}, saves: c.ns, facts: breakdown.Facts{spent(c.ns)}}
	for _, name := range t.Systems {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactSystem, Name: name})
	}
	if site := busiest(t); t.CallsPerRequest > 0 {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactCalls, Value: t.CallsPerRequest})
		f.facts = append(f.facts, at(site.Frame)...)
		f.key = site.Function
	}
	return f
}
