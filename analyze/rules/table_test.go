package rules

import (
	"slices"
	"strings"
	"testing"
)

// The outer parts of stacks that many cases share.
const (
	http1   = "net/http.serverHandler.ServeHTTP < net/http.(*conn).serve < net/http.(*Server).Serve.gowrap3"
	handler = "main.(*API).Get < net/http.HandlerFunc.ServeHTTP < net/http.(*ServeMux).ServeHTTP < " + http1
	served  = " connection http/1 served by main.(*API).Get at main.(*API).Get"

	gcWait = "connection http/1 served gc-wait by main.(*API).Get at main.(*API).Get"

	netRead  = "internal/poll.(*FD).Read < net.(*netFD).Read < net.(*conn).Read"
	netWrite = "internal/poll.(*FD).Write < net.(*netFD).Write < net.(*conn).Write"
	connRead = netRead + " < net/http.(*connReader).Read < bufio.(*Reader).fill"
	dial     = "internal/poll.(*FD).WaitWrite < net.(*netFD).connect < net.(*netFD).dial < net.socket < net.internetSocket < net.(*sysDialer).doDialTCPProto < net.(*sysDialer).dialTCP < net.(*sysDialer).dialSingle < net.(*sysDialer).dialSerial < net.(*sysDialer).dialParallel < net.(*Dialer).DialContext"
	resolve  = "net.(*Resolver).lookupIPAddr < net.(*Resolver).internetAddrList < net.(*Resolver).resolveAddrList < net.(*Dialer).DialContext"

	pgRead = netRead + " < github.com/jackc/pgx/v5/pgconn/internal/bgreader.(*BGReader).Read < io.ReadAtLeast < github.com/jackc/pgx/v5/pgproto3.(*chunkReader).Next < github.com/jackc/pgx/v5/pgproto3.(*Frontend).Receive < github.com/jackc/pgx/v5/pgconn.(*PgConn).peekMessage < github.com/jackc/pgx/v5/pgconn.(*PgConn).receiveMessage"
	pqRead = netRead + " < bufio.(*Reader).fill < bufio.(*Reader).Read < io.ReadAtLeast < github.com/lib/pq.(*conn).recvMessage"
)

// A tableCase is a stack from a trace, and what it means.
type tableCase struct{ name, stack, want string }

// cases are those for each file of rows, and firstCases.
var cases = slices.Concat(firstCases, http2Cases, go127Cases, databaseCases, cacheCases, queueCases, upstreamCases, serverCases, dnsCases, brokerCases, schedulerCases, processCases, timerCases, deadlineCases, rawCases)

var firstCases = []tableCase{
	// database/sql without its driver.
	{"sql waits for a free connection", "database/sql.(*DB).conn < database/sql.(*DB).query < database/sql.(*DB).QueryContext < " + handler,
		"db/pool_wait sql" + served},
	{"sql waits for its own lock when it gives a connection back", "sync.(*Mutex).Lock < database/sql.(*DB).putConn < database/sql.(*driverConn).releaseConn < database/sql.(*DB).execDC < " + handler,
		"db/pool_wait sql connection http/1 served no-call by main.(*API).Get at main.(*API).Get"},
	{"sql resets a connection with a driver unknown", netRead + " < example.com/driver.(*conn).ResetSession < database/sql.(*driverConn).resetSession < database/sql.(*DB).conn < " + handler,
		"db/connect sql connection http/1 served no-call by main.(*API).Get at main.(*API).Get"},
	{"sql opens a driver unknown", dial + " < example.com/driver.Open < database/sql.dsnConnector.Connect < database/sql.(*DB).conn < database/sql.(*DB).query < " + handler,
		"db/connect sql" + served},
	{"sql opens a driver unknown that only reads", netRead + " < example.com/driver.Open < database/sql.dsnConnector.Connect < database/sql.(*DB).conn < database/sql.(*DB).query < " + handler,
		"db/connect sql" + served},
	{"sql queries through a driver unknown", netRead + " < example.com/driver.(*stmt).Query < database/sql.ctxDriverStmtQuery < database/sql.(*DB).queryDC < database/sql.(*DB).QueryContext < " + handler,
		"db/query sql" + served},
	{"sql reads rows of a driver unknown", netRead + " < example.com/driver.(*rows).Next < database/sql.(*Rows).nextLocked < database/sql.(*Rows).Next < " + handler,
		"db/rows sql" + served},
	{"sql scans one row of a driver unknown", netRead + " < example.com/driver.(*rows).Close < database/sql.(*Row).Scan < " + handler,
		"db/rows sql" + served},

	// pgx.
	{"pgx connects for database/sql", netRead + " < github.com/jackc/pgx/v5/stdlib.(*connector).Connect < database/sql.(*DB).conn < database/sql.(*DB).query < " + handler,
		"db/connect postgres" + served},
	{"pgx connects for database/sql by a connector of the driver", netRead + " < github.com/jackc/pgx/v5/stdlib.(*driverConnector).Connect < database/sql.(*DB).conn < database/sql.(*DB).query < " + handler,
		"db/connect postgres" + served},
	{"pgx sets a connection up", netRead + " < github.com/jackc/pgx/v5.(*Conn).getTypeMap < github.com/jackc/pgx/v5.connect < github.com/jackc/pgx/v5.ConnectWithOptions < " + handler,
		"db/connect postgres" + served},
	{"pgx calls back before it connects", netRead + " < example.com/vault.Token < github.com/jackc/pgx/v5.ConnectConfig < " + handler,
		"db/connect postgres" + served},
	{"pgconn authenticates", pgRead + " < github.com/jackc/pgx/v5/pgconn.connectOne < github.com/jackc/pgx/v5/pgconn.ConnectConfig < " + handler,
		"db/connect postgres" + served},
	{"pgx dials", dial + " < github.com/jackc/pgx/v5/pgconn.connectOne < github.com/jackc/pgx/v5.(*Conn).reconnect < " + handler,
		"db/connect postgres" + served},
	{"pgx resolves a name, which is connecting", resolve + " < github.com/jackc/pgx/v5/pgconn.connectOne < github.com/jackc/pgx/v5.(*Conn).reconnect < " + handler,
		"db/connect postgres" + served},
	{"pgx queries", pgRead + " < github.com/jackc/pgx/v5/pgconn.(*ResultReader).readUntilRowDescription < github.com/jackc/pgx/v5/pgconn.(*PgConn).ExecPrepared < github.com/jackc/pgx/v5.(*Conn).Query < " + handler,
		"db/query postgres" + served},
	{"pgx queries for database/sql", pgRead + " < github.com/jackc/pgx/v5.(*Conn).Query < github.com/jackc/pgx/v5/stdlib.(*Conn).QueryContext < database/sql.ctxDriverQuery < database/sql.(*DB).queryDC < database/sql.(*DB).QueryContext < " + handler,
		"db/query postgres" + served},
	{"pgx reads rows", pgRead + " < github.com/jackc/pgx/v5/pgconn.(*ResultReader).NextRow < github.com/jackc/pgx/v5.(*baseRows).Next < " + handler,
		"db/rows postgres" + served},
	{"pgx scans one row", pgRead + " < github.com/jackc/pgx/v5.(*connRow).Scan < " + handler,
		"db/rows postgres" + served},
	{"pgx reads rows for database/sql", pgRead + " < github.com/jackc/pgx/v5/stdlib.(*Rows).Next < example.com/wrapped.(*Rows).Next < " + handler,
		"db/rows postgres" + served},
	{"pgxpool waits for a free connection", "github.com/jackc/pgx/v5/pgxpool.(*Pool).Acquire < github.com/jackc/pgx/v5/pgxpool.(*Pool).Query < " + handler,
		"db/pool_wait postgres" + served},
	{"puddle waits for a free connection", "golang.org/x/sync/semaphore.(*Weighted).Acquire < github.com/jackc/puddle/v2.(*Pool[...]).acquire < github.com/jackc/puddle/v2.(*Pool[...]).Acquire < " + handler,
		"db/pool_wait postgres" + served},
	{"pgxpool reads rows", pgRead + " < github.com/jackc/pgx/v5/pgxpool.(*poolRows).Next < " + handler,
		"db/rows postgres" + served},
	{"pgxpool scans one row", pgRead + " < github.com/jackc/pgx/v5/pgxpool.(*poolRow).Scan < " + handler,
		"db/rows postgres" + served},
	{"the pgconn of pgx 4 connects", netRead + " < github.com/jackc/pgconn.ConnectConfig < github.com/jackc/pgx/v4.connect < " + handler,
		"db/connect postgres" + served},
	{"the pgconn of pgx 4 queries", netRead + " < github.com/jackc/pgconn.(*PgConn).ExecPrepared < " + handler,
		"db/query postgres" + served},

	// Cassandra.
	{"gocql queries", "runtime.selectgo < github.com/gocql/gocql.(*Conn).exec < github.com/gocql/gocql.(*Conn).executeQuery < github.com/gocql/gocql.(*Query).Exec < " + handler,
		"db/query cassandra" + served},
	{"gocql's later name", "runtime.selectgo < github.com/apache/cassandra-gocql-driver/v2.(*Conn).exec < github.com/apache/cassandra-gocql-driver/v2.(*Query).Exec < " + handler,
		"db/query cassandra" + served},

	// lib/pq.
	{"pq connects", pqRead + " < github.com/lib/pq.(*conn).startup < github.com/lib/pq.(*Connector).open < github.com/lib/pq.(*Connector).Connect < database/sql.(*DB).conn < " + handler,
		"db/connect postgres" + served},
	{"pq tells of a notification", "runtime.chansend1 < github.com/lib/pq.(*Listener).listenerMain < github.com/lib/pq.NewDialListener.gowrap1", "db/query postgres answers:postgres"},
	{"pq opens", pqRead + " < github.com/lib/pq.(*conn).startup < github.com/lib/pq.DialOpen < " + handler,
		"db/connect postgres" + served},
	{"pq queries", pqRead + " < github.com/lib/pq.(*conn).simpleQuery < github.com/lib/pq.(*conn).QueryContext < database/sql.ctxDriverQuery < database/sql.(*DB).QueryContext < " + handler,
		"db/query postgres" + served},
	{"pq reads rows", pqRead + " < github.com/lib/pq.(*rows).Next < example.com/wrapped.(*Rows).Next < " + handler,
		"db/rows postgres" + served},

	// net/http's client: the caller's side.
	{"a call waits for its answer", "net/http.(*persistConn).roundTrip < net/http.(*Transport).roundTrip < net/http.(*Transport).RoundTrip < net/http.send < net/http.(*Client).send < net/http.(*Client).do < net/http.(*Client).Do < " + handler,
		"upstream/response_wait http" + served + " limited"},
	{"a call waits for a connection", "net/http.(*Transport).getConn < net/http.(*Transport).roundTrip < net/http.(*Transport).RoundTrip < net/http.send < net/http.(*Client).do < " + handler,
		"upstream/pool_wait http" + served},
	{"connections are closed", netWrite + " < crypto/tls.(*Conn).Close < net/http.(*persistConn).close < net/http.(*Transport).CloseIdleConnections < " + handler,
		"upstream/pool_wait http connection http/1 served no-call by main.(*API).Get at main.(*API).Get"},
	{"a call waits for a lock of the transport", "sync.(*Mutex).Lock < net/http.(*Transport).queueForIdleConn < net/http.(*Transport).RoundTrip < " + handler,
		"upstream/response_wait http" + served},
	{"a client's own round tripper reads", netRead + " < example.com/tripper.(*Tripper).RoundTrip < net/http.send < example.com/api.(*Client).Call < " + handler,
		"upstream/response_wait http" + served},
	{"a redirect's policy waits", netRead + " < example.com/api.(*Client).redirect < net/http.(*Client).do < example.com/api.(*Client).Call < " + handler,
		"upstream/response_wait http" + served},
	{"an answer's body is read", "net/http.(*body).Read < net/http.(*bodyEOFSignal).Read < io.ReadAll < " + handler,
		"upstream/body_read http" + served},
	{"a zipped answer's body is read", "net/http.(*body).Read < net/http.(*gzipReader).Read < io.ReadAll < " + handler,
		"upstream/body_read http" + served},
	{"an answer's body is closed before its end", "runtime.chanrecv1 < net/http.(*persistConn).readLoop.func2 < net/http.(*bodyEOFSignal).Close < " + handler,
		"upstream/body_read http connection http/1 served drops by main.(*API).Get at main.(*API).Get"},
	{"an answer's body has been read", "runtime.chanrecv1 < net/http.(*persistConn).readLoop.func3 < net/http.(*bodyEOFSignal).Read < io.ReadAll < " + handler,
		"upstream/body_read http" + served},
	{"an answer's body is read under a time limit", "net/http.(*body).Read < net/http.(*cancelTimerBody).Read < io.ReadAll < " + handler,
		"upstream/body_read http" + served},

	// Its connections' goroutines.
	{"a connection's writer writes", netWrite + " < net/http.persistConnWriter.Write < bufio.(*Writer).Flush < net/http.(*persistConn).writeLoop < net/http.(*Transport).dialConn.gowrap3",
		"upstream/request_write http wakes:request_write"},
	{"a connection's reader reads", netRead + " < net/http.(*persistConn).Read < bufio.(*Reader).fill < bufio.(*Reader).Peek < net/http.(*persistConn).readLoop < net/http.(*Transport).dialConn.gowrap2",
		"upstream/connect http"},
	{"a connection's reader reads, its creator unseen", netRead + " < net/http.(*persistConn).Read < bufio.(*Reader).fill < bufio.(*Reader).Peek < net/http.(*persistConn).readLoop",
		"upstream/response_wait http"},
	{"a connection is dialed", dial + " < net/http.(*Transport).dial < net/http.(*Transport).dialConn < net/http.(*Transport).dialConnFor < net/http.(*Transport).startDialConnForLocked.func1",
		"upstream/connect http dials"},
	{"a connection is dialed through a dialer unknown", netRead + " < example.com/proxy.Dial < net/http.(*Transport).dialConn",
		"upstream/connect http"},
	{"a goroutine begins to dial", "net/http.(*Transport).startDialConnForLocked.func1",
		"upstream/response_wait http dials"},
	{"a goroutine begins to dial, before Go 1.23", "net/http.(*Transport).dialConnFor",
		"upstream/connect http dials"},
	{"a name is resolved for a connection", resolve + " < net/http.(*Transport).dial < net/http.(*Transport).dialConn",
		"upstream/dns http"},
	{"a connection's handshake", netRead + " < crypto/tls.(*Conn).readRecordOrCCS < crypto/tls.(*Conn).clientHandshake < crypto/tls.(*Conn).handshakeContext < crypto/tls.(*Conn).HandshakeContext < net/http.(*persistConn).addTLS.func2",
		"upstream/tls http"},
	{"the handshake is waited for", "net/http.(*persistConn).addTLS < net/http.(*Transport).dialConn",
		"upstream/tls http"},

	// Goroutines that make connections for others.
	{"puddle makes a connection", "github.com/jackc/puddle/v2.(*Pool[...]).initResourceValue.func1", "db/pool_wait postgres dials"},
	{"sql's opener delivers a connection", "database/sql.(*DB).putConnDBLocked < database/sql.(*DB).openNewConnection < database/sql.(*DB).connectionOpener < database/sql.OpenDB.gowrap1", "db/query sql connects"},
	{"mongo's pool delivers a connection", "go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology.(*wantConn).tryDeliver < go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology.(*pool).createConnections < go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology.newPool.gowrap1",
		"db/query mongodb connects"},
	{"mongo's pool makes a connection", netRead + " < go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology.(*connection).connect < go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology.(*pool).createConnections",
		"db/connect mongodb connects"},

	// The resolver.
	{"a name server is asked", "net.(*Resolver).goLookupIPCNAMEOrder.func3.1", "upstream/dns dns looks-up"},
	{"the answers of name servers are waited for", "runtime.chanrecv1 < net.(*Resolver).goLookupIPCNAMEOrder.func4 < net.(*Resolver).goLookupIPCNAMEOrder < net.(*Resolver).lookupIP < internal/singleflight.(*Group).doCall",
		"upstream/dns dns"},

	// The network without a known client.
	{"a name is resolved", resolve + " < example.com/raw.Dial < " + handler, "upstream/dns tcp" + served},
	{"a raw connection is dialed", dial + " < example.com/raw.Dial < " + handler, "upstream/connect tcp" + served},
	{"a raw connection is dialed, the dialer inlined", "internal/poll.(*FD).WaitWrite < net.(*netFD).connect < net.(*sysDialer).dialTCP < example.com/raw.Dial < " + handler,
		"upstream/connect tcp" + served},
	{"a raw handshake", netRead + " < crypto/tls.(*Conn).handshakeContext < crypto/tls.(*Conn).Write < example.com/raw.Dial < " + handler,
		"upstream/tls tls" + served},

	// What a server reads from its client and writes to it.
	{"a header's rest is read", connRead + " < bufio.(*Reader).ReadLine < net/textproto.(*Reader).ReadLine < net/http.readRequest < net/http.(*conn).readRequest < net/http.(*conn).serve < net/http.(*Server).Serve.gowrap3",
		"client_io http read-header http/1"},
	{"a header waits, its reader inlined", "net/http.(*conn).readRequest < net/http.(*conn).serve", "client_io http read-header http/1"},
	{"a body's bytes are read", netRead + " < net/http.(*connReader).Read < bufio.(*Reader).Read < io.ReadAll < " + handler,
		"client_io http" + served},
	{"a client is told to go on", netWrite + " < bufio.(*Writer).Flush < net/http.(*expectContinueReader).Read < io.ReadAll < " + handler,
		"client_io http" + served},
	{"an answer is written", netWrite + " < bufio.(*Writer).Write < net/http.(*response).Write < " + handler, "client_io http" + served},
	{"an answer's chunk is written", netWrite + " < bufio.(*Writer).Flush < net/http.(*chunkWriter).Write < " + handler, "client_io http" + served},
	{"an answer overflows its buffer", netWrite + " < net/http.checkConnErrorWriter.Write < bufio.(*Writer).ReadFrom < " + handler, "client_io http" + served},

	// What a client calls for what it does.
	{"a library's transport waits for its lock", "internal/sync.(*Mutex).lockSlow < sync.(*Mutex).Lock < golang.org/x/oauth2.(*reuseTokenSource).Token < golang.org/x/oauth2.(*Transport).RoundTrip < net/http.send < net/http.(*Client).Do < " + handler, "lock" + served},
	{"a library's transport asks for a token", "net/http.(*persistConn).roundTrip < net/http.(*Transport).RoundTrip < net/http.send < net/http.(*Client).Do < golang.org/x/oauth2/internal.doTokenRoundTrip < golang.org/x/oauth2.(*Transport).RoundTrip < net/http.send < net/http.(*Client).Do < " + handler,
		"upstream/response_wait http" + served + " limited"},
	{"a client waits for a lock of its own", "sync.(*Mutex).Lock < net/http.(*Transport).queueForIdleConn < net/http.(*Transport).RoundTrip < net/http.send < net/http.(*Client).Do < " + handler, "upstream/response_wait http" + served},

	// What the process does by itself.
	{"a sleep", "time.Sleep < " + handler, "sleep" + served},
	{"a rate limiter", "golang.org/x/time/rate.(*Limiter).wait < golang.org/x/time/rate.(*Limiter).WaitN < " + handler, "sleep" + served + " timer:golang.org/x/time/rate limits"},
	{"a file is written", "syscall.write < syscall.Write < internal/poll.(*FD).Write < os.(*File).Write < " + handler, "file os" + served},
	{"a file is opened", "syscall.openat < os.OpenFile < os.Open < " + handler, "file os" + served},
	{"a file is opened below the package os", "syscall.openat < syscall.Open < example.com/mmap.Open < " + handler, "file os" + served},
	{"a file is synchronized", "syscall.fdatasync < syscall.Fsync < example.com/wal.Commit < " + handler, "file os" + served},
	{"a file is synchronized by the poller", "internal/poll.(*FD).Fsync < example.com/wal.Commit < " + handler, "file os" + served},
	{"a child process is waited for", "syscall.wait6 < os.(*Process).blockUntilWaitable < os.(*Process).wait < os.(*Process).Wait < os/exec.(*Cmd).Wait < " + handler,
		"unknown/child_process" + served},
	{"a semaphore is full", "golang.org/x/sync/semaphore.(*Weighted).Acquire < " + handler, "lock" + served},
	{"a mutex is held", "internal/sync.(*Mutex).lockSlow < internal/sync.(*Mutex).Lock < sync.(*Mutex).Lock < " + handler, "lock" + served},
	{"a mutex is held, its Lock inlined", "internal/sync.(*Mutex).lockSlow < " + handler, "lock" + served},
	{"a mutex is held, of a Go before 1.24", "sync.(*Mutex).lockSlow < " + handler, "lock" + served},
	{"a mutex is held, all below it inlined", "sync.(*Mutex).Lock < " + handler, "lock" + served},
	{"a readers' lock is held", "sync.(*RWMutex).RLock < " + handler, "lock" + served},
	{"another does the same work", "sync.(*WaitGroup).Wait < golang.org/x/sync/singleflight.(*Group).Do < " + handler, "whole" + served},
	{"another does it once", "internal/sync.(*Mutex).lockSlow < internal/sync.(*Mutex).Lock < sync.(*Mutex).Lock < sync.(*Once).doSlow < sync.(*Once).Do < " + handler, "whole" + served},
	{"this one does it once", "syscall.read < os.(*File).Read < example.com/conf.load < sync.(*Once).doSlow < sync.(*Once).Do < " + handler, "file os" + served},
	{"this one does it once, and waits for another of its goroutines", "runtime.chanrecv1 < example.com/conf.load < sync.(*Once).doSlow < sync.(*Once).Do < " + handler, served[1:]},
	{"a wait that no rule knows", "runtime.chanrecv1 < " + handler, served[1:]},
	{"a group of goroutines", "sync.(*WaitGroup).Wait < golang.org/x/sync/errgroup.(*Group).Wait < " + handler, served[1:]},

	// The servers' loops.
	{"a connection between two requests", connRead + " < bufio.(*Reader).Peek < net/http.(*conn).serve < net/http.(*Server).Serve.gowrap3", "client_io http idle http/1"},
	{"a peek that is the handler's own", "bufio.(*Reader).Peek < " + handler, served[1:]},
	{"a handshake of a server", netRead + " < crypto/tls.(*Conn).readClientHello < crypto/tls.(*Conn).serverHandshake < crypto/tls.(*Conn).handshakeContext < crypto/tls.(*Conn).HandshakeContext < net/http.(*conn).serve",
		"client_io tls connection http/1"},
	{"a connection that may turn to HTTP/2", connRead + " < net/http.(*conn).maybeServeUnencryptedHTTP2 < net/http.(*conn).serve", "client_io http read-header http/1"},
	{"a connection that closes", "syscall.shutdown < internal/poll.(*FD).Shutdown < net/http.(*conn).closeWriteAndWait < net/http.(*conn).serve", "closing http/1"},
	{"a connection that has closed", "syscall.Close < internal/poll.(*FD).destroy < net.(*conn).Close < net/http.(*conn).close < net/http.(*conn).serve.func1", "closing http/1"},
	{"the reader ahead of a request", netRead + " < net/http.(*connReader).backgroundRead < net/http.(*connReader).startBackgroundRead.gowrap2", "client_io http background served"},
	{"the reader ahead of a request is begun", "net/http.(*connReader).startBackgroundRead < net/http.(*conn).serve", "client_io http beginning http/1 served"},
	{"a request is finished", netWrite + " < bufio.(*Writer).Flush < net/http.(*response).finishRequest < net/http.(*conn).serve", "client_io http finishing http/1 served"},
	{"a connection is taken over", "sync.(*Cond).Wait < net/http.(*connReader).abortPendingRead < net/http.(*conn).hijackLocked < net/http.(*response).Hijack < " + handler, "client_io http hijacked" + strings.TrimPrefix(served, " connection")},

	// The runtime's waits, and the observer.
	{"an allocation begins a collection", "runtime.gcStart < runtime.mallocgc < " + handler, gcWait},
	{"an allocation ends the marking", "runtime.gcMarkDone < runtime.mallocgc < " + handler, gcWait},
	{"an allocation assists", "runtime.gcAssistAlloc < runtime.mallocgc < " + handler, gcWait},
	{"an allocation ends the collection", "runtime.gcMarkTermination < runtime.mallocgc < " + handler, gcWait},
	{"an assist finds no work", "runtime.gcParkAssist < runtime.mallocgc < " + handler, gcWait},
	{"the trace is fetched", "time.Sleep < net/http/pprof.sleep < net/http/pprof.Trace < net/http.HandlerFunc.ServeHTTP < " + http1, "sleep connection http/1 served observer by net/http/pprof.Trace"},
	{"the CPU profile is fetched", "time.Sleep < net/http/pprof.sleep < net/http/pprof.Profile < net/http.HandlerFunc.ServeHTTP < " + http1, "sleep connection http/1 served observer by net/http/pprof.Profile"},
	{"the index is fetched", netWrite + " < net/http/pprof.Index < net/http.HandlerFunc.ServeHTTP < " + http1, "connection http/1 served observer by net/http/pprof.Index"},
	{"the command line is fetched", netWrite + " < net/http/pprof.Cmdline < net/http.HandlerFunc.ServeHTTP < " + http1, "connection http/1 served observer by net/http/pprof.Cmdline"},
	{"symbols are fetched", netWrite + " < net/http/pprof.Symbol < net/http.HandlerFunc.ServeHTTP < " + http1, "connection http/1 served observer by net/http/pprof.Symbol"},
	{"another profile is fetched", netWrite + " < net/http/pprof.handler.ServeHTTP < " + http1, "connection http/1 served observer by net/http/pprof.handler.ServeHTTP"},

	// Nested libraries: the one that the service called counts, not those that it uses.
	{"a cloud's database is asked over HTTP", "net/http.(*persistConn).roundTrip < net/http.(*Transport).RoundTrip < net/http.(*Client).Do < example.com/cloud.(*stmt).Query < database/sql.ctxDriverStmtQuery < database/sql.(*DB).QueryContext < " + handler,
		"db/query sql" + served + " limited"},
	{"a connection that authenticates over HTTP", "net/http.(*persistConn).roundTrip < net/http.(*Client).Do < example.com/iam.Token < github.com/jackc/pgx/v5.connect < github.com/jackc/pgx/v5.ConnectWithOptions < " + handler,
		"db/connect postgres" + served + " limited"},
	{"a handler's callback below a library's own", "time.Sleep < main.retry < github.com/lib/pq.(*conn).QueryContext < " + handler,
		"sleep connection http/1 served by main.(*API).Get at main.retry"},
}

func TestEveryStackHasItsMeaning(t *testing.T) {
	table := New()
	for _, c := range cases {
		if got := describe(table.Classify(stack(c.stack))); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// Every row is needed: without it, some case has another meaning.
func TestEveryRowIsNeeded(t *testing.T) {
	for i, r := range table {
		if allHold(newTable(slices.Delete(slices.Clone(table), i, i+1), loops)) {
			t.Errorf("rule %d, %s: no case needs it", i, r.Func)
		}
	}
	for i, l := range loops {
		if allHold(newTable(table, slices.Delete(slices.Clone(loops), i, i+1))) {
			t.Errorf("loop %d, %s: no case needs it", i, l.Func)
		}
	}
}

func allHold(t *Table) bool {
	for _, c := range cases {
		if describe(t.Classify(stack(c.stack))) != c.want {
			return false
		}
	}
	return true
}
