package diagnosis

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
)

// This file and standing_*.go find what stands still: requests that wait at one place for
// all of the window, and what keeps them there. Such requests do not complete, so they are
// in no mean, and their causes stand beside those of the wall time.

// A Stand is goroutines that were in one place when the window closed.
type Stand struct {
	// Bucket and Phase are what they wait for, System which, and Site the place in the
	// service's code. Reason is the runtime's for the goroutines' own wait, and State is
	// set for goroutines that serve no request: "waiting", "running" …
	Bucket        breakdown.Bucket
	Phase         breakdown.Phase
	System        string
	Site          breakdown.Frame
	State, Reason string
	// Stack is that of the goroutine that waits for Bucket, leaf first. Own is that of the
	// goroutines themselves: the same, unless they wait for another one of theirs.
	Stack, Own []breakdown.Frame
	Count      int64
	// Whole counts those that have been there since the window opened, or longer.
	Whole int64
	// Branches counts those that work for a request but do not serve it.
	Branches      int64
	Time, Longest int64 // ns, in the window: of all, and of the one that waits longest
}

// An Ended counts long waits that ended in the window.
type Ended struct {
	Bucket breakdown.Bucket
	Phase  breakdown.Phase
	Site   breakdown.Frame
	Count  int64
	// Released counts those that ended because a holder gave back what they were for.
	Released int64
}

// Unanswered is what is known of probes without an answer.
type Unanswered struct {
	Count   int64
	Longest int64 // ns, that one has waited for the server
}

// What counts as standing still: at least this many requests at one place, one of them for
// the whole window, and that for leastStanding, in ns.
const (
	fewestStanding = 3
	leastStanding  = 1_000_000_000
)

// A waiter is a group of requests that stand still, of one endpoint.
type waiter struct {
	*Stand
	endpoint int
}

// A group is all requests that wait for one kind of thing.
type group struct {
	waiters       []waiter
	what          string // see the constants
	bucket        breakdown.Bucket
	count, whole  int64
	time, longest int64
	named         bool // as what keeps another group waiting
}

// What a group waits for. The facts name it so.
const (
	forConnection = "connection" // of the service's own pool
	forLock       = "lock"
	forReceiver   = "receiver" // of what they send on a channel
	forSender     = "sender"   // of what they receive from a channel
	forAnswer     = "answer"   // of another system
)

// standstill returns the causes of requests that stand still.
func standstill(in *Input) (list []*sum) {
	if in.Source.Covered < leastStanding {
		return nil
	}
	s := &still{in: in}
	s.collect()
	if c := s.pool(); c != nil {
		list = append(list, c)
	}
	if c := s.locks(); c != nil {
		list = append(list, c)
	}
	if c := s.channels(); c != nil {
		list = append(list, c)
	}
	return append(list, s.answers()...)
}

// A still is a search for what stands still.
type still struct {
	in     *Input
	groups []*group
}

// collect groups the waiting requests of all endpoints by what they wait for.
func (s *still) collect() {
	for i := range s.in.Evidence {
		if s.in.Endpoints[i].Lasts() {
			continue
		}
		stands := s.in.Evidence[i].Stands
		for j := range stands {
			if what := stands[j].awaits(); what != "" {
				s.groupOf(what, &stands[j]).add(waiter{&stands[j], i})
			}
		}
	}
}

// awaits returns what goroutines wait for, "" if it is nothing that another party owes
// them: the client, a timer, the processor.
func (s *Stand) awaits() string {
	switch {
	case s.Phase.Stage() == breakdown.Pooling:
		return forConnection
	case s.Bucket == breakdown.Lock:
		return forLock
	case s.Bucket.External():
		// A body or a batch of messages that goes on arriving is no answer that is due.
		if s.Phase.Stage() == breakdown.Batching || s.Phase == breakdown.BodyRead || s.Phase == breakdown.Fetch {
			return ""
		}
		return forAnswer
	case s.Bucket != breakdown.Unknown && s.Bucket != breakdown.Wait:
		return ""
	case s.Reason == "chan send":
		return forReceiver
	case s.Reason == "chan receive":
		return forSender
	}
	return ""
}

func (s *still) groupOf(what string, of *Stand) *group {
	for _, g := range s.groups {
		if g.what == what && (what == forLock || what == forReceiver || what == forSender || g.bucket == of.Bucket) &&
			(what != forAnswer || g.waiters[0].Site == of.Site) {
			return g
		}
	}
	g := &group{what: what, bucket: of.Bucket}
	s.groups = append(s.groups, g)
	return g
}

func (g *group) add(w waiter) {
	g.waiters = append(g.waiters, w)
	g.count += w.Count
	g.whole += w.Whole
	g.time += w.Time
	g.longest = max(g.longest, w.Longest)
}

// stands reports whether enough of the group has stood still for the whole window.
func (s *still) stands(g *group, least int64) bool {
	return g.count >= least && g.whole > 0 && g.longest >= leastStanding && 2*g.longest >= s.in.Source.Covered
}

// moved reports whether what the group waits for was given to a request in the window, so
// that the others may only have to wait for longer.
func (s *still) moved(g *group) bool {
	for _, i := range g.endpoints() {
		e, ev := &s.in.Endpoints[i], &s.in.Evidence[i]
		if g.what == forConnection && e.Requests > 0 && beyondPool(&e.Buckets[g.bucket]) {
			return true
		}
		if slices.ContainsFunc(ev.Ended, func(o Ended) bool { return g.same(&o) }) {
			return true
		}
	}
	return false
}

// beyondPool reports whether complete requests had a connection.
func beyondPool(t *breakdown.BucketTime) bool {
	return slices.ContainsFunc(t.Phases, func(p breakdown.PhaseTime) bool { return p.Phase.Stage() == breakdown.Asking && p.Total > 0 })
}

// same reports whether a wait that ended was for what the group waits for.
func (g *group) same(o *Ended) bool {
	switch g.what {
	case forConnection:
		return o.Bucket == g.bucket && o.Phase.Stage() == breakdown.Pooling && o.Released > 0
	case forLock:
		return o.Bucket == breakdown.Lock && o.Released > 0 && g.at(o.Site)
	case forAnswer:
		return o.Bucket == g.bucket && g.at(o.Site)
	}
	return g.at(o.Site)
}

func (g *group) at(site breakdown.Frame) bool {
	return slices.ContainsFunc(g.waiters, func(w waiter) bool { return w.Site == site })
}

// endpoints returns the indexes of the endpoints that the group's requests are of, the one
// with the most first.
func (g *group) endpoints() (list []int) {
	counts := map[int]int64{}
	for _, w := range g.waiters {
		if counts[w.endpoint] += w.Count; !slices.Contains(list, w.endpoint) {
			list = append(list, w.endpoint)
		}
	}
	slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(counts[b], counts[a]) })
	return list
}

// places returns the group's waiters by place, those of several endpoints together, the
// most first.
func (g *group) places() (list []Stand) {
	for _, w := range g.waiters {
		i := slices.IndexFunc(list, func(s Stand) bool { return s.Site == w.Site })
		if i < 0 {
			list = append(list, *w.Stand)
			continue
		}
		list[i].Count += w.Count
		list[i].Whole += w.Whole
	}
	slices.SortStableFunc(list, func(a, b Stand) int { return cmp.Compare(b.Count, a.Count) })
	return list
}

// cause returns a cause about the group's requests.
func (s *still) cause(id string, sure breakdown.Confidence, g *group, facts breakdown.Facts) *sum {
	c := &sum{Explanation: breakdown.Explanation{ID: id, Confidence: sure, Endpoints: []string{}, Shown: sure != breakdown.Possible},
		explains: g.time, requests: g.count, still: true}
	for _, i := range g.endpoints() {
		c.Endpoints = append(c.Endpoints, s.in.Endpoints[i].Name)
	}
	system := ""
	for _, w := range g.waiters {
		system = cmp.Or(system, w.System)
	}
	c.Facts = breakdown.Facts{
		{Kind: breakdown.FactStuck, Name: g.what, Value: float64(g.count)},
		{Kind: breakdown.FactStuckFor, Value: float64(g.longest)},
		{Kind: breakdown.FactStuckWhole, Value: float64(g.whole)},
	}
	if g.what == forConnection || g.what == forAnswer {
		c.Facts = append(c.Facts, breakdown.Fact{Kind: breakdown.FactStuckBucket, Name: g.bucket.String()})
	}
	if system != "" {
		c.Facts = append(c.Facts, breakdown.Fact{Kind: breakdown.FactSystem, Name: system})
	}
	c.Facts = append(c.Facts, facts...)
	places := g.places()
	for _, p := range places[:min(len(places), mostPlaces)] {
		c.Facts = append(c.Facts, breakdown.Fact{Kind: breakdown.FactStuckAt, Place: breakdown.Place(p.Site), Value: float64(p.Count)})
	}
	return c
}

// mostPlaces is how many places of a group the facts name.
const mostPlaces = 4
