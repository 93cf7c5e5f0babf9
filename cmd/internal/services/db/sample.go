//go:build !whole

package db

import "timesink/cmd/internal/services/scenario"

// Scenarios that only the whole table measures, because their libraries take
// long to compile.
var (
	MongoDB    []scenario.Scenario
	mappers    []scenario.Scenario
	sqliteInGo []scenario.Scenario
	Peers      []scenario.Peer
)
