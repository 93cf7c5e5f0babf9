package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"timesink/cmd/internal/vin"
)

// vinName is the hidden command with which the demo runs this binary again, for the
// service and its upstreams.
const vinName = "demo-process"

func (t *tool) vinCommand() *cobra.Command {
	return &cobra.Command{
		Use:                vinName,
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return codeError(vin.Main(ctx, args, t.stdin, t.stdout, t.stderr))
		},
	}
}
