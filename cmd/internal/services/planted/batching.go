package main

import (
	"context"
	"time"

	"github.com/graph-gophers/dataloader/v7"
	"github.com/twmb/franz-go/pkg/kgo"

	"timesink/cmd/internal/services/scenario"
)

// batchingRows are about what waits for more of its kind before it is sent on.
var batchingRows = []row{
	{service: "records that linger for more of them", plants: "batch-delay", also: []string{"synchronous-produce"}, needs: []string{"kafka"}, open: handled(openLingering(50 * time.Millisecond))},
	{service: "records that do not linger", plants: "synchronous-produce", also: []string{"other-side"}, needs: []string{"kafka"}, open: handled(openLingering(0))},
	{service: "keys that a loader gathers", plants: "batch-delay", needs: []string{"postgres"}, open: handled(openLoader(16*time.Millisecond, "0.001"))},
	{service: "keys that a loader asks for at once", also: []string{"other-side"}, needs: []string{"postgres"}, open: handled(openLoader(time.Microsecond, "0.008"))},
}

// openLingering waits for the confirmation of a record of franz-go, which sends a batch
// once it has waited for so long. The first record creates the topic.
func openLingering(linger time.Duration) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		client, err := kgo.NewClient(kgo.SeedBrokers(env["kafka"]), kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("lingering"), kgo.ProducerLinger(linger))
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, client.Close)
		do := func(ctx context.Context) error { return confirmed(ctx, client) }
		return do, do(ctx)
	}
}

// confirmed produces a record and waits until the broker has it.
func confirmed(ctx context.Context, client *kgo.Client) error {
	done := make(chan error, 1)
	client.Produce(ctx, kgo.StringRecord("order"), func(_ *kgo.Record, err error) { done <- err })
	return <-done
}

// openLoader asks for an item through a loader that waits for further keys for so long, and
// then makes one statement for them all.
func openLoader(wait time.Duration, seconds string) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		pool, err := openPostgres(ctx, env, 8)
		if err != nil {
			return nil, err
		}
		ask := asks(pool, "SELECT pg_sleep("+seconds+")")
		items := func(ctx context.Context, keys []int) []*dataloader.Result[int] {
			results := make([]*dataloader.Result[int], len(keys))
			err := ask(ctx)
			for i, key := range keys {
				results[i] = &dataloader.Result[int]{Data: key, Error: err}
			}
			return results
		}
		loader := dataloader.NewBatchedLoader(items, dataloader.WithWait[int, int](wait), dataloader.WithCache[int, int](&dataloader.NoCache[int, int]{}))
		return func(ctx context.Context) error {
			_, err := loader.Load(ctx, 7)()
			return err
		}, nil
	}
}
