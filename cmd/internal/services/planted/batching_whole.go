//go:build whole

package main

import (
	"context"
	"time"

	"github.com/IBM/sarama"

	"timesink/cmd/internal/services/scenario"
)

func init() {
	for i := range families {
		if f := &families[i]; f.name == "batching" {
			f.rows = append(f.rows, saramaRows...)
		}
	}
}

// saramaRows are about sarama's producer.
var saramaRows = []row{
	{service: "a producer of sarama that flushes now and then", plants: "batch-delay", also: []string{"synchronous-produce"}, needs: []string{"kafka"}, open: handled(openFlushing(50 * time.Millisecond))},
	{service: "a producer of sarama that flushes at once", plants: "synchronous-produce", also: []string{"other-side"}, needs: []string{"kafka"}, open: handled(openFlushing(0))},
}

// openFlushing waits for the confirmation of each message.
func openFlushing(frequency time.Duration) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		config := sarama.NewConfig()
		config.Version, config.Producer.Return.Successes, config.Producer.Flush.Frequency = sarama.V2_6_0_0, true, frequency
		producer, err := sarama.NewSyncProducer([]string{env["kafka"]}, config)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { producer.Close() })
		do := func(context.Context) error {
			_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "flushed", Value: sarama.StringEncoder("order")})
			return err
		}
		return do, do(ctx)
	}
}
