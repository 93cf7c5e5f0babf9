package rules

const (
	fast      = "github.com/valyala/fasthttp"
	fastRound = fast + ".(*transport).RoundTrip < " + fast + ".(*HostClient).doNonNilReqResp < " + fast + ".(*HostClient).do < " + fast + ".(*HostClient).Do < " + handler
	fastRead  = netRead + " < bufio.(*Reader).Read"
)

const (
	rpc       = "google.golang.org/grpc"
	rpcT      = rpc + "/internal/transport"
	begins    = " connection http/1 served begins by main.(*API).Get at main.(*API).Get"
	message   = " connection http/1 served stream-of-messages by main.(*API).Get at main.(*API).Get"
	rpcInvoke = rpc + ".invoke < " + rpc + ".(*ClientConn).Invoke < " + rpc + "/interop/grpc_testing.(*testServiceClient).UnaryCall < " + handler
	rpcNew    = rpc + ".newClientStreamWithParams < " + rpc + ".newClientStream < " + rpcInvoke
	rpcRecv   = rpc + ".(*parser).recvMsg < " + rpc + ".recv < " + rpc + ".(*csAttempt).recvMsg < " + rpc + ".(*clientStream).RecvMsg < " + rpc + ".(*GenericClientStream[...]).Recv < " + handler

	connectGo  = "connectrpc.com/connect"
	connectAsk = connectGo + ".(*duplexHTTPCall).Send < " + connectGo + ".(*envelopeWriter).write < " + connectGo + ".(*connectStreamingClientConn).Send"
)

var upstreamCases = []tableCase{
	{"fasthttp waits for its answer", netRead + " < bufio.(*Reader).fill < bufio.(*Reader).Peek < " + fast + ".(*ResponseHeader).tryRead < " + fast + ".(*ResponseHeader).Read < " + fast + ".(*Response).ReadLimitBody < " + fastRound,
		"upstream/response_wait http" + served},
	{"fasthttp waits for its answer, by a client of many hosts", netRead + " < bufio.(*Reader).fill < " + fast + ".(*Client).Do < " + handler,
		"upstream/response_wait http" + served},
	{"fasthttp waits for a connection", "runtime.selectgo < " + fast + ".(*HostClient).AcquireConn < " + fastRound,
		"upstream/pool_wait http" + served},
	{"fasthttp dials by a function of the service's", dial + " < " + fast + ".(*TCPDialer).tryDial < " + fast + ".(*TCPDialer).dial < " + fast + ".(*TCPDialer).Dial < " + fast + ".Dial < main.dial < " + fast + ".callDialFunc < " + fast + ".dialAddr < " + fast + ".(*HostClient).AcquireConn < " + fastRound,
		"upstream/connect http connection http/1 served by main.(*API).Get at main.dial"},
	{"fasthttp waits until it may dial", "runtime.chansend1 < " + fast + ".(*TCPDialer).tryDial < " + fast + ".(*TCPDialer).Dial < " + fast + ".Dial < " + fast + ".dialAddr < " + fast + ".(*HostClient).AcquireConn < " + fastRound,
		"upstream/connect http" + served},
	{"fasthttp dials for another", "runtime.chansend1 < " + fast + ".(*HostClient).dialConnFor", "upstream/response_wait http dials"},
	{"fasthttp's connections are closed", netWrite + " < crypto/tls.(*Conn).Close < " + fast + ".(*HostClient).CloseConn < " + fast + ".(*HostClient).CloseIdleConnections < " + handler,
		"upstream/pool_wait http connection http/1 served no-call by main.(*API).Get at main.(*API).Get"},
	{"fasthttp writes a body", netWrite + " < bufio.(*Writer).Flush < " + fast + ".writeBodyFixedSize < " + fast + ".(*Request).writeBodyStream < " + fast + ".(*Request).Write < " + fastRound,
		"upstream/request_write http" + served},
	{"fasthttp reads a body", netRead + " < bufio.(*Reader).Read < " + fast + ".appendBodyFixedSize < " + fast + ".(*Response).ReadBody < " + fast + ".(*Response).ReadLimitBody < " + fastRound,
		"upstream/body_read http" + served},
	{"fasthttp's body is streamed", fastRead + " < " + fast + ".(*requestStream).read < " + fast + ".(*requestStream).Read < " + fast + ".(*clientStreamBody).Read < io.ReadAll < " + handler,
		"upstream/body_read http" + served},

	{"a mail server is dialed", dial + " < net/smtp.Dial < net/smtp.SendMail < " + handler, "upstream/connect smtp" + served},
	{"a mail server greets", netRead + " < bufio.(*Reader).Read < net/textproto.(*Reader).ReadResponse < net/smtp.NewClient < net/smtp.Dial < net/smtp.SendMail < " + handler, "upstream/connect smtp" + served},
	{"a mail server answers", netRead + " < bufio.(*Reader).Read < net/textproto.(*Reader).ReadResponse < net/smtp.(*Client).cmd < net/smtp.(*Client).Mail < net/smtp.SendMail < " + handler,
		"upstream/response_wait smtp" + served},
	{"a mail server answers go-mail", netRead + " < bufio.(*Reader).Read < net/textproto.(*Reader).ReadResponse < github.com/wneessen/go-mail/smtp.(*Client).cmd < github.com/wneessen/go-mail/smtp.(*Client).Mail < github.com/wneessen/go-mail.(*Client).Send < " + handler,
		"upstream/response_wait smtp" + served},

	{"gRPC leaves its idle mode", "runtime.chanrecv1 < " + rpc + ".(*ccResolverWrapper).start < " + rpc + ".(*ClientConn).exitIdleMode < " + rpc + "/internal/idle.(*Manager).OnCallBegin < " + rpc + ".newClientStream < " + rpcInvoke,
		"upstream/connect grpc" + begins},
	{"gRPC waits until a name is resolved", "runtime.selectgo < " + rpc + ".(*ClientConn).waitForResolvedAddrs < " + rpc + ".newClientStream < " + rpcInvoke,
		"upstream/dns grpc" + begins},
	{"gRPC is asked whether it is connected", "sync.(*Mutex).Lock < " + rpc + ".(*connectivityStateManager).getState < " + rpc + ".(*ClientConn).GetState < " + handler,
		"upstream/response_wait grpc" + served},
	{"gRPC is waited for until it is connected", "runtime.selectgo < " + rpc + ".(*ClientConn).WaitForStateChange < " + handler,
		"upstream/connect grpc connection http/1 served no-call by main.(*API).Get at main.(*API).Get"},
	{"gRPC waits for a lock of its connection", "sync.(*Mutex).Lock < " + rpc + ".newClientStream < " + rpcInvoke,
		"upstream/response_wait grpc" + begins},
	{"gRPC waits until it is connected", "runtime.selectgo < " + rpc + ".(*pickerWrapper).pick < " + rpc + ".(*csAttempt).getTransport < " + rpcNew,
		"upstream/connect grpc" + begins},
	{"gRPC waits until there is room for a stream", "runtime.selectgo < " + rpcT + ".(*http2Client).NewStream < " + rpc + ".(*csAttempt).newStream < " + rpcNew,
		"upstream/pool_wait grpc" + begins},
	{"gRPC waits for a header", "runtime.selectgo < " + rpcT + ".(*ClientStream).waitOnHeader < " + rpcT + ".(*ClientStream).RecvCompress < " + rpc + ".(*csAttempt).recvMsg < " + rpc + ".(*clientStream).RecvMsg < " + rpcInvoke,
		"upstream/response_wait grpc" + begins},
	{"gRPC waits for a header, by an interceptor of the service's", "runtime.selectgo < " + rpcT + ".(*ClientStream).Header < example.com/intercept.Header < " + handler,
		"upstream/response_wait grpc" + served},
	{"gRPC waits for a message", "runtime.selectgo < " + rpcT + ".(*recvBufferReader).readMessageHeaderClient < " + rpcT + ".(*Stream).ReadMessageHeader < " + rpcRecv,
		"upstream/body_read grpc" + message},
	{"gRPC waits for a message's rest", "runtime.selectgo < " + rpcT + ".(*recvBufferReader).readClient < " + rpcT + ".(*recvBufferReader).Read < " + rpcT + ".(*Stream).read < " + rpcRecv,
		"upstream/body_read grpc" + message},
	{"gRPC's stream waits for its lock", "sync.(*Mutex).Lock < " + rpc + ".(*clientStream).SendMsg < example.com/intercept.SendMsg < " + handler,
		"upstream/response_wait grpc" + message},
	{"gRPC has opened a stream", rpc + ".newClientStreamWithParams < " + rpc + ".newClientStream.func3 < " + rpc + ".newClientStream < " + rpc + ".(*ClientConn).NewStream < " + handler,
		"upstream/response_wait grpc connection http/1 served stream-of-messages opens opened by main.(*API).Get at main.(*API).Get"},
	{"gRPC has opened a stream, before 1.41", rpc + ".newClientStream < " + rpc + ".(*ClientConn).NewStream < " + handler,
		"upstream/response_wait grpc connection http/1 served stream-of-messages opens opened by main.(*API).Get at main.(*API).Get"},
	{"gRPC has a context watched for a stream", "context.(*cancelCtx).propagateCancel < context.withCancel < context.WithCancel < " + rpc + ".newClientStreamWithParams < " + rpc + ".newClientStream < " + rpc + ".(*ClientConn).NewStream < " + handler,
		"upstream/response_wait grpc connection http/1 served stream-of-messages opens by main.(*API).Get at main.(*API).Get"},
	{"gRPC waits until there is room for a stream of messages", "runtime.selectgo < " + rpcT + ".(*http2Client).NewStream < " + rpc + ".(*csAttempt).newStream < " + rpc + ".newClientStreamWithParams < " + rpc + ".newClientStream < " + rpc + ".(*ClientConn).NewStream < " + handler,
		"upstream/pool_wait grpc connection http/1 served stream-of-messages opens by main.(*API).Get at main.(*API).Get"},
	{"gRPC waits until there is room for a message", "runtime.selectgo < " + rpcT + ".(*writeQuota).get < " + rpcT + ".(*http2Client).write < " + rpcT + ".(*ClientStream).Write < " + rpc + ".(*csAttempt).sendMsg < " + rpc + ".(*clientStream).SendMsg < " + rpc + ".(*GenericClientStream[...]).Send < " + handler,
		"upstream/request_write grpc" + message},
	{"gRPC waits until there is room for a call's message", "runtime.selectgo < " + rpcT + ".(*writeQuota).get < " + rpcT + ".(*http2Client).write < " + rpcT + ".(*ClientStream).Write < " + rpc + ".(*csAttempt).sendMsg < " + rpc + ".(*clientStream).SendMsg < " + rpcInvoke,
		"upstream/request_write grpc" + begins},
	{"gRPC waits until a stream is closed", "runtime.chanrecv1 < " + rpcT + ".(*http2Client).closeStream < " + rpcT + ".(*ClientStream).Close < " + rpc + ".(*csAttempt).finish < " + rpc + ".(*clientStream).finish < " + rpc + ".(*clientStream).RecvMsg < " + rpc + ".(*GenericClientStream[...]).Recv < " + handler,
		"upstream/body_read grpc connection http/1 served no-call stream-of-messages by main.(*API).Get at main.(*API).Get"},
	{"gRPC's connection reads", netRead + " < bufio.(*Reader).Read < io.ReadFull < golang.org/x/net/http2.(*Framer).ReadFrame < " + rpcT + ".(*http2Client).reader < " + rpcT + ".NewHTTP2Client.gowrap4",
		"upstream/response_wait grpc"},
	{"gRPC's connections are closed", "sync.(*WaitGroup).Wait < " + rpc + ".(*ClientConn).Close < " + handler,
		"upstream/pool_wait grpc connection http/1 served no-call by main.(*API).Get at main.(*API).Get"},

	{"connect-go waits for its answer", "runtime.selectgo < net/http.(*http2ClientConn).roundTrip < net/http.(*Transport).RoundTrip < net/http.(*Client).Do < " + connectGo + ".(*duplexHTTPCall).makeRequest < " + connectGo + ".(*duplexHTTPCall).sendUnary < " + connectAsk + " < " + handler,
		"upstream/response_wait http" + served},
	{"connect-go waits for the goroutine that has made the call", "runtime.selectgo < " + connectGo + ".(*duplexHTTPCall).blockUntilResponseReady < " + connectGo + ".(*connectStreamingClientConn).Receive < " + handler,
		"upstream/response_wait http" + served},
	{"connect-go sends a message of a stream", "runtime.selectgo < io.(*pipe).write < io.(*PipeWriter).Write < " + connectGo + ".(*envelope).WriteTo < " + connectAsk + " < " + handler,
		"upstream/request_write http connection http/1 served no-call by main.(*API).Get at main.(*API).Get"},
	{"connect-go reads a message", "sync.(*Cond).Wait < net/http.(*http2pipe).Read < net/http.http2transportResponseBody.Read < " + connectGo + ".(*duplexHTTPCall).Read < " + connectGo + ".(*envelopeReader).Unmarshal < " + handler,
		"upstream/body_read http" + served},
}
