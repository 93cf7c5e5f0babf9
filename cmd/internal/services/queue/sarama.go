//go:build whole

package queue

import (
	"context"
	"time"

	"github.com/IBM/sarama"

	"timesink/cmd/internal/services/scenario"
)

var saramaClients = []scenario.Scenario{
	{
		Name: "sarama", Needs: []string{"kafka"}, Open: openSarama,
		Want: scenario.Want{System: "kafka", Calls: 1},
	},
	{
		Name: "sarama async", Needs: []string{"kafka"}, Open: openSaramaAsync,
		Want: scenario.Want{System: "kafka", Calls: 1},
	},
}

var saramaConsumers = []scenario.Scenario{
	{
		Name: "sarama group", Needs: []string{"kafka"}, Clients: 1, Open: commits,
		Server: scenario.Server{Listen: listenSarama, Dial: dialKafka, OneWay: true},
		Want:   scenario.Want{Kind: "kafka", System: "kafka", Calls: 1, Endpoint: named("claimer.ConsumeClaim")},
	},
}

func saramaConfig() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V2_6_0_0
	c.Producer.Return.Successes = true
	c.Consumer.MaxWaitTime = time.Millisecond // a commit waits behind the fetch, on the same connection
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	return c
}

func openSarama(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	producer, err := sarama.NewSyncProducer([]string{env["kafka"]}, saramaConfig())
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { producer.Close() })
	send := func(context.Context) error {
		_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "sent", Value: sarama.StringEncoder("hello")})
		return err
	}
	return produces(send), send(ctx)
}

// openSaramaAsync uses one producer per concurrent request, so that its results
// are for that request's message.
func openSaramaAsync(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	idle := make(chan sarama.AsyncProducer, 2)
	send := func(context.Context) error {
		producer := <-idle
		defer func() { idle <- producer }()
		producer.Input() <- &sarama.ProducerMessage{Topic: "sent", Value: sarama.StringEncoder("hello")}
		select {
		case <-producer.Successes():
			return nil
		case err := <-producer.Errors():
			return err
		}
	}
	for range cap(idle) {
		producer, err := sarama.NewAsyncProducer([]string{env["kafka"]}, saramaConfig())
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, producer.AsyncClose)
		idle <- producer
		if err := send(ctx); err != nil {
			return nil, err
		}
	}
	return produces(send), nil
}

func listenSarama(ctx context.Context, env scenario.Env, do func(context.Context) error) (string, error) {
	c, err := newConsumer(ctx, do)
	if err != nil {
		return "", err
	}
	group, err := sarama.NewConsumerGroup([]string{env["kafka"]}, "claimed", saramaConfig())
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { group.Close() })
	go func() {
		for ctx.Err() == nil {
			group.Consume(ctx, []string{"claimed"}, claimer{c})
		}
	}()
	return "claimed", nil
}

// A claimer works on the messages of a partition.
type claimer struct{ *consumer }

func (claimer) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (claimer) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (c claimer) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for m := range claim.Messages() {
		c.handle(session.Context(), message{string(m.Value), func(context.Context) error {
			session.MarkMessage(m, "")
			session.Commit()
			return nil
		}})
	}
	return nil
}
