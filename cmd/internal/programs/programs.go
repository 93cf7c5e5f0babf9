// Package programs holds programs that others wrote, as the subjects of a long test: each
// is built from the module proxy with go install, started, put under load and observed,
// and the answer is compared with what its clients saw and what it counts itself.
//
// Such binaries have no code outside of the module cache, which no service in this
// repository has. To add a program, add an entry to All: how to build it, how to start
// it, the traffic, and what its endpoints are.
package programs

import (
	"context"
	"slices"
	"time"

	"timesink/analyze/breakdown"
)

// All are the programs, in the order in which the test runs them.
var All = []Program{httpbin, nats, registry, caddy, prometheus, coredns, etcd}

// A Program is a binary with what is known about it.
type Program struct {
	Name string
	// Package is what go install builds, Version its pinned version, Flags go install's.
	// Thin, if not "", is the source of a main that is built in a folder of its own
	// instead, and requires the module Package at Version.
	Package, Version string
	Flags            []string
	Thin             string
	// Own is the prefix of the functions that are the program's own. Call sites lie in
	// them.
	Own string
	// Start prepares the program and says how to run it.
	Start func(Place) (Running, error)
	// Traffic is sent all the time, each route by itself.
	Traffic []Route
}

// A Place is where a program runs.
type Place struct {
	Folder string             // empty, and removed afterwards
	Free   func() string      // returns a free address on loopback
	Peer   func(Serve) string // starts a server on loopback and returns its address
	Exe    string             // the program
	// Names starts a DNS server on loopback that answers after a wait. It returns its
	// address.
	Names func(wait time.Duration) string
}

// A Serve answers requests of a program to a peer.
type Serve func(path string) (wait time.Duration, size int)

// Running says how to run a program.
type Running struct {
	Args []string
	Env  []string
	// Pprof and Base are the URLs of /debug/pprof and of the routes; Ready answers with
	// 200 once the program is ready. Address is where the routes are that have Dial.
	Pprof, Base, Ready, Address string
	// Prepare, if not nil, is called once the program is ready.
	Prepare func(context.Context) error
	// Count, if not nil, returns what the program has counted itself, by the names of
	// routes; those that it does not count are missing.
	Count func(context.Context) (map[string]Counted, error)
}

// Counted is what a program says of the requests of a route.
type Counted struct {
	Requests float64
	Time     time.Duration // in total; 0 if the program does not say
	// Parts is how often the program did a work that each request waits for once,
	// together with others or alone, and PartsTime how long that took in total. It
	// belongs to the bucket Part.
	Part      breakdown.Bucket
	Parts     float64
	PartsTime time.Duration
}

// A Route is the traffic to one endpoint, and what the answer has to be.
type Route struct {
	Name   string // unique in the program
	Method string // GET if it is ""
	Path   string // "%d" in it is replaced by the number of the request
	Body   string
	// Dial, if not nil, opens a client of another protocol than HTTP/1, which Method, Path
	// and Body are for.
	Dial    func(address string) (Client, error)
	Rate    float64 // requests per second
	Clients int     // connections; 1 if it is 0
	Burst   int     // how many requests are due at once; 1 if it is 0
	// Endpoint is the function that names the endpoint.
	Endpoint string
	// Blocks is set if each request blocks in the handler, so that all are named. Of
	// other requests, those that were not seen may be unnamed.
	Blocks bool
	// Split lists buckets with the least share of the endpoint's wall time.
	Split map[breakdown.Bucket]float64
	// Sites are functions that must be among the call sites of these buckets.
	Sites []string
}

// Find returns the programs with these names, all if there are none.
func Find(names []string) (of []Program) {
	for _, p := range All {
		if len(names) == 0 || slices.Contains(names, p.Name) {
			of = append(of, p)
		}
	}
	return of
}
