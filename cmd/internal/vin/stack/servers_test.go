//go:build servers

package stack_test

import (
	"testing"

	"timesink/cmd/internal/testpg"
	"timesink/cmd/internal/vin/stack"
)

func init() {
	settings = append(settings, setting{"with PostgreSQL", func(t *testing.T, c *stack.Config) { c.Service.Postgres = testpg.Start(t) }})
}
