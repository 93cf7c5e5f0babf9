package vin

import (
	"database/sql"
	"math"
	"runtime/metrics"

	"timesink/cmd/internal/truth"
)

// A meter reads what the process has spent so far.
type meter struct{ db *sql.DB }

// A measurement is one reading; the difference of two is what was spent between.
type measurement struct {
	at      int64
	cpu     *truth.CPUTime
	metrics []metrics.Sample
	pool    sql.DBStats
}

// The metrics that Totals is made of, in the order of its fields.
const (
	metricSched = iota
	metricGCPause
	metricOtherPause
	metricAssist
	metricMutex
)

func (m meter) measure(now int64) measurement {
	samples := []metrics.Sample{
		metricSched:      {Name: "/sched/latencies:seconds"},
		metricGCPause:    {Name: "/sched/pauses/total/gc:seconds"},
		metricOtherPause: {Name: "/sched/pauses/total/other:seconds"},
		metricAssist:     {Name: "/cpu/classes/gc/mark/assist:cpu-seconds"},
		metricMutex:      {Name: "/sync/mutex/wait/total:seconds"},
	}
	metrics.Read(samples)
	reading := measurement{at: now, cpu: cpuTime(), metrics: samples}
	if m.db != nil {
		reading.pool = m.db.Stats()
	}
	return reading
}

func (m measurement) minus(before measurement) truth.Totals {
	t := truth.Totals{
		Since: before.at, Until: m.at,
		SchedLatency: m.histogram(before, metricSched),
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

func (m measurement) seconds(metric int) int64 {
	if v := m.metrics[metric].Value; v.Kind() == metrics.KindFloat64 {
		return int64(v.Float64() * 1e9)
	}
	return 0
}

// histogram bounds the sum of what was counted since before: a bucket says only
// between which values its members lie. The outermost buckets are open; what they
// hold is taken at their one finite bound.
func (m measurement) histogram(before measurement, metric int) truth.Range {
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
