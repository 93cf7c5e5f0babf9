//go:build whole

package queue

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/scenario"
)

var natsClients = []scenario.Scenario{
	{
		Name: "nats two requests", Needs: []string{"nats"}, Open: openNatsRequest,
		Want: scenario.Want{System: "nats", Calls: 2},
	},
	{
		Name: "nats jetstream publish", Needs: []string{"nats"}, Open: openNatsPublish,
		Want: scenario.Want{System: "nats", Calls: 1},
	},
	{
		Name: "nats flush", Needs: []string{"nats"}, Open: openNatsFlush,
		Want: scenario.Want{System: "nats", Calls: 1},
	},
}

var natsConsumers = []scenario.Scenario{
	{
		Name: "nats callback", Needs: []string{"nats"}, Clients: 1, Open: sleeps, Server: natsCallback,
		Want: scenario.Want{Kind: "nats", Endpoint: named("listenNatsCallback.func1")},
	},
	{
		Name: "nats subscription", Needs: []string{"nats"}, Clients: 1, Open: sleeps, Server: natsSubscription,
		Want: scenario.Want{Kind: "nats", Endpoint: named("consumeNats")},
	},
	{
		Name: "nats pull", Needs: []string{"nats"}, Open: commits, Server: natsPull,
		Want: scenario.Want{Kind: "nats", System: "nats", Calls: 1, Endpoint: named("pullNats")},
	},
}

// natsPeer is a NATS server with JetStream, and a service that answers.
var natsPeers = []scenario.Peer{natsPeer}

var natsPeer = scenario.Peer{Name: "nats", Serve: func(ctx context.Context, _ scenario.Env, ready func(string)) error {
	folder, err := os.MkdirTemp("", "timesink-nats-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: folder})
	if err != nil {
		return err
	}
	go s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	if !s.ReadyForConnections(time.Minute) {
		return errors.New("the server does not accept connections")
	}
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Subscribe("echo", func(m *nats.Msg) { m.Respond(m.Data) }); err != nil {
		return err
	}
	address, err := slow(ctx, s.Addr().String())
	if err != nil {
		return err
	}
	ready(address)
	<-ctx.Done()
	return nil
}}

// connectNats connects until the context ends.
func connectNats(ctx context.Context, env scenario.Env) (*nats.Conn, error) {
	conn, err := nats.Connect(env["nats"])
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, conn.Close)
	return conn, nil
}

func openNatsRequest(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	conn, err := connectNats(ctx, env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.Queue, breakdown.Fetch, func() error {
			for range 2 {
				if _, err := conn.RequestWithContext(ctx, "echo", []byte("hello")); err != nil {
					return err
				}
			}
			return nil
		})
	}, nil
}

func openNatsPublish(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	conn, err := connectNats(ctx, env)
	if err != nil {
		return nil, err
	}
	stream, err := conn.JetStream()
	if err != nil {
		return nil, err
	}
	if _, err := stream.AddStream(&nats.StreamConfig{Name: "published", Subjects: []string{"published"}}); err != nil {
		return nil, err
	}
	return produces(func(ctx context.Context) error {
		_, err := stream.Publish("published", []byte("hello"), nats.Context(ctx))
		return err
	}), nil
}

func openNatsFlush(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	conn, err := connectNats(ctx, env)
	if err != nil {
		return nil, err
	}
	return produces(func(ctx context.Context) error {
		if err := conn.Publish("nobody", []byte("hello")); err != nil {
			return err
		}
		return conn.FlushTimeout(lost)
	}), nil
}

// dialNats publishes to a subject.
func dialNats(env scenario.Env, subject string) load.Session {
	conn, err := nats.Connect(env["nats"])
	if err != nil {
		return failed{err}
	}
	return dialed(func(_ context.Context, body []byte) error { return conn.Publish(subject, body) }, conn.Close, nil)
}

var natsCallback = scenario.Server{Listen: listenNatsCallback, Dial: dialNats, OneWay: true}

func listenNatsCallback(ctx context.Context, env scenario.Env, do func(context.Context) error) (string, error) {
	conn, err := connectNats(ctx, env)
	if err != nil {
		return "", err
	}
	c, err := newConsumer(ctx, do)
	if err != nil {
		return "", err
	}
	_, err = conn.Subscribe("called", func(m *nats.Msg) { c.handle(ctx, message{from: string(m.Data)}) })
	if err != nil {
		return "", err
	}
	return "called", conn.Flush()
}

var natsSubscription = scenario.Server{Listen: listenNatsSubscription, Dial: dialNats, OneWay: true}

func listenNatsSubscription(ctx context.Context, env scenario.Env, do func(context.Context) error) (string, error) {
	conn, err := connectNats(ctx, env)
	if err != nil {
		return "", err
	}
	c, err := newConsumer(ctx, do)
	if err != nil {
		return "", err
	}
	s, err := conn.SubscribeSync("asked")
	if err != nil {
		return "", err
	}
	go consumeNats(ctx, c, s)
	return "asked", conn.Flush()
}

func consumeNats(ctx context.Context, c *consumer, s *nats.Subscription) {
	for {
		m, err := s.NextMsgWithContext(ctx)
		if err != nil {
			return
		}
		c.handle(ctx, message{from: string(m.Data)})
	}
}

var natsPull = scenario.Server{Listen: listenNatsPull, Dial: dialNats, OneWay: true}

func listenNatsPull(ctx context.Context, env scenario.Env, do func(context.Context) error) (string, error) {
	conn, err := connectNats(ctx, env)
	if err != nil {
		return "", err
	}
	stream, err := conn.JetStream()
	if err != nil {
		return "", err
	}
	if _, err := stream.AddStream(&nats.StreamConfig{Name: "pulled", Subjects: []string{"pulled"}}); err != nil {
		return "", err
	}
	c, err := newConsumer(ctx, do)
	if err != nil {
		return "", err
	}
	for range 2 {
		s, err := stream.PullSubscribe("pulled", "group")
		if err != nil {
			return "", err
		}
		go pullNats(ctx, c, s)
	}
	return "pulled", nil
}

func pullNats(ctx context.Context, c *consumer, s *nats.Subscription) {
	for ctx.Err() == nil {
		batch, err := s.Fetch(1, nats.MaxWait(time.Second))
		if err != nil && !errors.Is(err, nats.ErrTimeout) {
			return
		}
		for _, m := range batch {
			c.handle(ctx, message{string(m.Data), func(ctx context.Context) error { return m.AckSync(nats.Context(ctx)) }})
		}
	}
}
