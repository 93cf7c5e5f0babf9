// Package woven contains the scenarios of calls that go on while others are made: an
// answer read between queries, a stream that is open all along.
package woven

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Scenarios lists the scenarios of this package.
var Scenarios = []scenario.Scenario{
	{Name: "an answer read between queries", Needs: []string{"http", "postgres"}, Open: openAnswer, Want: calls(1 + 1)},
	{Name: "rows read between calls", Needs: []string{"http", "postgres"}, Open: openRows, Want: calls(1 + 2)},
	{Name: "a stream of gRPC, a query for each message", Needs: []string{"grpc", "postgres"}, Open: openMessages, Want: calls(1 + 3)},
	{Name: "a stream of gRPC, a call for each message", Needs: []string{"grpc", "http"}, Open: openMessagesCalled, Want: calls(1 + 3)},
	{Name: "a worker with a stream of gRPC, and calls", Needs: []string{"grpc", "http"}, Open: openWorker, Want: calls(2)},
	{Name: "a stream of gRPC that another goroutine listens to", Needs: []string{"grpc"}, Open: openListener, Want: calls(1)},
	{Name: "two streams of gRPC, one to read and one to write", Needs: []string{"grpc"}, Open: openStreams, Want: calls(2)},
}

func calls(n float64) scenario.Want { return scenario.Want{Calls: n} }

// query takes some milliseconds.
const query = "SELECT pg_sleep(0.005)::text"

// A service holds the systems that the scenarios call.
type service struct {
	url  string
	pool *pgxpool.Pool
	rpc  pb.TestServiceClient
}

func connect(ctx context.Context, env scenario.Env) (s *service, err error) {
	s = &service{url: "http://" + env["http"]}
	if dsn, ok := env["postgres"]; ok {
		if s.pool, err = pgxpool.New(ctx, dsn); err != nil {
			return nil, err
		}
	}
	if address, ok := env["grpc"]; ok {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { conn.Close() })
		s.rpc = pb.NewTestServiceClient(conn)
	}
	return s, nil
}

func work(do func(*service, context.Context, *scenario.Watch) error) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, env scenario.Env) (scenario.Work, error) {
		s, err := connect(ctx, env)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, w *scenario.Watch) error { return do(s, ctx, w) }, nil
	}
}

var (
	openAnswer   = work((*service).answer)
	openRows     = work((*service).rows)
	openMessages = work(func(s *service, ctx context.Context, w *scenario.Watch) error {
		return s.messages(ctx, w, pauses, s.ask)
	})
	openMessagesCalled = work(func(s *service, ctx context.Context, w *scenario.Watch) error {
		return s.messages(ctx, w, pauses, s.get)
	})
	openListener = work((*service).listener)
	openStreams  = work((*service).streams)
)

func (s *service) ask(ctx context.Context, w *scenario.Watch) error {
	return w.Time(breakdown.DB, breakdown.NoPhase, func() error {
		var text string
		return s.pool.QueryRow(ctx, query).Scan(&text)
	})
}

// answer reads the first half of an answer, queries the database, and reads the rest,
// which arrives later.
func (s *service) answer(ctx context.Context, w *scenario.Watch) error {
	const size = 40_000
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/?size=%d&rest=20ms", s.url, size), nil)
	if err != nil {
		return err
	}
	var resp *http.Response
	err = w.Time(breakdown.Upstream, breakdown.ResponseWait, func() (err error) {
		resp, err = http.DefaultClient.Do(req)
		return err
	})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	read := func(n int64) error {
		return w.Time(breakdown.Upstream, breakdown.BodyRead, func() error {
			_, err := io.CopyN(io.Discard, resp.Body, n)
			return err
		})
	}
	return errors.Join(read(size/2), s.ask(ctx, w), read(size/2))
}

// rows calls another service for each row, while the database works on the next.
func (s *service) rows(ctx context.Context, w *scenario.Watch) error {
	var rows pgx.Rows
	err := w.Time(breakdown.DB, breakdown.NoPhase, func() (err error) {
		rows, err = s.pool.Query(ctx, "SELECT pg_sleep(0.015)::text || repeat('x', 20000) FROM generate_series(1, 2)")
		return err
	})
	if err != nil {
		return err
	}
	defer rows.Close()
	for {
		more := false
		w.Time(breakdown.DB, breakdown.NoPhase, func() error {
			more = rows.Next()
			return nil
		})
		if !more {
			return rows.Err()
		}
		if err := s.get(ctx, w); err != nil {
			return err
		}
	}
}

// get calls another service, and reads the whole answer.
func (s *service) get(ctx context.Context, w *scenario.Watch) error {
	return w.Time(breakdown.Upstream, breakdown.NoPhase, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/?wait=4ms&rest=2ms", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	})
}

// messages calls another system for each message of a stream. The messages arrive
// after the given pauses, or after the peer's default pauses.
func (s *service) messages(ctx context.Context, w *scenario.Watch, pauses []*pb.ResponseParameters, ask func(context.Context, *scenario.Watch) error) error {
	var stream grpc.ServerStreamingClient[pb.StreamingOutputCallResponse]
	err := w.Time(breakdown.Upstream, breakdown.NoPhase, func() (err error) {
		stream, err = s.rpc.StreamingOutputCall(ctx, &pb.StreamingOutputCallRequest{ResponseParameters: pauses})
		return err
	})
	if err != nil {
		return err
	}
	for {
		err := w.Time(breakdown.Upstream, breakdown.NoPhase, func() error {
			_, err := stream.Recv()
			return err
		})
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := ask(ctx, w); err != nil {
			return err
		}
	}
}

// pauses are longer than the calls between them.
var pauses = []*pb.ResponseParameters{{IntervalUs: 4000}, {IntervalUs: 13_000}, {IntervalUs: 13_000}}

// message fills the window of a stream.
var message = &pb.StreamingInputCallRequest{Payload: &pb.Payload{Body: make([]byte, 96<<10)}}

// streams sends to one stream faster than the peer reads, then listens to another.
func (s *service) streams(ctx context.Context, w *scenario.Watch) error {
	err := w.Time(breakdown.Upstream, breakdown.NoPhase, func() error {
		stream, err := s.rpc.StreamingInputCall(ctx)
		if err != nil {
			return err
		}
		for range 6 {
			if err := stream.Send(message); err != nil {
				return err
			}
		}
		_, err = stream.CloseAndRecv()
		return err
	})
	if err != nil {
		return err
	}
	return s.messages(ctx, w, nil, func(context.Context, *scenario.Watch) error { return nil })
}

// openWorker starts a goroutine, shared by all requests, that sends on a stream,
// makes a call, and sends again.
func openWorker(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	s, err := connect(ctx, env)
	if err != nil {
		return nil, err
	}
	stream, err := s.rpc.FullDuplexCall(ctx)
	if err != nil {
		return nil, err
	}
	type job struct {
		ctx   context.Context
		watch *scenario.Watch
		done  chan error
	}
	jobs := make(chan job)
	go func() {
		echo := func(w *scenario.Watch) error {
			return w.Time(breakdown.Upstream, breakdown.NoPhase, func() error {
				if err := stream.Send(&pb.StreamingOutputCallRequest{}); err != nil {
					return err
				}
				_, err := stream.Recv()
				return err
			})
		}
		for j := range jobs {
			j.done <- errors.Join(echo(j.watch), s.get(j.ctx, j.watch), echo(j.watch))
		}
	}()
	return func(ctx context.Context, w *scenario.Watch) error {
		j := job{ctx, w, make(chan error, 1)}
		w.Time(breakdown.Wait, breakdown.NoPhase, func() error {
			jobs <- j
			return nil
		})
		return <-j.done
	}, nil
}

// listener sends to a stream while another goroutine receives the answers.
func (s *service) listener(ctx context.Context, w *scenario.Watch) error {
	return w.Time(breakdown.Upstream, breakdown.NoPhase, func() error {
		stream, err := s.rpc.FullDuplexCall(ctx)
		if err != nil {
			return err
		}
		received := make(chan error)
		go func() {
			for {
				if _, err := stream.Recv(); err != nil {
					received <- err
					return
				}
			}
		}()
		for range 3 {
			if err := stream.Send(&pb.StreamingOutputCallRequest{}); err != nil {
				return err
			}
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
		if err := <-received; !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	})
}
