package queue

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/produce"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

var kafkagoClients = []scenario.Scenario{
	{
		Name: "kafka-go", Needs: []string{"kafka"}, Open: openKafkago,
		Want: scenario.Want{System: "kafka", Calls: 1},
	},
}

var kafkagoConsumers = []scenario.Scenario{
	{
		Name: "kafka-go group", Needs: []string{"kafka"}, Clients: 1, Open: commits,
		Server: scenario.Server{Listen: listenKafkago, Dial: dialKafka, OneWay: true},
		Want:   scenario.Want{Kind: "kafka", System: "kafka", Calls: 1, Endpoint: named("consumeKafkago")},
	},
}

// A kafkago is a writer that records when its last batch was sent.
type kafkago struct {
	kafka.Writer
	written atomic.Int64 // by now
	now     func() int64
}

// RoundTrip sees each request.
func (k *kafkago) RoundTrip(ctx context.Context, addr net.Addr, r kafka.Request) (kafka.Response, error) {
	if _, ok := r.(*produce.Request); ok && k.now != nil {
		k.written.Store(k.now())
	}
	return kafka.DefaultTransport.RoundTrip(ctx, addr, r)
}

// openKafkago uses one writer per concurrent request, so that the writer's batches
// are that request's.
func openKafkago(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	idle := make(chan *kafkago, 2)
	for range cap(idle) {
		k := &kafkago{Writer: kafka.Writer{Addr: kafka.TCP(env["kafka"]), Topic: "written", BatchTimeout: 10 * time.Millisecond,
			RequiredAcks: kafka.RequireAll, AllowAutoTopicCreation: true}}
		k.Transport = k
		if err := k.warm(ctx); err != nil {
			return nil, err
		}
		idle <- k
	}
	return func(ctx context.Context, w *scenario.Watch) error {
		k := <-idle
		defer func() { idle <- k }()
		k.now = w.Now
		start := w.Now()
		err := k.WriteMessages(ctx, kafka.Message{Value: []byte("hello")})
		end := w.Now()
		w.Note(breakdown.Queue, breakdown.BatchDelay, start, k.written.Load())
		w.Note(breakdown.Queue, breakdown.Produce, k.written.Load(), end)
		return err
	}, nil
}

// warm creates the topic, which takes a while.
func (k *kafkago) warm(ctx context.Context) (err error) {
	for range 20 {
		if err = k.WriteMessages(ctx, kafka.Message{Value: []byte("connect")}); err == nil {
			return nil
		}
	}
	return err
}

func listenKafkago(ctx context.Context, env scenario.Env, do func(context.Context) error) (string, error) {
	c, err := newConsumer(ctx, do)
	if err != nil {
		return "", err
	}
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{env["kafka"]}, Topic: "read", GroupID: "read", MaxWait: time.Second,
		StartOffset: kafka.FirstOffset, WatchPartitionChanges: true, PartitionWatchInterval: 100 * time.Millisecond})
	context.AfterFunc(ctx, func() { reader.Close() })
	go consumeKafkago(ctx, c, reader)
	return "read", nil
}

func consumeKafkago(ctx context.Context, c *consumer, reader *kafka.Reader) {
	for {
		m, err := reader.FetchMessage(ctx)
		if err != nil {
			return
		}
		c.handle(ctx, message{string(m.Value), func(ctx context.Context) error { return reader.CommitMessages(ctx, m) }})
	}
}
