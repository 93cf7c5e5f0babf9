// Package scenario defines a line of the accuracy table: a service whose requests
// do something known, with a stopwatch around each step.
//
// A Scenario defines what a request does and with which library. The command
// (package main of this module) serves many scenarios in one process, which
// timesink observes from outside; the test compares its answer with the
// stopwatches. Scenarios know nothing of timesink's rules: they name the bucket
// and the phase of a step by what it really does.
package scenario

import (
	"context"
	"time"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/load"
)

// A Scenario is one line of the accuracy table.
type Scenario struct {
	Name string // unique, such as "pgxpool"
	// Needs lists the servers to start for it: real ones by their names in
	// package backing, or Peers.
	Needs []string
	// Clients is the number of concurrent requests, in a closed loop; 0 means 2.
	Clients int
	// Server is how its requests arrive; the zero value is net/http's HTTP/1.
	Server Server
	// Root is a regular expression for the function to treat as a unit of work,
	// "" for none. Loops is set if its goroutines do one request after another.
	Root  string
	Loops bool
	// Open connects to the scenario's needs, once, and returns the work of each
	// request. The connections stay open until the context ends.
	Open func(ctx context.Context, env Env) (Work, error)
	Want Want
}

// Work is the work of one request, on the goroutine that serves it. It must time
// its steps with the watch. A request also sleeps for Pad, timed, so that the
// server's own work around the handler is comparatively small.
type Work func(ctx context.Context, w *Watch) error

// Pad is how long each request sleeps in addition to its work.
const Pad = 15 * time.Millisecond

// Env maps the names of needs to their addresses, URLs or DSNs.
type Env map[string]string

// A Server is a way in which requests arrive.
type Server struct {
	// Listen serves until the context ends. It calls do for each request, on the
	// goroutine that serves it. It returns the address or other argument for
	// Dial.
	Listen func(ctx context.Context, env Env, do func(context.Context) error) (address string, err error)
	// Dial returns the client's side, in another process: a connection that
	// sends one request at a time.
	Dial func(env Env, address string) load.Session
	// OneWay reports whether Dial's sessions only hand something over, as to a
	// queue, and do not see the request's end.
	OneWay bool
}

// Want is what timesink must report about a scenario beyond the common bounds.
type Want struct {
	// System is the reported system of the calls, "postgres".
	System string
	// Calls is the number of calls per request; a negative number is not
	// checked.
	Calls float64
	// Endpoint is the name of the handler; "" is not checked.
	Endpoint string
	// Kind is the kind of the requests, "http/1"; "" is not checked.
	Kind string
	// Estimate reports whether the scenario's work is running time, which only
	// CPU samples can attribute. The report's estimate must be within a fifth.
	// It is per endpoint, so the handler must be the scenario's own.
	Estimate bool
	// Finding is the id of a finding that the report must have for the
	// scenario's endpoint, which no other scenario may share; "" is not checked.
	Finding string
	// Holds checks the scenario's endpoint in the report; nil means no further
	// check.
	Holds func(e *breakdown.Endpoint) error
}

// A Peer is a server from this module that scenarios need. It runs in a separate
// process.
type Peer struct {
	Name string
	// Needs lists the servers that the peer itself needs, as a proxy does.
	Needs []string
	// Serve serves until the context ends. It calls ready with its address once
	// it is serving.
	Serve func(ctx context.Context, env Env, ready func(address string)) error
}
