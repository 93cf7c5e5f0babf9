//go:build !whole

package cache

import "timesink/cmd/internal/services/scenario"

// What only the whole table measures, as its library takes long to compile.
var rueidisScenarios []scenario.Scenario
