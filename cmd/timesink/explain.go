package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"timesink/analyze/diagnosis"
	"timesink/report"
)

func (t *tool) explainCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "explain [ID]",
		Short: "Explain a finding, a warning, advice or an exit code, and say what to do",
		Long: `Explain says what a finding, a warning, advice of doctor or an exit code means, how
timesink tells it, when it may be wrong, what to try, and how to check it. ID is the
id of a finding or a cause, or the code of a warning, as in the JSON of a report; the
id of advice, as doctor prints it; or an exit code: 3. Without an ID, explain lists
all of them.`,
		Example: `  timesink explain pool-starved
  timesink explain incomplete-requests
  timesink explain 3
  timesink explain -f json`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return usagef(helpHint(cmd), "unexpected argument %q after the id", args[1])
			case format != "text" && format != "json":
				return usagef("there are text and json", "explain cannot write the format %q", format)
			case len(args) == 1 && explainedEntry(args[0]) == nil:
				return usagef("see timesink explain for all of them", "no finding, warning, advice or exit code has the id %q", args[0])
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) (ids []string, _ cobra.ShellCompDirective) {
			for _, e := range diagnosis.Everything() {
				ids = append(ids, cobra.CompletionWithDesc(e.ID, string(e.Kind)))
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			entries := diagnosis.Everything()
			if len(args) == 1 {
				entries = []diagnosis.Entry{*explainedEntry(args[0])}
			}
			if format == "json" {
				return report.ExplainJSON(t.stdout, entries)
			}
			return report.Explain(t.stdout, entries, report.TextOptions{Width: columns(t.stdout), Color: colored(t.stdout)})
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "text", "write `FORMAT`: text or json")
	return cmd
}

// explainedEntry returns the entry of an ID or of an exit code, nil if there is none.
func explainedEntry(id string) *diagnosis.Entry {
	if code, err := strconv.Atoi(id); err == nil {
		id = fmt.Sprintf("exit-%d", code)
	}
	return diagnosis.Explain(id)
}
