// Package meter provides what a service needs to time itself for a test: a clock,
// the goroutine number as it appears in traces, and the totals of the whole
// process.
//
// It measures what the types of package truth describe.
package meter

import (
	"database/sql"
	"math"
	"runtime/metrics"

	"timesink/cmd/internal/truth"
)

// A Meter reads the totals of the process so far.
type Meter struct{ DB *sql.DB } // its pool is read as well; may be nil

// A Reading is the totals at one time. The difference of two Readings is what was
// spent between them.
type Reading struct {
	at      int64
	cpu     *truth.CPUTime
	delay   int64
	metrics []metrics.Sample
	pool    sql.DBStats
}

// The metrics behind the Totals, in the order of its fields.
const (
	metricSched = iota
	metricGCPause
	metricOtherPause
	metricAssist
	metricMutex
)

// Read returns the current Reading.
func (m Meter) Read(now int64) Reading {
	samples := []metrics.Sample{
		metricSched:      {Name: "/sched/latencies:seconds"},
		metricGCPause:    {Name: "/sched/pauses/total/gc:seconds"},
		metricOtherPause: {Name: "/sched/pauses/total/other:seconds"},
		metricAssist:     {Name: "/cpu/classes/gc/mark/assist:cpu-seconds"},
		metricMutex:      {Name: "/sync/mutex/wait/total:seconds"},
	}
	metrics.Read(samples)
	reading := Reading{at: now, cpu: cpuTime(), delay: runDelay(), metrics: samples}
	if m.DB != nil {
		reading.pool = m.DB.Stats()
	}
	return reading
}

// Since returns what was spent since an earlier Reading.
func (m Reading) Since(before Reading) truth.Totals {
	t := truth.Totals{
		Since: before.at, Until: m.at,
		SchedLatency: scaled(m.histogram(before, metricSched), schedPeriod),
		RunDelay:     max(0, m.delay-before.delay),
		GCPause:      m.histogram(before, metricGCPause),
		OtherPause:   m.histogram(before, metricOtherPause),
		GCAssist:     m.seconds(metricAssist) - before.seconds(metricAssist),
		MutexWait:    m.seconds(metricMutex) - before.seconds(metricMutex),
		PoolWaits:    m.pool.WaitCount - before.pool.WaitCount,
		PoolWait:     int64(m.pool.WaitDuration - before.pool.WaitDuration),
	}
	if m.cpu != nil && before.cpu != nil {
		t.CPU = &truth.CPUTime{User: m.cpu.User - before.cpu.User, System: m.cpu.System - before.cpu.System}
	}
	return t
}

// schedPeriod is the sampling period of the runtime's scheduling latencies
// (gTrackingPeriod in the Go tree): it counts one in so many.
const schedPeriod = 8

func scaled(r truth.Range, by int64) truth.Range {
	return truth.Range{Low: r.Low * by, High: r.High * by, Count: r.Count * by}
}

func (m Reading) seconds(metric int) int64 {
	if v := m.metrics[metric].Value; v.Kind() == metrics.KindFloat64 {
		return int64(v.Float64() * 1e9)
	}
	return 0
}

// histogram bounds the sum of the values counted since before: a bucket gives
// only a range for its values. The outermost buckets are open; their values are
// taken at the one finite bound.
func (m Reading) histogram(before Reading, metric int) truth.Range {
	if m.metrics[metric].Value.Kind() != metrics.KindFloat64Histogram {
		return truth.Range{}
	}
	now, then := m.metrics[metric].Value.Float64Histogram(), before.metrics[metric].Value.Float64Histogram()
	var low, high float64
	var count uint64
	for i := range now.Counts {
		n := now.Counts[i] - then.Counts[i]
		from, to := now.Buckets[i], now.Buckets[i+1]
		if math.IsInf(from, -1) {
			from = 0
		}
		if math.IsInf(to, 1) {
			to = from
		}
		low, high, count = low+float64(n)*from, high+float64(n)*to, count+n
	}
	return truth.Range{Low: int64(low * 1e9), High: int64(high * 1e9), Count: int64(count)}
}
