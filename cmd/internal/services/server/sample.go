//go:build !whole

package server

import "timesink/cmd/internal/services/scenario"

// What only the whole table measures, as its library takes long to compile.
var gins, wrappedGin []scenario.Scenario
