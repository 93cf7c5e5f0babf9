package queue

import (
	"context"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/scenario"
)

// kafkaPeer is a Kafka cluster of one broker, which creates topics on demand.
var kafkaPeer = scenario.Peer{Name: "kafka", Serve: func(ctx context.Context, _ scenario.Env, ready func(string)) error {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1), kfake.ListenFn(listenLate))
	if err != nil {
		return err
	}
	defer cluster.Close()
	ready(cluster.ListenAddrs()[0])
	<-ctx.Done()
	return nil
}}

// dialKafka produces to a topic.
func dialKafka(env scenario.Env, topic string) load.Session {
	client, err := newFranz(env, kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0))
	if err != nil {
		return failed{err}
	}
	return dialed(func(ctx context.Context, body []byte) error {
		return client.ProduceSync(ctx, &kgo.Record{Value: body}).FirstErr()
	}, client.Close, nil)
}
