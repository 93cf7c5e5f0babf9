//go:build !whole

package job

import "timesink/cmd/internal/services/scenario"

// Scenarios that only the whole table measures, because their library takes
// long to compile.
var asynqs []scenario.Scenario
