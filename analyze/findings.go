package analyze

import (
	"cmp"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// notable is the smallest share of an endpoint's wall time that a finding must concern.
const notable = 0.10

// A look searches an endpoint for one finding. It returns the facts, nil if there is
// nothing to find, and an upper bound for the time saved per request, in nanoseconds.
// The bound is arithmetic on what was measured, not a promise.
type look func(e *breakdown.Endpoint, sums *endpoint) (facts *breakdown.Facts, saves int64)

// looks are all findings by ID. Package report holds their titles and advice.
var looks = []struct {
	id   string
	look look
}{
	{"sequential-calls", sequentialCalls},
	{"dial-per-call", dialPerCall},
	{"pool-starved", poolStarved},
	{"lock-held-across-call", lockHeldAcrossCall},
	{"lock-contended", lockContended},
	{"many-queries", manyQueries},
	{"worker-queue", workerQueue},
	{"batch-queue", batchQueue},
	{"child-process", childProcess},
	{"no-core", noCore},
	{"no-processor", noProcessor},
}

// findings returns what is worth doing, the largest saving first.
func findings(b *breakdown.Breakdown, s *settled) []breakdown.Finding {
	out := []breakdown.Finding{}
	whole, lasting := int64(0), true
	for i := range b.Endpoints {
		lasting = lasting && (b.Endpoints[i].Lasts() || b.Endpoints[i].Requests == 0)
	}
	for i := range b.Endpoints {
		if b.Endpoints[i].Lasts() == lasting {
			whole += b.Endpoints[i].Wall.Total
		}
	}
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		// Streams would top the list for no good reason: they last as long as messages
		// come. What a long poll waits for cannot be made faster.
		if e.Lasts() != lasting || strings.HasSuffix(e.Kind, breakdown.LongPolling) {
			continue
		}
		if e.Requests == 0 || float64(e.Wall.Total) < negligible*float64(whole) {
			continue
		}
		sums := s.of(e)
		for _, l := range looks {
			if facts, saves := l.look(e, sums); facts != nil {
				facts.Wall = e.Wall.Mean
				out = append(out, breakdown.Finding{ID: l.id, Endpoint: e.Name, Evidence: []string{}, SavesUpTo: saves, Facts: facts})
			}
		}
	}
	if f := acceptQueue(b); f != nil {
		out = append(out, *f)
	}
	slices.SortStableFunc(out, func(x, y breakdown.Finding) int { return cmp.Compare(y.SavesUpTo, x.SavesUpTo) })
	return out
}

// spentIn returns the mean time of a bucket's phases of the given stages.
func spentIn(t *breakdown.BucketTime, stages ...breakdown.Stage) (mean int64) {
	for _, p := range t.Phases {
		if slices.Contains(stages, p.Phase.Stage()) {
			mean += p.Mean
		}
	}
	return mean
}

func worth(e *breakdown.Endpoint, ns int64) bool {
	return float64(ns) >= notable*float64(e.Wall.Mean) && ns > 0
}

// busiest returns the site with the most calls.
func busiest(t *breakdown.BucketTime) (site breakdown.SiteTime) {
	for _, s := range t.Sites {
		if s.CallsPerRequest > site.CallsPerRequest {
			site = s
		}
	}
	return site
}

func sequentialCalls(e *breakdown.Endpoint, sums *endpoint) (*breakdown.Facts, int64) {
	t := &e.Buckets[breakdown.Upstream]
	if sums == nil || t.CallsPerRequest < 1.5 {
		return nil, 0
	}
	saves := mean(sums.serial, e.Requests)
	site := busiest(t)
	if !worth(e, saves) || site.Concurrency > 1.2 {
		return nil, 0
	}
	return &breakdown.Facts{Calls: t.CallsPerRequest, InFlight: max(site.Concurrency, 1), Site: site.Frame}, saves
}

func dialPerCall(e *breakdown.Endpoint, _ *endpoint) (*breakdown.Facts, int64) {
	t := &e.Buckets[breakdown.Upstream]
	// At one call in two, expired connections are no explanation.
	dialed := t.DialPercent()
	if dialed < 50 {
		return nil, 0
	}
	return &breakdown.Facts{Dialed: dialed, Site: busiest(t).Frame}, spentIn(t, breakdown.Dialing)
}

func poolStarved(e *breakdown.Endpoint, _ *endpoint) (*breakdown.Facts, int64) {
	t := &e.Buckets[breakdown.DB]
	waits := spentIn(t, breakdown.Pooling)
	if !worth(e, waits) {
		return nil, 0
	}
	return &breakdown.Facts{Spent: waits, Holders: holders(t, e.Requests)}, waits
}

func lockHeldAcrossCall(e *breakdown.Endpoint, _ *endpoint) (*breakdown.Facts, int64) {
	return lockHeld(e, true)
}

func lockContended(e *breakdown.Endpoint, _ *endpoint) (*breakdown.Facts, int64) {
	return lockHeld(e, false)
}

// lockHeld finds a lock that requests wait for. Its main holder must be in a call to
// another system if calls is set, and must not be otherwise.
func lockHeld(e *breakdown.Endpoint, calls bool) (*breakdown.Facts, int64) {
	t := &e.Buckets[breakdown.Lock]
	h := t.Culprit()
	if !worth(e, t.Mean) || calls != (h != nil && h.Doing[0].Doing.External()) {
		return nil, 0
	}
	return waitedFor(e, t), t.Mean
}

// waitedFor returns the facts about time spent waiting for other goroutines.
func waitedFor(e *breakdown.Endpoint, t *breakdown.BucketTime) *breakdown.Facts {
	f := &breakdown.Facts{Spent: t.Mean, Holders: holders(t, e.Requests)}
	if len(t.Sites) > 0 {
		f.Site = t.Sites[0].Frame
	}
	return f
}

// holders returns those that kept requests waiting the longest.
func holders(t *breakdown.BucketTime, requests int64) (out []breakdown.HolderFact) {
	list := t.Holdings()
	for _, h := range list[:min(len(list), 2)] {
		most := h.Doing[0]
		out = append(out, breakdown.HolderFact{Frame: h.Frame, Total: mean(h.Total, requests), Doing: most.Doing, Busy: mean(most.Total, requests)})
	}
	return out
}

func manyQueries(e *breakdown.Endpoint, _ *endpoint) (*breakdown.Facts, int64) {
	site := busiest(&e.Buckets[breakdown.DB])
	if site.CallsPerRequest < 10 || !worth(e, site.Mean) {
		return nil, 0
	}
	return &breakdown.Facts{Calls: site.CallsPerRequest, Site: site.Frame}, site.Mean - int64(float64(site.Mean)/site.CallsPerRequest)
}

func workerQueue(e *breakdown.Endpoint, _ *endpoint) (*breakdown.Facts, int64) {
	t := &e.Buckets[breakdown.Wait]
	if h := t.Culprit(); !worth(e, t.Mean) || h != nil && h.Batch {
		return nil, 0
	}
	return waitedFor(e, t), t.Mean
}

// batchQueue finds queueing behind batches. Each request waits for its own batch as well.
func batchQueue(e *breakdown.Endpoint, sums *endpoint) (*breakdown.Facts, int64) {
	t := &e.Buckets[breakdown.Wait]
	h := t.Culprit()
	if sums == nil || !worth(e, t.Mean) || h == nil || !h.Batch {
		return nil, 0
	}
	facts := waitedFor(e, t)
	facts.Batch = batchOf(&sums.buckets[h.Doing[0].Doing], h, sums.requests)
	return facts, t.Mean
}

// batchOf returns what a holder does for a batch: in the holder's own function if there is
// such a site, else the largest part of the bucket.
func batchOf(b *bucketSums, h *breakdown.Holding, requests int64) *breakdown.BatchFact {
	fact := &breakdown.BatchFact{Doing: h.Doing[0].Doing}
	var best *breakdown.Cause
	rank := func(c *breakdown.Cause) (own int, time int64) {
		if c.Site.Function == h.Function {
			own = 1
		}
		return own, *b.causes[c]
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
	fact.Site, fact.Busy = best.Site, mean(*b.causes[best], requests)
	if i := slices.Index(best.Stack, best.Site); i > 0 {
		fact.Called = best.Stack[i-1].Function
	}
	return fact
}

func childProcess(e *breakdown.Endpoint, _ *endpoint) (*breakdown.Facts, int64) {
	t := &e.Buckets[breakdown.Unknown]
	f := &breakdown.Facts{}
	for _, p := range t.Phases {
		if p.Phase == breakdown.ChildProcess {
			f.Spent = p.Mean
		}
	}
	if !worth(e, f.Spent) {
		return nil, 0
	}
	if 2*f.Spent > t.Mean && len(t.Sites) > 0 {
		f.Site = t.Sites[0].Frame
	}
	return f, f.Spent
}

// noCore finds time in which the kernel had taken the core. Where a CPU limit stops the
// whole process, goroutines that are ready wait for the same reason.
func noCore(e *breakdown.Endpoint, _ *endpoint) (*breakdown.Facts, int64) {
	f := &breakdown.Facts{}
	for _, p := range e.Buckets[breakdown.CPU].Phases {
		if p.Phase == breakdown.OffCPU {
			f.Spent, f.Cause = p.Mean, p.Cause
		}
	}
	if f.Cause == breakdown.ByLimit {
		f.Waited = e.Buckets[breakdown.Scheduler].Mean
	}
	if f.Spent == 0 || !worth(e, f.Spent+f.Waited) {
		return nil, 0
	}
	return f, f.Spent + f.Waited
}

func noProcessor(e *breakdown.Endpoint, sums *endpoint) (*breakdown.Facts, int64) {
	t := &e.Buckets[breakdown.Scheduler]
	if f, _ := noCore(e, sums); f != nil && f.Waited > 0 {
		return nil, 0 // more processors would be stopped as well
	}
	if !worth(e, t.Mean) {
		return nil, 0
	}
	return &breakdown.Facts{Spent: t.Mean}, t.Mean
}
