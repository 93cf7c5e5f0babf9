package analyze

import (
	"regexp"
	"runtime"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
)

// DefaultMemory is the memory that an analysis may use by default, MinMemory the least
// that it works with, in bytes.
const (
	DefaultMemory = timeline.DefaultMemory
	MinMemory     = timeline.MinMemory
)

// Options configure an analysis. The zero value is ready to use.
type Options struct {
	// Each, if set, is called with every request, including those cut by the window's
	// edges, once it is attributed. A request whose cause may still become clear is
	// held back until the trace ends. The request is valid only until Each returns.
	Each func(*breakdown.Request)
	// Memory is how many bytes the analysis may use: DefaultMemory if it is 0, and at
	// least MinMemory. If a trace needs more, the analysis drops detail, and warnings
	// say which.
	Memory int64
	// Grown, if set, is called with a snapshot of the answer after about each second of
	// the trace. The analysis continues when it returns.
	Grown func(breakdown.Snapshot)
	// Series keeps the endpoints' requests in time order, which Changes needs.
	Series bool
	// Precision says how precise the figures are. Captures does so for a capture alone whose
	// window was to end as soon as the answer was known. A Live analysis of such a window
	// must be asked to.
	Precision bool
	// Detail keeps what reports draw, and identifies the evidence.
	Detail bool
	// Rules are the user's rules. They take precedence over the built-in ones.
	Rules []rules.Rule
	// Units, if set, matches functions that are units of work beside requests: what a
	// goroutine does below such a function is one, unless the goroutine serves a
	// request.
	Units *regexp.Regexp
	// FindUnits looks for such functions if the requests are not what the process does:
	// the captures are then read twice. It has no effect if Units is set.
	FindUnits bool

	// Spread keeps what each capture contributes to the endpoints, if there are several,
	// and says how they differ.
	Spread bool
	// Missing names the instances that gave no capture, each with the reason.
	Missing []string
	// Forecasts takes the savings of findings from a replay of the first capture, where the
	// replay can make the change that a finding proposes.
	Forecasts bool

	record *recording // nil unless the requests are kept for the replay
	list   *Listing   // nil unless the requests are listed
}

// completed returns the options with their defaults filled in.
func (o Options) completed() Options {
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	o.Memory = max(o.Memory, MinMemory)
	return o
}

// profiles returns the memory for reading a profile, and probes that for the probes of a
// capture, in bytes.
func (o Options) profiles() int64 { return o.Memory / 8 }
func (o Options) probes() int64   { return o.Memory / 16 }

// reader returns a reader of traces with these options, which must be completed.
func (o Options) reader() *timeline.Reader {
	table := rules.New(o.Rules...)
	if o.Units != nil {
		table.Units(o.Units)
	}
	return &timeline.Reader{Table: table, Workers: runtime.GOMAXPROCS(0), Memory: o.Memory, Load: o.record != nil}
}
