//go:build !whole

package db

import "timesink/cmd/internal/services/scenario"

// What only the whole table measures, as its libraries take long to compile.
var (
	MongoDB    []scenario.Scenario
	sqliteInGo []scenario.Scenario
	Peers      []scenario.Peer
)
