//go:build whole

package main

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	amqp "github.com/rabbitmq/amqp091-go"

	"timesink/cmd/internal/services/scenario"
)

// Services that ask brokers, for rows of stores_whole.go.

func openNextMessage(ctx context.Context, env scenario.Env) (work, error) {
	conn, err := nats.Connect(env["nats"])
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, conn.Close)
	sub, err := conn.QueueSubscribeSync("jobs", "all")
	if err != nil {
		return nil, err
	}
	go every(ctx, 10*time.Millisecond, func() { conn.Publish("jobs", []byte("one")) })
	return func(ctx context.Context) error { return nextJob(sub) }, nil
}

func nextJob(sub *nats.Subscription) error {
	_, err := sub.NextMsg(10 * time.Second)
	return err
}

// openChannels opens as many channels with confirms until the context ends.
func openChannels(ctx context.Context, address string, number int) (chan *amqp.Channel, error) {
	conn, err := amqp.Dial("amqp://guest:guest@" + address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	channels := make(chan *amqp.Channel, number)
	for range number {
		c, err := conn.Channel()
		if err != nil {
			return nil, err
		}
		if _, err := c.QueueDeclare("events", false, true, false, false, amqp.Table{"x-max-length": 10}); err != nil {
			return nil, err
		}
		if err := c.Confirm(false); err != nil {
			return nil, err
		}
		channels <- c
	}
	return channels, nil
}

func publishEvent(ctx context.Context, c *amqp.Channel) (*amqp.DeferredConfirmation, error) {
	return c.PublishWithDeferredConfirmWithContext(ctx, "", "events", false, false, amqp.Publishing{Body: []byte("event")})
}

func publishConfirmed(ctx context.Context, c *amqp.Channel) error {
	confirm, err := publishEvent(ctx, c)
	if err != nil {
		return err
	}
	_, err = confirm.WaitContext(ctx)
	return err
}

func openConfirmed(atOnce bool) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		channels, err := openChannels(ctx, env["amqp"], 4)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			c := <-channels
			defer func() { channels <- c }()
			if atOnce {
				return publishAll(ctx, c)
			}
			for range 10 {
				if err := publishConfirmed(ctx, c); err != nil {
					return err
				}
			}
			return nil
		}, nil
	}
}

func publishAll(ctx context.Context, c *amqp.Channel) error {
	var confirms []*amqp.DeferredConfirmation
	for range 10 {
		confirm, err := publishEvent(ctx, c)
		if err != nil {
			return err
		}
		confirms = append(confirms, confirm)
	}
	for _, confirm := range confirms {
		if _, err := confirm.WaitContext(ctx); err != nil {
			return err
		}
	}
	return nil
}

func openSharedChannel(ctx context.Context, env scenario.Env) (work, error) {
	channels, err := openChannels(ctx, env["amqp"], 1)
	if err != nil {
		return nil, err
	}
	c, mu := <-channels, sync.Mutex{}
	return func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		return publishConfirmed(ctx, c)
	}, nil
}
