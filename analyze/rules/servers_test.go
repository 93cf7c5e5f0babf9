package rules

// The outer parts of the servers' stacks.
const (
	fastConn   = "github.com/valyala/fasthttp.(*Server).serveConnCounted < github.com/valyala/fasthttp.(*Server).serveConn < " + fastWorker
	fastBefore = "github.com/valyala/fasthttp.(*Server).serveConn < " + fastWorker // until 1.76
	fastWorker = "github.com/valyala/fasthttp.(*workerPool).workerFunc < github.com/valyala/fasthttp.(*workerPool).getCh.func1"
	bufRead    = netRead + " < bufio.(*Reader).fill"

	grpcStream = "google.golang.org/grpc.(*Server).handleStream < google.golang.org/grpc.(*Server).serveStreams.func2.1"
	grpcUnary  = "google.golang.org/grpc.(*Server).register.(*Server).wrapUnaryHandler.func1 < google.golang.org/grpc.(*Server).processRPC < " + grpcStream
	orderCall  = "main.(*orders).Get < shop/pb._Orders_Get_Handler < "
	grpcServed = " stream grpc served by main.(*orders).Get at main.(*orders).Get"

	http2Conn = "net/http.serverHandler.ServeHTTP < net/http.unencryptedHTTP2Request.ServeHTTP < net/http.(*http2serverConn).runHandler"
	rpcServed = " stream http/2 served streams by main.(*orders).Get at main.(*orders).Get"
)

var serverCases = []tableCase{
	// fasthttp, and frameworks on top of it.
	{"a connection of fasthttp between two requests", bufRead + " < bufio.(*Reader).Peek < " + fastConn, "client_io http idle http/1"},
	{"the same, before 1.77", bufRead + " < bufio.(*Reader).Peek < " + fastBefore, "client_io http idle http/1"},
	{"a connection of fasthttp that keeps no reader", netRead + " < github.com/valyala/fasthttp.acquireByteReader < " + fastBefore, "client_io http idle http/1"},
	{"a header is read by fasthttp", bufRead + " < bufio.(*Reader).Peek < github.com/valyala/fasthttp.(*RequestHeader).tryRead < github.com/valyala/fasthttp.(*RequestHeader).readLoop < github.com/valyala/fasthttp.(*RequestHeader).Read < " + fastConn,
		"client_io http read-header http/1"},
	{"a function of fasthttp waits", "time.Sleep < main.(*API).Get < " + fastConn, "sleep" + served},
	{"a wait below fasthttp that no rule knows", "runtime.chanrecv1 < main.(*API).Get < " + fastBefore, served[1:]},
	{"an answer is written by fasthttp", netWrite + " < bufio.(*Writer).Flush < " + fastConn, "client_io http connection http/1 served"},
	{"the same, before 1.77", netWrite + " < bufio.(*Writer).Flush < " + fastBefore, "client_io http connection http/1 served"},
	{"a large answer is written by fasthttp", netWrite + " < bufio.(*Writer).Write < github.com/valyala/fasthttp.writeResponse < " + fastConn, "client_io http connection http/1"},
	{"a worker of fasthttp begins", "github.com/valyala/fasthttp.(*workerPool).getCh.func1", "connection"},
	{"a worker of fasthttp is made, by a service that accepts by itself", "github.com/valyala/fasthttp.(*workerPool).getCh < github.com/valyala/fasthttp.(*workerPool).Serve < main.main", "at main.main"},
	{"a worker of fasthttp waits for a connection", "runtime.chanrecv2 < " + fastWorker, "unconnected http/1"},
	{"a worker of fasthttp closes a connection", "syscall.Close < internal/poll.(*FD).destroy < net.(*conn).Close < " + fastWorker, "closing"},
	{"a worker of fasthttp closes a connection of TLS", netWrite + " < crypto/tls.(*Conn).Close < " + fastWorker, "closing"},

	// grpc-go.
	{"a stream of gRPC begins", "google.golang.org/grpc.(*Server).serveStreams.func2.1", "stream grpc served"},
	{"a connection of gRPC takes a stream", "google.golang.org/grpc/internal/transport.(*http2Server).HandleStreams < google.golang.org/grpc.(*Server).serveStreams < google.golang.org/grpc.(*Server).handleRawConn.func1", ""},
	{"a worker of gRPC begins", "google.golang.org/grpc.(*Server).serverWorker", "connection grpc"},
	{"a worker of gRPC waits for a stream", "runtime.chanrecv2 < google.golang.org/grpc.(*Server).serverWorker", "idle grpc"},
	{"a stream of gRPC is looked up", "sync.(*Mutex).Lock < google.golang.org/grpc/internal/transport.(*http2Server).RemoteAddr < " + grpcStream, "lock stream grpc served"},
	{"a worker of gRPC ends a call", "sync.(*Mutex).Lock < google.golang.org/grpc.(*Server).handleStream < google.golang.org/grpc.(*Server).serveStreams.func2.1 < google.golang.org/grpc.(*Server).serverWorker", "lock stream grpc served"},
	{"a method of gRPC waits", "time.Sleep < " + orderCall + grpcUnary, "sleep" + grpcServed},
	{"a method of gRPC waits, before 1.80", "time.Sleep < " + orderCall + "google.golang.org/grpc.(*Server).processUnaryRPC < " + grpcStream, "sleep" + grpcServed},
	{"a streaming method of gRPC waits", "time.Sleep < " + orderCall + "google.golang.org/grpc.(*Server).processRPC < " + grpcStream,
		"sleep stream grpc served streams by main.(*orders).Get at main.(*orders).Get"},
	{"a streaming method of gRPC waits, before 1.80", "time.Sleep < " + orderCall + "google.golang.org/grpc.(*Server).processStreamingRPC < " + grpcStream,
		"sleep stream grpc served streams by main.(*orders).Get at main.(*orders).Get"},
	{"a streaming method of gRPC sends", "google.golang.org/grpc/internal/transport.(*writeQuota).get < google.golang.org/grpc/internal/transport.(*ServerStream).Write < google.golang.org/grpc.(*serverStream).SendMsg < " + orderCall + "google.golang.org/grpc.(*Server).processRPC < " + grpcStream,
		"client_io grpc stream grpc served streams by main.(*orders).Get at main.(*orders).Get"},
	{"a method of gRPC receives by a stream of its own", "google.golang.org/grpc.(*serverStream).RecvMsg < " + orderCall + "google.golang.org/grpc.(*Server).processRPC < " + grpcStream,
		"client_io grpc stream grpc served streams by main.(*orders).Get at main.(*orders).Get"},
	{"a method of gRPC sends its header", "google.golang.org/grpc/internal/transport.(*ServerStream).SendHeader < google.golang.org/grpc.SetHeader < " + orderCall + grpcUnary, "client_io grpc" + grpcServed},
	{"a call of gRPC is ended", "runtime.selectnbsend < google.golang.org/grpc/internal/transport.(*http2Server).writeStatus < google.golang.org/grpc.(*Server).processRPC < " + grpcStream, "client_io grpc stream grpc served"},
	{"a call of gRPC is ended, before 1.80", "runtime.selectnbsend < google.golang.org/grpc/internal/transport.(*http2Server).WriteStatus < google.golang.org/grpc.(*Server).processUnaryRPC < " + grpcStream, "client_io grpc stream grpc served"},
	{"a stream of gRPC is ended, before 1.80", "runtime.selectnbsend < google.golang.org/grpc/internal/transport.(*http2Server).WriteStatus < google.golang.org/grpc.(*Server).processStreamingRPC < " + grpcStream, "client_io grpc stream grpc served"},

	// connect-go.
	{"a procedure of connect waits", "time.Sleep < main.(*orders).Get < connectrpc.com/connect.NewUnaryHandler[...].func1 < connectrpc.com/connect.NewUnaryHandler[...].func2 < connectrpc.com/connect.(*Handler).ServeHTTP < " + http2Conn,
		"sleep stream http/2 served by main.(*orders).Get at main.(*orders).Get"},
	{"a procedure of connect that takes a stream", "time.Sleep < main.(*orders).Get < connectrpc.com/connect.NewClientStreamHandler[...].func1 < connectrpc.com/connect.(*Handler).ServeHTTP < " + http2Conn, "sleep" + rpcServed},
	{"a procedure of connect that gives a stream", "time.Sleep < main.(*orders).Get < connectrpc.com/connect.NewServerStreamHandler[...].func1 < connectrpc.com/connect.(*Handler).ServeHTTP < " + http2Conn, "sleep" + rpcServed},
	{"a procedure of connect of two streams", "time.Sleep < main.(*orders).Get < connectrpc.com/connect.NewBidiStreamHandler[...].func1 < connectrpc.com/connect.(*Handler).ServeHTTP < " + http2Conn, "sleep" + rpcServed},

	// The sessions of WebSockets.
	{"a connection is taken over when its header is sent", netWrite + " < net/http.checkConnErrorWriter.Write < bufio.(*Writer).Flush < net/http.(*chunkWriter).flush < net/http.(*response).Hijack < github.com/coder/websocket.accept < github.com/coder/websocket.Accept < " + handler,
		"client_io http hijacked http/1 served by main.(*API).Get at main.(*API).Get"},
	{"a session waits for a message, by gorilla's", bufRead + " < bufio.(*Reader).Peek < github.com/gorilla/websocket.(*Conn).read < github.com/gorilla/websocket.(*Conn).advanceFrame < github.com/gorilla/websocket.(*Conn).NextReader < github.com/gorilla/websocket.(*Conn).ReadMessage < " + handler,
		"client_io websocket fetch websocket served by main.(*API).Get at main.(*API).Get"},
	{"a goroutine beside the session waits for a message", bufRead + " < bufio.(*Reader).Peek < github.com/gorilla/websocket.(*Conn).read < github.com/gorilla/websocket.(*Conn).advanceFrame < github.com/gorilla/websocket.(*Conn).NextReader < github.com/gorilla/websocket.(*Conn).ReadMessage < " + consume,
		"client_io websocket fetch websocket at main.(*Worker).Run"},
	{"a message is written, by gorilla's", netWrite + " < github.com/gorilla/websocket.(*Conn).write < github.com/gorilla/websocket.(*messageWriter).flushFrame < github.com/gorilla/websocket.(*Conn).WriteMessage < " + handler,
		"client_io websocket" + served},
	{"a session waits for a message, by coder's", netRead + " < io.(*multiReader).Read < bufio.(*Reader).fill < bufio.(*Reader).ReadByte < github.com/coder/websocket.readFrameHeader < github.com/coder/websocket.(*Conn).readFrameHeader < github.com/coder/websocket.(*Conn).readLoop < github.com/coder/websocket.(*Conn).reader < github.com/coder/websocket.(*Conn).Reader < github.com/coder/websocket.(*Conn).Read < " + handler,
		"client_io websocket fetch websocket served by main.(*API).Get at main.(*API).Get"},
	{"a message is written, by coder's", netWrite + " < bufio.(*Writer).Flush < github.com/coder/websocket.(*Conn).writeFrame < github.com/coder/websocket.(*Conn).write < github.com/coder/websocket.(*Conn).Write < " + handler,
		"client_io websocket" + served},

	// Responses sent in parts.
	{"an answer is flushed", netWrite + " < bufio.(*Writer).Flush < net/http.(*response).FlushError < " + handler, "client_io http connection http/1 served flushes by main.(*API).Get at main.(*API).Get"},
}
