// Package breakdown holds the answer: what a request did with its time, and
// what the requests of each endpoint did together.
//
// It is the centre that everything else meets at. analyze/timeline produces
// Requests, analyze folds them into a Breakdown, report renders it. The package
// is passive: it computes nothing but sums and quantiles, checks its own
// identities (Request.Check, Breakdown.Check), and imports no other package of
// the project.
//
// The JSON encoding of a Breakdown is the tool's public format, schema
// "timesink.report/1". All times are integers in nanoseconds. Within its number
// the schema only grows.
package breakdown

import (
	"strings"
	"time"
)

// Schema names the JSON encoding of Breakdown.
const Schema = "timesink.report/1"

// A Breakdown says where the wall time of a service's requests went.
type Breakdown struct {
	Schema string `json:"schema"`
	Source Source `json:"source"`
	// Endpoints are sorted by request time, the largest first, and those whose
	// requests last by their nature behind the others.
	Endpoints []Endpoint `json:"endpoints"`
	// Roots is set only where the trace holds no request: the wall time of the
	// goroutines by the function they began in, those first that were at work
	// the longest: neither waiting for others nor asleep.
	Roots    []Root    `json:"roots,omitempty"`
	Findings []Finding `json:"findings"`
	Warnings []Warning `json:"warnings"`
	// Passages tell of a single request which endpoint it belongs to.
	Passages Passages `json:"-"`
}

// Source says what the answer was read from. What is not known (the target and
// the time of a bare trace) is left out, never made up.
type Source struct {
	Target     string     `json:"target,omitempty"`
	GoVersion  string     `json:"go_version,omitempty"`
	CapturedAt *time.Time `json:"captured_at,omitempty"`
	// Window is the time that the trace tells of: between its first and last event,
	// and of generations out of order. Covered is the part of it that was read.
	Window     int64 `json:"window_ns"`
	Covered    int64 `json:"covered_ns"`
	Asked      int64 `json:"asked_ns,omitempty"`
	GOMAXPROCS int   `json:"gomaxprocs,omitempty"`
	// Instances counts the captures merged, when more than one.
	Instances int `json:"instances,omitempty"`
	// Saturated is the share of the window in which every processor was busy.
	Saturated float64 `json:"saturated"`
	// ProbeRate is how many probes were sent a second, where any were.
	ProbeRate float64 `json:"probe_rate,omitempty"`
	// Rules are those of the user's own that the answer was made with.
	Rules []string `json:"rules,omitempty"`
	// Cost is what the capture did to the service's latency, where probes ran
	// before the window and in it.
	Cost *Cost `json:"cost,omitempty"`
	// Case names the evidence, whoever holds a copy of it: the same captures have
	// the same. It is found where a report is asked for, and so are Evidence, what
	// the captures are made of, and Redacted, which tells that what is private was
	// masked.
	Case     string     `json:"case,omitempty"`
	Evidence []Evidence `json:"evidence,omitempty"`
	Redacted bool       `json:"redacted,omitempty"`
}

// Evidence is one capture, or a bare trace, of which only the case, the size and
// the checksum are known.
type Evidence struct {
	Case string `json:"case"`
	// Tool is the version of timesink that collected it, Command how one would ask
	// for the same again.
	Tool       string     `json:"tool,omitempty"`
	Command    string     `json:"command,omitempty"`
	CapturedAt *time.Time `json:"captured_at,omitempty"`
	Parts      []Part     `json:"parts"`
	// Start is the moment at which its trace begins, on the trace's clock. Offset
	// is how far the wall's clock, Unix time, is ahead of that, in nanoseconds; where
	// Clocked is false it is made up so that the trace begins in 1970.
	Start   int64 `json:"-"`
	Offset  int64 `json:"-"`
	Clocked bool  `json:"-"`
}

// Part is one file of the evidence.
type Part struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // hexadecimal
}

// Cost compares the probes sent before the window with those sent in it.
type Cost struct {
	BaselineProbes int   `json:"baseline_probes"`
	WindowProbes   int   `json:"window_probes"`
	BaselineP50    int64 `json:"baseline_p50_ns"`
	WindowP50      int64 `json:"window_p50_ns"`
	// Change is WindowP50/BaselineP50 - 1.
	Change float64 `json:"p50_change"`
	// Low and High bound Change at 95% (bootstrap over the probes). A range
	// that holds zero means that no cost could be seen.
	Low  float64 `json:"p50_change_low"`
	High float64 `json:"p50_change_high"`
}

// An Endpoint is all the requests that one handler served.
type Endpoint struct {
	// Name is the handler's function, or Unnamed. Requests of which no stack tells
	// that middleware passed them on are an endpoint of the middleware's name.
	Name string `json:"endpoint"`
	// Route is known only where a probe or the router reveals it.
	Route string `json:"route,omitempty"`
	// Kind is what the requests are: "http/1", "http/2", "grpc". Those that come or
	// are answered bit by bit are told apart, "http/1 stream", and so are those that
	// wait until others have something to tell, "http/1 long poll": see Lasts.
	Kind           string `json:"kind,omitempty"`
	Requests       int64  `json:"requests"`
	Incomplete     int64  `json:"incomplete"`
	IncompleteTime int64  `json:"incomplete_ns"`
	Wall           Stats  `json:"wall"`
	// Buckets are all of them, in the order of the Bucket constants.
	Buckets []BucketTime `json:"buckets"`
	// CPU is what the CPU samples taken on these requests' goroutines show.
	CPU []CPUFunction `json:"cpu_functions"`
	// CPULibraries estimates how much of the cpu bucket was spent in calls to
	// other systems, the largest first.
	CPULibraries []CPULibrary `json:"cpu_libraries"`
	Client       *Client      `json:"client,omitempty"`
	// Series are, where they were asked for, the requests in the order of time,
	// one for each capture in which there were any, by the captures' order.
	Series map[int]*Series `json:"-"`
	// Detail is there where it was asked for.
	Detail *Detail `json:"-"`
}

// Streaming and LongPolling follow the kind of requests that last as long as their
// client wants to be told something, or until there is something to tell.
const (
	Streaming   = " stream"
	LongPolling = " long poll"
)

// Lasts tells requests that last by their nature: how long they take says nothing of
// how fast the service is.
func (e *Endpoint) Lasts() bool {
	return strings.HasSuffix(e.Kind, Streaming) || strings.HasSuffix(e.Kind, LongPolling)
}

// EndpointOf is the name and the kind of the endpoint that a request is of, which its
// own Endpoint and Kind tell only in part.
func (b *Breakdown) EndpointOf(r *Request) (name, kind string) {
	name, kind = b.Passages.Handler(r), r.Kind
	for i := range b.Endpoints {
		if e := &b.Endpoints[i]; e.Name == name && e.Kind == kind+LongPolling {
			kind = e.Kind
			break
		}
	}
	return name, kind
}

// Is tells whether a user means this endpoint: by its route, by its handler, or by
// the handler without the path of its package.
func (e *Endpoint) Is(name string) bool { return named(e.Name, e.Route, name) }

func named(function, route, name string) bool {
	return name == route || name == function || strings.HasSuffix(function, "."+name) || strings.HasSuffix(function, "/"+name)
}

// Only is what is known of the endpoints that a user means, as if there were no
// others.
func (b *Breakdown) Only(name string) *Breakdown {
	only := *b
	only.Endpoints, only.Findings = []Endpoint{}, []Finding{}
	keep := map[string]bool{}
	for _, e := range b.Endpoints {
		if e.Is(name) {
			only.Endpoints = append(only.Endpoints, e)
			keep[e.Name] = true
			keep[e.Route] = e.Route != ""
		}
	}
	for _, f := range b.Findings {
		if keep[f.Endpoint] {
			only.Findings = append(only.Findings, f)
		}
	}
	return &only
}

// Unnamed is the endpoint of the requests that left no stack from which a
// handler could be told: they never blocked, wrote nothing long and were not
// hit by a CPU sample.
const Unnamed = "(unnamed: never blocked)"

// Stats describe a distribution of wall times. Total is exact; the percentiles
// come from a Histogram.
type Stats struct {
	Total int64      `json:"total_ns"`
	Mean  int64      `json:"mean_ns"`
	P50   int64      `json:"p50_ns"`
	P95   int64      `json:"p95_ns"`
	P99   int64      `json:"p99_ns"`
	Max   int64      `json:"max_ns"`
	Hist  *Histogram `json:"-"`
}

// BucketTime is one bucket's part of an endpoint's wall time.
type BucketTime struct {
	Bucket Bucket `json:"bucket"`
	Total  int64  `json:"total_ns"` // over complete requests; the buckets sum to Wall.Total
	Mean   int64  `json:"mean_ns"`
	// Share is of the complete requests' wall time, TimeShare of all request
	// time in the window, the incomplete requests' too.
	Share     float64 `json:"share"`
	TimeShare float64 `json:"time_share"`
	// Percentiles are over all complete requests, those without any time in
	// this bucket included; they do not add up.
	P50  int64      `json:"p50_ns"`
	P95  int64      `json:"p95_ns"`
	P99  int64      `json:"p99_ns"`
	Hist *Histogram `json:"-"`
	// Ceiling is the mean wall time were this bucket free and all else
	// unchanged: arithmetic, not a prediction. QueuedBehind and Shadowed (means
	// per request) are the two ways in which it errs: time that requests spent
	// waiting for a holder that was in this bucket, and calls of other buckets
	// that ran hidden beside it.
	Ceiling      int64 `json:"ceiling_ns"`
	QueuedBehind int64 `json:"queued_behind_ns"`
	Shadowed     int64 `json:"shadowed_ns"`
	// CallsPerRequest counts the calls on all branches, off the path too.
	CallsPerRequest float64 `json:"calls_per_request"`
	// CallTime is how long those calls lasted together, over complete requests:
	// more than Total where calls overlap, and without what their goroutines spent
	// on others between. Calls counts them, Dials those that a connection was made for.
	Calls    int64       `json:"calls"`
	CallTime int64       `json:"call_ns"`
	Dials    int64       `json:"dials"`
	Systems  []string    `json:"systems"`
	Phases   []PhaseTime `json:"phases"` // empty, or they sum to Total
	Sites    []SiteTime  `json:"sites"`  // they sum to Total; the last may be named Other
	// Holders say, for lock, wait and pool_wait time, who kept these requests
	// waiting and what that one did meanwhile.
	Holders []Holder `json:"holders,omitempty"`
	// IncompleteTotal is the incomplete requests' time in this bucket.
	IncompleteTotal int64 `json:"incomplete_ns"`
}

// DialPercent returns the share of the calls that a connection was made for, in whole
// percent: 100 only where it was each of them, 0 only where it was none or nothing
// was called.
func (t *BucketTime) DialPercent() int {
	if t.Calls <= 0 || t.Dials <= 0 {
		return 0
	}
	if t.Dials >= t.Calls {
		return 100
	}
	return int(min(max((200*t.Dials+t.Calls)/(2*t.Calls), 1), 99))
}

// PhaseTime is one phase's part of a bucket.
type PhaseTime struct {
	Phase Phase `json:"phase"`
	Total int64 `json:"total_ns"`
	Mean  int64 `json:"mean_ns"`
	// IncompleteTotal is the incomplete requests' time in this phase.
	IncompleteTotal int64 `json:"incomplete_ns"`
}

// Other names the site that gathers what the listed ones leave of a bucket.
const Other = "other"

// SiteTime is one call site's part of a bucket.
type SiteTime struct {
	Frame
	Total           int64   `json:"total_ns"`
	Mean            int64   `json:"mean_ns"`
	CallsPerRequest float64 `json:"calls_per_request"`
	// Concurrency is, for sites with calls, the mean number of this site's
	// calls in flight while any was: 1 is one after another.
	Concurrency float64 `json:"concurrency,omitempty"`
	// Why is the evidence: the state, reason and frame that most of this time
	// rests on.
	Why string `json:"why,omitempty"`
}

// A Holder kept requests waiting: Frame is where it let them go (its unlock,
// its return to the pool, its hand-over), Doing what it was busy with.
type Holder struct {
	Frame
	Doing Bucket `json:"doing"`
	Total int64  `json:"total_ns"`
}

// CPUFunction is a leaf function of CPU samples. Self is an estimate: the
// samples times the sampling period.
type CPUFunction struct {
	Frame
	Samples int64 `json:"samples"`
	Self    int64 `json:"self_ns"`
}

// CPULibrary is the part of the running time that lay in calls to one system: the
// work of its driver and, of a database within the process, the database's. It is
// an estimate: of the cpu bucket's mean, the share that Samples have of all
// OfSamples CPU samples that hit these requests while they ran.
type CPULibrary struct {
	Bucket    Bucket `json:"bucket"`
	System    string `json:"system"`
	Samples   int64  `json:"samples"`
	OfSamples int64  `json:"of_samples"`
	Estimate  int64  `json:"estimate_mean_ns"`
}

// Client is what the probes of this endpoint saw from outside.
type Client struct {
	Probes  int           `json:"probes"`
	Matched int           `json:"matched"`
	Mean    int64         `json:"mean_ns"`
	Server  int64         `json:"server_mean_ns"` // the matched probes' requests, as the trace has them
	Phases  []ClientPhase `json:"phases"`
}

// ClientPhase is a part of the time a probe took, in the client's terms.
type ClientPhase struct {
	Phase string `json:"phase"`
	Mean  int64  `json:"mean_ns"`
}

// Root is the wall time of all goroutines that began in one function. Its Wait is
// all waiting for other goroutines: without a request nobody knows which of them
// were queueing and which had nothing to do.
type Root struct {
	Function   string       `json:"function"`
	Goroutines int64        `json:"goroutines"`
	Wall       int64        `json:"wall_ns"`
	Buckets    []BucketTime `json:"buckets"`
}

// AtWork is the time, in nanoseconds, in which the goroutines neither waited for others
// nor slept.
func (r *Root) AtWork() (sum int64) {
	for i := range r.Buckets {
		if t := &r.Buckets[i]; !t.Bucket.Idle() {
			sum += t.Total
		}
	}
	return sum
}

// Frame is a place in the service's code.
type Frame struct {
	Function string `json:"function"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
}
