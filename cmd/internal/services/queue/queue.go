// Package queue holds the scenarios of message queues: as what a request waits
// for, and as where units of work come from.
package queue

import (
	"context"
	"reflect"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Scenarios are those of requests that wait for a queue.
var Scenarios = slices.Concat(franzClients, saramaClients, kafkagoClients, natsClients, amqpClients)

// Consumers are those of units of work that come from one.
var Consumers = slices.Concat(franzConsumers, saramaConsumers, kafkagoConsumers, natsConsumers, amqpConsumers)

// Peers are the brokers, each so slow that what is asked of it takes some
// milliseconds.
var Peers = slices.Concat([]scenario.Peer{kafkaPeer, amqpPeer}, natsPeers)

// produces is work that hands something to a queue and waits until that is done.
func produces(send func(context.Context) error) scenario.Work {
	return func(ctx context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.Queue, breakdown.Produce, func() error { return send(ctx) })
	}
}

// named is the full name of a function of this package.
func named(function string) string { return reflect.TypeFor[consumer]().PkgPath() + "." + function }
