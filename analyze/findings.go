package analyze

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// notable is the share of an endpoint's wall time from which a finding is worth
// the reader's time.
const notable = 0.10

// findings says what is worth doing, the most worthwhile first. Each bound is
// arithmetic over what was measured, not a promise.
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
		// What lasts by its nature would save the most and deserve it the least. A
		// long poll waits for what there is nothing to be done about.
		if e.Lasts() != lasting || strings.HasSuffix(e.Kind, breakdown.LongPolling) {
			continue
		}
		if e.Requests == 0 || float64(e.Wall.Total) < negligible*float64(whole) {
			continue
		}
		for _, look := range []func(*breakdown.Endpoint, *settled) *breakdown.Finding{
			sequentialCalls, dialPerCall, poolStarved, lockHeld, manyQueries, workerQueue, noProcessor,
		} {
			if found := look(e, s); found != nil {
				found.Endpoint = e.Name
				out = append(out, *found)
			}
		}
	}
	slices.SortStableFunc(out, func(x, y breakdown.Finding) int { return cmp.Compare(y.SavesUpTo, x.SavesUpTo) })
	return out
}

func phase(t *breakdown.BucketTime, phases ...breakdown.Phase) (mean int64) {
	for _, p := range t.Phases {
		if slices.Contains(phases, p.Phase) {
			mean += p.Mean
		}
	}
	return mean
}

func worth(e *breakdown.Endpoint, ns int64) bool {
	return float64(ns) >= notable*float64(e.Wall.Mean) && ns > 0
}

// busiest is the site with the most calls.
func busiest(t *breakdown.BucketTime) (site breakdown.SiteTime) {
	for _, s := range t.Sites {
		if s.CallsPerRequest > site.CallsPerRequest {
			site = s
		}
	}
	return site
}

func sequentialCalls(e *breakdown.Endpoint, s *settled) *breakdown.Finding {
	t := &e.Buckets[breakdown.Upstream]
	sums := s.of(e)
	if sums == nil || t.CallsPerRequest < 1.5 {
		return nil
	}
	saves := mean(sums.serial, e.Requests)
	site := busiest(t)
	if !worth(e, saves) || site.Concurrency > 1.2 {
		return nil
	}
	return &breakdown.Finding{
		ID:    "sequential-calls",
		Title: "upstream calls are made one after another",
		Evidence: []string{
			fmt.Sprintf("%.1f calls per request, %.1f in flight while any is", t.CallsPerRequest, max(site.Concurrency, 1)),
			"called at " + place(site.Frame),
		},
		SavesUpTo: saves,
		Try:       "where one call does not need another's answer, start them at once (errgroup) and wait for all",
	}
}

func dialPerCall(e *breakdown.Endpoint, _ *settled) *breakdown.Finding {
	t := &e.Buckets[breakdown.Upstream]
	// One call in two is no accident of a connection that expired.
	dialed := t.DialPercent()
	if dialed < 50 {
		return nil
	}
	title := "every upstream call dials a new connection"
	if dialed < 100 {
		title = fmt.Sprintf("%d%% of the upstream calls dial a new connection", dialed)
	}
	return &breakdown.Finding{
		ID:        "dial-per-call",
		Title:     title,
		Evidence:  []string{"called at " + place(busiest(t).Frame)},
		SavesUpTo: phase(t, breakdown.DNS, breakdown.Connect, breakdown.TLS),
		Try:       "share one http.Client, keep its connections alive, raise MaxIdleConnsPerHost, and read each body to its end",
	}
}

func poolStarved(e *breakdown.Endpoint, _ *settled) *breakdown.Finding {
	t := &e.Buckets[breakdown.DB]
	waits := phase(t, breakdown.PoolWait)
	if !worth(e, waits) {
		return nil
	}
	found := &breakdown.Finding{
		ID:        "pool-starved",
		Title:     "requests wait for a free database connection",
		Evidence:  []string{fmt.Sprintf("%s of %s per request in the pool, before any query is sent", dur(waits), dur(e.Wall.Mean))},
		SavesUpTo: waits,
		Try:       "raise the pool's limit (SetMaxOpenConns, MaxConns), or hold each connection for a shorter time",
	}
	found.Evidence = append(found.Evidence, heldBy("held by", t, e.Requests)...)
	return found
}

func lockHeld(e *breakdown.Endpoint, _ *settled) *breakdown.Finding {
	t := &e.Buckets[breakdown.Lock]
	if !worth(e, t.Mean) {
		return nil
	}
	found := &breakdown.Finding{
		ID:        "lock-contended",
		Title:     "requests wait for a lock that others hold",
		SavesUpTo: t.Mean,
		Try:       "do less while holding the lock, or split it",
		Evidence:  []string{},
	}
	for _, s := range t.Sites[:min(1, len(t.Sites))] {
		found.Evidence = append(found.Evidence, "waited for at "+place(s.Frame))
	}
	found.Evidence = append(found.Evidence, heldBy("held by", t, e.Requests)...)
	if h := t.Culprit(); h != nil && called[h.Doing[0].Doing] != "" {
		found.ID = "lock-held-across-call"
		found.Title = "a lock is held across " + called[h.Doing[0].Doing]
		found.Try = "release the lock before the call, or take it after"
	}
	return found
}

// called are calls to the systems that a bucket stands for, as they are spoken of.
var called = map[breakdown.Bucket]string{
	breakdown.DB: "a database call", breakdown.Cache: "a cache call", breakdown.Queue: "a queue call", breakdown.Upstream: "an upstream call",
}

// heldBy names those that kept requests waiting the longest, and what each was in
// for most of that.
func heldBy(who string, t *breakdown.BucketTime, requests int64) []string {
	var out []string
	list := t.Holdings()
	for _, h := range list[:min(len(list), 2)] {
		most := h.Doing[0]
		out = append(out, fmt.Sprintf("%s %s, which was in %s for %s of %s per request",
			who, place(h.Frame), cmp.Or(called[most.Doing], most.Doing.String()), dur(mean(most.Total, requests)), dur(mean(h.Total, requests))))
	}
	return out
}

func manyQueries(e *breakdown.Endpoint, _ *settled) *breakdown.Finding {
	t := &e.Buckets[breakdown.DB]
	site := busiest(t)
	if site.CallsPerRequest < 10 || !worth(e, site.Mean) {
		return nil
	}
	return &breakdown.Finding{
		ID:        "many-queries",
		Title:     "one place asks the database again and again",
		Evidence:  []string{fmt.Sprintf("%.1f queries per request at %s", site.CallsPerRequest, place(site.Frame))},
		SavesUpTo: site.Mean - int64(float64(site.Mean)/site.CallsPerRequest),
		Try:       "ask once for all the rows (a join, IN, ANY)",
	}
}

func workerQueue(e *breakdown.Endpoint, _ *settled) *breakdown.Finding {
	t := &e.Buckets[breakdown.Wait]
	if !worth(e, t.Mean) {
		return nil
	}
	found := &breakdown.Finding{
		ID:        "worker-queue",
		Title:     "requests queue for workers that are busy with other requests",
		Evidence:  []string{},
		SavesUpTo: t.Mean,
		Try:       "use more workers, or give them less to do",
	}
	for _, s := range t.Sites[:min(1, len(t.Sites))] {
		found.Evidence = append(found.Evidence, "waited for at "+place(s.Frame))
	}
	found.Evidence = append(found.Evidence, heldBy("queued behind", t, e.Requests)...)
	return found
}

func noProcessor(e *breakdown.Endpoint, _ *settled) *breakdown.Finding {
	t := &e.Buckets[breakdown.Scheduler]
	if !worth(e, t.Mean) {
		return nil
	}
	return &breakdown.Finding{
		ID:        "no-processor",
		Title:     "requests are ready to run and wait for a processor",
		Evidence:  []string{fmt.Sprintf("%s of %s per request", dur(t.Mean), dur(e.Wall.Mean))},
		SavesUpTo: t.Mean,
		Try:       "give the service more processors (GOMAXPROCS, the container's CPU limit), or make its own work cheaper: see cpu_functions",
	}
}

// place names a frame as a reader finds it: the function without its import
// path, the file's name and the line.
func place(f breakdown.Frame) string {
	name := f.Function[strings.LastIndexByte(f.Function, '/')+1:]
	if f.File == "" {
		return name
	}
	return fmt.Sprintf("%s (%s:%d)", name, path.Base(strings.ReplaceAll(f.File, `\`, "/")), f.Line)
}

// dur puts nanoseconds into words for evidence, with three digits.
func dur(ns int64) string {
	v, unit := float64(ns), "ns"
	for _, next := range []string{"µs", "ms", "s"} {
		if v < 999.5 {
			break
		}
		v, unit = v/1000, next
	}
	switch {
	case unit == "ns" || v >= 99.95:
		return fmt.Sprintf("%.0f %s", v, unit)
	case v >= 9.995:
		return fmt.Sprintf("%.1f %s", v, unit)
	}
	return fmt.Sprintf("%.2f %s", v, unit)
}
