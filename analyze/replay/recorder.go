package replay

import (
	"cmp"
	"math"
	"slices"

	"timesink/analyze/breakdown"
)

// A Recorder keeps the requests of one capture for the replay.
type Recorder struct {
	most, size int64 // bytes
	// until is the moment, on the trace's clock, from which requests are not kept because
	// there are too many of them.
	until    int64
	requests []request
	dropped  int64
	whats    []what
	whatOf   map[what]int32
	sites    []site
	siteOf   map[siteKey]int32
	names    []breakdown.Request // with what decides on the endpoint
	nameOf   map[nameKey]int32
	ran      breakdown.Load // of the requests' paths
	// goroutines are the ids of those that did steps, the first of nobody.
	goroutines  []int64
	goroutineOf map[int64]int32
	// unlocked is the function that released a lock, by what was waited with.
	unlocked map[int32]string
}

type siteKey struct {
	bucket breakdown.Bucket
	system string
	frame  breakdown.Frame
	way    uint64
}

type nameKey struct {
	endpoint, kind string
	chains         [4]*breakdown.Chain // of up to as many, which decide nearly always
}

// NewRecorder returns a recorder that uses about that many bytes at most.
func NewRecorder(memory int64) *Recorder {
	return &Recorder{most: memory, until: math.MaxInt64, whatOf: map[what]int32{}, siteOf: map[siteKey]int32{}, nameOf: map[nameKey]int32{},
		goroutines: []int64{0}, goroutineOf: map[int64]int32{0: 0}, unlocked: map[int32]string{}}
}

// Add keeps a request, which the recorder does not modify or refer to afterwards.
func (c *Recorder) Add(r *breakdown.Request) {
	if r.Wall() <= 0 {
		return
	}
	if r.Start >= c.until {
		c.dropped++
		return
	}
	c.requests = append(c.requests, c.build(r))
	if c.size += c.requests[len(c.requests)-1].size(); c.size > c.most {
		c.shorten()
	}
}

// shorten drops the requests of the later part of the window: what comes out of queues
// would be wrong if some of those at the same time were missing.
func (c *Recorder) shorten() {
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range c.requests {
		first, last = min(first, c.requests[i].start), max(last, c.requests[i].start)
	}
	for c.size > c.most/4*3 && last > first {
		last = first + (last-first)/8*7
		c.requests = slices.DeleteFunc(c.requests, func(r request) bool {
			if r.start < last {
				return false
			}
			c.size -= r.size()
			c.dropped++
			return true
		})
	}
	c.until = last
}

// whatIs returns the index of what a segment's time is spent on.
func (c *Recorder) whatIs(w what) int32 {
	i, ok := c.whatOf[w]
	if !ok {
		i = int32(len(c.whats))
		c.whats, c.whatOf[w] = append(c.whats, w), i
	}
	return i
}

// goroutineIs returns the index of a goroutine.
func (c *Recorder) goroutineIs(id int64) int32 {
	i, ok := c.goroutineOf[id]
	if !ok {
		i = int32(len(c.goroutines))
		c.goroutines, c.goroutineOf[id] = append(c.goroutines, id), i
	}
	return i
}

// siteIs returns the index of the site of a call.
func (c *Recorder) siteIs(call *breakdown.Call) int32 {
	key := siteKey{call.Bucket, call.System, call.Site, call.Way.ID()}
	i, ok := c.siteOf[key]
	if !ok {
		i = int32(len(c.sites))
		c.sites, c.siteOf[key] = append(c.sites, site{bucket: call.Bucket, system: call.System, frame: call.Site, way: call.Way}), i
	}
	return i
}

// nameIs returns the index of what decides on a request's endpoint.
func (c *Recorder) nameIs(r *breakdown.Request) int32 {
	key := nameKey{endpoint: r.Endpoint, kind: r.Kind}
	copy(key.chains[:], r.Chains)
	i, ok := c.nameOf[key]
	if !ok {
		i = int32(len(c.names))
		c.names = append(c.names, breakdown.Request{Endpoint: r.Endpoint, Kind: r.Kind, Chains: slices.Clone(r.Chains)})
		c.nameOf[key] = i
	}
	return i
}

// A Window is what the replay knows of a capture beside its requests.
type Window struct {
	Start, End int64 // ns on the trace's clock
	Processors int   // GOMAXPROCS
	Load       *breakdown.Load
}

// processors returns how many there are. Old traces do not say: at least as many as ran at
// once in any slice.
func (w *Window) processors() int {
	n := max(1, w.Processors)
	if w.Processors == 0 && w.Load != nil && w.Load.Width > 0 {
		for _, t := range w.Load.Ran {
			n = max(n, int((t+w.Load.Width-1)/w.Load.Width))
		}
	}
	return n
}

// A Recording is the requests of a window, ready to be replayed.
type Recording struct {
	length     int64 // of the window, or of the part that was kept; ns
	window     int64
	processors int
	requests   []request // by start
	dropped    int64
	whats      []what
	sites      []site
	endpoints  []Endpoint
	endpointOf []int32 // by name
	goroutines []int64
	unlocked   map[int32]string
	others     *breakdown.Load // what ran beside the requests' paths; from the window's start on
	offset     int64           // of the first slice of others from the window's start, ns
	fits       []*fit          // made so far
}

// An Endpoint identifies the requests of one handler.
type Endpoint struct {
	Name, Route, Kind string
}

// Recording returns what was recorded. endpoint returns the endpoint that a request
// belongs to, given its Endpoint, Kind and Chains. The recorder must not be used afterwards.
func (c *Recorder) Recording(w Window, endpoint func(*breakdown.Request) Endpoint) *Recording {
	rec := &Recording{length: w.End - w.Start, window: w.End - w.Start, processors: w.processors(), requests: c.requests, dropped: c.dropped, whats: c.whats, sites: c.sites, goroutines: c.goroutines, unlocked: c.unlocked}
	if c.dropped > 0 {
		rec.length = c.until - w.Start
	}
	index := map[Endpoint]int32{}
	for i := range c.names {
		e := endpoint(&c.names[i])
		k, ok := index[e]
		if !ok {
			k = int32(len(rec.endpoints))
			rec.endpoints, index[e] = append(rec.endpoints, e), k
		}
		rec.endpointOf = append(rec.endpointOf, k)
	}
	for i := range rec.requests {
		r := &rec.requests[i]
		r.start, r.end = r.start-w.Start, r.end-w.Start
		for t := range r.begins {
			r.begins[t] -= w.Start
		}
	}
	slices.SortFunc(rec.requests, func(a, b request) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.goroutine, b.goroutine))
	})
	if w.Load != nil {
		rec.others = w.Load.Without(&c.ran)
		rec.offset = rec.others.First*rec.others.Width - w.Start
	} else {
		rec.others = &breakdown.Load{Width: 1}
	}
	return rec
}
