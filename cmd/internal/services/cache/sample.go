//go:build !whole

package cache

import "timesink/cmd/internal/services/scenario"

// Scenarios that only the whole table measures, because their libraries take
// long to compile.
var goRedis, rueidisScenarios []scenario.Scenario
