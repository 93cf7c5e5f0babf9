package rules

import "timesink/analyze/breakdown"

// upstreams are the clients of other services, and the network below any client.
var upstreams = []Rule{
	// net/http's client. Its connections read and write on their own goroutines; the
	// caller waits in a select.
	{Func: "net/http.(*Transport).CloseIdleConnections", Bucket: breakdown.Upstream, Phase: breakdown.PoolWait, System: "http", NoCall: true},
	{Func: "net/http.(*Transport).getConn", Bucket: breakdown.Upstream, Phase: breakdown.PoolWait, System: "http"},
	{Func: "net/http.(*Transport).dialConnFor", Bucket: breakdown.Upstream, Phase: breakdown.Connect, System: "http"},
	{Func: "net/http.(*Transport).dialConn", Bucket: breakdown.Upstream, Phase: breakdown.Connect, System: "http"},
	{Func: "net/http.(*persistConn).addTLS", Bucket: breakdown.Upstream, Phase: breakdown.TLS, System: "http"},
	{Func: "net/http.(*persistConn).writeLoop", Bucket: breakdown.Upstream, Phase: breakdown.RequestWrite, System: "http"},
	{Func: "net/http.(*persistConn).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true},
	{Func: "net/http.(*bodyEOFSignal).Close", Bucket: breakdown.Upstream, Phase: breakdown.BodyRead, System: "http", Drops: true},
	{Func: "net/http.(*bodyEOFSignal).", Bucket: breakdown.Upstream, Phase: breakdown.BodyRead, System: "http"},
	{Func: "net/http.(*gzipReader).", Bucket: breakdown.Upstream, Phase: breakdown.BodyRead, System: "http"},
	{Func: "net/http.(*cancelTimerBody).", Bucket: breakdown.Upstream, Phase: breakdown.BodyRead, System: "http"},
	{Func: "net/http.(*Transport).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true},
	{Func: "net/http.(*Client).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true},
	{Func: "net/http.send", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true, Lends: true},

	// fasthttp's client, which reads and writes on the caller's goroutine.
	{Func: "github.com/valyala/fasthttp.(*HostClient).AcquireConn", Bucket: breakdown.Upstream, Phase: breakdown.PoolWait, System: "http"},
	{Func: "github.com/valyala/fasthttp.(*TCPDialer).", Bucket: breakdown.Upstream, Phase: breakdown.Connect, System: "http"},
	{Func: "github.com/valyala/fasthttp.(*HostClient).CloseIdleConnections", Bucket: breakdown.Upstream, Phase: breakdown.PoolWait, System: "http", NoCall: true},
	{Func: "github.com/valyala/fasthttp.(*Request).Write", Bucket: breakdown.Upstream, Phase: breakdown.RequestWrite, System: "http"},
	{Func: "github.com/valyala/fasthttp.(*Response).ReadBody", Bucket: breakdown.Upstream, Phase: breakdown.BodyRead, System: "http"},
	{Func: "github.com/valyala/fasthttp.(*clientStreamBody).", Bucket: breakdown.Upstream, Phase: breakdown.BodyRead, System: "http"},
	{Func: "github.com/valyala/fasthttp.(*HostClient).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true},
	{Func: "github.com/valyala/fasthttp.(*Client).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true},

	// gRPC, whose connections read and write on their own goroutines. A wait for a
	// transport lasts until one is connected; streams share it. A caller with a
	// complete response may still wait some microseconds, until the connection's reader
	// has closed the stream.
	{Func: "google.golang.org/grpc.(*ClientConn).Close", Bucket: breakdown.Upstream, Phase: breakdown.PoolWait, System: "grpc", NoCall: true},
	{Func: "google.golang.org/grpc.(*ClientConn).exitIdleMode", Bucket: breakdown.Upstream, Phase: breakdown.Connect, System: "grpc"},
	{Func: "google.golang.org/grpc.(*ClientConn).WaitForStateChange", Bucket: breakdown.Upstream, Phase: breakdown.Connect, System: "grpc", NoCall: true},
	{Func: "google.golang.org/grpc.(*ClientConn).waitForResolvedAddrs", Bucket: breakdown.Upstream, Phase: breakdown.DNS, System: "grpc"},
	{Func: "google.golang.org/grpc.invoke", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "grpc", Default: true, Begins: true},
	{Func: "google.golang.org/grpc.newClientStream", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "grpc", Default: true, Stream: true, Opens: true},
	{Func: "google.golang.org/grpc.newClientStreamWithParams", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "grpc", Default: true, Stream: true, Opens: true},
	{Func: "google.golang.org/grpc.(*pickerWrapper).pick", Bucket: breakdown.Upstream, Phase: breakdown.Connect, System: "grpc"},
	{Func: "google.golang.org/grpc/internal/transport.(*http2Client).NewStream", Bucket: breakdown.Upstream, Phase: breakdown.PoolWait, System: "grpc"},
	{Func: "google.golang.org/grpc/internal/transport.(*http2Client).write", Bucket: breakdown.Upstream, Phase: breakdown.RequestWrite, System: "grpc"},
	{Func: "google.golang.org/grpc/internal/transport.(*http2Client).closeStream", Bucket: breakdown.Upstream, Phase: breakdown.BodyRead, System: "grpc", NoCall: true},
	{Func: "google.golang.org/grpc/internal/transport.(*http2Client).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "grpc", Default: true},
	{Func: "google.golang.org/grpc/internal/transport.(*ClientStream).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "grpc", Default: true},
	{Func: "google.golang.org/grpc/internal/transport.(*recvBufferReader).readMessageHeaderClient", Bucket: breakdown.Upstream, Phase: breakdown.BodyRead, System: "grpc"},
	{Func: "google.golang.org/grpc/internal/transport.(*recvBufferReader).readClient", Bucket: breakdown.Upstream, Phase: breakdown.BodyRead, System: "grpc"},
	{Func: "google.golang.org/grpc.(*clientStream).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "grpc", Default: true, Stream: true},
	{Func: "google.golang.org/grpc.(*ClientConn).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "grpc", Default: true},

	// connect-go, over net/http's client. Messages sent on a stream go through a pipe
	// to the goroutine that makes the call, and are part of it.
	{Func: "connectrpc.com/connect.(*duplexHTTPCall).makeRequest", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http"},
	{Func: "connectrpc.com/connect.(*duplexHTTPCall).Send", Bucket: breakdown.Upstream, Phase: breakdown.RequestWrite, System: "http", NoCall: true},
	{Func: "connectrpc.com/connect.(*duplexHTTPCall).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true},

	// Mail. Sending one takes a command after another, each with an answer.
	{Func: "net/smtp.Dial", Bucket: breakdown.Upstream, Phase: breakdown.Connect, System: "smtp", Dialogue: true},
	{Func: "net/smtp.", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "smtp", Default: true, Dialogue: true},
	{Func: "github.com/wneessen/go-mail/smtp.", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "smtp", Default: true, Dialogue: true},

	// The network below any client.
	{Func: "net.(*Resolver).", Bucket: breakdown.Upstream, Phase: breakdown.DNS, System: "dns", Any: true},
	{Func: "net.(*Dialer).", Bucket: breakdown.Upstream, Phase: breakdown.Connect, System: "tcp", Any: true},
	{Func: "net.(*sysDialer).", Bucket: breakdown.Upstream, Phase: breakdown.Connect, System: "tcp", Any: true},
	{Func: "crypto/tls.(*Conn).handshakeContext", Bucket: breakdown.Upstream, Phase: breakdown.TLS, System: "tls", Any: true},
}

// clientLoops are the goroutines of clients.
var clientLoops = []Loop{
	{Func: "net/http.(*persistConn).writeLoop", Wakes: breakdown.RequestWrite},
	{Func: "net/http.(*Transport).startDialConnForLocked", Dials: true},
	{Func: "net/http.(*Transport).dialConnFor", Dials: true},
	{Func: "github.com/valyala/fasthttp.(*HostClient).dialConnFor", Dials: true},
	{Func: "github.com/jackc/puddle/v2.(*Pool).initResourceValue", Outermost: true, Dials: true},
	{Func: "database/sql.(*DB).openNewConnection", Connects: true},
	{Func: "go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology.(*pool).createConnections", Connects: true},
	{Func: "net.(*Resolver).goLookupIPCNAMEOrder", Outermost: true, LooksUp: true},
}
