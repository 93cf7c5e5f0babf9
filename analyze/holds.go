package analyze

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/analyze/rules"
)

// This file sums what requests do while they hold a database connection between two calls:
// a transaction, a connection taken from the pool, rows that they read one by one.
//
// Where a request begins and ends to hold shows in the stacks of its calls. What lies on
// its path between two calls with the same connection, it did while it held it. If the end
// does not show, what comes after the last call counts for nothing.

// holdSums are the sums of one endpoint's complete requests.
type holdSums struct {
	across map[acrossKey]int64
	held   [breakdown.NumHeld]int64 // for how long, ns
	times  [breakdown.NumHeld]int64 // how often
	// nested is how long requests that had a transaction open, or had taken a connection,
	// waited for another one, and outer how long they had waited for the first; by what
	// they waited with.
	nested, outer map[*breakdown.Cause]int64
	// twice counts the requests that gave two connections back in a row, by where.
	twice map[nestedKey]int64
}

type acrossKey struct {
	held  breakdown.Held
	doing breakdown.Bucket
	work  *breakdown.Cause // what it did
	begun *breakdown.Cause // where it began to hold, or was first seen to
}

type nestedKey struct{ inner, outer *breakdown.Cause }

// A holding follows one request along its path.
type holding struct {
	e     *endpoint
	held  breakdown.Held // now, Nothing if nothing
	by    int64          // the goroutine that holds
	begun *breakdown.Cause
	since int64
	until int64 // its last call with it
	last  breakdown.Hold
	// pending is what it did since then.
	pending []deed
	rows    bool    // rows are being read, and pending is since the last of them
	most    deed    // of the transaction so far, the longest
	ending  *ending // its end, until the next call
}

// A deed is something done while a connection was held.
type deed struct {
	doing breakdown.Bucket
	work  *breakdown.Cause
	time  int64
	until int64
}

// addHolds adds what a complete request did while it held a connection.
func (e *endpoint) addHolds(r *breakdown.Request) {
	h := holding{e: e, pending: e.deeds[:0]}
	path := r.Path
	for i := range path {
		if s := &path[i]; s.Start >= r.Condensed {
			h.step(s)
		}
	}
	e.deeds = h.pending[:0]
	if n := r.Nested; n.Count > 0 {
		if e.holds.twice == nil {
			e.holds.twice = map[nestedKey]int64{}
		}
		key := nestedKey{n.Inner, n.Outer}
		if _, ok := e.holds.twice[key]; ok || e.spend(sumSize) {
			e.holds.twice[key]++
		}
	}
}

// step follows a request along one segment of its path.
func (h *holding) step(s *breakdown.Segment) {
	hold := breakdown.NoHold
	if s.Cause != nil && s.Bucket == breakdown.DB {
		hold = s.Cause.Hold
		h.e.rowWaitsOf().wait(h.e.account, s)
	}
	switch of := hold.Of(); {
	case of == breakdown.OpenRows:
		h.read(s)
	case of != breakdown.Nothing:
		h.call(s, hold)
	case s.Bucket == breakdown.DB:
		h.ask(s)
	default:
		h.work(s)
	}
}

// call handles a call with a connection that is held.
func (h *holding) call(s *breakdown.Segment, hold breakdown.Hold) {
	if h.held != breakdown.Nothing && s.Goroutine != h.by && !h.rows {
		return // another branch holds one of its own
	}
	switch {
	case hold.Begins() && (h.held == breakdown.Nothing || h.rows || h.last != hold || s.Start > h.until):
		h.begin(s, hold)
	case h.held == breakdown.Nothing || h.rows:
		if hold.Ends() {
			if h.ending != nil && h.ending.goroutine == s.Goroutine {
				h.ending.end = s.End
			}
			return
		}
		h.begin(s, hold)
		h.since = s.Start
	default:
		if hold == breakdown.UsesConn && len(h.pending) > 0 {
			defer h.mayRelease(s)
		}
		h.settle()
	}
	if hold.Begins() {
		h.since = s.End
		if s.Phase == breakdown.PoolWait {
			h.e.waitsNested(&h.e.holds.outer, s)
		}
	}
	h.last, h.until = hold, s.End
	if hold.Ends() {
		h.end(s)
	}
}

// begin starts to hold.
func (h *holding) begin(s *breakdown.Segment, hold breakdown.Hold) {
	h.held, h.by, h.begun, h.since, h.rows = hold.Of(), s.Goroutine, s.Cause, s.End, false
	h.pending, h.most, h.ending = h.pending[:0], deed{}, nil
}

// end stops holding, at the beginning of the call that ends it.
func (h *holding) end(s *breakdown.Segment) {
	h.e.holds.held[h.held] += s.Start - h.since
	h.e.holds.times[h.held]++
	if h.held == breakdown.Transaction {
		h.mayRelease(s)
	}
	h.held, h.pending = breakdown.Nothing, h.pending[:0]
}

// mayRelease lists a call that may release what others wait for in the database: the end of
// a transaction, or a statement on a connection that is kept, such as one that gives up a
// lock of its session.
func (h *holding) mayRelease(s *breakdown.Segment) {
	w := h.e.rowWaitsOf()
	if w.full || !w.listed(h.e.account, len(w.endings)) {
		return
	}
	w.endings = append(w.endings, ending{start: s.Start, end: s.End, goroutine: s.Goroutine, since: h.since, cause: s.Cause, begun: h.begun, most: h.most, held: h.held})
	h.ending = &w.endings[len(w.endings)-1]
}

// read handles the reading of rows that are held open.
func (h *holding) read(s *breakdown.Segment) {
	switch {
	case h.held == breakdown.Nothing || h.rows && h.begun.Site != s.Cause.Site:
		h.begin(s, breakdown.ReadsRows)
		h.rows = true
	case h.rows:
		h.settle()
	}
	h.until = s.End
}

// ask handles a call to a database that says nothing about what is held.
func (h *holding) ask(s *breakdown.Segment) {
	switch {
	case h.held == breakdown.Nothing:
	case h.rows:
		h.held, h.rows = breakdown.Nothing, false // other rows, as far as is known
	case s.Phase == breakdown.PoolWait && s.Goroutine == h.by:
		h.e.waitsNested(&h.e.holds.nested, s)
	}
}

// waitsNested adds a wait for a connection.
func (e *endpoint) waitsNested(to *map[*breakdown.Cause]int64, s *breakdown.Segment) {
	if *to == nil {
		*to = map[*breakdown.Cause]int64{}
	}
	if _, ok := (*to)[s.Cause]; ok || e.spend(sumSize) {
		(*to)[s.Cause] += s.End - s.Start
	}
}

// work handles anything but a call to a database.
func (h *holding) work(s *breakdown.Segment) {
	if h.held == breakdown.Nothing || s.Bucket == breakdown.Scheduler || s.Bucket == breakdown.GC {
		return
	}
	for i := range h.pending {
		if d := &h.pending[i]; d.doing == s.Bucket && d.work == s.Cause {
			d.time, d.until = d.time+s.End-s.Start, s.End
			return
		}
	}
	h.pending = append(h.pending, deed{s.Bucket, s.Cause, s.End - s.Start, s.End})
}

// settle adds what was done since the last call: the connection was held meanwhile.
func (h *holding) settle() {
	sums := &h.e.holds
	for _, d := range h.pending {
		if sums.across == nil {
			sums.across = map[acrossKey]int64{}
		}
		key := acrossKey{h.held, d.doing, d.work, h.begun}
		if _, ok := sums.across[key]; ok || h.e.spend(sumSize) {
			sums.across[key] += d.time
		}
		if d.time > h.most.time {
			h.most = d
		}
	}
	h.pending = h.pending[:0]
}

// merge adds the sums of o, which must not be used afterwards.
func (h *holdSums) merge(o *holdSums) {
	into := func(sums *map[*breakdown.Cause]int64, more map[*breakdown.Cause]int64) {
		if *sums == nil {
			*sums = more
		} else {
			addAll(*sums, more)
		}
	}
	if h.across == nil {
		h.across = o.across
	} else {
		addAll(h.across, o.across)
	}
	if h.twice == nil {
		h.twice = o.twice
	} else {
		addAll(h.twice, o.twice)
	}
	into(&h.nested, o.nested)
	into(&h.outer, o.outer)
	for i := range h.held {
		h.held[i] += o.held[i]
		h.times[i] += o.times[i]
	}
}

// evidence returns what the requests held across other work, the longest first, and what
// shows that they held two connections at once.
func (h *holdSums) evidence(requests int64) (across []diagnosis.Across, nested *diagnosis.Nested) {
	type place struct {
		held        breakdown.Held
		doing       breakdown.Bucket
		work, begun breakdown.Frame
	}
	sums := map[place]int64{}
	for k, t := range h.across {
		sums[place{k.held, k.doing, siteOf(k.work), siteOf(k.begun)}] += t
	}
	for p, t := range sums {
		a := diagnosis.Across{Held: p.held, Doing: p.doing, At: p.work, Begun: p.begun, Time: mean(t, requests)}
		if n := h.times[p.held]; n > 0 {
			a.Each = mean(h.held[p.held], n)
		}
		across = append(across, a)
	}
	slices.SortFunc(across, func(x, y diagnosis.Across) int {
		return cmp.Or(cmp.Compare(y.Time, x.Time), cmp.Compare(x.Held, y.Held), cmp.Compare(x.Doing, y.Doing), compareFrames(x.At, y.At), compareFrames(x.Begun, y.Begun))
	})
	return across, h.nestedEvidence(requests)
}

// nestedEvidence returns what shows that requests waited for a connection while they held
// another one, nil if nothing does.
func (h *holdSums) nestedEvidence(requests int64) *diagnosis.Nested {
	n := &diagnosis.Nested{}
	wait := sitesBy(h.nested)
	outer := sitesBy(h.outer)
	n.Wait, n.Inner = total(wait), mainSite(wait)
	n.First, n.Outer = total(outer), mainSite(outer)
	n.Wait, n.First = mean(n.Wait, requests), mean(n.First, requests)
	var most nestedKey
	for k, times := range h.twice {
		n.Twice += times
		if c := cmp.Or(cmp.Compare(times, h.twice[most]), compareFrames(siteOf(most.inner), siteOf(k.inner)), compareFrames(siteOf(most.outer), siteOf(k.outer))); c > 0 {
			most = k
		}
	}
	if n.Twice > 0 {
		n.Inner, n.Outer = siteOf(most.inner), siteOf(most.outer)
	}
	if n.Twice == 0 && n.Wait == 0 {
		return nil
	}
	return n
}

func sitesBy(sums map[*breakdown.Cause]int64) map[breakdown.Frame]int64 {
	sites := map[breakdown.Frame]int64{}
	for c, t := range sums {
		sites[c.Site] += t
	}
	return sites
}

func mainSite(times map[breakdown.Frame]int64) breakdown.Frame {
	if f := mainPlace(times); f != nil {
		return *f
	}
	return breakdown.Frame{}
}

func total(times map[breakdown.Frame]int64) (sum int64) {
	for _, t := range times {
		sum += t
	}
	return sum
}

// siteOf returns the site of a cause that may be nil.
func siteOf(c *breakdown.Cause) breakdown.Frame {
	if c == nil {
		return breakdown.Frame{}
	}
	return c.Site
}

// readersBehindWriters returns how long requests wait for a lock that readers share behind
// a writer that itself waits for a reader, per request: a writer that waits keeps new
// readers out. It returns 0 if most requests wait as writers.
func (e *endpoint) readersBehindWriters() int64 {
	b := &e.buckets[breakdown.Lock]
	reading, behind := int64(0), int64(0)
	for c, t := range b.causes {
		if rules.LocksToRead(c.Stack) {
			reading += t.ns
		}
	}
	for k, t := range b.holders {
		if k.through != nil && rules.UnlocksWriter(k.through.Stack) && rules.UnlocksReader(k.release.Stack) {
			behind += *t
		}
	}
	if 2*reading < b.total {
		return 0
	}
	return mean(min(behind, reading), e.requests)
}
