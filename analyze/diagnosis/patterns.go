package diagnosis

import (
	"slices"

	"timesink/analyze/breakdown"
)

// Patterns of calls: the same one again and again, and one after another.

// A Way is the calls that requests make at one line of the service, called by the same
// lines.
type Way struct {
	Bucket   breakdown.Bucket
	System   string
	Site     breakdown.Frame
	Calls    int64 // in the window
	Requests int64 // that make any
	// PerRequest is the number of calls of a request that makes any, InFlight how many of
	// its calls are in flight while there is one.
	PerRequest, InFlight float64
	Each                 int64 // ns, a call
	Time                 int64 // ns on the path, per request of the endpoint
	// Tries is set if the number of calls differs between requests as that of tries does,
	// of which each may be the one that works. Once is the share of the requests that make
	// one.
	Tries bool
	Once  float64
	// InTransaction is set if transactions make most of them.
	InTransaction bool
	// Tests is set if most of them ask for nothing.
	Tests bool
	// Awaits is set if most of them wait for a message that others send when they like.
	Awaits  bool
	Expired Expired
}

// many is the number of calls of one request that a loop makes.
const many = 10

// manyCalls returns a look for one line that calls the same system again and again within
// a request, as one query for each row of another one (N+1).
func manyCalls(b breakdown.Bucket) look {
	return func(s *subject) *found {
		for i := range s.Ways {
			w := &s.Ways[i]
			if w.Bucket != b || w.PerRequest < many || s.asksAgain(w) {
				continue
			}
			saves := w.Time - int64(float64(w.Time)*min(w.InFlight/w.PerRequest, 1))
			if !s.worth(saves) {
				return nil // the others take less
			}
			return &found{sure: breakdown.Certain, claims: []claim{{bucket: b, ns: w.Time}}, saves: saves, key: b.String() + " " + w.Site.Function, facts: append(breakdown.Facts{
				spent(w.Time), {Kind: breakdown.FactCalls, Value: float64(w.Calls) / float64(max(s.Requests, 1))}, {Kind: breakdown.FactBucket, Name: b.String()}}, at(w.Site)...)}
		}
		return nil
	}
}

// asksAgain reports whether requests wait between such calls before they repeat them. They
// ask for the same each time, and asking for all of it at once is no use.
func (s *subject) asksAgain(w *Way) bool {
	return slices.ContainsFunc(s.Sleeps, func(sleep Sleep) bool { return sleep.Retried > 0 && sleep.Again == w.Site })
}

// sequentialCalls finds calls to other services that are made one after another, or a few
// at a time.
func sequentialCalls(s *subject) *found {
	t := &s.Buckets[breakdown.Upstream]
	if t.CallsPerRequest < 1.5 {
		return nil
	}
	site := busiest(t)
	if w := s.tried(breakdown.Upstream); w != nil && w.Site == site.Frame {
		return nil // at once, all of them would be made
	}
	if !s.worth(s.Serial[breakdown.Upstream]) || site.Concurrency > alone && !fewAtOnce(&site) {
		return nil
	}
	ns := s.Serial[breakdown.Upstream]
	return &found{sure: breakdown.Likely, claims: []claim{{bucket: breakdown.Upstream, ns: ns}}, saves: ns, key: site.Function, facts: append(breakdown.Facts{
		{Kind: breakdown.FactCalls, Value: t.CallsPerRequest},
		{Kind: breakdown.FactInFlight, Value: max(site.Concurrency, 1)}, {Kind: breakdown.FactBucket, Name: breakdown.Upstream.String()}}, at(site.Frame)...)}
}

// fewAtOnce reports whether a limit lets only some of a request's calls be in flight at
// once: half of them or less. Calls that are started together and take unlike times look
// the same, but then only the longest is on the path.
func fewAtOnce(t *breakdown.SiteTime) bool {
	return t.CallsPerRequest >= 4 && 2*t.Concurrency <= t.CallsPerRequest
}

const (
	// alone is the most calls in flight at a site at which they are made one after
	// another.
	alone = 1.2
	// slow is the duration of a call from which it pays to start another goroutine for it
	// and to take another connection.
	slow = 1e6
)

// sequentialQueries returns a look for calls to a store that are made one after another.
// Those of a transaction have to be. Whether others need each other's answers, no trace
// shows, so it claims no time.
func sequentialQueries(b breakdown.Bucket) look {
	return func(s *subject) *found {
		t, longest, calls := &s.Buckets[b], (*Way)(nil), 0.0
		for i := range s.Ways {
			w := &s.Ways[i]
			if w.Bucket != b || w.InTransaction || w.Tests || w.Each < slow || 2*w.Requests < s.Requests {
				continue
			}
			if w.InFlight > alone || w.PerRequest >= many || w.isTried() {
				return nil
			}
			if longest == nil {
				longest = w
			}
			calls += float64(w.Calls) / float64(max(s.Requests, 1))
		}
		if longest == nil || calls < 1.5 || !s.worth(min(s.Serial[b], s.unexplained(b))) {
			return nil
		}
		return &found{sure: breakdown.Possible, saves: s.Serial[b], key: t.Bucket.String() + " " + longest.Site.Function, facts: append(breakdown.Facts{
			{Kind: breakdown.FactCalls, Value: calls}, {Kind: breakdown.FactInFlight, Value: longest.InFlight}, {Kind: breakdown.FactBucket, Name: b.String()}}, at(longest.Site)...)}
	}
}

// isTried reports whether the calls may be made again and again, at once, until one works.
func (w *Way) isTried() bool {
	return w.Tries && w.InFlight <= alone && !w.InTransaction && !w.Tests && w.Bucket.External()
}

// tried returns the calls to a system with the most time that may be such tries, nil if
// there are none.
func (s *subject) tried(b breakdown.Bucket) *Way {
	for i := range s.Ways {
		if w := &s.Ways[i]; w.Bucket == b && w.isTried() {
			return w
		}
	}
	return nil
}

// triedAtOnce finds calls that are made again at once. A trace shows no errors, and a list
// may have any length, so it claims no time.
func triedAtOnce(b breakdown.Bucket) look {
	return func(s *subject) *found {
		w := s.tried(b)
		if w == nil || s.asksAgain(w) {
			return nil
		}
		again := w.Time - int64(float64(w.Time)/w.PerRequest)
		if !s.worth(min(again, s.unexplained(b))) {
			return nil
		}
		return &found{sure: breakdown.Possible, saves: again, key: "at once " + b.String() + " " + w.Site.Function, facts: append(breakdown.Facts{
			spent(again), {Kind: breakdown.FactCalls, Value: w.PerRequest}, {Kind: breakdown.FactOnce, Value: 100 * w.Once}, {Kind: breakdown.FactBucket, Name: b.String()}}, at(w.Site)...)}
	}
}

// unexplained returns how much of a bucket no cause explains yet.
func (s *subject) unexplained(b breakdown.Bucket) (ns int64) {
	for _, left := range s.left[b] {
		ns += left
	}
	return ns
}

// sequentialSystems finds a call to a database and one to another service that the same
// function makes one after another in next to all requests. Like sequentialQueries, it
// claims no time.
func sequentialSystems(s *subject) *found {
	var one [breakdown.NumBuckets]*Way
	for i := range s.Ways {
		w := &s.Ways[i]
		if w.Bucket != breakdown.DB && w.Bucket != breakdown.Upstream || w.Tests || one[w.Bucket] != nil {
			continue
		}
		one[w.Bucket] = w
	}
	d, u := one[breakdown.DB], one[breakdown.Upstream]
	if d == nil || u == nil || d.Site.Function != u.Site.Function || d.InTransaction {
		return nil
	}
	for _, w := range []*Way{d, u} {
		if float64(w.Requests) < always*float64(s.Requests) || w.PerRequest > 1.5 || w.Each < slow {
			return nil
		}
	}
	// Where both are in flight at once, one hides the other: its time on the path is less
	// than it takes.
	if float64(d.Time) < always*float64(d.Each) || float64(u.Time) < always*float64(u.Each) {
		return nil
	}
	saves := min(d.Time, u.Time, s.unexplained(breakdown.DB), s.unexplained(breakdown.Upstream))
	if !s.worth(saves) {
		return nil
	}
	f := &found{sure: breakdown.Possible, saves: saves, key: "systems " + d.Site.Function, facts: breakdown.Facts{
		{Kind: breakdown.FactCalls, Value: d.PerRequest + u.PerRequest}, {Kind: breakdown.FactInFlight, Value: 1}}}
	for _, w := range []*Way{d, u} {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactBucket, Name: w.Bucket.String(), Place: breakdown.Place(w.Site), Value: float64(w.Time)})
	}
	return f
}

// always is the share of requests, or of a call, that counts as all.
const always = 0.9

// pingPerCall finds calls that ask for nothing, and are made only to see whether the others
// would be answered. Requests that make no others are a check of health.
func pingPerCall(s *subject) *found {
	var most *found
	for _, b := range breakdown.BucketsOf(breakdown.External) {
		var ping *Way
		time, calls, others := int64(0), int64(0), int64(0)
		for i := range s.Ways {
			switch w := &s.Ways[i]; {
			case w.Bucket != b:
			case !w.Tests:
				others += w.Calls
			default:
				time, calls = time+w.Time, calls+w.Calls
				if ping == nil {
					ping = w
				}
			}
		}
		if ping == nil || !s.worth(time) || 2*others < calls || most != nil && most.saves >= time {
			continue
		}
		c := s.claimed(b, breakdown.Asking)
		c.ns = min(c.ns, time)
		most = &found{sure: breakdown.Certain, claims: []claim{c}, saves: c.ns, key: b.String() + " " + ping.Site.Function, facts: append(breakdown.Facts{
			spent(c.ns), {Kind: breakdown.FactCalls, Value: float64(calls) / float64(max(s.Requests, 1))}, {Kind: breakdown.FactBucket, Name: b.String()}}, at(ping.Site)...)}
	}
	return most
}

// awaitsMessage finds calls that wait for a message which nobody has sent yet. Services do
// so on purpose, so it is silent unless they do for the largest part of the time.
func awaitsMessage(s *subject) *found {
	var most *Way
	var sums [breakdown.NumBuckets]int64
	for i := range s.Ways {
		if w := &s.Ways[i]; w.Awaits {
			sums[w.Bucket] += w.Time
			if most == nil {
				most = w
			}
		}
	}
	if most == nil {
		return nil
	}
	c := s.claimed(most.Bucket, breakdown.Asking)
	c.ns = min(c.ns, sums[most.Bucket])
	longer := func(t breakdown.BucketTime) bool { return t.Bucket != most.Bucket && t.Mean > c.ns }
	if !s.worth(c.ns) || slices.ContainsFunc(s.Buckets, longer) {
		return nil
	}
	return &found{sure: breakdown.Certain, claims: []claim{c}, saves: -1, key: most.Bucket.String() + " " + most.Site.Function, facts: append(breakdown.Facts{
		spent(c.ns), {Kind: breakdown.FactBucket, Name: most.Bucket.String()}}, at(most.Site)...)}
}
