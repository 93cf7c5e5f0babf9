package rules

import (
	"slices"

	"timesink/analyze/breakdown"
)

// A Rule says what time spent below a function is. Func is a function as traces
// spell it, without closures and type arguments, or a prefix of functions: a
// pattern that ends in "." takes all of a type or package, one that ends in "/"
// all packages below a path.
type Rule struct {
	Func   string
	Bucket breakdown.Bucket
	Phase  breakdown.Phase
	System string
	// Default: Phase is only what holds where no function below says more. A
	// row without it is a step: the innermost step decides.
	Default bool
	// Beyond, where set, is the phase instead of Phase where the function has
	// called another library: what an interface is waited for, and what its
	// driver is.
	Beyond breakdown.Phase
	// Any is set for the network's own functions, which refine the phase of
	// whatever client they serve.
	Any bool
	// NoCall: below this function nothing is asked of the other side.
	NoCall bool
	// Whole: a goroutine of the client's own reads the answer, so that the end
	// of a wait below this function is a whole one's arrival.
	Whole bool
	// Begins: below this function a call begins, which no writing to a network
	// would tell.
	Begins bool
	// Stream: what is asked below this function, unless the call begins there too, is
	// one call for all messages; others may be made between them. Opens: it begins
	// with the goroutine that this function begins.
	Stream, Opens bool
	// Steps: the client works on goroutines of its own, so that the phases of a
	// wait below this function are theirs.
	Steps bool
	// Answers: a wait that a goroutine ends below this function, also in the
	// service's code that is called back there, is one for this rule's system.
	Answers bool
	// Follow, where set, fixes no bucket but how a wait's end is followed.
	Follow Follow
}

// Follow says how a wait relates to the goroutine that ended it.
type Follow uint8

const (
	// FollowWaker: what the waker did for this request is what it waited for.
	FollowWaker Follow = iota
	// FollowWhole: the request waits for that very work, whoever began it.
	FollowWhole
)

// Role is a stack's part in a server's loop.
type Role uint8

const (
	NoRole      Role = iota
	Idle             // waiting for, or reading, the first bytes of the next request
	ReadHeader       // reading a request's header
	Beginning        // about to call the handler of a request whose header has been read
	Finishing        // ending the answer: the request is over when that is done
	Closing          // the connection is being closed: the request is over
	Hijacked         // the handler takes the connection over: the request is over
	Connection       // elsewhere in a connection's loop
	Stream           // a goroutine that serves one request and ends
	NotRequest       // a connection's loop that serves its requests on other goroutines
	Background       // reads ahead while a request is served
	Unconnected      // between two connections, where a goroutine serves one after another
	Fetch            // a consumer's waiting for, or taking, of its next unit of work
	Callback         // a goroutine that calls the service's code for each unit
	Feed             // hands units of work to the goroutines that it wakes
)

// A Loop says what a function is to a server, to a consumer of a queue, to an HTTP
// client's connection or to the runtime. Caller narrows it to the calls that come
// from there, Outermost to the function that a goroutine begins in.
type Loop struct {
	Func      string
	Caller    string
	Outermost bool
	Role      Role
	Served    bool
	Kind      string
	Streams   bool // its handlers take or give bit by bit
	Whole     bool // those below it do not
	Flushes   bool // sends what there is of an answer
	Wakes     breakdown.Phase
	Dials     bool
	Writes    bool
	GC        bool
	Observer  bool
	// Gathers: a fetch may wait several times before it returns.
	Gathers bool
	// Session: a connection that a handler has taken over is fetched from, so that
	// this goes before the server's loop that it is below.
	Session bool
}

// GenericSQL is the system of calls that only database/sql was seen in: the
// stack does not tell the driver.
const GenericSQL = "sql"

// table is what timesink knows of other people's libraries. Where several rows
// match one function, a whole name goes before a prefix, then the first counts.
// The rows of a client are its entry, with the default phase, and its steps.
var table = slices.Concat(databases, caches, queues, http2Clients, upstreams, http2Servers, servers, process)

// loops are the servers' own loops, and those goroutines of clients and of the
// runtime whose part has to be known.
var loops = slices.Concat(http2ServerLoops, serverLoops, queueLoops, http2ClientLoops, clientLoops, runtimeLoops, listeners, observers)
