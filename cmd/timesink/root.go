package main

import (
	"errors"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
)

// A tool is one run of the command: its streams, and the flags that all commands
// share.
type tool struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	verbose bool
	logJSON bool
}

func (t *tool) root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "timesink",
		Short: "Say where the wall time of a running Go service's requests goes",
		Long: `Timesink attaches to a running Go service, watches it for some seconds, and says
where the wall time of its requests goes: database, cache, queue, upstream calls,
CPU, and the rest. It needs nothing in the service but net/http/pprof.`,
		Example: `  timesink run localhost:6060                  look at a service for 10 seconds
  timesink analyze timesink-*.zip              look again at what was saved
  timesink demo                                see it all on this machine`,
		Args:                       noArgs,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Version:                    versionLine(),
		SuggestionsMinimumDistance: 2,
		SilenceErrors:              true,
		SilenceUsage:               true,
	}
	cmd.SetIn(t.stdin)
	cmd.SetOut(t.stdout)
	cmd.SetErr(t.stderr)
	cmd.SetFlagErrorFunc(flagError)
	cmd.SetVersionTemplate("{{.Version}}\n")
	cmd.PersistentFlags().BoolVarP(&t.verbose, "verbose", "v", false, "log what is done and how long it takes, and show every detail of the answer")
	cmd.PersistentFlags().BoolVar(&t.logJSON, "log-json", false, "log as JSON, to standard error")
	cmd.AddCommand(t.runCommand(), t.collectCommand(), t.analyzeCommand(), t.compareCommand(), t.reportCommand(), t.redactCommand(), t.doctorCommand(), t.demoCommand(), t.vinCommand())
	cmd.SetHelpCommand(helpCommand(cmd))
	cmd.InitDefaultHelpCmd()
	cmd.InitDefaultCompletionCmd()
	usageOfAll(cmd)
	return cmd
}

// helpCommand is cobra's, but for what it does about commands that are not there.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		RunE: func(_ *cobra.Command, args []string) error {
			about, rest, err := root.Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return noArgs(about, rest)
			}
			about.InitDefaultHelpFlag()
			about.InitDefaultVersionFlag()
			return about.Help()
		},
	}
}

// usageOfAll makes what cobra says about arguments a usage error like any other.
func usageOfAll(cmd *cobra.Command) {
	if !cmd.Runnable() && cmd.HasSubCommands() {
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() } // else its arguments go unchecked
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if err == nil || errors.As(err, new(usageError)) {
				return err
			}
			return flagError(cmd, err)
		}
	}
	for _, sub := range cmd.Commands() {
		usageOfAll(sub)
	}
}

// log is where the steps of the work are told: standard error if asked for, else
// nowhere.
func (t *tool) log() *slog.Logger {
	switch {
	case t.logJSON:
		return slog.New(slog.NewJSONHandler(t.stderr, nil))
	case t.verbose:
		return slog.New(slog.NewTextHandler(t.stderr, nil))
	}
	return slog.New(slog.DiscardHandler)
}
