// Package breakdown holds the answer: what a request did with its time, and
// what the requests of each endpoint did together.
//
// It is the center where everything else meets. analyze/timeline produces Requests,
// analyze folds them into a Breakdown, report renders it. The package is passive: it
// computes nothing but sums and quantiles, checks its own identities (Request.Check,
// Breakdown.Check), and imports no other package of the project.
//
// The JSON encoding of a Breakdown is the tool's public format, schema
// "timesink.report/1". All times are integers in nanoseconds. Within one schema number,
// fields are only added.
package breakdown

import (
	"slices"
	"time"
)

// Schema names the JSON encoding of Breakdown.
const Schema = "timesink.report/1"

// RequestSchema names the JSON encoding of a single request.
const RequestSchema = "timesink.request/1"

// RowsSchema names the tables of rows for engines: see package report/rows.
const RowsSchema = "timesink.rows/1"

// A Breakdown says where the wall time of a service's requests went.
type Breakdown struct {
	Schema string `json:"schema"`
	// Estimate is set if the answer rests on no trace. Its times are then estimates from
	// samples, see Sampled, or on probes alone, see Outside.
	Estimate bool   `json:"estimate,omitempty"`
	Source   Source `json:"source"`
	// Coverage is how much of what the process does is done for the requests.
	Coverage Coverage `json:"coverage"`
	// Processors is whom the processors worked for. It is nil if there are no CPU samples.
	Processors *Processors `json:"processors,omitempty"`
	// Endpoints are sorted by request time, the largest first. Streams and long polls
	// follow the others.
	Endpoints []Endpoint `json:"endpoints"`
	// Roots is set only if the trace holds no requests or WorksElsewhere. It is the wall
	// time of goroutines by root, sorted by AtWork, the longest first.
	Roots []Root `json:"roots,omitempty"`
	// AcceptLoops are the loops that accept connections and were kept from it while
	// clients waited, the longest first.
	AcceptLoops []AcceptLoop `json:"accept_loops,omitempty"`
	// Instances are the captures, if there are several and Options.Spread is set. Spread is
	// how they differ, and Odd those that differ by more than chance explains, the one that
	// costs its requests most time first.
	Instances []Instance `json:"instances,omitempty"`
	Spread    *Spread    `json:"spread,omitempty"`
	Odd       []Odd      `json:"odd,omitempty"`
	// Conclusion and Causes are the diagnosis; Causes are sorted by the request time that
	// they account for, the largest first. Findings are those of them worth showing.
	Conclusion Conclusion    `json:"conclusion"`
	Causes     []Explanation `json:"causes"`
	Findings   []Finding     `json:"findings"`
	// Together is what the remedies of all findings together would bring to the endpoint with
	// the most request time. It is nil unless the replay can make several of them.
	Together *Forecast `json:"forecast_together,omitempty"`
	Warnings []Warning `json:"warnings"`
	// Captures are those that the answer was made from, by their index. They are set only
	// if the endpoints have Series.
	Captures []Capture `json:"-"`
	// Passages determine which endpoint a single request belongs to.
	Passages Passages `json:"-"`
}

// Coverage is what goroutines did in total and, of that, for requests. The runtime's own
// goroutines, such as the collector's workers, and the requests that observe the service
// count in neither. Times are nanoseconds.
type Coverage struct {
	Samples           int64 `json:"cpu_samples"`
	SamplesInRequests int64 `json:"cpu_samples_in_requests"`
	Running           int64 `json:"running_ns"`
	RunningInRequests int64 `json:"running_in_requests_ns"`
	// AtWork is the time in which the goroutines neither waited for others, or for
	// something to do, nor slept. A request's own goroutine is at work as long as the
	// request lasts.
	AtWork           int64 `json:"at_work_ns"`
	AtWorkInRequests int64 `json:"at_work_in_requests_ns"`
}

// WorksElsewhere reports whether requests are not what the process does: less than a
// quarter of the time in which its goroutines ran, or were at work, is in requests, and
// it runs for more than a two-hundredth of a processor's time outside of them. An idle
// process fails the latter.
func (b *Breakdown) WorksElsewhere() bool {
	c := &b.Coverage
	return 4*c.RunningInRequests < c.Running && 4*c.AtWorkInRequests < c.AtWork &&
		200*(c.Running-c.RunningInRequests) > b.Source.Covered
}

// Add adds the coverage of another instance.
func (c *Coverage) Add(o Coverage) {
	c.Samples += o.Samples
	c.SamplesInRequests += o.SamplesInRequests
	c.Running += o.Running
	c.RunningInRequests += o.RunningInRequests
	c.AtWork += o.AtWork
	c.AtWorkInRequests += o.AtWorkInRequests
}

// Source describes what the answer was read from. What is unknown, such as the target
// and the time of a bare trace, is left out and never made up.
type Source struct {
	Target     string     `json:"target,omitempty"`
	GoVersion  string     `json:"go_version,omitempty"`
	CapturedAt *time.Time `json:"captured_at,omitempty"`
	// Window is the time between the first and the last event of the trace, including
	// generations that came out of order. Covered is the part of it that was read.
	Window     int64 `json:"window_ns"`
	Covered    int64 `json:"covered_ns"`
	Asked      int64 `json:"asked_ns,omitempty"`
	GOMAXPROCS int   `json:"gomaxprocs,omitempty"`
	// Instances is the number of captures merged, 0 if there is only one.
	Instances int `json:"instances,omitempty"`
	// Saturated is the share of the window in which every processor was busy.
	Saturated float64 `json:"saturated"`
	// ProbeRate is the number of probes sent per second.
	ProbeRate float64 `json:"probe_rate,omitempty"`
	// Rules are the user's rules that the answer was made with.
	Rules []string `json:"rules,omitempty"`
	// Units is the regular expression for the functions that count as units of work
	// beside requests, "" if there is none.
	Units string `json:"units,omitempty"`
	// Cost is how the capture affected the service's latency. It is nil unless probes
	// ran both before the window and in it.
	Cost *Cost `json:"cost,omitempty"`
	// Auto is set if the window was to end as soon as the answer was known.
	Auto *Auto `json:"auto,omitempty"`
	// Light is set if the trace consists of several short windows at random moments. Window,
	// Covered and Asked are then their sums.
	Light *Light `json:"light,omitempty"`
	// Sampling is how goroutines were sampled for want of a trace. It is nil if there is
	// one.
	Sampling *Sampling `json:"sampling,omitempty"`
	// Outside is set if the answer rests on probes alone.
	Outside *Outside `json:"outside,omitempty"`
	// Case identifies the evidence: the same captures have the same case, wherever they
	// are stored. Evidence lists what they are made of. Redacted is set if what is
	// private was masked. All three are set only for reports.
	Case     string     `json:"case,omitempty"`
	Evidence []Evidence `json:"evidence,omitempty"`
	Redacted bool       `json:"redacted,omitempty"`
}

// Evidence is one capture or a bare trace. For a bare trace only the case, size and
// checksum are known.
type Evidence struct {
	Case string `json:"case"`
	// Tool is the version of timesink that collected the capture, Command the command
	// line that collects the same again.
	Tool       string     `json:"tool,omitempty"`
	Command    string     `json:"command,omitempty"`
	CapturedAt *time.Time `json:"captured_at,omitempty"`
	Parts      []Part     `json:"parts"`
	// Start is when the trace begins, on the trace's clock. Offset is how far Unix time
	// is ahead of that clock. Both are in nanoseconds. If Clocked is false, Unix time
	// is unknown, and Offset is such that the trace begins in 1970.
	// Nth is the number of the window in a capture that has several, from 1, and 0 otherwise.
	Nth     int   `json:"window,omitempty"`
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

// Light is how short windows lie in time.
type Light struct {
	Windows int   `json:"windows"`
	Within  int64 `json:"within_ns"` // the time that they are spread over, as asked for
}

// Cost compares the probes sent before the window with those sent in it.
type Cost struct {
	BaselineProbes int   `json:"baseline_probes"`
	WindowProbes   int   `json:"window_probes"`
	BaselineP50    int64 `json:"baseline_p50_ns"`
	WindowP50      int64 `json:"window_p50_ns"`
	// Change is WindowP50/BaselineP50 - 1.
	Change float64 `json:"p50_change"`
	// Low and High bound Change at 95% (bootstrap over the probes). If the range
	// includes zero, no cost was measurable.
	Low  float64 `json:"p50_change_low"`
	High float64 `json:"p50_change_high"`
}

// middleware and long polls.
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

// Busiest returns the endpoint with the most request time, or nil if there is none.
// Streams and long polls count only if there is nothing else.
func (b *Breakdown) Busiest() *Endpoint {
	var top *Endpoint
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		if e.Requests+e.Incomplete == 0 && e.Sampled == nil {
			continue
		}
		if top == nil || top.Lasts() && !e.Lasts() || top.Lasts() == e.Lasts() && e.RequestTime() > top.RequestTime() {
			top = e
		}
	}
	return top
}

// Only returns a copy of b with only the endpoints that name means and their causes.
// It shares everything else with b.
func (b *Breakdown) Only(name string) *Breakdown {
	only := *b
	only.Endpoints, only.Causes, only.Findings = []Endpoint{}, []Explanation{}, []Finding{}
	keep := map[string]bool{}
	for _, e := range b.Endpoints {
		if e.Is(name) {
			only.Endpoints = append(only.Endpoints, e)
			keep[e.Name] = true
			keep[e.Route] = e.Route != ""
		}
	}
	kept := func(name string) bool { return keep[name] }
	for _, x := range b.Causes {
		if slices.ContainsFunc(x.Endpoints, kept) {
			only.Causes = append(only.Causes, x)
		}
	}
	for _, f := range b.Findings {
		if keep[f.Endpoint] || slices.ContainsFunc(f.Endpoints, kept) {
			only.Findings = append(only.Findings, f)
		}
	}
	only.Conclusion = Conclusion{}
	if f := b.Together; f != nil && !keep[f.Endpoint] {
		only.Together = nil
	}
	return &only
}

type BucketTime struct {
	Bucket Bucket `json:"bucket"`
	Total  int64  `json:"total_ns"` // over complete requests; the buckets sum to Wall.Total
	Mean   int64  `json:"mean_ns"`
	// Share is of the complete requests' wall time, TimeShare of all request time in
	// the window, including that of incomplete requests.
	Share     float64 `json:"share"`
	TimeShare float64 `json:"time_share"`
	// ShareCI95 is set if the share is an estimate, and TotalCI95 and MeanCI95 if these
	// are. They hold the true values with a probability of 95%.
	ShareCI95 *ShareInterval `json:"share_ci95,omitempty"`
	TotalCI95 *Interval      `json:"total_ci95_ns,omitempty"`
	MeanCI95  *Interval      `json:"mean_ci95_ns,omitempty"`
	// Percentiles are over all complete requests, including those without time in this
	// bucket. They do not add up.
	P50  int64      `json:"p50_ns"`
	P95  int64      `json:"p95_ns"`
	P99  int64      `json:"p99_ns"`
	Hist *Histogram `json:"-"`
	// Ceiling is the mean wall time if this bucket were free and all else unchanged:
	// arithmetic, not a prediction. QueuedBehind and Shadowed, means per request, are
	// the two ways in which it errs: time that requests spent waiting for a holder that
	// was in this bucket, and calls of other buckets that ran hidden beside it.
	Ceiling      int64 `json:"ceiling_ns"`
	QueuedBehind int64 `json:"queued_behind_ns"`
	Shadowed     int64 `json:"shadowed_ns"`
	// OwnSide is, for another system's bucket, the part of Mean that does not depend on
	// how fast the other system is: in phases on the service's own side, and what causes
	// within the service explain. The diagnosis sets it.
	OwnSide int64 `json:"own_side_ns,omitempty"`
	// CallsPerRequest counts the calls on all branches, including those off the path.
	CallsPerRequest float64 `json:"calls_per_request"`
	// Calls is the number of calls of complete requests, and CallTime their total
	// duration: more than Total if calls overlap, and without the time that their
	// goroutines spent on other calls in between. Dials is the number of calls that
	// made a connection.
	Calls    int64       `json:"calls"`
	CallTime int64       `json:"call_ns"`
	Dials    int64       `json:"dials"`
	Systems  []string    `json:"systems"`
	Phases   []PhaseTime `json:"phases"` // empty, or sum to Total
	Sites    []SiteTime  `json:"sites"`  // sum to Total; the last may be named Other
	// Holders are, for lock, wait and pool_wait time, what kept these requests waiting,
	// and what each did in the meantime.
	Holders []Holder `json:"holders,omitempty"`
	// IncompleteTotal is the incomplete requests' time in this bucket. IncompleteSites
	// are the call sites that it divides into: none, or they sum to it.
	IncompleteTotal int64      `json:"incomplete_ns"`
	IncompleteSites []SiteTime `json:"incomplete_sites,omitempty"`
}

// DialPercent returns the share of the calls that made a connection, in whole percent.
// It is 100 only if all of them did, and 0 only if none did or there were no calls.
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
	// TotalCI95 and MeanCI95 are set if the phase is an estimate: they hold the true
	// values with a probability of 95% or more.
	TotalCI95 *Interval `json:"total_ci95_ns,omitempty"`
	MeanCI95  *Interval `json:"mean_ci95_ns,omitempty"`
	// Cause is set for OffCPU, as far as the evidence tells.
	Cause Deprivation `json:"cause,omitempty"`
}

// An Interval is the lower and the upper bound of an estimate, both included.
type Interval [2]int64

// A Deprivation is why a goroutine that runs, as far as the runtime knows, has no core.
type Deprivation string

const (
	// ByLimit: the kernel stops the whole process at regular intervals, as a CPU limit
	// does.
	ByLimit Deprivation = "limit"
	// ByStalls: this code stands still while other code of the process runs. It waits in
	// the kernel without a system call that the runtime knows of, as in a page fault.
	ByStalls Deprivation = "stalls"
	// ByNeighbors: all code of the process is slowed down, at no regular intervals.
	// Others use the cores.
	ByNeighbors Deprivation = "neighbors"
)

// Other names the site that sums the rest of a bucket, beyond the listed sites.
const Other = "other"

// SiteTime is one call site's part of a bucket.
type SiteTime struct {
	Frame
	Total           int64   `json:"total_ns"`
	Mean            int64   `json:"mean_ns"`
	CallsPerRequest float64 `json:"calls_per_request"`
	// Concurrency is, for sites with calls, the mean number of calls in flight while
	// there is at least one. 1 means one after another.
	Concurrency float64 `json:"concurrency,omitempty"`
	// Trips is the mean number of round trips of a call: how often it asked the other side
	// and read the answer. It is over the calls that made no connection, and 0 if no call
	// reads its answers itself.
	Trips float64 `json:"round_trips_per_call,omitempty"`
	// Why is the evidence for most of this time, as text: the state, reason and frame.
	// Because is the same for programs. Both are zero for Other.
	Why     string  `json:"why,omitempty"`
	Because Because `json:"because,omitzero"`
	// Samples is set if the time is an estimate: a share of the running time that no stack
	// shows, by that many CPU samples.
	Samples int64 `json:"samples,omitempty"`
}

// A Because is what an attribution rests on.
type Because struct {
	State  string `json:"state"`            // the goroutine's: "running", "runnable", "waiting", "syscall"
	Reason string `json:"reason,omitempty"` // the runtime's
	Timer  string `json:"timer,omitempty"`  // the library whose timer it waits for
	In     string `json:"in,omitempty"`     // the frame of the rule that decided, else the innermost
}

// A Holder kept requests waiting. Frame is where it released what it held: its unlock, its
// return to the pool, its hand-off. Doing is what it was busy with.
type Holder struct {
	Frame
	Doing Bucket `json:"doing"`
	Total int64  `json:"total_ns"`
	// At is the call site at which it spent most of that time. It is nil if none is
	// known.
	At *Frame `json:"at,omitempty"`
	// Through is where requests were released, if others released them that had
	// themselves waited for the holder. It is nil if the holder released most of them.
	Through *Frame `json:"through,omitempty"`
	// Batch is set if it serves several requests at once.
	Batch bool `json:"batch,omitempty"`
}

// CPUFunction is a leaf function of CPU samples. Self is an estimate: the
// samples times the sampling period.
type CPUFunction struct {
	Frame
	Samples int64 `json:"samples"`
	Self    int64 `json:"self_ns"`
}

// CPULibrary is the part of the running time spent in calls to one system: the work of
// its driver and, for a database in the same process, of the database. It is an
// estimate: the cpu bucket's mean times Samples over OfSamples, the number of CPU
// samples that hit these requests while they ran.
type CPULibrary struct {
	Bucket    Bucket `json:"bucket"`
	System    string `json:"system"`
	Samples   int64  `json:"samples"`
	OfSamples int64  `json:"of_samples"`
	Estimate  int64  `json:"estimate_mean_ns"`
}

// outside of requests, queueing cannot be told from having nothing to do.
type Root struct {
	Function   string       `json:"function"`
	Goroutines int64        `json:"goroutines"`
	Wall       int64        `json:"wall_ns"`
	Buckets    []BucketTime `json:"buckets"`
	// Units is how to see what the goroutines do as units of work. It is nil if they
	// seem to do none.
	Units *RootUnits `json:"units,omitempty"`
}

// RootUnits are the units of work that the goroutines of one root seem to do.
type RootUnits struct {
	Kind  string `json:"kind"` // OneEach or InTurn
	Count int64  `json:"count"`
	// Root is the regular expression that declares the root's function a unit of work.
	Root string `json:"root"`
}

// The ways in which goroutines do units of work: one each, and then they end; or one
// after another, waiting for the next in between.
const (
	OneEach = "goroutine"
	InTurn  = "loop"
)

// AtWork returns the time, in nanoseconds, in which the goroutines neither waited for
// others nor slept.
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
