//go:build !whole

package upstream

import "timesink/cmd/internal/services/scenario"

// What only the whole table measures, as its library takes long to compile.
var s3Clients []scenario.Scenario
