// Package truth describes a service's own measurements: when each step of each
// request began and ended, and what the whole process spent. The VIN service
// serves them as JSON; tests compare them with what timesink finds from outside.
//
// The package has only types. Package vin takes the times; reading them requires
// nothing of the service.
package truth

import "time"

// A Truth holds the service's measurements since its start or its last reset.
type Truth struct {
	// Requests lists the requests in the order of their end, oldest first.
	Requests []Request `json:"requests"`
	// Bound is the maximum number of requests kept; Dropped counts the oldest
	// ones, which newer ones replaced.
	Bound   int   `json:"bound"`
	Dropped int64 `json:"dropped"`
	// InFlight counts the requests that have begun but not ended.
	InFlight int64 `json:"in_flight"`
	// Totals covers the whole process over the same time.
	Totals Totals `json:"totals"`
}

// A Request is one request as timed by its handler, from its first statement to
// its last.
//
// Times are nanoseconds since the Unix epoch. They derive from one reading of
// the wall clock at the start of the process and the monotonic clock since, so
// that differences are exact and not affected by steps of the wall clock.
type Request struct {
	Route    string `json:"route"`    // "GET /v1/vin/{vin}"
	Endpoint string `json:"endpoint"` // "vin.(*API).Decode"
	VIN      string `json:"vin"`
	// Goroutine is the number of the goroutine that ran the handler, as in
	// traces of the process.
	Goroutine int64 `json:"goroutine"`
	Status    int   `json:"status"`
	Start     int64 `json:"start_ns"`
	End       int64 `json:"end_ns"`
	// Steps lists the steps in the order in which they began. [Upstreams]
	// encloses the [Upstream] steps, which overlap when the calls are
	// concurrent; the other steps follow one another.
	Steps []Step `json:"steps"`
}

// Wall returns the time from start to end.
func (r *Request) Wall() time.Duration { return time.Duration(r.End - r.Start) }

// Spent returns the total time of the steps of a kind.
func (r *Request) Spent(kind Kind) time.Duration {
	total := int64(0)
	for _, s := range r.Steps {
		if s.Kind == kind {
			total += s.End - s.Start
		}
	}
	return time.Duration(total)
}

// A Step is a part of a request, with a stopwatch around it.
type Step struct {
	Kind   Kind   `json:"kind"`
	Detail string `json:"detail,omitempty"` // which upstream
	Start  int64  `json:"start_ns"`
	End    int64  `json:"end_ns"`
}

// A Kind names what a step does.
type Kind string

const (
	Lock      Kind = "lock"      // waiting for the store's mutex, where one is held
	DB        Kind = "db"        // the query until its rows are read: waiting for a connection, dialing, sending, scanning
	Upstreams Kind = "upstreams" // from before the first upstream call until after the last
	Upstream  Kind = "upstream"  // one upstream call, until its body is read
	CPU       Kind = "cpu"       // computing the signature
	Encode    Kind = "encode"    // making the JSON
	Write     Kind = "write"     // handing it to the ResponseWriter
)

// Totals is what the process spent since its start or its last reset. Durations
// are in nanoseconds.
type Totals struct {
	Since int64 `json:"since_ns"` // Unix, as in [Request]
	Until int64 `json:"until_ns"`
	// CPU is the processor time of the process, from getrusage; nil where the
	// system has none.
	CPU *CPUTime `json:"cpu,omitempty"`
	// SchedLatency is the time goroutines were ready to run but not running. The
	// runtime samples one in eight, so this is an estimate.
	SchedLatency Range `json:"sched_latency"`
	// RunDelay is the time that the live threads of the process were ready to
	// run while the kernel ran others; 0 where the system does not report it.
	RunDelay int64 `json:"run_delay_ns"`
	// GCPause is the time the world was stopped for the garbage collector, and
	// OtherPause the time it was stopped for other reasons, such as the start of
	// a trace.
	GCPause    Range `json:"gc_pause"`
	OtherPause Range `json:"other_pause"`
	// GCAssist is the processor time that goroutines spent helping the
	// collector, up to its last cycle.
	GCAssist int64 `json:"gc_assist_ns"`
	// MutexWait is the time goroutines were blocked on a sync.Mutex, a
	// sync.RWMutex or a lock of the runtime.
	MutexWait int64 `json:"mutex_wait_ns"`
	// PoolWaits counts the queries that had to wait for a connection of the
	// pool, and PoolWait is the total time of these waits.
	PoolWaits int64 `json:"pool_waits"`
	PoolWait  int64 `json:"pool_wait_ns"`
}

// CPUTime is processor time, in nanoseconds.
type CPUTime struct {
	User   int64 `json:"user_ns"`
	System int64 `json:"system_ns"`
}

// A Range bounds a total that the runtime keeps as a histogram: the true value,
// in nanoseconds, lies between Low and High.
type Range struct {
	Low   int64 `json:"low_ns"`
	High  int64 `json:"high_ns"`
	Count int64 `json:"count"`
}

// Between returns what was spent between two readings with the same Since. t
// must be the later one.
func (t Totals) Between(earlier Totals) Totals {
	out := Totals{
		Since:        earlier.Until,
		Until:        t.Until,
		SchedLatency: t.SchedLatency.minus(earlier.SchedLatency),
		RunDelay:     t.RunDelay - earlier.RunDelay,
		GCPause:      t.GCPause.minus(earlier.GCPause),
		OtherPause:   t.OtherPause.minus(earlier.OtherPause),
		GCAssist:     t.GCAssist - earlier.GCAssist,
		MutexWait:    t.MutexWait - earlier.MutexWait,
		PoolWaits:    t.PoolWaits - earlier.PoolWaits,
		PoolWait:     t.PoolWait - earlier.PoolWait,
	}
	if t.CPU != nil && earlier.CPU != nil {
		out.CPU = &CPUTime{User: t.CPU.User - earlier.CPU.User, System: t.CPU.System - earlier.CPU.System}
	}
	return out
}

func (r Range) minus(earlier Range) Range {
	return Range{Low: r.Low - earlier.Low, High: r.High - earlier.High, Count: r.Count - earlier.Count}
}
