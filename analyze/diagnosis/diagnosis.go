package diagnosis

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// An Input is what a diagnosis rests on.
type Input struct {
	*breakdown.Breakdown
	// Evidence is what is known of each of the Breakdown's endpoints beside its sums, in
	// their order.
	Evidence []Evidence
	// Others are the service's goroutines that served no request when the window closed.
	Others []Stand
	// Growth is what the goroutines that were started in the window and stayed amount to.
	Growth []Growth
	// Unanswered is nil unless probes were sent and none of them was answered.
	Unanswered *Unanswered
	// Stopper is where goroutines that serve no request stop the world the longest, with the
	// time in the window; nil if nowhere.
	Stopper *Stop
}

// Evidence is what an endpoint's requests did that its sums by bucket do not show. Times
// are means per complete request, in nanoseconds.
type Evidence struct {
	// Serial is what requests would save if their calls in a bucket, those of transactions
	// aside, were made at once.
	Serial [breakdown.NumBuckets]int64
	// Ways are their calls by the way in which they are made, those with the most time
	// first.
	Ways []Way
	// Shield is the cache that they read before they ask the database, nil if there is
	// none.
	Shield *Shield
	// Batch is what the requests' own batch was busy with, if they queue behind batches;
	// nil otherwise.
	Batch *Batch
	Transfers
	// Small is the place with the most time in system calls that may be too small, nil if there
	// is none.
	Small *SmallCalls
	// Limit is what lets only some requests go on at once, nil if nothing does.
	Limit *Limit
	// Sleeps are the waits for timers, the longest first.
	Sleeps []Sleep
	// Stands are the endpoint's requests that were waiting when the window closed, and
	// Ended the long waits that ended before.
	Stands []Stand
	Ended  []Ended
	// Connecting is how the calls of each bucket come by their connections, nil for a
	// bucket whose calls make none.
	Connecting [breakdown.NumBuckets]*Connecting
	// ColdStart is how the first requests differ from the others, nil if they do not.
	ColdStart *ColdStart
	// Crowding is how long the calls of each bucket take by what else is in flight, nil
	// where that is not known.
	Crowding [breakdown.NumBuckets]*Crowding
	// Preparing is the place that spends the most time on preparing statements for a
	// database; nil if there is none.
	Preparing *Preparing
	// Lone are transactions of one statement, nil if there are none.
	Lone *Lone
	// Expecting is the waiting to be told to go on with a request's body, and FallingBack
	// the waiting before a host's addresses of the other family are tried; nil if there is
	// none.
	Expecting, FallingBack *TimedWait
	// Computing are the places that CPU samples led to while the requests computed: all of them,
	// each with the number of all samples.
	Computing []breakdown.CPUSite
	// Stops is the place that waits the longest for a collection that it asked for, nil if there
	// is none.
	Stops *Stop
	// Spin is the place at which requests spin the longest, nil if there is none.
	Spin *Spin
	// Polling is the function of the service's that computes by calling functions again and
	// again that return at once, such as a sleep of no time. It is "" if there is none.
	Polling string
	// C are the calls to C functions, the one with the most time first.
	C []CCall
	// Late estimates how much of the time in each bucket is because what ended a wait was
	// noticed late.
	Late [breakdown.NumBuckets]int64
	Held
}

// A Batch is what a request's own batch was busy with for most of its time.
type Batch struct {
	Site   breakdown.Frame // in the service's code
	Called string          // the function that Site called, "" if none is known
	Doing  breakdown.Bucket
	Busy   int64
}

// Lone are the transactions of one statement that begin at one place.
type Lone struct {
	Site  breakdown.Frame // in the service's code
	Times float64         // per request
	Time  int64           // ns per request, to begin and to end them
}

// A Spin is the time that requests spend at a place where they give the processor up again
// and again, and do next to nothing in between, per request.
type Spin struct {
	Site       breakdown.Frame // in the service's code
	Turns      float64
	Ready, Ran int64 // ns, waiting for a processor and running
}

// A CCall is the calls of a C function at one place.
type CCall struct {
	Site     breakdown.Frame
	Function string // as Go calls it: "main._Cfunc_hash"
	// Waiting is the time in which the function may wait, and Computing that in which
	// it computes.
	Waiting, Computing int64
}

// notable is the smallest share of a request's wall time that a finding explains.
const notable = 0.10

// faint is the smallest such share of a cause that stands by itself.
const faint = 0.02

// negligible is the share of all request time below which an endpoint has no causes.
const negligible = 0.01

// A subject is an endpoint under examination.
type subject struct {
	*breakdown.Endpoint
	*Evidence
	in   *Input
	left [breakdown.NumBuckets][breakdown.NumPhases]int64 // not explained yet, ns per request
	// ours is what the service itself explains of other systems' time, beside the phases
	// on its own side, ns per request.
	ours [breakdown.NumBuckets]int64
}

// newSubject returns an endpoint with all its time unexplained.
func newSubject(in *Input, i int) *subject {
	s := &subject{Endpoint: &in.Endpoints[i], in: in, Evidence: &Evidence{}}
	if i < len(in.Evidence) {
		s.Evidence = &in.Evidence[i]
	}
	for b := range s.Buckets {
		t := &s.Buckets[b]
		rest := t.Mean
		for _, p := range t.Phases {
			s.left[b][p.Phase] += p.Mean
			rest -= p.Mean
		}
		s.left[b][breakdown.NoPhase] += max(rest, 0)
	}
	return s
}

// worth reports whether a time per request is a notable part of it.
func (s *subject) worth(ns int64) bool {
	return ns > 0 && float64(ns) >= notable*float64(s.Wall.Mean)
}

// slight reports whether a time per request is a part of it that a cause which stands by
// itself is shown for.
func (s *subject) slight(ns int64) bool { return float64(ns) >= faint*float64(s.Wall.Mean) }

// A look searches an endpoint for a kind of cause. It returns nil if there is none.
type look func(s *subject) *found

// A found is a cause in one endpoint.
type found struct {
	sure   breakdown.Confidence
	claims []claim
	// saves is what a request saves at most; if it is negative, what the cause explains.
	saves int64
	facts breakdown.Facts
	// key tells causes of the same kind apart. Those of several endpoints with the same
	// key are one.
	key string
	// stands is set if it is a cause however little of its time is left to explain, and
	// shown for a smaller part of the time than others.
	stands bool
}

// A claim is time of a bucket that a cause explains: of some of its phases, or of all if
// there are none.
type claim struct {
	bucket breakdown.Bucket
	phases []breakdown.Phase
	ns     int64
}

// overlaps reports whether two claims may be about the same time.
func (c *claim) overlaps(o *claim) bool {
	if c.bucket != o.bucket || c.ns == 0 || o.ns == 0 {
		return false
	}
	return len(c.phases) == 0 || len(o.phases) == 0 ||
		slices.ContainsFunc(c.phases, func(p breakdown.Phase) bool { return slices.Contains(o.phases, p) })
}

func (c *claim) covers(p breakdown.Phase) bool {
	return len(c.phases) == 0 || slices.Contains(c.phases, p)
}

// claimed returns a claim on all time of a bucket in phases of the given stages.
func (s *subject) claimed(b breakdown.Bucket, stages ...breakdown.Stage) claim {
	c := claim{bucket: b}
	for _, p := range s.Buckets[b].Phases {
		if slices.Contains(stages, p.Phase.Stage()) {
			c.phases = append(c.phases, p.Phase)
			c.ns += p.Mean
		}
	}
	return c
}

// whole returns a claim on all time of a bucket.
func (s *subject) whole(b breakdown.Bucket) claim { return claim{bucket: b, ns: s.Buckets[b].Mean} }

// available returns how much of a claim is not explained yet.
func (s *subject) available(c claim) (ns int64) {
	for p := range s.left[c.bucket] {
		if c.covers(breakdown.Phase(p)) {
			ns += min(s.left[c.bucket][p], c.ns-ns)
		}
	}
	return ns
}

// take takes what is available of a claim. If own is set, the service itself explains it.
func (s *subject) take(c claim, own bool) {
	for p := range s.left[c.bucket] {
		if !c.covers(breakdown.Phase(p)) {
			continue
		}
		part := min(s.left[c.bucket][p], c.ns)
		c.ns -= part
		s.left[c.bucket][p] -= part
		if own && !breakdown.Phase(p).OwnSide() {
			s.ours[c.bucket] += part
		}
	}
}

// explain returns how much of its claims a cause explains, and takes it. It returns false
// if other causes explain most of it.
func (s *subject) explain(k *kind, f *found) (ns int64, ok bool) {
	claimed := int64(0)
	for _, c := range f.claims {
		claimed += c.ns
		ns += s.available(c)
	}
	if !f.stands && 2*ns < claimed {
		return 0, false
	}
	for _, c := range f.claims {
		s.take(c, !k.theirs())
	}
	return ns, true
}

// A sum is a cause with what it explains in all its endpoints.
type sum struct {
	breakdown.Explanation
	kind            *kind // nil for one that is about no endpoint's wall time
	explains, saves int64 // over all requests
	requests        int64
	most            int64 // explained in the first endpoint
	claims          []claim
	still           bool // about requests that stand still: explains is their time
}

// Diagnose returns the causes of the time that requests take, the one that explains most
// of it first, and the conclusion without its text. It sets OwnSide of the Breakdown's
// buckets.
func Diagnose(in *Input) ([]breakdown.Explanation, breakdown.Conclusion) {
	sums := map[string]*sum{}
	var subjects []*subject
	for _, i := range examined(in.Breakdown) {
		s := newSubject(in, i)
		for k := range kinds {
			if f := kinds[k].look(s); f != nil {
				s.add(sums, &kinds[k], f)
			}
		}
		s.settle()
		subjects = append(subjects, s)
	}
	list := slices.Collect(maps.Values(sums))
	if s := notWorthIt(in.Breakdown, subjects, list); s != nil {
		list = append(list, s)
	}
	if s := acceptQueue(in.Breakdown); s != nil {
		list = append(list, s)
	}
	list = append(append(list, standstill(in)...), growing(in)...)
	slices.SortFunc(list, func(a, b *sum) int {
		return cmp.Or(cmp.Compare(b.explains, a.explains), cmp.Compare(a.ID, b.ID), slices.Compare(a.Endpoints, b.Endpoints))
	})
	out := []breakdown.Explanation{}
	for _, s := range list {
		s.SharesWith = s.sharing(list)
		n := max(s.requests, 1)
		s.Explains, s.Saves = (s.explains+n/2)/n, (s.saves+n/2)/n
		out = append(out, s.Explanation)
	}
	for i := range out {
		out[i].Facts = out[i].Facts.WithUnits()
	}
	if s := prevails(in.Breakdown, list); s != nil {
		return out, breakdown.Conclusion{Cause: s.ID}
	}
	return out, concluded(in.Breakdown, out)
}

// examined returns the indexes of the endpoints with enough of the time. Streams would
// top the list for no good reason: they last as long as messages come. What a long poll
// waits for cannot be made faster.
func examined(b *breakdown.Breakdown) (list []int) {
	whole, lasting := int64(0), lasting(b)
	for i := range b.Endpoints {
		if b.Endpoints[i].Lasts() == lasting {
			whole += b.Endpoints[i].Wall.Total
		}
	}
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		if e.Lasts() != lasting || strings.HasSuffix(e.Kind, breakdown.LongPolling) {
			continue
		}
		if e.Requests > 0 && float64(e.Wall.Total) >= negligible*float64(whole) {
			list = append(list, i)
		}
	}
	return list
}

// lasting reports whether streams and long polls are examined: no other request completed,
// and those that did not have less of the request time.
func lasting(b *breakdown.Breakdown) bool {
	streams, others := int64(0), int64(0)
	for i := range b.Endpoints {
		switch e := &b.Endpoints[i]; {
		case e.Lasts():
			streams += e.RequestTime()
		case e.Requests > 0:
			return false
		default:
			others += e.RequestTime()
		}
	}
	return streams >= others
}

// add adds a cause found in an endpoint to the sums.
func (s *subject) add(sums map[string]*sum, k *kind, f *found) {
	ns, ok := s.explain(k, f)
	if !ok {
		return
	}
	if f.saves < 0 {
		f.saves = ns
	}
	f.facts = append(breakdown.Facts{{Kind: breakdown.FactWall, Value: float64(s.Wall.Mean)}}, f.facts...)
	key := k.id + " " + f.key
	total := sums[key]
	if total == nil {
		total = &sum{kind: k}
		total.ID = k.id
		sums[key] = total
	}
	if explained := ns * s.Requests; explained > total.most || total.Facts == nil {
		total.most, total.Facts, total.Confidence = explained, f.facts, f.sure
		total.Endpoints = append([]string{s.Name}, total.Endpoints...)
	} else {
		total.Endpoints = append(total.Endpoints, s.Name)
	}
	total.explains += ns * s.Requests
	total.saves += f.saves * s.Requests
	total.requests += s.Requests
	total.Shown = total.Shown || k.finding && (s.worth(max(ns, f.saves)) || f.stands && s.slight(ns))
	total.claims = append(total.claims, f.claims...)
}

// sharing returns the IDs of the other shown causes that claim the same time of the same
// endpoints.
func (s *sum) sharing(all []*sum) (ids []string) {
	for _, o := range all {
		if o == s || !o.Shown || !s.Shown || o.ID == s.ID {
			continue
		}
		if !slices.ContainsFunc(s.Endpoints, func(e string) bool { return slices.Contains(o.Endpoints, e) }) {
			continue
		}
		for i := range s.claims {
			if slices.ContainsFunc(o.claims, func(c claim) bool { return c.overlaps(&s.claims[i]) }) {
				ids = append(ids, o.ID)
				break
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Findings returns the causes that are worth showing, without words.
func Findings(causes []breakdown.Explanation) []breakdown.Finding {
	out := []breakdown.Finding{}
	for i := range causes {
		if causes[i].Shown {
			out = append(out, causes[i].Finding())
		}
	}
	return out
}
