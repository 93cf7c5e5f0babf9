package rules

import "timesink/analyze/breakdown"

// servers are the functions in which servers read from and write to their clients.
var servers = []Rule{
	{Func: "net/http.(*conn).readRequest", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*connReader).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*response).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*chunkWriter).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*expectContinueReader).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.checkConnErrorWriter.", Bucket: breakdown.ClientIO, System: "http"},

	{Func: "crypto/tls.(*Conn).serverHandshake", Bucket: breakdown.ClientIO, System: "tls"},

	{Func: "github.com/valyala/fasthttp.(*Server).serveConn", Bucket: breakdown.ClientIO, System: "http"},

	{Func: "google.golang.org/grpc.(*Server).processUnaryRPC", Bucket: breakdown.ClientIO, System: "grpc"},
	{Func: "google.golang.org/grpc.(*Server).processStreamingRPC", Bucket: breakdown.ClientIO, System: "grpc"},
	{Func: "google.golang.org/grpc.(*Server).processRPC", Bucket: breakdown.ClientIO, System: "grpc"},
	{Func: "google.golang.org/grpc.(*serverStream).", Bucket: breakdown.ClientIO, System: "grpc"},
	{Func: "google.golang.org/grpc/internal/transport.(*ServerStream).", Bucket: breakdown.ClientIO, System: "grpc"},

	// The two ends of a WebSocket share one type; it is taken for the server's.
	{Func: "github.com/gorilla/websocket.(*Conn).", Bucket: breakdown.ClientIO, System: "websocket"},
	{Func: "github.com/coder/websocket.(*Conn).", Bucket: breakdown.ClientIO, System: "websocket"},
}

// serverLoops are the loops in which servers take and answer requests.
var serverLoops = []Loop{
	{Func: "net/http.(*conn).serve", Role: Connection, Kind: "http/1"},
	{Func: "bufio.(*Reader).Peek", Caller: "net/http.(*conn).serve", Role: Idle},
	{Func: "net/http.(*conn).readRequest", Role: ReadHeader},
	{Func: "net/http.(*conn).maybeServeUnencryptedHTTP2", Role: ReadHeader},
	{Func: "net/http.(*conn).close", Role: Closing},
	{Func: "net/http.(*conn).closeWriteAndWait", Role: Closing},
	{Func: "net/http.(*connReader).backgroundRead", Role: Background},
	{Func: "net/http.(*connReader).startBackgroundRead", Served: true},
	{Func: "net/http.(*connReader).startBackgroundRead", Caller: "net/http.(*conn).serve", Role: Beginning},
	{Func: "net/http.(*response).finishRequest", Role: Finishing, Served: true},
	{Func: "net/http.(*response).Hijack", Role: Hijacked, Served: true},

	// A worker serves one connection after another, and each connection's requests one
	// after another.
	{Func: "github.com/valyala/fasthttp.(*workerPool).getCh", Outermost: true, Role: Connection},
	{Func: "runtime.chanrecv2", Caller: "github.com/valyala/fasthttp.(*workerPool).workerFunc", Role: Unconnected, Kind: "http/1"},
	{Func: "github.com/valyala/fasthttp.(*Server).serveConn", Role: Connection, Kind: "http/1"},
	{Func: "bufio.(*Reader).Peek", Caller: "github.com/valyala/fasthttp.(*Server).serveConn", Role: Idle},
	{Func: "bufio.(*Reader).Peek", Caller: "github.com/valyala/fasthttp.(*Server).serveConnCounted", Role: Idle},
	{Func: "github.com/valyala/fasthttp.acquireByteReader", Role: Idle},
	{Func: "github.com/valyala/fasthttp.(*RequestHeader).Read", Role: ReadHeader},
	{Func: "bufio.(*Writer).Flush", Caller: "github.com/valyala/fasthttp.(*Server).serveConn", Role: Connection, Served: true},
	{Func: "bufio.(*Writer).Flush", Caller: "github.com/valyala/fasthttp.(*Server).serveConnCounted", Role: Connection, Served: true},
	{Func: "net.(*conn).Close", Caller: "github.com/valyala/fasthttp.(*workerPool).workerFunc", Role: Closing},
	{Func: "crypto/tls.(*Conn).Close", Caller: "github.com/valyala/fasthttp.(*workerPool).workerFunc", Role: Closing},

	// One goroutine for each stream, or workers.
	{Func: "google.golang.org/grpc.(*Server).serveStreams", Outermost: true, Role: Stream, Served: true, Kind: "grpc"},
	{Func: "google.golang.org/grpc.(*Server).serverWorker", Role: Connection, Kind: "grpc"},
	{Func: "runtime.chanrecv2", Caller: "google.golang.org/grpc.(*Server).serverWorker", Role: Idle},
	{Func: "google.golang.org/grpc.(*Server).handleStream", Role: Stream, Served: true, Kind: "grpc"},
	{Func: "google.golang.org/grpc.(*Server).processStreamingRPC", Streams: true},
	{Func: "google.golang.org/grpc.(*Server).processRPC", Streams: true},
	{Func: "google.golang.org/grpc.(*Server).wrapUnaryHandler", Whole: true},
	{Func: "connectrpc.com/connect.NewClientStreamHandler", Streams: true},
	{Func: "connectrpc.com/connect.NewServerStreamHandler", Streams: true},
	{Func: "connectrpc.com/connect.NewBidiStreamHandler", Streams: true},

	// A session takes its messages like a consumer.
	{Func: "github.com/gorilla/websocket.(*Conn).NextReader", Role: Fetch, Session: true, Kind: "websocket"},
	{Func: "github.com/coder/websocket.(*Conn).reader", Role: Fetch, Session: true, Kind: "websocket"},

	{Func: "net/http.(*response).FlushError", Flushes: true},
}
