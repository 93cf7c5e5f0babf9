package main

import (
	"context"
	"net/http"
	"slices"
	"time"

	"timesink/cmd/internal/services/scenario"
)

// tags are the build flags with which the services have the rows that this build has.
var tags []string

// A row is a service with a planted cause.
type row struct {
	service string // what it does, unique
	// plants is the ID of the cause, "" if nothing may fire.
	plants string
	// also lists causes that are truly there as well. They may fire or not.
	also []string
	// quiet is set if the cause shows only where the machine has cores to spare: nothing is
	// said of the row if it does not.
	quiet bool
	// names is a name that a fact of the planted cause must have, "" if any will do.
	names string
	// endpoints are the names that the requests' handlers must have, of which the services
	// of other rows have one.
	endpoints []string
	// named is set if each request must have a name.
	named bool
	// needs lists servers, by their names in package backing or among the peers.
	needs []string
	load  []clients // none means two clients
	// slowly is set if the cause shows in a longer window.
	slowly bool
	// cold is set if the clients begin within the window: the first requests are those of a
	// service that has just started.
	cold bool
	// hangs is set if requests never end, so that the load does not wait for answers.
	hangs bool
	// fails is set if requests fail by design.
	fails bool
	// probed is set if timesink probes the service, by new and by kept connections.
	probed bool
	cores  float64  // a limit, as containers have it; 0 for none
	env    []string // variables of the service's environment
	// resolving replaces /etc/resolv.conf for the service, unless it is "", which takes
	// root.
	resolving string
	// open connects to the needs and returns the service.
	open func(ctx context.Context, env scenario.Env) (http.Handler, error)
	// listen serves the handler until the context ends; nil means net/http's server.
	listen func(ctx context.Context, h http.Handler) (url string, err error)
}

// clients are some of a service's clients, each with one request at a time.
type clients struct {
	number int           // 0 means 2
	path   string        // "" means "/"
	think  time.Duration // between an answer and the next request
	dials  bool          // a connection for each request
	// slowly is the pause before each further 16 KiB of an answer that a client reads, 0
	// for one that reads as fast as it can.
	slowly time.Duration
	// body is the size of the request's body, and pauses how long a client takes before
	// each 16 KiB of it.
	body   int
	pauses time.Duration
}

// part is how much slow clients send and read at a time.
const part = 16 << 10

// A family is the rows of causes of one kind. The first row is the one that is always
// tried.
type family struct {
	name string
	rows []row
}

var families = []family{
	{"calls", callRows},
	{"connections", connectionRows},
	{"patterns", patternRows},
	{"waits", waitRows},
	{"holding", holdingRows},
	{"hangs", hangRows},
	{"processors", processorRows},
	{"computing", computingRows},
	{"C code", cRows},
	{"conclusions", conclusionRows},
	{"requests", requestRows},
	{"transfers", transferRows},
	{"reported", reportedRows},
	{"batching", batchingRows},
	{"sharing", sharingRows},
	{"healthy", healthyRows},
}

// find returns a row by its service, nil if there is none.
func find(service string) *row {
	for _, f := range families {
		if i := slices.IndexFunc(f.rows, func(r row) bool { return r.service == service }); i >= 0 {
			return &f.rows[i]
		}
	}
	return nil
}

// handled returns an open for a service with one handler, whose work is prepared once.
func handled(open func(ctx context.Context, env scenario.Env) (work, error)) func(context.Context, scenario.Env) (http.Handler, error) {
	return func(ctx context.Context, env scenario.Env) (http.Handler, error) {
		do, err := open(ctx, env)
		if err != nil {
			return nil, err
		}
		return answers(do), nil
	}
}

// work is what a request does.
type work func(ctx context.Context) error

// answers returns a handler that answers with the outcome of its work.
func answers(do work) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) })
}
