package analyze

import (
	"cmp"
	"compress/gzip"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/google/pprof/profile"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
)

// topSites is how many call sites a bucket lists by name; the rest is other.
const topSites = 12

// A fold gathers requests by endpoint. All it holds are sums and histograms, so
// that it does not grow with the number of requests and folds of several
// captures merge by being one.
type fold struct {
	byKey        map[endpointKey]*endpoint
	sealed       []*endpoint // that no further requests are added to
	made         int         // endpoints
	routing      *routing
	waits        map[*breakdown.Frame]*waitSite
	waitsAt      map[breakdown.Frame]*waitSite
	passages     breakdown.Passages // nil as long as requests come
	requests     int64
	samplePeriod int64 // ns of CPU time a sample stands for
	rootSums     map[string]*breakdown.Root
	room         int64 // bytes that what is kept may still take
	cut          bool  // there was none left, and something was not kept apart
	series       bool  // keep the requests in the order of time
	detail       bool  // keep what a report draws
	capture      int   // the number of the capture being read
	// elsewhere gathers the time whose cause could not be kept apart.
	elsewhere *breakdown.Cause
}

// What is kept of each, in bytes, with the slack of maps. A histogram tells its
// own size.
const (
	endpointSize = 6000
	sumSize      = 400
)

// others is the endpoint of the requests to endpoints that could not be kept
// apart.
const others = "(other endpoints)"

// spend takes room for something more to keep, if there is any left.
func (f *fold) spend(bytes int64) bool {
	if f.room < bytes {
		f.cut = true
		return false
	}
	f.room -= bytes
	return true
}

// An endpointKey tells endpoints apart. As long as requests come, name is what the
// dispatch called, and group tells where that passed them on.
type endpointKey struct {
	name, kind, route string
	group             *group
}

// An endpoint is the sums of one endpoint's requests.
type endpoint struct {
	fold           *fold
	key            endpointKey
	nth            int // of all that were made
	called         map[*callee]*int64
	waited         map[*waitSite]*int64 // ns
	requests       int64
	incomplete     int64
	incompleteTime int64
	wall           breakdown.Histogram
	wallTotal      int64
	buckets        [breakdown.NumBuckets]bucketSums
	samples        map[string]*cpuSum
	running        int64                // samples that hit a running goroutine
	libraries      map[libraryKey]int64 // those of them in calls to a system
	seq            int64                // of the request being added
	routes         map[string]bool
	probes         []probePair
	// serial is, for the requests that called one site several times one after
	// another, what they would save were those calls made at once.
	serial int64
	// onlySampled counts the requests that only a CPU sample named.
	onlySampled int64
	series      map[int]*breakdown.Series // by capture
	detail      *detail                   // nil where it is not asked for
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
	causes               map[*breakdown.Cause]*int64
	cause                *breakdown.Cause // the last one, and its time: the next is often the same
	caused               *int64
	calls                map[breakdown.Frame]*callSums
	queued, shadowed     int64
	callCount, dialCount int64
	systems              map[string]bool
	holders              map[holderKey]int64
}

type callSums struct {
	n, time, union int64
	// Of the request being added: where the union of its calls has come to.
	seq, until int64
}

type holderKey struct {
	release *breakdown.Cause
	doing   breakdown.Bucket
}

// newFold makes one that may take a sixteenth of memory.
func newFold(memory int64) *fold {
	if memory <= 0 {
		memory = timeline.DefaultMemory
	}
	return &fold{byKey: map[endpointKey]*endpoint{}, rootSums: map[string]*breakdown.Root{}, room: memory / 16, routing: newRouting(), waits: map[*breakdown.Frame]*waitSite{}, waitsAt: map[breakdown.Frame]*waitSite{}, elsewhere: &breakdown.Cause{}}
}

func (f *fold) endpoint(key endpointKey) *endpoint {
	e := f.byKey[key]
	if e == nil && !f.spend(endpointSize) {
		key = endpointKey{name: others}
		e = f.byKey[key]
	}
	if e == nil {
		f.made++
		e = &endpoint{fold: f, key: key, nth: f.made, samples: map[string]*cpuSum{}, libraries: map[libraryKey]int64{}, routes: map[string]bool{}, series: map[int]*breakdown.Series{}}
		if f.detail {
			e.detail = newDetail()
		}
		f.byKey[key] = e
	}
	return e
}

// add takes one request and returns the endpoint that it went to.
func (f *fold) add(r *breakdown.Request) *endpoint {
	name := r.Endpoint
	if name == "" {
		name = breakdown.Unnamed
	}
	key := endpointKey{name: name, kind: r.Kind}
	if len(r.Chains) == 0 {
		return f.addTo(f.endpoint(key), r)
	}
	seen := f.see(r)
	key.group = f.routing.groupOf(seen)
	e := f.endpoint(key)
	e.passedTo(seen)
	return f.addTo(e, r)
}

func (f *fold) addTo(e *endpoint, r *breakdown.Request) *endpoint {
	e.seq++
	e.addWaits(r)
	if r.Incomplete {
		e.incomplete++
		e.incompleteTime += r.Wall()
		for i := range r.Path {
			s := &r.Path[i]
			e.buckets[s.Bucket].incomplete += s.End - s.Start
		}
		return e
	}
	f.requests++
	e.count(r)
	e.addPath(r)
	e.addCalls(r)
	for _, c := range r.Samples {
		if len(c.Stack) > 0 {
			e.sample(c)
		}
	}
	return e
}

// addRouted takes a request that no stack named but a probe did.
func (f *fold) addRouted(r *breakdown.Request, route string) *endpoint {
	return f.addTo(f.endpoint(endpointKey{name: breakdown.Unnamed, kind: r.Kind, route: route}), r)
}

// count adds a request's wall time and its buckets'.
func (e *endpoint) count(r *breakdown.Request) {
	e.requests++
	e.wallTotal += r.Wall()
	e.record(&e.wall, r.Wall())
	if r.NamedBySample {
		e.onlySampled++
	}
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
	if e.fold.series {
		e.addToSeries(r, &spent)
	}
	if e.detail != nil {
		e.addDetail(r, &spent)
	}
}

func (e *endpoint) addToSeries(r *breakdown.Request, spent *[breakdown.NumBuckets]int64) {
	s := e.series[e.fold.capture]
	if s == nil {
		s = &breakdown.Series{}
		e.series[e.fold.capture] = s
	}
	before := s.Size()
	s.Add(r.End, r.Wall(), spent)
	e.fold.room -= s.Size() - before
}

func (e *endpoint) record(h *breakdown.Histogram, ns int64) {
	before := h.Size()
	h.Record(ns)
	e.fold.room -= h.Size() - before
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
			holder := holderKey{h.Release, h.Bucket}
			if _, ok := b.holders[holder]; ok || e.fold.spend(sumSize) {
				b.holders[holder] += h.Time
			}
			if h.Bucket != s.Bucket {
				e.buckets[h.Bucket].queued += h.Time
			}
		}
	}
}

// causeTime is the sum of the time of a segment's cause in its bucket.
func (e *endpoint) causeTime(b *bucketSums, s *breakdown.Segment) *int64 {
	cause := s.Cause
	if b.cause == cause && b.caused != nil {
		return b.caused
	}
	if s.Bucket <= breakdown.Upstream && cause.System != "" {
		b.addSystem(cause.System)
	}
	if b.causes == nil {
		b.causes = map[*breakdown.Cause]*int64{}
	}
	sum := b.causes[cause]
	if sum == nil && !e.fold.spend(sumSize) {
		cause = e.fold.elsewhere
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
	if b.systems == nil {
		b.systems = map[string]bool{}
	}
	b.systems[name] = true
}

// addCalls counts a request's calls, which are in the order of their start.
func (e *endpoint) addCalls(r *breakdown.Request) {
	hidden := false
	var longest, sum [breakdown.Upstream + 1]int64
	for i := range r.Calls {
		c := &r.Calls[i]
		b := &e.buckets[c.Bucket]
		if b.calls == nil {
			b.calls = map[breakdown.Frame]*callSums{}
		}
		s := b.calls[c.Site]
		if s == nil {
			s = &callSums{}
			if e.fold.spend(sumSize) {
				b.calls[c.Site] = s
			}
		}
		if s.seq != e.seq {
			s.seq, s.until = e.seq, r.Start
		}
		s.n++
		s.time += c.End - c.Start
		s.union += max(0, c.End-max(c.Start, s.until))
		s.until = max(s.until, c.End)
		b.callCount++
		if c.Dialed {
			b.dialCount++
		}
		if c.System != "" {
			b.addSystem(c.System)
		}
		hidden = hidden || c.OnPath < c.End-c.Start
		longest[c.Bucket] = max(longest[c.Bucket], c.OnPath)
		sum[c.Bucket] += c.OnPath
	}
	e.serial += sum[breakdown.Upstream] - longest[breakdown.Upstream]
	if hidden {
		e.addShadows(r)
	}
}

// addShadows adds, to each bucket on the path, the time in which calls of other
// buckets ran beside it on other goroutines: were the bucket free, they would be
// waited for instead.
func (e *endpoint) addShadows(r *breakdown.Request) {
	for i := range r.Path {
		s := &r.Path[i]
		at := s.Start
		if at < r.Condensed {
			continue // what ran beside it is not known
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
		if c.Rule != "" && c.Of <= breakdown.Upstream {
			e.libraries[libraryKey{c.Of, c.System}]++
		}
	}
	leaf := c.Stack[0]
	s := e.samples[leaf.Function]
	if s == nil {
		s = &cpuSum{frame: breakdown.Frame{Function: leaf.Function, File: leaf.File}}
		if e.fold.spend(sumSize) {
			e.samples[leaf.Function] = s
		}
	}
	s.n++
}

// endpoints renders the sums, the endpoint with the most request time first, and
// those that last by their nature behind the others.
func (f *fold) endpoints() []breakdown.Endpoint {
	f.settle()
	out := []breakdown.Endpoint{}
	for _, e := range f.byKey {
		if e.requests == 0 && e.incomplete == 0 {
			continue
		}
		out = append(out, e.render(f.samplePeriod))
	}
	last := func(e breakdown.Endpoint) int {
		if e.Lasts() {
			return 1
		}
		return 0
	}
	slices.SortFunc(out, func(a, b breakdown.Endpoint) int {
		return cmp.Or(last(a)-last(b), cmp.Compare(b.Wall.Total+b.IncompleteTime, a.Wall.Total+a.IncompleteTime),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

func (e *endpoint) render(samplePeriod int64) breakdown.Endpoint {
	out := breakdown.Endpoint{
		Name: e.key.name, Kind: e.key.kind, Route: e.route(), Requests: e.requests,
		Incomplete: e.incomplete, IncompleteTime: e.incompleteTime,
		Wall: breakdown.Stats{Total: e.wallTotal, Mean: mean(e.wallTotal, e.requests), P50: e.wall.Quantile(0.5),
			P95: e.wall.Quantile(0.95), P99: e.wall.Quantile(0.99), Max: e.wall.Max(), Hist: &e.wall},
		Client: e.client(), Series: e.series,
	}
	for b := breakdown.Bucket(0); b < breakdown.NumBuckets; b++ {
		out.Buckets = append(out.Buckets, e.renderBucket(b))
	}
	out.CPU = []breakdown.CPUFunction{}
	for _, s := range e.samples {
		out.CPU = append(out.CPU, breakdown.CPUFunction{Frame: s.frame, Samples: s.n, Self: s.n * samplePeriod})
	}
	slices.SortFunc(out.CPU, func(a, b breakdown.CPUFunction) int {
		return cmp.Or(cmp.Compare(b.Samples, a.Samples), cmp.Compare(a.Function, b.Function))
	})
	out.CPU = out.CPU[:min(len(out.CPU), 20)]
	out.CPULibraries = e.cpuLibraries()
	if e.detail != nil {
		out.Detail = e.detail.render()
	}
	return out
}

// cpuLibraries estimates the running time in calls to other systems by their
// share of the samples.
func (e *endpoint) cpuLibraries() []breakdown.CPULibrary {
	out := []breakdown.CPULibrary{}
	ran := mean(e.buckets[breakdown.CPU].total, e.requests)
	for k, n := range e.libraries {
		out = append(out, breakdown.CPULibrary{Bucket: k.bucket, System: k.system, Samples: n, OfSamples: e.running,
			Estimate: int64(math.Round(float64(ran) * float64(n) / float64(e.running)))})
	}
	slices.SortFunc(out, func(a, b breakdown.CPULibrary) int {
		return cmp.Or(cmp.Compare(b.Samples, a.Samples), cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.System, b.System))
	})
	return out
}

// route is the endpoint's, where all its probes had one.
func (e *endpoint) route() string {
	if e.key.route != "" {
		return e.key.route
	}
	if len(e.routes) == 1 {
		for r := range e.routes {
			return r
		}
	}
	return ""
}

func (e *endpoint) renderBucket(which breakdown.Bucket) breakdown.BucketTime {
	b := &e.buckets[which]
	b.hist.RecordN(0, e.requests-b.hist.N()) // those that spent no time here
	out := breakdown.BucketTime{
		Bucket: which, Total: b.total, Mean: mean(b.total, e.requests),
		Share: share(b.total, e.wallTotal), TimeShare: share(b.total+b.incomplete, e.wallTotal+e.incompleteTime),
		P50: b.hist.Quantile(0.5), P95: b.hist.Quantile(0.95), P99: b.hist.Quantile(0.99), Hist: &b.hist,
		Ceiling:      mean(e.wallTotal-b.total, e.requests),
		QueuedBehind: mean(b.queued, e.requests), Shadowed: mean(b.shadowed, e.requests),
		Systems: systems(b.systems), Phases: []breakdown.PhaseTime{}, IncompleteTotal: b.incomplete,
	}
	if e.requests > 0 {
		out.CallsPerRequest = round(float64(b.callCount)/float64(e.requests), 1000)
	}
	for p, t := range b.phases {
		if t > 0 && p != int(breakdown.NoPhase) {
			out.Phases = append(out.Phases, breakdown.PhaseTime{Phase: breakdown.Phase(p), Total: t, Mean: mean(t, e.requests)})
		}
	}
	out.Dials = b.dialCount
	for _, c := range b.calls {
		out.CallTime += c.time
	}
	out.Sites = e.sites(b)
	out.Holders = e.holders(b)
	return out
}

// systems lists the names; the interface that a driver was called through goes
// where the driver itself is known.
func systems(set map[string]bool) []string {
	out := []string{}
	for name := range set {
		if name != rules.GenericSQL || len(set) == 1 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// sites gathers the causes of a bucket by call site.
func (e *endpoint) sites(b *bucketSums) []breakdown.SiteTime {
	type siteSum struct {
		total, top int64
		why        string
	}
	sums := map[breakdown.Frame]*siteSum{}
	for c, t := range b.causes {
		s := sums[c.Site]
		if s == nil {
			s = &siteSum{}
			sums[c.Site] = s
		}
		s.total += *t
		if why := evidence(c); *t > s.top || *t == s.top && why < s.why {
			s.top, s.why = *t, why
		}
	}
	for frame := range b.calls {
		if sums[frame] == nil {
			sums[frame] = &siteSum{}
		}
	}
	out := []breakdown.SiteTime{}
	rest := int64(0)
	for frame, s := range sums {
		if frame == (breakdown.Frame{}) {
			rest += s.total
			continue
		}
		site := breakdown.SiteTime{Frame: frame, Total: s.total, Mean: mean(s.total, e.requests), Why: s.why}
		if c := b.calls[frame]; c != nil && e.requests > 0 {
			site.CallsPerRequest = round(float64(c.n)/float64(e.requests), 1000)
			if c.union > 0 {
				site.Concurrency = round(float64(c.time)/float64(c.union), 1000)
			}
		}
		out = append(out, site)
	}
	slices.SortFunc(out, func(x, y breakdown.SiteTime) int {
		return cmp.Or(cmp.Compare(y.Total, x.Total), compareFrames(x.Frame, y.Frame))
	})
	for len(out) > topSites {
		rest += out[len(out)-1].Total
		out = out[:len(out)-1]
	}
	if rest > 0 {
		out = append(out, breakdown.SiteTime{Frame: breakdown.Frame{Function: breakdown.Other}, Total: rest, Mean: mean(rest, e.requests)})
	}
	return out
}

// evidence puts a cause into words: the state, the runtime's reason, and the
// frame that the attribution rests on.
func evidence(c *breakdown.Cause) string {
	parts := []string{c.State}
	if c.Reason != "" {
		parts = append(parts, "("+c.Reason+")")
	}
	if c.Rule != "" {
		parts = append(parts, "in", strings.TrimSuffix(c.Rule, "."))
	} else if len(c.Stack) > 0 {
		parts = append(parts, "in", c.Stack[0].Function)
	}
	return strings.Join(parts, " ")
}

// holders lists who kept the bucket's requests waiting.
func (e *endpoint) holders(b *bucketSums) []breakdown.Holder {
	sums := map[breakdown.Holder]int64{}
	for k, t := range b.holders {
		sums[breakdown.Holder{Frame: k.release.Site, Doing: k.doing}] += t
	}
	var out []breakdown.Holder
	for h, t := range sums {
		h.Total = t
		out = append(out, h)
	}
	slices.SortFunc(out, func(x, y breakdown.Holder) int {
		return cmp.Or(cmp.Compare(y.Total, x.Total), compareFrames(x.Frame, y.Frame), cmp.Compare(x.Doing, y.Doing))
	})
	return out[:min(len(out), topSites)]
}

func compareFrames(a, b breakdown.Frame) int {
	return cmp.Or(cmp.Compare(a.Function, b.Function), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
}

// roots adds the goroutines' time by root, for a trace without requests.
func (f *fold) roots(roots []timeline.Root) {
	for _, r := range roots {
		name := r.Function
		if name == "" {
			name = "(not seen)"
		}
		sum := f.rootSums[name]
		if sum == nil {
			sum = &breakdown.Root{Function: name}
			for b := breakdown.Bucket(0); b < breakdown.NumBuckets; b++ {
				sum.Buckets = append(sum.Buckets, breakdown.BucketTime{Bucket: b, Systems: []string{}, Phases: []breakdown.PhaseTime{}, Sites: []breakdown.SiteTime{}})
			}
			f.rootSums[name] = sum
		}
		sum.Goroutines += r.Goroutines
		sum.Wall += r.Wall()
		for b, t := range r.Spent {
			sum.Buckets[b].Total += t
		}
	}
}

func (f *fold) rootTimes() []breakdown.Root {
	var out []breakdown.Root
	for _, r := range f.rootSums {
		if r.Wall == 0 {
			continue
		}
		for i := range r.Buckets {
			b := &r.Buckets[i]
			b.Mean, b.Share = mean(b.Total, r.Goroutines), share(b.Total, r.Wall)
			b.TimeShare = b.Share
		}
		out = append(out, *r)
	}
	busy := func(r breakdown.Root) int64 {
		return r.Wall - r.Buckets[breakdown.Wait].Total - r.Buckets[breakdown.Sleep].Total
	}
	slices.SortFunc(out, func(a, b breakdown.Root) int {
		return cmp.Or(cmp.Compare(busy(b), busy(a)), cmp.Compare(b.Wall, a.Wall), cmp.Compare(a.Function, b.Function))
	})
	return out
}

// maxProfile bounds the CPU profile that is read for its period, in bytes. Of a
// larger one the usual period is assumed.
const maxProfile = 4 << 20

// profilePeriod is the CPU time between two samples of a gzipped CPU profile, 0
// where it cannot be read.
func profilePeriod(r io.Reader) int64 {
	z, err := gzip.NewReader(r)
	if err != nil {
		return 0
	}
	data, err := io.ReadAll(io.LimitReader(z, maxProfile))
	if err != nil {
		return 0
	}
	p, err := profile.ParseUncompressed(data)
	if err != nil || p.PeriodType == nil || p.PeriodType.Unit != "nanoseconds" {
		return 0
	}
	return p.Period
}

// mean is the rounded mean of a total, 0 over nothing.
func mean(total, n int64) int64 {
	if n == 0 {
		return 0
	}
	return (total + n/2) / n
}

// share is a part's share of the whole, to six digits.
func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return round(float64(part)/float64(whole), 1e6)
}

func round(x, steps float64) float64 {
	return float64(int64(x*steps+0.5)) / steps
}
