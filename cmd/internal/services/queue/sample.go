//go:build !whole

package queue

import "timesink/cmd/internal/services/scenario"

// Scenarios that only the whole table measures, because their libraries take
// long to compile.
var (
	saramaClients, saramaConsumers []scenario.Scenario
	natsClients, natsConsumers     []scenario.Scenario
	natsPeers                      []scenario.Peer
)
