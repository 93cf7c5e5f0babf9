package rules

import (
	"slices"

	"timesink/analyze/breakdown"
)

// A Rule classifies the time spent below a function. Func is a function as traces spell
// it, without closures and type arguments, or a prefix: a pattern that ends in "."
// matches everything in a type or package, one that ends in "/" all packages below a
// path.
type Rule struct {
	Func   string
	Bucket breakdown.Bucket
	Phase  breakdown.Phase
	System string
	// Default: Phase applies only if no function below says more. A row without it is a
	// step, and the innermost step decides.
	Default bool
	// Beyond, if set, replaces Phase if the function has called another library: an
	// interface's own wait is one phase, its driver's another.
	Beyond breakdown.Phase
	// Any: the function is the network's and refines the phase of any client above it.
	Any bool
	// NoCall: below this function the other side is not asked for anything.
	NoCall bool
	// Drops: a wait below this function is for a connection to close, because its response
	// was not read to the end.
	Drops bool
	// Whole: a goroutine of the client reads the response, so the end of a wait below
	// this function is the arrival of a whole response.
	Whole bool
	// Begins: a call begins below this function, which no write to the network would
	// show.
	Begins bool
	// Stream: unless a call begins below this function, all messages asked for there
	// are one call, and other calls may be made between them. Opens: the stream's call
	// begins with the goroutine that this function creates.
	Stream, Opens bool
	// Dialogue: a call asks several times, so another one begins only where the service comes
	// by another path, or asks the same again.
	Dialogue bool
	// Steps: the client works on its own goroutines, so the phases of a wait below this
	// function come from theirs.
	Steps bool
	// Feeds: the client's goroutines call the service back for what they send, so a wait below
	// this function is, where they wait for another system meanwhile, a wait for that one.
	Feeds bool
	// Answers: a wait that a goroutine ends below this function, or in the service's
	// code called back there, is a wait for this rule's system.
	Answers bool
	// Awaits: what such a goroutine brings is sent when others like.
	Awaits bool
	// Lends: the function calls the service's or a library's code for what it does. A lock
	// that a library takes there is none of the other side's.
	Lends bool
	// Covers: all that is done below this function is this rule's, also reading files or
	// taking locks.
	Covers bool
	// Timer: a wait of this very function that no goroutine ended is for a timer of the
	// library, whichever client it waits in. System names the library, and the timer if
	// it has several.
	Timer bool
	// Raw: the function is a connection's. It decides only for connections that the
	// service's own code uses: see findRaw.
	Raw bool
	// Purpose is what the library's timer is for, if that matters.
	Purpose breakdown.Purpose
	// Follow, if set, decides how to follow a wait's end, and no bucket.
	Follow Follow
}

// Follow is how a wait relates to its waker.
type Follow uint8

const (
	// FollowWaker: the request waited for what the waker did for it.
	FollowWaker Follow = iota
	// FollowWhole: the request waited for all of the waker's work, whichever request
	// began it.
	FollowWhole
)

// Role is a stack's part in a server's loop.
type Role uint8

const (
	NoRole      Role = iota
	Idle             // waiting for, or reading, the first bytes of the next request
	ReadHeader       // reading a request's header
	Beginning        // about to call the handler of a request whose header has been read
	Finishing        // finishing the response: the request is over after that
	Closing          // closing the connection: the request is over
	Hijacked         // handing the connection over to the handler: the request is over
	Connection       // elsewhere in a connection's loop
	Stream           // a goroutine that serves one request and ends
	NotRequest       // a connection's loop that serves its requests on other goroutines
	Background       // reading ahead while a request is served
	Unconnected      // between two connections, if a goroutine serves one after another
	Fetch            // waiting for, or taking, a consumer's next unit of work
	Callback         // a goroutine that calls the service's code for each unit
	Feed             // handing units of work to the goroutines that it wakes
	Message          // waiting for, or reading, the next message of a loop that handles one after another
)

// A Loop is a function's part in a server, a queue consumer, an HTTP client's
// connection or the runtime. Caller, if set, restricts it to calls from that function;
// Outermost restricts it to roots of goroutines.
type Loop struct {
	Func      string
	Caller    string
	Outermost bool
	Role      Role
	Served    bool
	Kind      string
	Streams   bool // its handlers receive or send a stream of messages
	Whole     bool // handlers below it do not stream
	Flushes   bool // sends the part of the response that is ready
	Wakes     breakdown.Phase
	Dials     bool
	LooksUp   bool
	Connects  bool // makes connections for others, one after another
	Writes    bool
	GC        bool
	Observer  bool
	Accepts   bool // in a loop that accepts connections
	// Expires: a deadline started the goroutine, and a wait that it ends, ends since the
	// deadline has passed.
	Expires bool
	// Limited: a timer that ends a wait below the function is the wait's deadline.
	Limited bool
	// Calls: the function calls the service's code for a unit of work, as a Callback's.
	Calls bool
	// Gathers: a fetch may wait several times before it returns.
	Gathers bool
	// Session: messages are fetched from a connection that a handler has taken over, so
	// this takes precedence over the server's loop above it.
	Session bool
}

// GenericSQL is the system of calls whose stack shows database/sql but not the driver.
const GenericSQL = "sql"

// table holds the built-in rules. If several rows match one function, a whole name
// takes precedence over a prefix, then the first row wins. The rows of a client are its
// entry, with the default phase, and its steps.
var table = slices.Concat(databases, caches, queues, http2Clients, upstreams, http2Servers, servers, dns, process, timers, raw)

// loops are the loops of servers, and the goroutines of clients and of the runtime
// whose part matters.
var loops = slices.Concat(http2ServerLoops, serverLoops, dnsLoops, queueLoops, brokerLoops, schedulerLoops, http2ClientLoops, clientLoops, runtimeLoops, listeners, observers, deadlines)
