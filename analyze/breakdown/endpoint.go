package breakdown

import "strings"

// An Endpoint is all the requests that one handler served.
type Endpoint struct {
	// Name is the handler's function, or Unnamed. Requests that middleware passed on
	// without any stack showing it are an endpoint with the middleware's name.
	Name string `json:"endpoint"`
	// Route is known only if a probe or the router reveals it.
	Route string `json:"route,omitempty"`
	// Kind is the kind of the requests: "http/1", "http/2", "grpc". Streams and long
	// polls have kinds of their own: "http/1 stream", "http/1 long poll". See Lasts.
	Kind     string `json:"kind,omitempty"`
	Requests int64  `json:"requests"`
	// Known counts the requests whose handler a stack, a CPU sample or a probe shows.
	// Inferred counts those assigned to this endpoint because requests like them are
	// its: they never blocked, and no CPU sample hit them. Together they are Requests.
	// RequestsCI95 is the interval that holds the true number with a probability of 95%.
	// It is nil if nothing is inferred.
	Known          int64     `json:"known"`
	Inferred       int64     `json:"inferred"`
	RequestsCI95   *Interval `json:"requests_ci95,omitempty"`
	Incomplete     int64     `json:"incomplete"`
	IncompleteTime int64     `json:"incomplete_ns"`
	Wall           Stats     `json:"wall"`
	// Buckets are all of them, in the order of the Bucket constants.
	Buckets []BucketTime `json:"buckets"`
	// CPU is the leaf functions of the CPU samples taken on these requests' goroutines.
	CPU []CPUFunction `json:"cpu_functions"`
	// CPUSites are the places in the service's own code that CPU samples of these
	// requests led to while they computed, the one with the most samples first.
	CPUSites []CPUSite `json:"cpu_sites"`
	// CPULibraries estimates how much of the cpu bucket was spent in calls to
	// other systems, the largest first.
	CPULibraries []CPULibrary `json:"cpu_libraries"`
	Client       *Client      `json:"client,omitempty"`
	// Shown are Examples, for JSON. A report sets them if there is Detail.
	Shown []Example `json:"examples,omitempty"`
	// Sampled is set if the endpoint's figures are estimates from samples.
	Sampled *Sampled `json:"sampled,omitempty"`
	// Precision is set for a window that was to end as soon as the answer was known, if there
	// are enough requests.
	Precision *Precision `json:"precision,omitempty"`
	// Tail is nil if there are too few requests to tell.
	Tail *Tail `json:"tail,omitempty"`
	// Series are the requests in time order, by the index of their capture. They are
	// set only if asked for.
	Series map[int]*Series `json:"-"`
	// Detail is nil unless asked for.
	Detail *Detail `json:"-"`
	// Routes are those of the probes that it answered, sorted.
	Routes []string `json:"-"`
}

// Streaming and LongPolling are suffixes of Kind: for requests that last as long as
// messages come, and for those that wait until there is news.
const (
	Streaming   = " stream"
	LongPolling = " long poll"
)

// Lasts reports whether the requests are streams or long polls, whose duration says
// nothing about how fast the service is.
func (e *Endpoint) Lasts() bool {
	return strings.HasSuffix(e.Kind, Streaming) || strings.HasSuffix(e.Kind, LongPolling)
}

// EndpointOf returns the name and the kind of the endpoint that a request belongs to.
// The request's own Endpoint and Kind may be less specific: they do not account for

// RequestTime returns the time, in nanoseconds, that all its requests spent in the window.
func (e *Endpoint) RequestTime() int64 { return e.Wall.Total + e.IncompleteTime }

// Is reports whether name, as a user gives it, means this endpoint: its route, its
// handler, or the handler without the path of its package.
func (e *Endpoint) Is(name string) bool { return named(e.Name, e.Route, name) }

func named(function, route, name string) bool {
	return name == route || name == function || strings.HasSuffix(function, "."+name) || strings.HasSuffix(function, "/"+name)
}

// Unnamed is the endpoint of the requests that left no stack to name their handler, and
// that resemble no other request enough to infer it: they never blocked, wrote nothing
// long, and were not hit by a CPU sample.
const Unnamed = "(unnamed: never blocked)"

// Unhandled is the endpoint of requests that samples show before or after their handler.
const Unhandled = "(no handler on the stack)"

// Stats describe a distribution of wall times. Total is exact; the percentiles
// come from a Histogram.
//
// If the handler of some requests is inferred, MeanCI95, P50CI95 and P95CI95 are the
// intervals that hold the true figures with a probability of 95%. Otherwise they are
// nil.
type Stats struct {
	Total    int64      `json:"total_ns"`
	Mean     int64      `json:"mean_ns"`
	MeanCI95 *Interval  `json:"mean_ci95_ns,omitempty"`
	P50      int64      `json:"p50_ns"`
	P50CI95  *Interval  `json:"p50_ci95_ns,omitempty"`
	P95      int64      `json:"p95_ns"`
	P95CI95  *Interval  `json:"p95_ci95_ns,omitempty"`
	P99      int64      `json:"p99_ns"`
	Max      int64      `json:"max_ns"`
	Hist     *Histogram `json:"-"`
}

// BucketTime is one bucket's part of an endpoint's wall time.
