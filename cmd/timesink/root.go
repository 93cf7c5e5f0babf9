package main

import (
	"errors"
	"io"
	"log/slog"
	"regexp"

	"github.com/spf13/cobra"
)

// A tool is one run of the command, with its streams and the flags that all commands
// share.
type tool struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	command        string         // as users type it; "" means timesink
	shown          *regexp.Regexp // matches it in texts; nil if they are right as they are

	verbose bool
	logJSON bool
}

func (t *tool) root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "timesink",
		Short: "Show where the wall time of a running Go service's requests goes",
		Long: `Timesink attaches to a running Go service, observes it for some seconds, and shows
where the wall time of its requests goes: database, cache, queue, upstream calls,
CPU, and the rest. The service needs nothing but net/http/pprof.`,
		Example: `  timesink run localhost:6060                  observe a service until the answer is known
  timesink analyze timesink-*.zip              analyze a saved capture again
  timesink demo                                see all of it on this machine`,
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
	cmd.PersistentFlags().BoolVarP(&t.verbose, "verbose", "v", false, "log each step and how long it takes, and show every detail of the answer")
	cmd.PersistentFlags().BoolVar(&t.logJSON, "log-json", false, "log to standard error as JSON")
	cmd.AddCommand(t.runCommand(), t.collectCommand(), t.analyzeCommand(), t.compareCommand(), t.abCommand(), t.whatifCommand(), t.reportCommand(), t.exportCommand(), t.redactCommand(), t.listCommand(), t.doctorCommand(), t.explainCommand(), t.demoCommand(), t.vinCommand())
	cmd.SetHelpCommand(helpCommand(cmd))
	cmd.InitDefaultHelpCmd()
	cmd.InitDefaultCompletionCmd()
	usageOfAll(cmd)
	t.spell(cmd)
	return cmd
}

// helpCommand is cobra's help command, except that it returns an error for an unknown
// command.
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

// usageOfAll turns cobra's errors about arguments into usage errors.
func usageOfAll(cmd *cobra.Command) {
	if !cmd.Runnable() && cmd.HasSubCommands() {
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() } // otherwise its arguments go unchecked
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

// log returns a logger of the steps of the work. It writes to standard error if the
// user asked for that, and otherwise discards everything.
func (t *tool) log() *slog.Logger {
	switch {
	case t.logJSON:
		return slog.New(slog.NewJSONHandler(t.stderr, nil))
	case t.verbose:
		return slog.New(slog.NewTextHandler(t.stderr, nil))
	}
	return slog.New(slog.DiscardHandler)
}
