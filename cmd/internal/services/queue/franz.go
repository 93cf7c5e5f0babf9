package queue

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

var franzClients = []scenario.Scenario{
	{
		Name: "franz-go", Needs: []string{"kafka"}, Open: openFranz,
		Want: scenario.Want{System: "kafka", Calls: 1},
	},
	{
		Name: "franz-go batches", Needs: []string{"kafka"}, Open: openFranzBatches,
		Want: scenario.Want{System: "kafka", Calls: 1},
	},
	{
		Name: "franz-go async", Needs: []string{"kafka"}, Open: openFranzAsync,
		Want: scenario.Want{System: "kafka", Calls: 1},
	},
}

var franzConsumers = []scenario.Scenario{
	{
		Name: "franz-go group", Needs: []string{"kafka"}, Clients: 1, Open: commits,
		Server: scenario.Server{Listen: listenFranz, Dial: dialKafka, OneWay: true},
		Want:   scenario.Want{Kind: "kafka", System: "kafka", Calls: 1, Endpoint: named("consumeFranz")},
	},
}

func newFranz(env scenario.Env, opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(opts, kgo.SeedBrokers(env["kafka"]), kgo.AllowAutoTopicCreation())...)
}

// A franz is a client that records when its last batch was sent.
type franz struct {
	*kgo.Client
	written time.Time
}

// OnBrokerE2E sees each request that was answered.
func (f *franz) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	if produce := int16(0); key == produce {
		f.written = time.Now().Add(-e2e.DurationE2E())
	}
}

func openFranz(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	client, err := newFranz(env, kgo.DefaultProduceTopic("produced"))
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, client.Close)
	send := func(ctx context.Context) error { return client.ProduceSync(ctx, kgo.StringRecord("hello")).FirstErr() }
	return produces(send), send(ctx)
}

// openFranzBatches uses one client per concurrent request, so that the client's
// batches are that request's.
func openFranzBatches(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	idle := make(chan *franz, 2)
	for range cap(idle) {
		f := &franz{}
		client, err := newFranz(env, kgo.DefaultProduceTopic("produced"), kgo.WithHooks(f))
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, client.Close)
		f.Client = client
		if err := f.produce(ctx); err != nil {
			return nil, err
		}
		idle <- f
	}
	return func(ctx context.Context, w *scenario.Watch) error {
		f := <-idle
		defer func() { idle <- f }()
		start := w.Now()
		err := f.produce(ctx)
		end := w.Now()
		written := end - int64(time.Since(f.written))
		w.Note(breakdown.Queue, breakdown.BatchDelay, start, written)
		w.Note(breakdown.Queue, breakdown.Produce, written, end)
		return err
	}, nil
}

// produce waits for a callback, because ProduceSync does not let batches wait.
func (f *franz) produce(ctx context.Context) error {
	done := make(chan error)
	f.Produce(ctx, kgo.StringRecord("hello"), func(_ *kgo.Record, err error) { done <- err })
	return <-done
}

// openFranzAsync waits for a callback, on a client that all requests share.
func openFranzAsync(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	client, err := newFranz(env, kgo.DefaultProduceTopic("produced"), kgo.ProducerLinger(0))
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, client.Close)
	f := franz{Client: client}
	return produces(f.produce), f.produce(ctx)
}

func listenFranz(ctx context.Context, env scenario.Env, do func(context.Context) error) (string, error) {
	client, err := newFranz(env, kgo.ConsumeTopics("polled"), kgo.ConsumerGroup("polled"), kgo.DisableAutoCommit())
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, client.Close)
	c, err := newConsumer(ctx, do)
	if err != nil {
		return "", err
	}
	go consumeFranz(ctx, c, client)
	return "polled", nil
}

func consumeFranz(ctx context.Context, c *consumer, client *kgo.Client) {
	for {
		fetches := client.PollFetches(ctx)
		if fetches.IsClientClosed() || ctx.Err() != nil {
			return
		}
		fetches.EachRecord(func(r *kgo.Record) {
			c.handle(ctx, message{string(r.Value), func(ctx context.Context) error { return client.CommitRecords(ctx, r) }})
		})
	}
}
