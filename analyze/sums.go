package analyze

import (
	"timesink/analyze/breakdown"
	"timesink/analyze/infer"
	"timesink/analyze/rules"
)

// An account is what all sums share: how much memory they may still use, what they keep
// of each request, and which capture the requests come from.
type account struct {
	room    int64 // bytes
	cut     bool  // memory ran out, and some sums were merged
	capture int   // the index of the window being read, that of its capture if each has one

	instance int // the index of the capture being read

	keepSeries bool // the requests in time order
	keepDetail bool // what reports draw
	keepParts  bool // what each capture contributes
	captures   []contribution

	// origins are when the first complete request of each capture began, and windows when
	// their windows began, in ns on their clocks.
	origins, windows []int64
	parts            []tailTime // of the request being added, reused

	// elsewhere takes the time of causes for which there was no room.
	elsewhere *breakdown.Cause

	rowWaits []*rowWaits // by capture
	asks     []*asks     // by capture
	deeds    []deed      // room for those of a request
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

// origin returns when the first complete request of the capture being read began, which
// is start if that is the first.
func (a *account) origin(start int64) int64 {
	for len(a.origins) <= a.capture {
		a.origins = append(a.origins, start)
	}
	return a.origins[a.capture]
}

// began returns how long after the start of a capture's window its origin is.
func (a *account) began(capture int) int64 {
	if capture >= len(a.windows) || capture >= len(a.origins) {
		return 0
	}
	return max(a.origins[capture]-a.windows[capture], 0)
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
	// in is set for the complete requests that only a CPU sample or a probe names, or, if
	// passing is set, a stack at which something else stopped them.
	in      cellKey
	passing bool
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
	exposed        []exposure                  // by capture
	running        int64                       // samples that hit a running goroutine
	libraries      map[libraryKey]int64        // those of them in calls to a system
	computes       map[cpuKey]*int64           // samples that hit a computing request, by place
	computing      int64                       // all of them
	late           [breakdown.NumBuckets]int64 // ns
	seq            int64                       // of the request being added
	routes         map[string]int64            // probes that showed each
	probes         []probePair
	holds          holdSums
	rowLocks       []*rowLocked
	// sampled counts the requests by the cells of their keys. It is set when all
	// requests have been added.
	sampled map[cellKey]int64
	// inferred counts the complete requests assigned to the endpoint by inference.
	inferred    int64
	dealt       bool                      // the requests are assigned to another endpoint by inference
	into        *endpoint                 // that these sums were merged into, nil if there is none
	figures     *infer.Figure             // nil if nothing is inferred
	tails       *tails                    // nil if there is none
	tailless    bool                      // there was no room for tails
	firsts      []firsts                  // by capture
	series      map[int]*breakdown.Series // by capture
	edges       edgeSums                  // with series
	detail      *detail                   // nil unless asked for
	contributed map[int]*part             // by capture; nil unless asked for
	partless    bool                      // there was no room for some of them
	patterns
	standing
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
	// What every request needs comes first: it fits few cache lines.
	total                int64
	hist                 breakdown.Histogram
	recent               [3]causeSum // the last causes and their sums: often the next is one of them
	phases               [breakdown.NumPhases]int64
	causes               map[*breakdown.Cause]*spell
	incomplete           int64
	incompletePhases     *[breakdown.NumPhases]int64 // nil for none
	calls                map[breakdown.Frame]*callSums
	queued, shadowed     int64
	callCount, dialCount int64
	callTimes, dialTimes moments
	systems              map[string]bool
	system               string // the last one
	holders              map[holderKey]*int64
	recentHolders        *[4]holderSum               // as recent, nil without holders
	cut                  map[*breakdown.Cause]*spell // of incomplete requests
}

// A causeSum is a cause and where its time is summed.
type causeSum struct {
	cause *breakdown.Cause
	sum   *spell
}

// A spell is how long requests are in a cause, in ns, and how often.
type spell struct{ ns, n int64 }

type callSums struct {
	n, time, union int64
	asked          askedSums
	// For the request being added, seq, the union of its calls reaches until.
	seq, until int64
}

// A holderSum is a holder and where its time is summed.
type holderSum struct {
	key holderKey
	sum *int64
}

type holderKey struct {
	release, through, at *breakdown.Cause
	doing                breakdown.Bucket
	batch                bool
}

func newEndpoint(a *account, key endpointKey, nth int) *endpoint {
	e := &endpoint{account: a, key: key, nth: nth, samples: map[string]*cpuSum{}, libraries: map[libraryKey]int64{}, computes: map[cpuKey]*int64{}, routes: map[string]int64{}, series: map[int]*breakdown.Series{}}
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
	spent := e.addPath(r)
	e.count(r, &spent)
	for b, late := range r.Late {
		if late != 0 {
			e.late[b] += late
		}
	}
	if spent[breakdown.DB] > 0 {
		e.addHolds(r)
	}
	e.addCalls(r)
	e.addPatterns(r)
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
	e.addCutToFirsts(r)
	for i := range r.Path {
		s := &r.Path[i]
		b := &e.buckets[s.Bucket]
		b.incomplete += s.End - s.Start
		if b.incompletePhases == nil {
			b.incompletePhases = &[breakdown.NumPhases]int64{}
		}
		b.incompletePhases[s.Phase] += s.End - s.Start
		e.cutSpell(b, s.Cause).add(s.End - s.Start)
		if s.Bucket == breakdown.DB && rules.OneWriter(s.Cause.System) {
			e.rowWaitsOf().wait(e.account, s)
		}
	}
	e.addStanding(r)
}

// incompletePhase returns the time of incomplete requests in a phase.
func (b *bucketSums) incompletePhase(p int) int64 {
	if b.incompletePhases == nil {
		return 0
	}
	return b.incompletePhases[p]
}

// cutSpell returns the sum for a cause of incomplete requests in a bucket.
func (e *endpoint) cutSpell(b *bucketSums, cause *breakdown.Cause) *spell {
	if b.cut == nil {
		b.cut = map[*breakdown.Cause]*spell{}
	}
	sum := b.cut[cause]
	if sum == nil && !e.spend(sumSize) {
		cause = e.elsewhere
		sum = b.cut[cause]
	}
	if sum == nil {
		sum = &spell{}
		b.cut[cause] = sum
	}
	return sum
}

// count adds a request's wall time and its time in each bucket.
func (e *endpoint) count(r *breakdown.Request, spent *[breakdown.NumBuckets]int64) {
	e.requests++
	e.wallTotal += r.Wall()
	e.record(&e.wall, r.Wall())
	for b, t := range spent {
		if t > 0 {
			e.buckets[b].total += t
			e.record(&e.buckets[b].hist, t)
		}
	}
	e.addToTails(r, spent)
	e.addToFirsts(r, spent)
	if e.keepSeries {
		e.addToSeries(r, spent)
		e.edges.add(r.Wall(), spent)
	}
	if e.keepParts {
		e.addToPart(r, spent)
	}
	if e.detail != nil {
		e.addDetail(r, spent)
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

// addPath adds a request's path and returns its time in each bucket.
func (e *endpoint) addPath(r *breakdown.Request) (spent [breakdown.NumBuckets]int64) {
	path, first := r.Path, 0 // the calls before it have ended
	for i := range path {
		s := &path[i]
		length := s.End - s.Start
		spent[s.Bucket] += length
		b := &e.buckets[s.Bucket]
		b.phases[s.Phase] += length
		e.spellOf(b, s).add(length)
		if length >= longWait {
			e.addEnded(s)
		}
		if s.Bucket.External() {
			for first < len(r.Calls) && r.Calls[first].End <= s.Start {
				first++
			}
			e.addAsk(s, callOf(r.Calls[first:], s))
		}
		for i := range s.Behind {
			h := &s.Behind[i]
			if sum := e.holderTime(b, holderKey{h.Release, h.Through, h.Doing, h.Bucket, h.Batch}); sum != nil {
				*sum += h.Time
			}
			if h.Bucket != s.Bucket {
				e.buckets[h.Bucket].queued += h.Time
			}
		}
	}
	return spent
}

// holderTime returns the sum for a holder that requests wait for in a bucket, nil if there
// is no room for it.
func (e *endpoint) holderTime(b *bucketSums, key holderKey) *int64 {
	if b.recentHolders == nil {
		b.recentHolders, b.holders = new([4]holderSum), map[holderKey]*int64{}
	}
	for i := range b.recentHolders {
		if r := &b.recentHolders[i]; r.key == key && r.sum != nil {
			return r.sum
		}
	}
	sum := b.holders[key]
	if sum == nil {
		if !e.spend(sumSize) {
			return nil
		}
		sum = new(int64)
		b.holders[key] = sum
	}
	copy(b.recentHolders[1:], b.recentHolders[:])
	b.recentHolders[0] = holderSum{key, sum}
	return sum
}

// spellOf returns the sum for a segment's cause in its bucket.
func (e *endpoint) spellOf(b *bucketSums, s *breakdown.Segment) *spell {
	cause := s.Cause
	for i := range b.recent {
		if r := &b.recent[i]; r.cause == cause && r.sum != nil {
			return r.sum
		}
	}
	if s.Bucket.External() && cause.System != "" {
		b.addSystem(cause.System)
	}
	if s.Bucket == breakdown.Sleep && cause.Timer != "" {
		b.addSystem(cause.Timer)
	}
	if s.Bucket == breakdown.Scheduler && rules.Yields(cause.Stack) {
		e.yields = true
	}
	if b.causes == nil {
		b.causes = map[*breakdown.Cause]*spell{}
	}
	sum := b.causes[cause]
	if sum == nil && !e.spend(sumSize) {
		cause = e.elsewhere
		sum = b.causes[cause]
	}
	if sum == nil {
		sum = &spell{}
		b.causes[cause] = sum
	}
	copy(b.recent[1:], b.recent[:])
	b.recent[0] = causeSum{cause, sum}
	return sum
}

func (s *spell) add(ns int64) {
	s.ns += ns
	s.n++
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
	for i := range r.Calls {
		c := &r.Calls[i]
		b := &e.buckets[c.Bucket]
		s, way := e.sumsOf(c)
		if way != nil {
			way.add(r, c, e.seq)
		}
		if s.seq != e.seq {
			s.seq, s.until = e.seq, r.Start
		}
		s.n++
		s.time += c.Time()
		s.union += max(0, c.End-max(c.Start, s.until)-c.Between)
		s.until = max(s.until, c.End)
		b.callCount++
		b.callTimes.add(c.Start)
		if c.Dialed {
			b.dialCount++
			b.dialTimes.add(c.Start)
		}
		s.asked.add(c)
		if c.System != "" {
			b.addSystem(c.System)
		}
		hidden = hidden || c.OnPath < c.End-c.Start
	}
	if hidden {
		e.addShadows(r)
	}
}

// addShadows adds, to each bucket on the path, the time in which calls of other buckets
// ran beside it on other goroutines. If the bucket were free, the request would wait
// for them instead. A call of the request's own goroutine runs beside nothing: while the
// path is elsewhere, the call waits for what is done there, as a copy for its rows.
func (e *endpoint) addShadows(r *breakdown.Request) {
	path, calls := r.Path, r.Calls // without those that have ended
	for i := range path {
		s := &path[i]
		at := s.Start
		if at < r.Condensed {
			continue // the order is lost, so nothing is known to run beside it
		}
		for len(calls) > 0 && calls[0].End <= at {
			calls = calls[1:]
		}
		for j := range calls {
			c := &calls[j]
			if c.Start >= s.End {
				break
			}
			if c.Bucket == s.Bucket || c.Goroutine == s.Goroutine || c.Goroutine == r.Goroutine || c.End <= at {
				continue
			}
			from, to := max(c.Start, at), min(c.End, s.End)
			e.buckets[s.Bucket].shadowed += to - from
			at = to
		}
	}
}

func (e *endpoint) sample(c *breakdown.Cause) {
	e.computed(c)
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
