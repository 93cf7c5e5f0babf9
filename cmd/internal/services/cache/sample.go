//go:build !whole

package cache

import "timesink/cmd/internal/services/scenario"

// Scenarios that only the whole table measures, because their library takes
// long to compile.
var rueidisScenarios []scenario.Scenario
