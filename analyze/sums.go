package analyze

import (
	"timesink/analyze/breakdown"
	"timesink/analyze/infer"
)

// An account is what all sums share: how much memory they may still use, what they keep
// of each request, and which capture the requests come from.
type account struct {
	room    int64 // bytes
	cut     bool  // memory ran out, and some sums were merged
	capture int   // the index of the capture being read

	keepSeries bool // the requests in time order
	keepDetail bool // what reports draw

	// elsewhere takes the time of causes for which there was no room.
	elsewhere *breakdown.Cause
}

// newAccount returns an account with a sixteenth of memory, which is in bytes; 0 means
// DefaultMemory.
func newAccount(memory int64) *account {
	if memory <= 0 {
		memory = DefaultMemory
	}
	return &account{room: memory / 16, elsewhere: &breakdown.Cause{}}
}

// spend takes room for something to keep and reports whether there was enough.
func (a *account) spend(bytes int64) bool {
	if a.room < bytes {
		a.cut = true
		return false
	}
	a.room -= bytes
	return true
}

// id returns the identity of a request of the capture being read.
func (a *account) id(goroutine, start int64) breakdown.RequestID {
	return breakdown.RequestID{Capture: a.capture, Goroutine: goroutine, Start: start}
}

// The sizes of what is kept, in bytes, with the overhead of maps. A histogram reports
// its own size.
const (
	endpointSize = 7600
	sumSize      = 400
)

// An endpointKey identifies an endpoint. While requests are being added, name is what
// the dispatch called, and group is where that passed them on. The answer's endpoints
// have neither group nor cell.
type endpointKey struct {
	name, kind, route string
	group             *group
	// in is set for the complete requests that only a CPU sample or a probe names.
	in cellKey
}

// An endpoint is the sums of one endpoint's requests. It does not know other endpoints.
type endpoint struct {
	*account
	key            endpointKey
	nth            int // by order of creation
	handler        int // the same for all with this key but for the cell
	called         map[*callee]*int64
	waited         map[*waitSite]*int64 // ns
	requests       int64
	incomplete     int64
	incompleteTime int64
	wall           breakdown.Histogram
	wallTotal      int64
	buckets        [breakdown.NumBuckets]bucketSums
	samples        map[string]*cpuSum
	exposed        []exposure           // by capture
	running        int64                // samples that hit a running goroutine
	libraries      map[libraryKey]int64 // those of them in calls to a system
	seq            int64                // of the request being added
	routes         map[string]bool
	probes         []probePair
	// serial is the time that requests would save if their upstream calls, made one
	// after another, were made at once.
	serial int64
	// sampled counts the requests by the cells of their keys. It is set when all
	// requests have been added.
	sampled map[cellKey]int64
	// inferred counts the complete requests assigned to the endpoint by inference.
	inferred int64
	figures  *infer.Figure             // nil if nothing is inferred
	series   map[int]*breakdown.Series // by capture
	detail   *detail                   // nil unless asked for
}

type cpuSum struct {
	frame breakdown.Frame
	n     int64
}

type libraryKey struct {
	bucket breakdown.Bucket
	system string
}

type bucketSums struct {
	total, incomplete    int64
	hist                 breakdown.Histogram
	phases               [breakdown.NumPhases]int64
	incompletePhases     [breakdown.NumPhases]int64
	causes               map[*breakdown.Cause]*int64
	cause                *breakdown.Cause // the last one, and its sum: often the next is the same
	caused               *int64
	calls                map[breakdown.Frame]*callSums
	site                 breakdown.Frame // of calls, the last one, and its sums, as above
	called               *callSums
	queued, shadowed     int64
	callCount, dialCount int64
	systems              map[string]bool
	system               string // the last one
	holders              map[holderKey]int64
}

type callSums struct {
	n, time, union int64
	// For the request being added, seq, the union of its calls reaches until.
	seq, until int64
}

type holderKey struct {
	release *breakdown.Cause
	doing   breakdown.Bucket
	batch   bool
}

func newEndpoint(a *account, key endpointKey, nth int) *endpoint {
	e := &endpoint{account: a, key: key, nth: nth, samples: map[string]*cpuSum{}, libraries: map[libraryKey]int64{}, routes: map[string]bool{}, series: map[int]*breakdown.Series{}}
	if a.keepDetail {
		e.detail = newDetail()
	}
	return e
}

// add adds a request. Its path and calls must be in the order of their start.
func (e *endpoint) add(r *breakdown.Request) {
	e.exposed = exposedIn(e.exposed, e.capture)
	e.exposed[e.capture].add(r)
	if r.Incomplete {
		e.addCut(r)
		return
	}
	e.count(r)
	e.addPath(r)
	e.addCalls(r)
	for _, c := range r.Samples {
		if len(c.Stack) > 0 {
			e.sample(c)
		}
	}
}

// exposedIn returns the exposures with room for that of a capture.
func exposedIn(list []exposure, capture int) []exposure {
	for len(list) <= capture {
		list = append(list, exposure{})
	}
	return list
}

// addCut adds a request that an edge of the window cut.
func (e *endpoint) addCut(r *breakdown.Request) {
	e.incomplete++
	e.incompleteTime += r.Wall()
	for i := range r.Path {
		s := &r.Path[i]
		e.buckets[s.Bucket].incomplete += s.End - s.Start
		e.buckets[s.Bucket].incompletePhases[s.Phase] += s.End - s.Start
	}
}

// count adds a request's wall time and its time in each bucket.
func (e *endpoint) count(r *breakdown.Request) {
	e.requests++
	e.wallTotal += r.Wall()
	e.record(&e.wall, r.Wall())
	var spent [breakdown.NumBuckets]int64
	for i := range r.Path {
		spent[r.Path[i].Bucket] += r.Path[i].End - r.Path[i].Start
	}
	for b, t := range spent {
		if t > 0 {
			e.buckets[b].total += t
			e.record(&e.buckets[b].hist, t)
		}
	}
	if e.keepSeries {
		e.addToSeries(r, &spent)
	}
	if e.detail != nil {
		e.addDetail(r, &spent)
	}
}

func (e *endpoint) addToSeries(r *breakdown.Request, spent *[breakdown.NumBuckets]int64) {
	s := e.series[e.capture]
	if s == nil {
		s = &breakdown.Series{}
		e.series[e.capture] = s
	}
	before := s.Size()
	s.Add(r.End, r.Wall(), spent)
	e.room -= s.Size() - before
}

func (e *endpoint) record(h *breakdown.Histogram, ns int64) {
	before := h.Size()
	h.Record(ns)
	e.room -= h.Size() - before
}

func (e *endpoint) addPath(r *breakdown.Request) {
	for i := range r.Path {
		s := &r.Path[i]
		b := &e.buckets[s.Bucket]
		b.phases[s.Phase] += s.End - s.Start
		*e.causeTime(b, s) += s.End - s.Start
		for _, h := range s.Behind {
			if b.holders == nil {
				b.holders = map[holderKey]int64{}
			}
			holder := holderKey{h.Release, h.Bucket, h.Batch}
			if _, ok := b.holders[holder]; ok || e.spend(sumSize) {
				b.holders[holder] += h.Time
			}
			if h.Bucket != s.Bucket {
				e.buckets[h.Bucket].queued += h.Time
			}
		}
	}
}

// causeTime returns the sum for a segment's cause in its bucket.
func (e *endpoint) causeTime(b *bucketSums, s *breakdown.Segment) *int64 {
	cause := s.Cause
	if b.cause == cause && b.caused != nil {
		return b.caused
	}
	if s.Bucket.External() && cause.System != "" {
		b.addSystem(cause.System)
	}
	if s.Bucket == breakdown.Sleep && cause.Timer != "" {
		b.addSystem(cause.Timer)
	}
	if b.causes == nil {
		b.causes = map[*breakdown.Cause]*int64{}
	}
	sum := b.causes[cause]
	if sum == nil && !e.spend(sumSize) {
		cause = e.elsewhere
		sum = b.causes[cause]
	}
	if sum == nil {
		sum = new(int64)
		b.causes[cause] = sum
	}
	b.cause, b.caused = cause, sum
	return sum
}

func (b *bucketSums) addSystem(name string) {
	if name == b.system && b.systems != nil {
		return
	}
	if b.systems == nil {
		b.systems = map[string]bool{}
	}
	b.systems[name], b.system = true, name
}

// addCalls adds a request's calls, which must be in the order of their start.
func (e *endpoint) addCalls(r *breakdown.Request) {
	hidden := false
	longest, sum := int64(0), int64(0) // of upstream calls, on the path
	for i := range r.Calls {
		c := &r.Calls[i]
		b := &e.buckets[c.Bucket]
		s := e.callsAt(b, &c.Site)
		if s.seq != e.seq {
			s.seq, s.until = e.seq, r.Start
		}
		s.n++
		s.time += c.Time()
		s.union += max(0, c.End-max(c.Start, s.until)-c.Between)
		s.until = max(s.until, c.End)
		b.callCount++
		if c.Dialed {
			b.dialCount++
		}
		if c.System != "" {
			b.addSystem(c.System)
		}
		hidden = hidden || c.OnPath < c.End-c.Start
		if c.Bucket == breakdown.Upstream {
			longest = max(longest, c.OnPath)
			sum += c.OnPath
		}
	}
	e.serial += sum - longest
	if hidden {
		e.addShadows(r)
	}
}

// callsAt returns the sums for a bucket's calls from a site. If there is no room for
// them, nothing keeps what it returns.
func (e *endpoint) callsAt(b *bucketSums, site *breakdown.Frame) *callSums {
	if b.called != nil && b.site == *site {
		return b.called
	}
	if b.calls == nil {
		b.calls = map[breakdown.Frame]*callSums{}
	}
	s := b.calls[*site]
	if s == nil {
		s = &callSums{}
		if !e.spend(sumSize) {
			return s
		}
		b.calls[*site] = s
	}
	b.site, b.called = *site, s
	return s
}

// addShadows adds, to each bucket on the path, the time in which calls of other buckets
// ran beside it on other goroutines. If the bucket were free, the request would wait
// for them instead.
func (e *endpoint) addShadows(r *breakdown.Request) {
	for i := range r.Path {
		s := &r.Path[i]
		at := s.Start
		if at < r.Condensed {
			continue // the order is lost, so nothing is known to run beside it
		}
		for j := range r.Calls {
			c := &r.Calls[j]
			if c.Start >= s.End {
				break
			}
			if c.Bucket == s.Bucket || c.Goroutine == s.Goroutine || c.End <= at {
				continue
			}
			from, to := max(c.Start, at), min(c.End, s.End)
			e.buckets[s.Bucket].shadowed += to - from
			at = to
		}
	}
}

func (e *endpoint) sample(c *breakdown.Cause) {
	if c.State == "running" {
		e.running++
		if c.Rule != "" && c.Of.External() {
			e.libraries[libraryKey{c.Of, c.System}]++
		}
	}
	leaf := c.Stack[0]
	s := e.samples[leaf.Function]
	if s == nil {
		s = &cpuSum{frame: breakdown.Frame{Function: leaf.Function, File: leaf.File}}
		if e.spend(sumSize) {
			e.samples[leaf.Function] = s
		}
	}
	s.n++
}
