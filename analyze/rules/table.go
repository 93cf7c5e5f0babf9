package rules

import "timesink/analyze/breakdown"

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
	// Any is set for the network's own functions, which refine the phase of
	// whatever client they serve.
	Any bool
	// NoCall: below this function nothing is asked of the other side.
	NoCall bool
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
	NoRole     Role = iota
	Idle            // waiting for, or reading, the first bytes of the next request
	ReadHeader      // reading a request's header
	Finishing       // ending the answer: the request is over when that is done
	Closing         // the connection is being closed: the request is over
	Hijacked        // the handler takes the connection over: the request is over
	Connection      // elsewhere in a connection's loop
	Stream          // a goroutine that serves one request and ends
	NotRequest      // a connection's loop that serves its requests on other goroutines
	Background      // reads ahead while a request is served
)

// A Loop says what a function is to a server, to an HTTP client's connection or
// to the runtime. Caller narrows it to the calls that come from there.
type Loop struct {
	Func     string
	Caller   string
	Role     Role
	Served   bool
	Kind     string
	Wakes    breakdown.Phase
	Dials    bool
	GC       bool
	Observer bool
}

// GenericSQL is the system of calls that only database/sql was seen in: the
// stack does not tell the driver.
const GenericSQL = "sql"

// bucketPhases are the phases that a bucket may have.
var bucketPhases = [breakdown.NumBuckets][]breakdown.Phase{
	breakdown.DB:    {breakdown.PoolWait, breakdown.Connect, breakdown.Query, breakdown.Rows},
	breakdown.Cache: {breakdown.PoolWait, breakdown.Connect, breakdown.Command},
	breakdown.Queue: {breakdown.Produce, breakdown.BatchDelay, breakdown.Fetch, breakdown.Commit},
	breakdown.Upstream: {breakdown.PoolWait, breakdown.DNS, breakdown.Connect, breakdown.TLS, breakdown.RequestWrite,
		breakdown.ResponseWait, breakdown.BodyRead},
}

// table is what timesink knows of other people's libraries. Where several rows
// match one function, a whole name goes before a prefix, then the first counts.
// The rows of a client are its entry, with the default phase, and its steps.
var table = []Rule{
	// database/sql, whatever the driver.
	{Func: "database/sql.(*DB).conn", Bucket: breakdown.DB, Phase: breakdown.PoolWait, System: GenericSQL},
	{Func: "database/sql.(*DB).putConn", Bucket: breakdown.DB, Phase: breakdown.PoolWait, System: GenericSQL, NoCall: true},
	{Func: "database/sql.(*driverConn).resetSession", Bucket: breakdown.DB, Phase: breakdown.Connect, System: GenericSQL},
	{Func: "database/sql.dsnConnector.Connect", Bucket: breakdown.DB, Phase: breakdown.Connect, System: GenericSQL},
	{Func: "database/sql.(*Rows).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: GenericSQL},
	{Func: "database/sql.(*Row).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: GenericSQL},
	{Func: "database/sql.", Bucket: breakdown.DB, Phase: breakdown.Query, System: GenericSQL, Default: true},

	// PostgreSQL: pgx, its pool and its database/sql driver; lib/pq.
	{Func: "github.com/jackc/pgx/v5/stdlib.(*connector).Connect", Bucket: breakdown.DB, Phase: breakdown.Connect, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5/stdlib.(*driverConnector).Connect", Bucket: breakdown.DB, Phase: breakdown.Connect, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5/pgconn.ConnectConfig", Bucket: breakdown.DB, Phase: breakdown.Connect, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5.ConnectConfig", Bucket: breakdown.DB, Phase: breakdown.Connect, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5.connect", Bucket: breakdown.DB, Phase: breakdown.Connect, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5/pgxpool.(*Pool).Acquire", Bucket: breakdown.DB, Phase: breakdown.PoolWait, System: "postgres"},
	{Func: "github.com/jackc/puddle/", Bucket: breakdown.DB, Phase: breakdown.PoolWait, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5.(*baseRows).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5.(*connRow).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5/pgxpool.(*poolRows).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5/pgxpool.(*poolRow).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5/stdlib.(*Rows).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: "postgres"},
	{Func: "github.com/jackc/pgx/", Bucket: breakdown.DB, Phase: breakdown.Query, System: "postgres", Default: true},
	{Func: "github.com/jackc/pgconn.ConnectConfig", Bucket: breakdown.DB, Phase: breakdown.Connect, System: "postgres"},
	{Func: "github.com/jackc/pgconn.", Bucket: breakdown.DB, Phase: breakdown.Query, System: "postgres", Default: true},
	{Func: "github.com/lib/pq.(*Connector).Connect", Bucket: breakdown.DB, Phase: breakdown.Connect, System: "postgres"},
	{Func: "github.com/lib/pq.DialOpen", Bucket: breakdown.DB, Phase: breakdown.Connect, System: "postgres"},
	{Func: "github.com/lib/pq.(*rows).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: "postgres"},
	{Func: "github.com/lib/pq.", Bucket: breakdown.DB, Phase: breakdown.Query, System: "postgres", Default: true},

	// net/http's client, HTTP/1 and HTTP/2. Its connections read and write on
	// goroutines of their own; the caller waits in a select.
	{Func: "net/http.(*Transport).CloseIdleConnections", Bucket: breakdown.Upstream, Phase: breakdown.PoolWait, System: "http", NoCall: true},
	{Func: "net/http.(*Transport).getConn", Bucket: breakdown.Upstream, Phase: breakdown.PoolWait, System: "http"},
	{Func: "net/http.(*Transport).dialConnFor", Bucket: breakdown.Upstream, Phase: breakdown.Connect, System: "http"},
	{Func: "net/http.(*Transport).dialConn", Bucket: breakdown.Upstream, Phase: breakdown.Connect, System: "http"},
	{Func: "net/http.(*persistConn).addTLS", Bucket: breakdown.Upstream, Phase: breakdown.TLS, System: "http"},
	{Func: "net/http.(*persistConn).writeLoop", Bucket: breakdown.Upstream, Phase: breakdown.RequestWrite, System: "http"},
	{Func: "net/http.(*persistConn).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true},
	{Func: "net/http.(*bodyEOFSignal).", Bucket: breakdown.Upstream, Phase: breakdown.BodyRead, System: "http"},
	{Func: "net/http.(*gzipReader).", Bucket: breakdown.Upstream, Phase: breakdown.BodyRead, System: "http"},
	{Func: "net/http.(*cancelTimerBody).", Bucket: breakdown.Upstream, Phase: breakdown.BodyRead, System: "http"},
	{Func: "net/http.(*http2clientStream).writeRequestBody", Bucket: breakdown.Upstream, Phase: breakdown.RequestWrite, System: "http"},
	{Func: "net/http.http2transportResponseBody.", Bucket: breakdown.Upstream, Phase: breakdown.BodyRead, System: "http"},
	{Func: "net/http.(*http2ClientConn).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true},
	{Func: "net/http.(*http2clientStream).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true},
	{Func: "net/http.(*http2Transport).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true},
	{Func: "net/http.(*http2clientConnPool).", Bucket: breakdown.Upstream, Phase: breakdown.PoolWait, System: "http"},
	{Func: "net/http.(*Transport).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true},
	{Func: "net/http.(*Client).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true},
	{Func: "net/http.send", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true},

	// The network below any client.
	{Func: "net.(*Resolver).", Bucket: breakdown.Upstream, Phase: breakdown.DNS, System: "dns", Any: true},
	{Func: "net.(*Dialer).", Bucket: breakdown.Upstream, Phase: breakdown.Connect, System: "tcp", Any: true},
	{Func: "net.(*sysDialer).", Bucket: breakdown.Upstream, Phase: breakdown.Connect, System: "tcp", Any: true},
	{Func: "crypto/tls.(*Conn).handshakeContext", Bucket: breakdown.Upstream, Phase: breakdown.TLS, System: "tls", Any: true},

	// What a server reads from its client and writes to it.
	{Func: "net/http.(*conn).readRequest", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*connReader).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*response).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*chunkWriter).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*expectContinueReader).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.checkConnErrorWriter.", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*http2serverConn).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*http2requestBody).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*http2responseWriter).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http/internal/http2.(*serverConn).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http/internal/http2.(*requestBody).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http/internal/http2.(*responseWriter).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "golang.org/x/net/http2.(*serverConn).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "golang.org/x/net/http2.(*requestBody).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "golang.org/x/net/http2.(*responseWriter).", Bucket: breakdown.ClientIO, System: "http"},

	{Func: "crypto/tls.(*Conn).serverHandshake", Bucket: breakdown.ClientIO, System: "tls"},

	// What this process does by itself.
	{Func: "time.Sleep", Bucket: breakdown.Sleep},
	{Func: "golang.org/x/time/rate.(*Limiter).", Bucket: breakdown.Sleep},
	{Func: "os.(*Process).", Bucket: breakdown.Unknown}, // a child process: no bucket is its own
	{Func: "os.", Bucket: breakdown.File, System: "os"},
	{Func: "syscall.Open", Bucket: breakdown.File, System: "os"},
	{Func: "syscall.Fsync", Bucket: breakdown.File, System: "os"},
	{Func: "internal/poll.(*FD).Fsync", Bucket: breakdown.File, System: "os"},
	{Func: "golang.org/x/sync/semaphore.(*Weighted).Acquire", Bucket: breakdown.Lock},
	{Func: "golang.org/x/sync/singleflight.(*Group).", Follow: FollowWhole},
	{Func: "sync.(*Once).doSlow", Follow: FollowWhole},
	{Func: "sync.(*Mutex).Lock", Bucket: breakdown.Lock},
	{Func: "sync.(*Mutex).lockSlow", Bucket: breakdown.Lock},
	{Func: "sync.(*RWMutex).", Bucket: breakdown.Lock},
	{Func: "internal/sync.(*Mutex).", Bucket: breakdown.Lock},
}

// loops are the servers' own loops, and those goroutines of clients and of the
// runtime whose part has to be known.
var loops = []Loop{
	{Func: "net/http.(*conn).serve", Role: Connection, Kind: "http/1"},
	{Func: "bufio.(*Reader).Peek", Caller: "net/http.(*conn).serve", Role: Idle},
	{Func: "net/http.(*conn).readRequest", Role: ReadHeader},
	{Func: "net/http.(*conn).maybeServeUnencryptedHTTP2", Role: ReadHeader},
	{Func: "net/http.(*conn).close", Role: Closing},
	{Func: "net/http.(*conn).closeWriteAndWait", Role: Closing},
	{Func: "net/http.(*connReader).backgroundRead", Role: Background},
	{Func: "net/http.(*connReader).startBackgroundRead", Role: Connection, Served: true},
	{Func: "net/http.(*response).finishRequest", Role: Finishing, Served: true},
	{Func: "net/http.(*conn).hijackLocked", Role: Hijacked, Served: true},
	{Func: "net/http.(*http2serverConn).serve", Role: NotRequest},
	{Func: "net/http/internal/http2.(*serverConn).serve", Role: NotRequest},
	{Func: "golang.org/x/net/http2.(*serverConn).serve", Role: NotRequest},
	{Func: "net/http.(*http2serverConn).runHandler", Role: Stream, Served: true, Kind: "http/2"},
	{Func: "net/http/internal/http2.(*serverConn).runHandler", Role: Stream, Served: true, Kind: "http/2"},
	{Func: "golang.org/x/net/http2.(*serverConn).runHandler", Role: Stream, Served: true, Kind: "http/2"},

	{Func: "net/http.(*persistConn).writeLoop", Wakes: breakdown.RequestWrite},
	{Func: "net/http.(*Transport).startDialConnForLocked", Dials: true},
	{Func: "net/http.(*Transport).dialConnFor", Dials: true},

	{Func: "runtime.gcStart", GC: true},
	{Func: "runtime.gcMarkDone", GC: true},
	{Func: "runtime.gcAssistAlloc", GC: true},
	{Func: "runtime.gcMarkTermination", GC: true},
	{Func: "runtime.gcParkAssist", GC: true},

	{Func: "net/http/pprof.Trace", Observer: true, Served: true},
	{Func: "net/http/pprof.Profile", Observer: true, Served: true},
	{Func: "net/http/pprof.Index", Observer: true, Served: true},
	{Func: "net/http/pprof.Cmdline", Observer: true, Served: true},
	{Func: "net/http/pprof.Symbol", Observer: true, Served: true},
	{Func: "net/http/pprof.handler.ServeHTTP", Observer: true, Served: true},
}
