package analyze

import (
	"cmp"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// patterns are what an endpoint's requests do again and again, beyond its sums by bucket.
type patterns struct {
	ways        map[wayKey]*waySums
	recentCalls *recentCalls                // nil without calls
	serials     [breakdown.NumBuckets]int64 // see addSerial
	retried     map[retry]*retrying
	shields     map[breakdown.Frame]*shield // by the cache's call site
	yields      bool                        // a request has yielded its processor, so there may be
	spins       map[*breakdown.Cause]*spinning
	lones       map[breakdown.Frame]*loneSum // by where the transaction begins
}

// A wayKey identifies the calls that the service makes in one way.
type wayKey struct {
	bucket breakdown.Bucket
	site   breakdown.Frame
	way    uint64
}

// waySums are the sums of the calls made in one way.
type waySums struct {
	system            string
	n, requests       int64
	time, union, path int64 // ns: of the calls, while there is at least one, on the path
	// Calls of transactions, those that ask for nothing, and those that wait for a message.
	transaction, tests, awaits int64
	expired, unread            diagnosis.Expired
	tries                      tries
	// For the request being added, seq, the union of its calls reaches until, and there are
	// calls of them.
	seq, until, calls int64
}

// A retry is a sleep between two calls of which the second repeats the first.
type retry struct {
	cause *breakdown.Cause
	again breakdown.Frame
}

// A retrying is such sleeps.
type retrying struct {
	ns, requests, least, most int64 // least and most of one request
	seq, n                    int64 // of the request being added
}

// end adds what was counted of the last request.
func (s *retrying) end() {
	if s.n == 0 {
		return
	}
	if s.requests == 0 || s.n < s.least {
		s.least = s.n
	}
	s.requests, s.most, s.n = s.requests+1, max(s.most, s.n), 0
}

func (s *retrying) merge(o *retrying) {
	s.end()
	o.end()
	if s.requests == 0 || o.requests > 0 && o.least < s.least {
		s.least = o.least
	}
	s.ns, s.requests, s.most, s.seq = s.ns+o.ns, s.requests+o.requests, max(s.most, o.most), 0
}

// addPatterns adds a complete request.
func (e *endpoint) addPatterns(r *breakdown.Request) {
	if e.yields {
		e.addSpins(r)
	}
	if len(r.Calls) == 0 {
		return
	}
	e.addShield(r)
	e.addLone(r)
	if len(r.Calls) > 1 {
		e.addSerial(r)
		e.addRetried(r)
	}
}

// add adds a call of a request, which is the one with that number.
func (s *waySums) add(r *breakdown.Request, c *breakdown.Call, seq int64) {
	if s.seq != seq {
		s.end()
		s.seq, s.until = seq, r.Start
		s.requests++
	}
	s.n, s.calls = s.n+1, s.calls+1
	s.time += c.Time()
	s.union += max(0, c.End-max(c.Start, s.until)-c.Between)
	s.until = max(s.until, c.End)
	s.path += c.OnPath
	if c.InTransaction {
		s.transaction++
	}
	if c.Tests {
		s.tests++
	}
	if c.Awaits {
		s.awaits++
	}
	switch {
	case c.TimedOut:
		s.expired.Add(diagnosis.Expired{Calls: 1, Total: c.Time(), OnPath: c.OnPath, Least: c.Time(), Most: c.Time()})
	case c.Unread:
		s.unread.Add(diagnosis.Expired{Inferred: true, Calls: 1, Total: c.Time(), OnPath: c.OnPath, Least: c.Time(), Most: c.Time()})
	}
}

// end adds the number of calls of the last request.
func (s *waySums) end() {
	if s.calls > 0 {
		s.tries.add(s.calls, 1)
	}
	s.calls = 0
}

// addSerial adds, for each bucket, what a request would save if its calls that no
// transaction makes were made at once, instead of one after another.
func (e *endpoint) addSerial(r *breakdown.Request) {
	var longest, sum [breakdown.NumBuckets]int64
	for i := range r.Calls {
		if c := &r.Calls[i]; !c.InTransaction {
			longest[c.Bucket] = max(longest[c.Bucket], c.OnPath)
			sum[c.Bucket] += c.OnPath
		}
	}
	for b := range sum {
		e.serials[b] += sum[b] - longest[b]
	}
}

// addRetried adds the sleeps of the service's own between two calls that are alike, with
// no other call in between or beside them.
func (e *endpoint) addRetried(r *breakdown.Request) {
	next, last, busy := 0, -1, int64(0)
	path := r.Path
	for i := range path {
		s := &path[i]
		if s.Bucket != breakdown.Sleep || s.Cause.Timer != "" || s.Start < r.Condensed {
			continue
		}
		for ; next < len(r.Calls) && r.Calls[next].Start < s.End; next++ {
			last, busy = next, max(busy, r.Calls[next].End)
		}
		if last < 0 || next == len(r.Calls) || busy > s.Start || !r.Calls[last].Repeats(&r.Calls[next]) {
			continue
		}
		key := retry{s.Cause, r.Calls[next].Site}
		sum := e.retried[key]
		if sum == nil {
			if !e.spend(sumSize) {
				continue
			}
			if e.retried == nil {
				e.retried = map[retry]*retrying{}
			}
			sum = &retrying{}
			e.retried[key] = sum
		}
		if sum.seq != e.seq {
			sum.end()
			sum.seq = e.seq
		}
		sum.ns += s.End - s.Start
		sum.n++
	}
}

// merge adds the patterns of o.
func (p *patterns) merge(o *patterns) {
	p.mergeSpins(o)
	p.mergeLones(o)
	for key, s := range o.ways {
		if p.ways == nil {
			p.ways = map[wayKey]*waySums{}
		}
		if p.ways[key] == nil {
			p.ways[key] = &waySums{system: s.system}
		}
		p.ways[key].merge(s)
	}
	for b := range p.serials {
		p.serials[b] += o.serials[b]
	}
	for key, s := range o.retried {
		if p.retried == nil {
			p.retried = map[retry]*retrying{}
		}
		if p.retried[key] == nil {
			p.retried[key] = &retrying{}
		}
		p.retried[key].merge(s)
	}
	for site, s := range o.shields {
		if p.shields == nil {
			p.shields = map[breakdown.Frame]*shield{}
		}
		if p.shields[site] == nil {
			p.shields[site] = &shield{}
		}
		p.shields[site].merge(s)
	}
}

// merge adds the calls of o.
func (s *waySums) merge(o *waySums) {
	s.end()
	o.end()
	s.tries.merge(&o.tries)
	s.seq, s.n, s.requests = 0, s.n+o.n, s.requests+o.requests
	s.time, s.union, s.path = s.time+o.time, s.union+o.union, s.path+o.path
	s.transaction, s.tests, s.awaits = s.transaction+o.transaction, s.tests+o.tests, s.awaits+o.awaits
	s.expired.Add(o.expired)
	s.unread.Add(o.unread)
}

// waysOf returns the calls of requests by way, those with the most time on the path first.
func (e *endpoint) waysOf() []diagnosis.Way {
	var list []diagnosis.Way
	for key, s := range e.ways {
		s.end()
		w := diagnosis.Way{Bucket: key.bucket, Site: key.site, System: s.system, Calls: s.n, Requests: s.requests,
			PerRequest: float64(s.n) / float64(s.requests), Each: mean(s.time, s.n), Time: mean(s.path, e.requests), InTransaction: 2*s.transaction > s.n, Tests: 2*s.tests > s.n, Awaits: 2*s.awaits > s.n, InFlight: 1, Expired: s.expired,
			Tries: s.tries.are(), Once: s.tries.once()}
		if s.unread.Alike() {
			w.Expired.Add(s.unread)
		}
		if s.union > 0 {
			w.InFlight = max(float64(s.time)/float64(s.union), 1)
		}
		list = append(list, w)
	}
	slices.SortFunc(list, func(x, y diagnosis.Way) int {
		return cmp.Or(cmp.Compare(y.Time, x.Time), cmp.Compare(y.Calls, x.Calls), compareFrames(x.Site, y.Site), cmp.Compare(x.Bucket, y.Bucket), cmp.Compare(x.Each, y.Each), cmp.Compare(x.Requests, y.Requests))
	})
	return list
}

// sleeps returns what requests wait for timers for, by place, the longest first.
func (e *endpoint) sleeps() []diagnosis.Sleep {
	retried := map[*breakdown.Cause]map[breakdown.Frame]int64{}
	for k, s := range e.retried {
		if s.end(); s.requests == e.requests && s.least == s.most {
			continue
		}
		if retried[k.cause] == nil {
			retried[k.cause] = map[breakdown.Frame]int64{}
		}
		retried[k.cause][k.again] += s.ns
	}
	type place struct {
		site            breakdown.Frame
		library, called string
		purpose         breakdown.Purpose
	}
	sums := map[place]*diagnosis.Sleep{}
	again := map[place]map[breakdown.Frame]int64{}
	for c, t := range e.buckets[breakdown.Sleep].causes {
		at := place{c.Site, cmp.Or(c.Timer, c.Library), waitsIn(c), c.Purpose}
		if sums[at] == nil {
			sums[at] = &diagnosis.Sleep{Site: at.site, Library: at.library, Called: at.called, Purpose: at.purpose}
			again[at] = map[breakdown.Frame]int64{}
		}
		sums[at].Time += t.ns
		addAll(again[at], retried[c])
	}
	var list []diagnosis.Sleep
	for at, s := range sums {
		most := int64(0)
		for site, ns := range again[at] {
			s.Retried += ns
			if ns > most || ns == most && compareFrames(site, s.Again) < 0 {
				s.Again, most = site, ns
			}
		}
		s.Time, s.Retried = mean(s.Time, e.requests), mean(s.Retried, e.requests)
		list = append(list, *s)
	}
	slices.SortFunc(list, func(x, y diagnosis.Sleep) int {
		return cmp.Or(cmp.Compare(y.Time, x.Time), compareFrames(x.Site, y.Site), cmp.Compare(x.Library, y.Library), cmp.Compare(x.Called, y.Called), cmp.Compare(x.Purpose, y.Purpose))
	})
	return list
}

// waitsIn returns the function that a wait is in, "" if it is the service's own.
func waitsIn(c *breakdown.Cause) string {
	for _, f := range c.Stack {
		if !strings.HasPrefix(f.Function, "runtime.") {
			if f == c.Site {
				return ""
			}
			return f.Function
		}
	}
	return ""
}
