package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// chartData is what the page's script draws. Each name is in Strings once and is
// referred to by its index. Times are in nanoseconds.
type chartData struct {
	Buckets   []bucketName    `json:"buckets"` // the slots
	Strings   []string        `json:"strings"`
	Endpoints []endpointChart `json:"endpoints"`
	Requests  []requestChart  `json:"requests"`
	Changes   []changeChart   `json:"changes"`
}

type bucketName struct {
	Name  string `json:"name"`
	Label string `json:"label"`
}

// An endpointChart is the histogram and the flame graph of one endpoint.
type endpointChart struct {
	Unit  unit       `json:"unit"`
	Marks []mark     `json:"marks"`
	Bars  []barChart `json:"bars"`
	Flame *flame     `json:"flame"`
}

// A unit says how a chart writes times.
type unit struct {
	Name     string  `json:"name"`
	NS       float64 `json:"ns"`
	Decimals int     `json:"decimals"`
}

type mark struct {
	Name string `json:"name"`
	At   int64  `json:"at"`
}

// A barChart is a Bar. Request is the index in Requests of a request from this bar, or
// else of the nearest one drawn; -1 if none is.
type barChart struct {
	Low      int64   `json:"low"`
	High     int64   `json:"high"`
	Requests int64   `json:"requests"`
	Buckets  []int64 `json:"buckets"` // by slot
	Request  int     `json:"request"`
}

// charts builds a chartData.
type charts struct {
	chartData
	names   map[string]int
	dropped []string
	cap     int // the most segments drawn of a request
}

// Limits of what a page draws: enough to explain, and small enough to send.
const (
	maxSegments        = 20000 // of all requests together
	maxRequestSegments = 1000
	maxFrames          = 6000 // of all flame graphs together
	maxEndpointFrames  = 2000
)

func newChartData() *charts {
	c := &charts{names: map[string]int{}}
	c.Endpoints, c.Requests, c.Changes = []endpointChart{}, []requestChart{}, []changeChart{}
	for _, s := range slots {
		c.Buckets = append(c.Buckets, bucketName{s.name(), s.label(s.bucket.Info().Label)})
	}
	return c
}

// name returns the index of a text in Strings, adding it if needed.
func (c *charts) name(text string) int {
	i, ok := c.names[text]
	if !ok {
		i = len(c.Strings)
		c.names[text] = i
		c.Strings = append(c.Strings, text)
	}
	return i
}

func (c *charts) drop(format string, args ...any) {
	c.dropped = append(c.dropped, fmt.Sprintf(format, args...))
}

func newCharts(b *breakdown.Breakdown, specimens []breakdown.Specimen, top int) *charts {
	c := newChartData()
	c.cap = max(min(maxRequestSegments, maxSegments/max(len(specimens), 1)), maxSteps)
	for i := range b.Endpoints[:top] {
		e := &b.Endpoints[i]
		chart := endpointChart{Unit: unitOf(cmp.Or(e.Wall.Mean, 1)), Marks: []mark{}, Bars: []barChart{}}
		if e.Detail != nil {
			shown := c.addRequests(b, i, top, specimens)
			chart.Marks = []mark{{"p50", e.Wall.P50}, {"p95", e.Wall.P95}, {"p99", e.Wall.P99}}
			chart.Bars = barCharts(e.Detail.Bars, shown)
			chart.Flame = c.flame(e, min(maxEndpointFrames, maxFrames/top))
		}
		c.Endpoints = append(c.Endpoints, chart)
	}
	return c
}

func unitOf(ns int64) unit {
	s := scaleOf(ns)
	return unit{s.unit, s.ns, s.decimals}
}

// barCharts assigns each bar the nearest request. shown maps the index of each request
// drawn to its wall time.
func barCharts(bars []breakdown.Bar, shown map[int]int64) []barChart {
	out := []barChart{}
	for _, b := range bars {
		chart := barChart{Low: b.Low, High: b.High, Requests: b.Requests, Buckets: slotsOf(&b), Request: -1}
		nearest := int64(-1)
		for _, i := range sortedKeys(shown) {
			away := max(b.Low-shown[i], shown[i]-b.High, 0)
			if nearest < 0 || away < nearest {
				chart.Request, nearest = i, away
			}
		}
		out = append(out, chart)
	}
	return out
}

// slotsOf returns a bar's times by slot.
func slotsOf(b *breakdown.Bar) []int64 {
	out := make([]int64, len(slots))
	for i, s := range slots {
		if s.phase.Distinct() {
			out[i] = b.Distinct[s.bucket]
			out[s.bucket] -= out[i]
		} else {
			out[i] = b.Buckets[i]
		}
	}
	return out
}

func sortedKeys(m map[int]int64) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// A flame is a frame of a flame graph, with the frames that it called.
type flame struct {
	Name     int      `json:"n"`
	Detail   int      `json:"d"` // position in the source, or the bucket's meaning
	Bucket   int      `json:"b"` // the slot, -1 at the root
	Value    int64    `json:"v"`
	Was      int64    `json:"w,omitempty"` // of a difference: the part of Value that is of before
	Children []*flame `json:"c,omitempty"`
	key      string
	index    map[string]*flame
}

// flame builds a graph of bucket → call site → the frames from there down to the leaf,
// each as wide as its time.
func (c *charts) flame(e *breakdown.Endpoint, limit int) *flame {
	root := &flame{Name: c.name("all of the wall time"), Detail: c.name(""), Bucket: -1}
	for i := range e.Detail.Stacks {
		s := &e.Detail.Stacks[i]
		if s.Time <= 0 {
			continue
		}
		c.grow(root, s, s.Time, frameKey)
	}
	if root.Value == 0 {
		return nil
	}
	c.fit(root, title(e), limit)
	return root
}

// grow adds a stack's time to a graph. It returns the frames that the time is in, the root
// first. Frames with the same key and the same callers are one.
func (c *charts) grow(root *flame, s *breakdown.StackTime, ns int64, key func(breakdown.Frame) string) []*flame {
	root.Value += ns
	slot := slotOf(s.Bucket, s.Phase)
	name, meaning := slots[slot].label(s.Bucket.Info().Label), s.Bucket.Info().Meaning
	if s.Phase.Distinct() {
		meaning = s.Phase.Info().Meaning
	}
	at := root.child(slot, name, ns)
	at.Name, at.Detail = c.name(name), c.name(meaning)
	path := []*flame{root, at}
	if s.Cause == nil {
		return path
	}
	for j, f := range fromSite(s.Cause) {
		at = at.child(slot, key(f), ns)
		at.Name, at.Detail = c.name(siteName(f)), c.name(frameDetail(f, j == 0))
		path = append(path, at)
	}
	return path
}

// fit leaves out the frames with the least time, so that no more than limit are left.
func (c *charts) fit(root *flame, title string, limit int) {
	frames, kept := root.size(), root.Value
	least := root.Value / 5000
	for root.prune(least); root.size() > limit; root.prune(least) {
		least = least*3/2 + 1
	}
	root.sort()
	if n := root.size(); n < frames {
		c.drop("The flame graph of %s shows %s of %s frames: frames with less than %s of the time are left out, and their time stays with their caller.",
			shorten(title, 60), count(int64(n)), count(int64(frames)), percent2(ratio(least, kept)))
	}
}

// difference builds a graph of the time per request of both sides together, which tells
// apart how much of each frame's time is of before. Lines move from build to build, so
// frames are the same if their functions are. It is nil if a side has no stacks.
func (c *charts) difference(name string, before, after *breakdown.Endpoint, limit int) *flame {
	root := &flame{Name: c.name("all of the wall time"), Detail: c.name(""), Bucket: -1}
	for i, e := range []*breakdown.Endpoint{before, after} {
		if e == nil || e.Detail == nil || len(e.Detail.Stacks) == 0 || e.Requests == 0 {
			return nil
		}
		for k := range e.Detail.Stacks {
			s := &e.Detail.Stacks[k]
			ns := s.Time / e.Requests
			if ns <= 0 {
				continue
			}
			for _, f := range c.grow(root, s, ns, func(f breakdown.Frame) string { return f.Function }) {
				f.Was += ns * int64(1-i)
			}
		}
	}
	if root.Value == 0 {
		return nil
	}
	c.fit(root, name, limit)
	return root
}

func percent2(share float64) string { return fmt.Sprintf("%.2f%%", 100*share) }

func frameKey(f breakdown.Frame) string {
	return fmt.Sprintf("%s\x00%s:%d", f.Function, f.File, f.Line)
}

func frameDetail(f breakdown.Frame, site bool) string {
	where := clean(f.File)
	if f.File != "" && f.Line > 0 {
		where = fmt.Sprintf("%s:%d", where, f.Line)
	}
	if site {
		return strings.TrimPrefix(where+", the call site", ", ")
	}
	return where
}

// fromSite returns a cause's call site and the frames that it called, the leaf last.
func fromSite(c *breakdown.Cause) []breakdown.Frame {
	at := siteOn(c)
	var frames []breakdown.Frame
	if c.Site.Function != "" {
		frames = append(frames, c.Site)
	}
	if at < 0 {
		at = len(c.Stack)
	}
	for i := at - 1; i >= 0; i-- {
		frames = append(frames, c.Stack[i])
	}
	return frames
}

// siteOn returns the index of a cause's call site on its stack, -1 if it is not there.
func siteOn(c *breakdown.Cause) int {
	if at := slices.Index(c.Stack, c.Site); at >= 0 {
		return at
	}
	return slices.IndexFunc(c.Stack, func(f breakdown.Frame) bool { return f.Function == c.Site.Function })
}

func (f *flame) child(slot int, key string, ns int64) *flame {
	if f.index == nil {
		f.index = map[string]*flame{}
	}
	c := f.index[key]
	if c == nil {
		c = &flame{Bucket: slot, key: key}
		f.index[key] = c
		f.Children = append(f.Children, c)
	}
	c.Value += ns
	return c
}

func (f *flame) size() int {
	n := 1
	for _, c := range f.Children {
		n += c.size()
	}
	return n
}

func (f *flame) prune(least int64) {
	f.Children = slices.DeleteFunc(f.Children, func(c *flame) bool { return c.Value < least })
	for _, c := range f.Children {
		c.prune(least)
	}
}

func (f *flame) sort() {
	slices.SortFunc(f.Children, func(x, y *flame) int { return cmp.Or(cmp.Compare(y.Value, x.Value), cmp.Compare(x.key, y.key)) })
	for _, c := range f.Children {
		c.sort()
	}
}
