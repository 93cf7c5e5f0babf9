// Package queue holds the scenarios of message queues: as what a request waits
// for, and as where units of work come from.
package queue

import (
	"slices"

	"timesink/cmd/internal/services/scenario"
)

// Scenarios are those of requests that wait for a queue.
var Scenarios = slices.Concat(franzClients, saramaClients, kafkagoClients, natsClients, amqpClients)

// Consumers are those of units of work that come from one.
var Consumers = slices.Concat(franzConsumers, saramaConsumers, kafkagoConsumers, natsConsumers, amqpConsumers)

// Peers are the brokers, each so slow that what is asked of it takes some
// milliseconds.
var Peers = []scenario.Peer{kafkaPeer, natsPeer, amqpPeer}
