package analyze

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/analyze/rules"
)

// diagnose sets the causes of the answer from its endpoints and their sums.
func diagnose(b *breakdown.Breakdown, s *settled) {
	in := &diagnosis.Input{Breakdown: b, Others: besideRequests(s.others), Growth: s.growth, Unanswered: s.unanswered, Stopper: s.stopper}
	for i := range b.Endpoints {
		in.Evidence = append(in.Evidence, s.of(&b.Endpoints[i]).evidence(&b.Endpoints[i]))
	}
	b.Causes, b.Conclusion = diagnosis.Diagnose(in)
	b.Findings = diagnosis.Findings(b.Causes)
}

// evidence returns what the sums hold beyond what is rendered of them. e may be nil.
func (e *endpoint) evidence(rendered *breakdown.Endpoint) (out diagnosis.Evidence) {
	if e == nil {
		return out
	}
	out.Stands, out.Ended = e.standingOf(), e.endedOf()
	out.Transfers, out.Small = e.transfers(), e.smallCalls()
	for b, ns := range e.serials {
		out.Serial[b] = mean(ns, e.requests)
	}
	out.Ways, out.Shield, out.Sleeps = e.waysOf(), e.shield(rendered.Name), e.sleeps()
	for _, b := range breakdown.BucketsOf(breakdown.External) {
		out.Connecting[b], out.Crowding[b] = e.connecting(b), e.crowding(b)
	}
	out.ColdStart = e.coldStart()
	out.Preparing, out.Lone = e.preparing(), e.loneTransactions()
	out.Expecting, out.FallingBack = e.timedWait(rules.ExpectContinue), e.timedWait(rules.DualStack)
	out.Computing, out.Stops = cpuSites(e), e.stops()
	out.C = e.cCalls()
	out.Spin, out.Polling = e.spinsAt(), e.polls()
	for b, late := range e.late {
		out.Late[b] = mean(max(late, 0), e.requests)
	}
	out.Limit = e.limit()
	out.Across, out.Nested = e.holds.evidence(e.requests)
	out.RowLock = e.rowLockEvidence()
	out.Readers = e.readersBehindWriters()
	if h := rendered.Buckets[breakdown.Wait].Culprit(); h != nil && h.Batch {
		out.Batch = batchOf(&e.buckets[h.Doing[0].Doing], h, e.requests)
	}
	return out
}

// batchOf returns what a holder does for a batch: in the holder's own function if there is
// such a site, else the largest part of the bucket.
func batchOf(b *bucketSums, h *breakdown.Holding, requests int64) *diagnosis.Batch {
	fact := &diagnosis.Batch{Doing: h.Doing[0].Doing}
	var best *breakdown.Cause
	rank := func(c *breakdown.Cause) (own int, time int64) {
		if c.Site.Function == h.Function {
			own = 1
		}
		return own, b.causes[c].ns
	}
	for c := range b.causes {
		own, time := rank(c)
		if best != nil {
			bestOwn, bestTime := rank(best)
			if cmp.Or(cmp.Compare(own, bestOwn), cmp.Compare(time, bestTime), compareFrames(best.Site, c.Site), cmp.Compare(evidence(best, fact.Doing), evidence(c, fact.Doing))) <= 0 {
				continue
			}
		}
		best = c
	}
	if best == nil {
		return fact
	}
	fact.Site, fact.Busy = best.Site, mean(b.causes[best].ns, requests)
	if i := slices.Index(best.Stack, best.Site); i > 0 {
		fact.Called = best.Stack[i-1].Function
	}
	return fact
}
