package server

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/scenario"
)

var grpcs = []scenario.Scenario{
	serving("grpc-go", scenario.Server{Listen: listenGRPC(), Dial: dialGRPC(unary)}, "grpc", "(*orders).UnaryCall"),
	serving("grpc-go with workers", scenario.Server{Listen: listenGRPC(grpc.NumStreamWorkers(2)), Dial: dialGRPC(unary)}, "grpc", "(*orders).UnaryCall"),
	serving("grpc-go streaming", scenario.Server{Listen: listenGRPC(), Dial: dialGRPC(streaming)}, "grpc stream", "(*orders).StreamingOutputCall"),
	serving("grpc-go below net/http", scenario.Server{Listen: listenGRPCBelowHTTP, Dial: dialGRPC(unary)}, "grpc", "(*orders).UnaryCall"),
}

// orders implements the shop as a gRPC service.
type orders struct {
	pb.UnimplementedTestServiceServer
	shop
}

func (s *orders) UnaryCall(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	return &pb.SimpleResponse{}, s.do(ctx)
}

func (s *orders) StreamingOutputCall(_ *pb.StreamingOutputCallRequest, stream pb.TestService_StreamingOutputCallServer) error {
	if err := s.do(stream.Context()); err != nil {
		return err
	}
	for range 3 {
		if err := stream.Send(&pb.StreamingOutputCallResponse{}); err != nil {
			return err
		}
	}
	return nil
}

func newGRPC(do func(context.Context) error, options ...grpc.ServerOption) *grpc.Server {
	s := grpc.NewServer(append(options, grpc.ChainUnaryInterceptor(interceptUnary, interceptingUnary("shop")), grpc.ChainStreamInterceptor(interceptStream))...)
	pb.RegisterTestServiceServer(s, &orders{shop: shop{do}})
	return s
}

func interceptUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	answer, err := next(ctx, req)
	return answer, err
}

func interceptingUnary(name string) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		answer, err := next(ctx, req)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, info.FullMethod, err)
		}
		return answer, nil
	}
}

func interceptStream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	err := next(srv, stream)
	return err
}

func listenGRPC(options ...grpc.ServerOption) func(context.Context, scenario.Env, func(context.Context) error) (string, error) {
	return func(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		s := newGRPC(do, options...)
		go s.Serve(l)
		context.AfterFunc(ctx, s.Stop)
		return l.Addr().String(), nil
	}
}

func listenGRPCBelowHTTP(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
	s := &http.Server{Protocols: new(http.Protocols), Handler: scenario.Around(newGRPC(do))}
	s.Protocols.SetUnencryptedHTTP2(true)
	url, err := scenario.ServeHTTP(ctx, s)
	return url[len("http://"):], err
}

// A caller calls a procedure once, over a separate connection.
type caller struct {
	conn *grpc.ClientConn
	call func(context.Context, pb.TestServiceClient) error
}

func dialGRPC(call func(context.Context, pb.TestServiceClient) error) func(scenario.Env, string) load.Session {
	return func(_ scenario.Env, address string) load.Session {
		conn, err := grpc.NewClient("passthrough:"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			panic(err) // the address is this process's
		}
		return &caller{conn, call}
	}
}

func (c *caller) Get(ctx context.Context, _ string) (int, error) {
	return http.StatusOK, c.call(ctx, pb.NewTestServiceClient(c.conn))
}

func (c *caller) Close() { c.conn.Close() }

func unary(ctx context.Context, c pb.TestServiceClient) error {
	_, err := c.UnaryCall(ctx, &pb.SimpleRequest{})
	return err
}

func streaming(ctx context.Context, c pb.TestServiceClient) error {
	stream, err := c.StreamingOutputCall(ctx, &pb.StreamingOutputCallRequest{})
	if err != nil {
		return err
	}
	return drained(func() error { _, err := stream.Recv(); return err })
}
