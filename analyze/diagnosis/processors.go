package diagnosis

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
)

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
	switch why {
	case breakdown.ByStalls: // only the code that stands still is slower
	case breakdown.ByLimit:
		more, ready, late := s.delayed(1)
		claims, waited = append(claims, more...), ready+late
	default:
		more, ready, late := s.delayed(ratio(c.ns, s.Buckets[breakdown.CPU].Mean))
		claims, waited = append(claims, more...), ready+late
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

// busyWait finds requests that wait for something by asking for it again and again: at
// each turn they give the processor up and take it again, or call a sleep of no time.
func busyWait(s *subject) *found {
	if x := s.Spin; x != nil && s.worth(x.Ready+x.Ran) {
		return &found{sure: breakdown.Likely, claims: []claim{{bucket: breakdown.Scheduler, ns: x.Ready}, {bucket: breakdown.CPU, ns: x.Ran}}, saves: -1, stands: true,
			key: x.Site.Function, facts: append(breakdown.Facts{spent(x.Ready + x.Ran), {Kind: breakdown.FactTurns, Value: x.Turns}}, at(x.Site)...)}
	}
	if s.Polling == "" {
		return nil
	}
	f := s.spentOn(notable, func(c *breakdown.CPUSite) bool { return !c.Outside && c.Function == s.Polling })
	if f == nil || s.sleepsAt(s.Polling) > f.claims[0].ns {
		return nil // to sleep costs some running too
	}
	return f
}

// sleepsAt returns how long requests sleep in a function.
func (s *subject) sleepsAt(function string) (ns int64) {
	for i := range s.Sleeps {
		if s.Sleeps[i].Site.Function == function {
			ns += s.Sleeps[i].Time
		}
	}
	return ns
}

// noProcessor finds time in which requests are ready to run and no processor is free, for
// no more specific reason.
func noProcessor(s *subject) *found {
	claims, ready, late := s.delayed(1)
	if !s.worth(s.available(s.whole(breakdown.Scheduler))) {
		return nil
	}
	// Where what requests compute is known and takes longer, that is the cause.
	if c := s.onCPU(); c.ns-s.available(c) > ready+late {
		return nil
	}
	if s.offCPU() > 0 {
		claims, ready, late = s.remaining(claims) // neighbors explain a part of it
	}
	f := &found{sure: breakdown.Certain, claims: claims, saves: -1, facts: breakdown.Facts{spent(ready + late)}}
	f.facts = append(f.facts, s.lateFacts(ready, late)...)
	f.facts = append(f.facts, s.busiest()...)
	return f
}

// remaining returns what is left of claims to explain, and how much of it is time in which
// requests were ready to run.
func (s *subject) remaining(claims []claim) (left []claim, ready, late int64) {
	for _, c := range claims {
		switch c.ns = s.available(c); {
		case c.ns == 0:
			continue
		case c.bucket == breakdown.Scheduler:
			ready += c.ns
		default:
			late += c.ns
		}
		left = append(left, c)
	}
	return left, ready, late
}

// ratio returns a part's share of the whole, 0 if that is nothing.
func ratio(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// busiest returns the endpoints whose requests have most of the CPU samples.
func (s *subject) busiest() (facts breakdown.Facts) {
	var order []int
	for i := range s.in.Evidence {
		if s.share(s.in.computing(i)) >= mostlyHeld {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.in.computing(b), s.in.computing(a)) })
	for _, i := range order[:min(len(order), 2)] {
		facts = append(facts, breakdown.Fact{Kind: breakdown.FactEndpointCPU, Name: s.in.Endpoints[i].Name, Value: 100 * s.share(s.in.computing(i))})
	}
	return facts
}
