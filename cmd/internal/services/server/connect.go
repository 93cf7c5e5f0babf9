package server

import (
	"context"
	"errors"
	"io"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/scenario"
)

var connects = []scenario.Scenario{
	serving("connect-go", scenario.Server{Listen: listenConnect, Dial: dialConnect(procedureOrder)}, "http/2", "(*shop).connectOrder"),
	serving("connect-go streaming", scenario.Server{Listen: listenConnect, Dial: dialConnect(procedureOrders)}, "http/2 stream", "(*shop).connectOrders"),
}

// The shop's procedures.
const (
	procedureOrder  = "/shop.v1.Shop/Order"
	procedureOrders = "/shop.v1.Shop/Orders"
)

type empty = emptypb.Empty

func (s *shop) connectOrder(ctx context.Context, _ *connect.Request[empty]) (*connect.Response[empty], error) {
	return connect.NewResponse(&empty{}), s.do(ctx)
}

func (s *shop) connectOrders(ctx context.Context, _ *connect.Request[empty], stream *connect.ServerStream[empty]) error {
	if err := s.do(ctx); err != nil {
		return err
	}
	return errors.Join(stream.Send(&empty{}), stream.Send(&empty{}))
}

// listenConnect serves procedures with connect's generated code.
func listenConnect(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
	intercepted := connect.WithInterceptors(connect.UnaryInterceptorFunc(interceptConnect))
	mux := http.NewServeMux()
	mux.Handle(procedureOrder, connect.NewUnaryHandler(procedureOrder, (&shop{do}).connectOrder, intercepted))
	mux.Handle(procedureOrders, connect.NewServerStreamHandler(procedureOrders, (&shop{do}).connectOrders, intercepted))
	s := &http.Server{Handler: scenario.Around(logged(mux)), Protocols: new(http.Protocols)}
	s.Protocols.SetUnencryptedHTTP2(true)
	return scenario.ServeHTTP(ctx, s)
}

func interceptConnect(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
		answer, err := next(ctx, r)
		return answer, err
	}
}

// A connectCaller calls a procedure once, over a separate connection.
type connectCaller struct {
	transport *http.Transport
	client    *connect.Client[empty, empty]
	streams   bool
}

func dialConnect(procedure string) func(scenario.Env, string) load.Session {
	return func(_ scenario.Env, url string) load.Session {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetUnencryptedHTTP2(true)
		return &connectCaller{transport, connect.NewClient[empty, empty](&http.Client{Transport: transport}, url+procedure), procedure == procedureOrders}
	}
}

func (c *connectCaller) Get(ctx context.Context, _ string) (int, error) {
	if !c.streams {
		_, err := c.client.CallUnary(ctx, connect.NewRequest(&empty{}))
		return http.StatusOK, err
	}
	stream, err := c.client.CallServerStream(ctx, connect.NewRequest(&empty{}))
	if err != nil {
		return 0, err
	}
	return http.StatusOK, errors.Join(drained(func() error {
		if !stream.Receive() {
			return errors.Join(stream.Err(), io.EOF)
		}
		return nil
	}), stream.Close())
}

func (c *connectCaller) Close() { c.transport.CloseIdleConnections() }

// drained receives until the end and returns the first error.
func drained(receive func() error) error {
	for {
		if err := receive(); err != nil {
			if errors.Is(err, io.EOF) && err.Error() == io.EOF.Error() {
				return nil
			}
			return err
		}
	}
}
