//go:build !whole

package server

import "timesink/cmd/internal/services/scenario"

// Scenarios that only the whole table measures, because their library takes
// long to compile.
var gins, wrappedGin []scenario.Scenario
