// Package queue contains the scenarios of message queues, both as a system that
// a request waits for and as a source of units of work.
package queue

import (
	"context"
	"reflect"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Scenarios lists the scenarios of requests that wait for a queue.
var Scenarios = slices.Concat(franzClients, saramaClients, kafkagoClients, natsClients, amqpClients)

// Consumers lists the scenarios of units of work that come from a queue.
var Consumers = slices.Concat(franzConsumers, saramaConsumers, kafkagoConsumers, natsConsumers, amqpConsumers)

// Peers lists the brokers, slowed down so that a request to them takes some
// milliseconds.
var Peers = slices.Concat([]scenario.Peer{kafkaPeer, amqpPeer}, natsPeers)

// produces returns work that produces to a queue and waits for the confirmation.
func produces(send func(context.Context) error) scenario.Work {
	return func(ctx context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.Queue, breakdown.Produce, func() error { return send(ctx) })
	}
}

// named returns the full name of a function in this package.
func named(function string) string { return reflect.TypeFor[consumer]().PkgPath() + "." + function }
