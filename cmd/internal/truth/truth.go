// Package truth is what a service says of its own time: for each request when
// each of its steps began and ended, and beside them what the process as a whole
// spent. The VIN service serves it as JSON; tests hold it against what timesink
// found from outside.
//
// The package holds types and no measurement: package vin takes the times, and
// nothing here needs the service to be read.
package truth

import "time"

// A Truth is what the service measured since it started or was last reset.
type Truth struct {
	// Requests are in the order in which they ended, oldest first.
	Requests []Request `json:"requests"`
	// Bound is how many requests are kept; Dropped counts those that newer ones
	// pushed out, the oldest first.
	Bound   int   `json:"bound"`
	Dropped int64 `json:"dropped"`
	// InFlight counts requests that had begun and not ended.
	InFlight int64 `json:"in_flight"`
	// Totals are of the whole process over the same time.
	Totals Totals `json:"totals"`
}

// A Request is one request as its handler timed it, from the handler's first
// statement to its last.
//
// Times are nanoseconds since the Unix epoch. They are made of one reading of
// the wall clock at the start of the process and the monotonic clock since, so
// that differences are exact and no step of the wall clock reaches them.
type Request struct {
	Route    string `json:"route"`    // "GET /v1/vin/{vin}"
	Endpoint string `json:"endpoint"` // "vin.(*API).Decode"
	VIN      string `json:"vin"`
	// Goroutine is the number of the one that ran the handler, as traces of the
	// process have it.
	Goroutine int64 `json:"goroutine"`
	Status    int   `json:"status"`
	Start     int64 `json:"start_ns"`
	End       int64 `json:"end_ns"`
	// Steps are in the order in which they began. [Upstreams] encloses the
	// [Upstream] steps, which overlap when the calls are concurrent; the other
	// steps follow one another.
	Steps []Step `json:"steps"`
}

// Wall is the time from start to end.
func (r *Request) Wall() time.Duration { return time.Duration(r.End - r.Start) }

// Spent is the total time of the steps of that kind.
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

// Totals are what the process spent since it started or was last reset.
// Durations are nanoseconds.
type Totals struct {
	Since int64 `json:"since_ns"` // Unix, as in [Request]
	Until int64 `json:"until_ns"`
	// CPU is the process's, by getrusage; absent where the system has none.
	CPU *CPUTime `json:"cpu,omitempty"`
	// SchedLatency is the time goroutines were ready to run and did not. The
	// runtime looks at every eighth time only, so that this is an estimate.
	SchedLatency Range `json:"sched_latency"`
	// RunDelay is the time the process's threads were ready to run while the
	// kernel ran others, as far as the threads live; 0 where the system does not
	// say.
	RunDelay int64 `json:"run_delay_ns"`
	// GCPause is the time the world was stopped for the collector, and
	// OtherPause the time it was stopped for something else, such as the start
	// of a trace.
	GCPause    Range `json:"gc_pause"`
	OtherPause Range `json:"other_pause"`
	// GCAssist is the processor time goroutines spent helping the collector, as
	// far as its last cycle.
	GCAssist int64 `json:"gc_assist_ns"`
	// MutexWait is the time goroutines were blocked on a sync.Mutex, a
	// sync.RWMutex or a lock of the runtime.
	MutexWait int64 `json:"mutex_wait_ns"`
	// PoolWaits counts the queries that had to wait for a connection of the
	// pool, and PoolWait is how long they did.
	PoolWaits int64 `json:"pool_waits"`
	PoolWait  int64 `json:"pool_wait_ns"`
}

// CPUTime is processor time, in nanoseconds.
type CPUTime struct {
	User   int64 `json:"user_ns"`
	System int64 `json:"system_ns"`
}

// A Range bounds a total that the runtime keeps as a histogram: its true value,
// in nanoseconds, lies between Low and High.
type Range struct {
	Low   int64 `json:"low_ns"`
	High  int64 `json:"high_ns"`
	Count int64 `json:"count"`
}

// Between returns what was spent between two readings with the same Since, of
// which t is the later one.
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
