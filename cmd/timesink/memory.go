package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// collectAt is the value of GOGC during an analysis. Most of an analysis's memory is
	// records without pointers, which cost the collector nothing: at 40 the peak is a
	// quarter lower than at Go's default of 100, and the time is the same.
	collectAt = 40
	// leastHeap is the size, in bytes, below which the heap is not collected. Many traces
	// need less, and would be collected every few megabytes: five percent of all
	// instructions.
	leastHeap = 32_000_000
	// firstHeap is the size at which Go collects first if GOGC is 100.
	firstHeap = 4 << 20
)

// boundHeap makes this process's garbage collector work harder than by default, and
// harder still as memory nears most bytes. The limits apply to the whole process, so
// call it right before an analysis that may take that much; further calls can only
// lower them. The environment variable GOGC, and a GOMEMLIMIT below most, take
// precedence.
func boundHeap(most int64) {
	if os.Getenv("GOGC") == "" {
		tuning.Do(func() {
			debug.SetGCPercent(percentFor(firstHeap))
			tuneAfterCollection()
		})
	}
	debug.SetMemoryLimit(min(debug.SetMemoryLimit(-1), most))
}

var tuning sync.Once

// percentFor returns the value of GOGC for a live heap in bytes.
func percentFor(live int64) int {
	return int(max(collectAt, leastHeap*100/max(live, 1_000_000)-100))
}

// tuneAfterCollection adapts GOGC to the live heap after each collection from now on.
func tuneAfterCollection() {
	runtime.AddCleanup(new(collected), func(struct{}) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		debug.SetGCPercent(percentFor(int64(live[0].Value.Uint64())))
		tuneAfterCollection()
	}, struct{}{})
}

// A collected is garbage at once: its cleanup runs after the next collection. It is large
// enough not to share an allocation with others.
type collected [32]byte
