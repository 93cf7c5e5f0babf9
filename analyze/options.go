package analyze

import (
	"regexp"
	"runtime"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
)

// DefaultMemory is what an analysis may take where nothing else is asked for,
// MinMemory the least that it can do with, in bytes.
const (
	DefaultMemory = timeline.DefaultMemory
	MinMemory     = timeline.MinMemory
)

// Options say how to analyze.
type Options struct {
	// Each, where set, is called with every request, including those cut by the
	// window's edges, in the order in which they are settled: one whose cause may
	// still become clear is held back until the trace ends. The request is valid
	// only until Each returns.
	Each func(*breakdown.Request)
	// Memory is how many bytes the analysis may take: DefaultMemory where it is
	// 0, and MinMemory at least. Where a trace needs more, details are given up, and a
	// warning says which.
	Memory int64
	// Grown, where set, is told what the answer amounts to after each second or
	// so of the trace. The analysis goes on when it returns.
	Grown func(breakdown.Snapshot)
	// Series keeps the endpoints' requests in the order of time, as a comparison
	// needs them.
	Series bool
	// Detail keeps what a report draws, and names the evidence.
	Detail bool
	// Rules are the user's own, which go before those that timesink knows.
	Rules []rules.Rule
	// Units, where set, are functions that are units of work, beside requests:
	// what a goroutine does below one of them, where it serves no request.
	Units *regexp.Regexp
}

// completed returns the options with what is not given.
func (o Options) completed() Options {
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	o.Memory = max(o.Memory, MinMemory)
	return o
}

// reader returns a reader of traces that does as the options, which are complete, say.
func (o Options) reader() *timeline.Reader {
	table := rules.New(o.Rules...)
	if o.Units != nil {
		table.Units(o.Units)
	}
	return &timeline.Reader{Table: table, Workers: runtime.GOMAXPROCS(0), Memory: o.Memory}
}
