package diagnosis

import "timesink/analyze/breakdown"

// Processors: who has them while requests need them.

// noCore finds time in which the kernel had taken the core. Where a CPU limit stops the
// whole process, goroutines that are ready wait for the same reason.
func noCore(s *subject) *found {
	c, why := claim{bucket: breakdown.CPU, phases: []breakdown.Phase{breakdown.OffCPU}}, breakdown.Deprivation("")
	for _, p := range s.Buckets[breakdown.CPU].Phases {
		if p.Phase == breakdown.OffCPU {
			c.ns, why = p.Mean, p.Cause
		}
	}
	claims, waited := []claim{c}, int64(0)
	if why == breakdown.ByLimit {
		claims = append(claims, s.whole(breakdown.Scheduler))
		waited = claims[1].ns
	}
	if c.ns == 0 || !s.worth(c.ns+waited) {
		return nil
	}
	f := &found{sure: breakdown.Likely, claims: claims, saves: c.ns + waited, key: string(why), facts: breakdown.Facts{spent(c.ns)}}
	if why != "" {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactDeprivation, Name: string(why)})
	}
	if waited > 0 {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactWaited, Value: float64(waited)})
	}
	return f
}

// noProcessor finds time in which requests are ready to run and no processor is free, for
// no more specific reason.
func noProcessor(s *subject) *found {
	c := s.whole(breakdown.Scheduler)
	if !s.worth(s.available(c, false)) {
		return nil
	}
	return &found{sure: breakdown.Certain, claims: []claim{c}, saves: -1, facts: breakdown.Facts{spent(c.ns)}}
}
