//go:build servers

package vin_test

import "timesink/cmd/internal/testpg"

func init() { startPostgres = testpg.Start }
