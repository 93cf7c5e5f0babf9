//go:build !whole

package queue

import "timesink/cmd/internal/services/scenario"

// What only the whole table measures, as its libraries take long to compile.
var (
	saramaClients, saramaConsumers []scenario.Scenario
	natsClients, natsConsumers     []scenario.Scenario
	natsPeers                      []scenario.Peer
)
