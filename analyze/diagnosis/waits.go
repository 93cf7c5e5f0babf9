package diagnosis

import "timesink/analyze/breakdown"

// Waiting within the service: for locks, for workers, for child processes.

func lockHeldAcrossCall(s *subject) *found { return s.lockHeld(true) }

func lockContended(s *subject) *found { return s.lockHeld(false) }

// lockHeld finds a lock that requests wait for. Its main holder must be in a call to
// another system if calls is set, and must not be otherwise.
func (s *subject) lockHeld(calls bool) *found {
	t := &s.Buckets[breakdown.Lock]
	h := t.Culprit()
	if !s.worth(t.Mean) || calls != (h != nil && h.Doing[0].Doing.External()) {
		return nil
	}
	f := s.waiting(t)
	if h == nil {
		f.sure = breakdown.Likely // who held it is not known
	}
	return f
}

func workerQueue(s *subject) *found {
	t := &s.Buckets[breakdown.Wait]
	if h := t.Culprit(); !s.worth(t.Mean) || h != nil && h.Batch {
		return nil
	}
	return s.waiting(t)
}

// batchQueue finds queueing behind batches. Each request waits for its own batch as well,
// which takes as long for the same reason.
func batchQueue(s *subject) *found {
	t := &s.Buckets[breakdown.Wait]
	h := t.Culprit()
	if !s.worth(t.Mean) || h == nil || !h.Batch || s.idlesBetweenBatches() {
		return nil
	}
	f := s.waiting(t)
	if b := s.Batch; b != nil {
		f.claims = append(f.claims, claim{bucket: b.Doing, ns: b.Busy})
		f.saves, f.facts[0] = -1, spent(t.Mean+b.Busy)
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactBatch, Place: breakdown.Place(b.Site), Name: b.Doing.String(), Value: float64(b.Busy)})
		if b.Called != "" {
			f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactBatchCall, Place: breakdown.Place{Function: b.Called}})
		}
	}
	return f
}

// idlesBetweenBatches reports whether what makes the batches mostly sleeps: it looks now and
// then whether there is anything to do. Then requests wait for its timer, and no batch is
// any work.
func (s *subject) idlesBetweenBatches() bool {
	return s.Batch != nil && s.Batch.Doing == breakdown.Sleep
}

// waiting returns a cause for all time of a bucket, spent waiting for other goroutines.
func (s *subject) waiting(t *breakdown.BucketTime) *found {
	f := &found{sure: breakdown.Certain, claims: []claim{s.whole(t.Bucket)}, saves: t.Mean, facts: breakdown.Facts{spent(t.Mean)}}
	if len(t.Sites) > 0 {
		f.facts = append(f.facts, at(t.Sites[0].Frame)...)
	}
	f.facts = append(f.facts, s.holders(t)...)
	if list := t.Holdings(); len(list) > 0 {
		f.key = list[0].Function
	}
	return f
}

// minor is the share of a wait below which a holder is not worth naming.
const minor = 0.05

// holders returns those that kept requests waiting the longest.
func (s *subject) holders(t *breakdown.BucketTime) (out breakdown.Facts) {
	list := t.Holdings()
	for i, h := range list[:min(len(list), 2)] {
		most := h.Doing[0]
		if i > 0 && float64(h.Total) < minor*float64(t.Total) {
			break
		}
		out = append(out,
			breakdown.Fact{Kind: breakdown.FactHolder, Place: breakdown.Place(h.Frame), Value: float64(mean(h.Total, s.Requests))},
			breakdown.Fact{Kind: breakdown.FactHolderDoing, Place: breakdown.Place(h.At()), Name: most.Doing.String(), Value: float64(mean(most.Total, s.Requests))})
	}
	if len(list) > 0 && list[0].Doing[0].Through != nil {
		out = append(out, breakdown.Fact{Kind: breakdown.FactHolderThrough, Place: breakdown.Place(*list[0].Doing[0].Through)})
	}
	return out
}

func childProcess(s *subject) *found {
	t := &s.Buckets[breakdown.Unknown]
	c := claim{bucket: breakdown.Unknown, phases: []breakdown.Phase{breakdown.ChildProcess}}
	for _, p := range t.Phases {
		if p.Phase == breakdown.ChildProcess {
			c.ns = p.Mean
		}
	}
	if !s.worth(c.ns) {
		return nil
	}
	f := &found{sure: breakdown.Certain, claims: []claim{c}, saves: c.ns, facts: breakdown.Facts{spent(c.ns)}}
	if 2*c.ns > t.Mean && len(t.Sites) > 0 {
		f.facts = append(f.facts, at(t.Sites[0].Frame)...)
		f.key = t.Sites[0].Function
	}
	return f
}

// spent returns the fact of how long a request's part is.
func spent(ns int64) breakdown.Fact {
	return breakdown.Fact{Kind: breakdown.FactSpent, Value: float64(ns)}
}

// at returns the fact of a place, none if it is not known.
func at(site breakdown.Frame) breakdown.Facts {
	if site.Function == "" || site.Function == breakdown.Other {
		return nil
	}
	return breakdown.Facts{{Kind: breakdown.FactSite, Place: breakdown.Place(site)}}
}

// mean returns the rounded mean of a total over n, 0 if n is 0.
func mean(total, n int64) int64 {
	if n == 0 {
		return 0
	}
	return (total + n/2) / n
}
