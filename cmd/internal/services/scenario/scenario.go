// Package scenario is what a line of the accuracy table is made of: a service
// whose requests do something known, with a stopwatch around each step.
//
// A Scenario says what a request does and which library it does it with. The
// command around it (package main of this module) serves many of them in one
// process, which timesink then looks at from outside; the test holds what it says
// against what the stopwatches measured. Scenarios know nothing of timesink's
// rules: they name the bucket and the phase that a step belongs to by what it
// really does.
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
	// Needs are the servers to be started for it: real ones by the names that
	// package backing knows, or Peers.
	Needs []string
	// Clients is how many requests there are at a time, in a closed loop; 0 is 2.
	Clients int
	// Server is how its requests come in; the zero value is net/http's HTTP/1.
	Server Server
	// Root is an expression for the function that is to be taken for a unit of
	// work, "" for none.
	Root string
	// Open connects to what the scenario needs, once, and returns what each
	// request does. What it opens lives as long as the context.
	Open func(ctx context.Context, env Env) (Work, error)
	Want Want
}

// Work is what one request does, on the goroutine that serves it. Steps that take
// time are to be timed by the watch; a request also sleeps for Pad, timed, so that
// what the server does around the handler is small beside it.
type Work func(ctx context.Context, w *Watch) error

// Pad is how long each request sleeps beside its work.
const Pad = 15 * time.Millisecond

// Env is where the needs are: addresses, URLs or DSNs by name.
type Env map[string]string

// A Server is a way in which requests come in.
type Server struct {
	// Listen serves until the context ends; do is one request, to be called on
	// the goroutine that serves it. It returns the address for Dial, or what
	// else Dial is to know.
	Listen func(ctx context.Context, env Env, do func(context.Context) error) (address string, err error)
	// Dial is the client's side, in another process: a connection that sends one
	// request at a time.
	Dial func(env Env, address string) load.Session
	// OneWay tells that Dial's sessions only hand something over, as to a queue,
	// and do not see the request's end.
	OneWay bool
}

// Want is what must be said of a scenario beyond the bounds that hold for each.
type Want struct {
	// System is what the calls are told to go to, "postgres".
	System string
	// Calls is how many there are in a request; negative is not told.
	Calls float64
	// Endpoint is the name of the handler; "" is not told.
	Endpoint string
	// Kind is what the server speaks, "http/1"; "" is not told.
	Kind string
	// Estimate tells that the scenario's work is running time, which only CPU
	// samples tell apart: what the report estimates by them is held to a fifth.
	// The report tells it by endpoint: the handler must be the scenario's own.
	Estimate bool
	// Finding is the id of one that the report has for the scenario's endpoint,
	// which is then to be of no other scenario; "" is not told.
	Finding string
	// Holds looks at the scenario's endpoint as the report has it, nil where
	// there is nothing more to say.
	Holds func(e *breakdown.Endpoint) error
}

// A Peer is a server of our own that scenarios need, run in its own process.
type Peer struct {
	Name string
	// Needs are the servers that it needs itself, as a proxy does.
	Needs []string
	// Serve serves until the context ends and says where, once it does.
	Serve func(ctx context.Context, env Env, ready func(address string)) error
}
