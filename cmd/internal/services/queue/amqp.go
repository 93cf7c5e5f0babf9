package queue

import (
	"context"
	"errors"

	amqp "github.com/rabbitmq/amqp091-go"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/scenario"
)

var amqpClients = []scenario.Scenario{
	{
		Name: "amqp091", Needs: []string{"amqp"}, Open: openAMQP,
		Want: scenario.Want{System: "amqp", Calls: 2},
	},
}

var amqpConsumers = []scenario.Scenario{
	{
		Name: "amqp091 deliveries", Needs: []string{"amqp"}, Clients: 1, Open: commits,
		Server: scenario.Server{Listen: listenAMQP, Dial: dialAMQP, OneWay: true},
		Want:   scenario.Want{Kind: "amqp", System: "amqp", Calls: 1, Endpoint: named("consumeAMQP")},
	},
}

// amqpPeer is a delaying proxy in front of RabbitMQ.
var amqpPeer = scenario.Peer{Name: "amqp", Needs: []string{"rabbitmq"}, Serve: func(ctx context.Context, env scenario.Env, ready func(string)) error {
	address, err := slow(ctx, env["rabbitmq"])
	if err != nil {
		return err
	}
	ready(address)
	<-ctx.Done()
	return nil
}}

// openChannel opens a channel to a named queue, with confirms, until the context
// ends.
func openChannel(ctx context.Context, env scenario.Env, queue string) (*amqp.Channel, error) {
	conn, err := amqp.Dial("amqp://guest:guest@" + env["amqp"])
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	channel, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	if _, err := channel.QueueDeclare(queue, false, true, false, false, nil); err != nil {
		return nil, err
	}
	return channel, channel.Confirm(false)
}

// publish waits until the broker has confirmed the message.
func publish(ctx context.Context, channel *amqp.Channel, queue string, body []byte) error {
	confirm, err := channel.PublishWithDeferredConfirmWithContext(ctx, "", queue, false, false, amqp.Publishing{Body: body})
	if err != nil {
		return err
	}
	if ok, err := confirm.WaitContext(ctx); err != nil || !ok {
		return errors.Join(err, errors.New("the broker did not take it"))
	}
	return nil
}

// openAMQP puts a message into a queue and gets it, or another one. A channel
// serves one request at a time.
func openAMQP(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	idle := make(chan *amqp.Channel, 2)
	for range cap(idle) {
		channel, err := openChannel(ctx, env, "published")
		if err != nil {
			return nil, err
		}
		idle <- channel
	}
	return func(ctx context.Context, w *scenario.Watch) error {
		channel := <-idle
		defer func() { idle <- channel }()
		err := w.Time(breakdown.Queue, breakdown.Produce, func() error { return publish(ctx, channel, "published", []byte("hello")) })
		if err != nil {
			return err
		}
		return w.Time(breakdown.Queue, breakdown.Fetch, func() error {
			_, ok, err := channel.Get("published", true)
			if err == nil && !ok {
				err = errors.New("the queue is empty")
			}
			return err
		})
	}, nil
}

// dialAMQP publishes to a queue.
func dialAMQP(env scenario.Env, queue string) load.Session {
	ctx, cancel := context.WithCancel(context.Background())
	channel, err := openChannel(ctx, env, "sent")
	return dialed(func(ctx context.Context, body []byte) error { return publish(ctx, channel, queue, body) }, cancel, err)
}

func listenAMQP(ctx context.Context, env scenario.Env, do func(context.Context) error) (string, error) {
	channel, err := openChannel(ctx, env, "delivered")
	if err != nil {
		return "", err
	}
	deliveries, err := channel.Consume("delivered", "", false, false, false, false, nil)
	if err != nil {
		return "", err
	}
	c, err := newConsumer(ctx, do)
	if err != nil {
		return "", err
	}
	go consumeAMQP(ctx, c, deliveries)
	return "delivered", nil
}

func consumeAMQP(ctx context.Context, c *consumer, deliveries <-chan amqp.Delivery) {
	for d := range deliveries {
		c.handle(ctx, message{string(d.Body), func(context.Context) error { return d.Ack(false) }})
	}
}
