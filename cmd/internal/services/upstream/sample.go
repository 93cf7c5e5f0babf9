//go:build !whole

package upstream

import "timesink/cmd/internal/services/scenario"

// Scenarios that only the whole table measures, because their library takes
// long to compile.
var s3Clients []scenario.Scenario
