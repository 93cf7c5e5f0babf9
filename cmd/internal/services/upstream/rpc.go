package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/stats"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// RPC lists the scenarios of remote procedure calls.
var RPC = []scenario.Scenario{
	{Name: "grpc-go's client", Needs: []string{"grpc"}, Want: onceGRPC, Open: grpcWork("grpc", callUnary)},
	{Name: "grpc-go's client, server streaming", Needs: []string{"grpc"}, Want: onceGRPC, Open: grpcWork("grpc", callStreaming)},
	{Name: "grpc-go's client, both streaming", Needs: []string{"grpc"}, Want: onceGRPC, Open: grpcWork("grpc", callDuplex)},
	{Name: "grpc-go's client starved", Needs: []string{"grpc, one at a time"}, Clients: 4, Want: onceGRPC, Open: grpcWork("grpc, one at a time", callUnary)},
	{Name: "grpc-go's client, new connections", Needs: []string{"grpc over TLS"}, Want: onceGRPC, Open: openNewGRPC},
	{Name: "connect-go's client", Needs: []string{"connect"}, Want: once, Open: connectWork(connectUnary)},
	{Name: "connect-go's client, server streaming", Needs: []string{"connect"}, Want: once, Open: connectWork(connectStreaming)},
	{Name: "connect-go's client, both streaming", Needs: []string{"connect"}, Want: once, Open: openConnectDuplex},
	{Name: "connect-go's client of gRPC", Needs: []string{"grpc"}, Want: once, Open: openConnectGRPC},
}

// onceGRPC is one call of gRPC.
var onceGRPC = scenario.Want{System: "grpc", Calls: 1}

var rpcPeers = []scenario.Peer{
	{Name: "grpc", Serve: serveGRPC()},
	{Name: "grpc, one at a time", Serve: serveGRPC(grpc.MaxConcurrentStreams(1))},
	{Name: "grpc over TLS", Serve: func(ctx context.Context, env scenario.Env, ready func(string)) error {
		config, err := slowTLS()
		if err != nil {
			return err
		}
		return serveGRPC(grpc.Creds(credentials.NewTLS(config)))(ctx, env, ready)
	}},
	{Name: "connect", Serve: serveConnect},
}

// The delays of the peers: before the first answer, and between two.
const (
	first = 7 * time.Millisecond
	later = 4 * time.Millisecond
)

// usual lists the default delays before the answers of a stream.
var usual = []time.Duration{first, later, later}

// peer is the service that is called.
type peer struct {
	pb.UnimplementedTestServiceServer
}

func (peer) UnaryCall(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	time.Sleep(first)
	return &pb.SimpleResponse{}, nil
}

func (peer) StreamingOutputCall(req *pb.StreamingOutputCallRequest, stream pb.TestService_StreamingOutputCallServer) error {
	delays := usual
	if asked := req.GetResponseParameters(); asked != nil {
		delays = nil
		for _, p := range asked {
			delays = append(delays, time.Duration(p.GetIntervalUs())*time.Microsecond)
		}
	}
	return answers(delays, func() error { return stream.Send(&pb.StreamingOutputCallResponse{}) })
}

// answers sends one after each of the delays.
func answers(delays []time.Duration, send func() error) error {
	for _, delay := range delays {
		time.Sleep(delay)
		if err := send(); err != nil {
			return err
		}
	}
	return nil
}

// StreamingInputCall delays each message.
func (peer) StreamingInputCall(stream pb.TestService_StreamingInputCallServer) error {
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return stream.SendAndClose(&pb.StreamingInputCallResponse{})
		} else if err != nil {
			return err
		}
		time.Sleep(later)
	}
}

func (peer) FullDuplexCall(stream pb.TestService_FullDuplexCallServer) error {
	return echoes(func() error { _, err := stream.Recv(); return err },
		func() error { return stream.Send(&pb.StreamingOutputCallResponse{}) })
}

// echoes answers each message until the end of the stream, after a delay.
func echoes(receive, send func() error) error {
	for {
		if err := receive(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		time.Sleep(later)
		if err := send(); err != nil {
			return err
		}
	}
}

func serveGRPC(options ...grpc.ServerOption) func(context.Context, scenario.Env, func(string)) error {
	return func(ctx context.Context, _ scenario.Env, ready func(string)) error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s := grpc.NewServer(options...)
		pb.RegisterTestServiceServer(s, peer{})
		context.AfterFunc(ctx, s.Stop)
		ready(l.Addr().String())
		return s.Serve(l)
	}
}

// The paths of the peer's methods.
const (
	unaryPath     = "/grpc.testing.TestService/UnaryCall"
	streamingPath = "/grpc.testing.TestService/StreamingOutputCall"
	duplexPath    = "/grpc.testing.TestService/FullDuplexCall"
)

func serveConnect(ctx context.Context, _ scenario.Env, ready func(string)) error {
	mux := http.NewServeMux()
	mux.Handle(unaryPath, connect.NewUnaryHandler(unaryPath, func(context.Context, *connect.Request[pb.SimpleRequest]) (*connect.Response[pb.SimpleResponse], error) {
		time.Sleep(first)
		return connect.NewResponse(&pb.SimpleResponse{}), nil
	}))
	mux.Handle(streamingPath, connect.NewServerStreamHandler(streamingPath, func(_ context.Context, _ *connect.Request[pb.StreamingOutputCallRequest], stream *connect.ServerStream[pb.StreamingOutputCallResponse]) error {
		return answers(usual, func() error { return stream.Send(&pb.StreamingOutputCallResponse{}) })
	}))
	mux.Handle(duplexPath, connect.NewBidiStreamHandler(duplexPath, func(_ context.Context, stream *connect.BidiStream[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse]) error {
		return echoes(func() error { _, err := stream.Receive(); return err },
			func() error { return stream.Send(&pb.StreamingOutputCallResponse{}) })
	}))
	return serveAt(ctx, "tcp", "127.0.0.1:0", &http.Server{Handler: mux}, ready)
}

type stopwatchKey struct{}

// rpcStats reports the phases of a call to its stopwatch. gRPC has other names
// for them than httptrace.
type rpcStats struct{}

func (rpcStats) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (rpcStats) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}
func (rpcStats) HandleConn(context.Context, stats.ConnStats) {}

func (rpcStats) HandleRPC(ctx context.Context, event stats.RPCStats) {
	s, ok := ctx.Value(stopwatchKey{}).(*stopwatch)
	if !ok {
		return
	}
	switch event.(type) {
	case *stats.OutHeader: // there is a connection, and room for a stream on it
		s.begin(breakdown.ResponseWait)
	case *stats.InHeader:
		s.begin(breakdown.BodyRead)
	}
}

// call times a call that first waits for something.
func call(ctx context.Context, w *scenario.Watch, waits breakdown.Phase, do func(context.Context) error) error {
	s := &stopwatch{watch: w}
	s.begin(waits)
	defer s.note()
	return do(context.WithValue(ctx, stopwatchKey{}, s))
}

func grpcWork(peer string, do func(context.Context, pb.TestServiceClient) error) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, env scenario.Env) (scenario.Work, error) {
		conn, err := grpc.NewClient(env[peer], grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithStatsHandler(rpcStats{}))
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { conn.Close() })
		return func(ctx context.Context, w *scenario.Watch) error {
			return call(ctx, w, breakdown.PoolWait, func(ctx context.Context) error { return do(ctx, pb.NewTestServiceClient(conn)) })
		}, nil
	}
}

func callUnary(ctx context.Context, c pb.TestServiceClient) error {
	_, err := c.UnaryCall(ctx, &pb.SimpleRequest{})
	return err
}

func callStreaming(ctx context.Context, c pb.TestServiceClient) error {
	stream, err := c.StreamingOutputCall(ctx, &pb.StreamingOutputCallRequest{})
	if err != nil {
		return err
	}
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func callDuplex(ctx context.Context, c pb.TestServiceClient) error {
	s := ctx.Value(stopwatchKey{}).(*stopwatch)
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	return talk(s, func() error { return stream.Send(&pb.StreamingOutputCallRequest{}) },
		func() error { _, err := stream.Recv(); return err }, stream.CloseSend)
}

// talk sends three messages, each after the answer to the one before.
func talk(s *stopwatch, send, receive, end func() error) error {
	for range 3 {
		if err := send(); err != nil {
			return err
		}
		s.begin(breakdown.ResponseWait)
		if err := receive(); err != nil {
			return err
		}
		s.begin(breakdown.BodyRead)
	}
	if err := end(); err != nil {
		return err
	}
	if err := receive(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// openNewGRPC opens a connection for each request.
func openNewGRPC(_ context.Context, env scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, w *scenario.Watch) error {
		conn, err := grpc.NewClient(env["grpc over TLS"], grpc.WithTransportCredentials(credentials.NewTLS(anyTLS)), grpc.WithStatsHandler(rpcStats{}))
		if err != nil {
			return err
		}
		err = call(ctx, w, breakdown.Connect, func(ctx context.Context) error { return callUnary(ctx, pb.NewTestServiceClient(conn)) })
		return errors.Join(err, w.Time(breakdown.Upstream, breakdown.NoPhase, conn.Close))
	}, nil
}

// A connectClient calls the peer's methods with connect-go.
type connectClient struct {
	unary             *connect.Client[pb.SimpleRequest, pb.SimpleResponse]
	streaming, duplex *connect.Client[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse]
}

func connectTo(url string, env scenario.Env, options ...connect.ClientOption) *connectClient {
	c := client(env, http2InClear)
	return &connectClient{
		connect.NewClient[pb.SimpleRequest, pb.SimpleResponse](c, url+unaryPath, options...),
		connect.NewClient[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse](c, url+streamingPath, options...),
		connect.NewClient[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse](c, url+duplexPath, options...),
	}
}

func connectWork(do func(context.Context, *connectClient) error) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(_ context.Context, env scenario.Env) (scenario.Work, error) {
		c := connectTo("http://"+env["connect"], env)
		return func(ctx context.Context, w *scenario.Watch) error {
			ctx, s := traced(ctx, w)
			s.begin(breakdown.PoolWait)
			defer s.note()
			return do(ctx, c)
		}, nil
	}
}

func openConnectGRPC(_ context.Context, env scenario.Env) (scenario.Work, error) {
	c := connectTo("http://"+env["grpc"], env, connect.WithGRPC())
	return func(ctx context.Context, w *scenario.Watch) error {
		ctx, s := traced(ctx, w)
		s.begin(breakdown.PoolWait)
		defer s.note()
		return connectUnary(ctx, c)
	}, nil
}

func connectUnary(ctx context.Context, c *connectClient) error {
	_, err := c.unary.CallUnary(ctx, connect.NewRequest(&pb.SimpleRequest{}))
	return err
}

func connectStreaming(ctx context.Context, c *connectClient) error {
	stream, err := c.streaming.CallServerStream(ctx, connect.NewRequest(&pb.StreamingOutputCallRequest{}))
	if err != nil {
		return err
	}
	defer stream.Close()
	for stream.Receive() {
	}
	return stream.Err()
}

// openConnectDuplex times a stream by its operations: its request is complete
// only with the last message.
func openConnectDuplex(_ context.Context, env scenario.Env) (scenario.Work, error) {
	c := connectTo("http://"+env["connect"], env)
	return func(ctx context.Context, w *scenario.Watch) error {
		s := &stopwatch{watch: w}
		s.begin(breakdown.RequestWrite)
		defer s.note()
		stream := c.duplex.CallBidiStream(ctx)
		defer stream.CloseResponse()
		return talk(s, func() error { return stream.Send(&pb.StreamingOutputCallRequest{}) },
			func() error { _, err := stream.Receive(); return err }, stream.CloseRequest)
	}, nil
}
