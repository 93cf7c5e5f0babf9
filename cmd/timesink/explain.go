package main

import (
	"github.com/spf13/cobra"

	"timesink/analyze/diagnosis"
	"timesink/report"
)

func (t *tool) explainCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "explain [ID]",
		Short: "Explain a finding: what it means, how it is told, what to do",
		Long: `Explain says what a finding means, how timesink tells it, when it may be wrong, what
to try, and how to check it. ID is the id of a finding or a cause in the JSON of a
report. Without an ID, explain lists all of them.`,
		Example: `  timesink explain pool-starved
  timesink explain -f json`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return usagef(helpHint(cmd), "unexpected argument %q after the id", args[1])
			case format != "text" && format != "json":
				return usagef("there are text and json", "explain cannot write the format %q", format)
			case len(args) == 1 && diagnosis.Explain(args[0]) == nil:
				return usagef("see timesink explain for all of them", "no finding has the id %q", args[0])
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) (ids []string, _ cobra.ShellCompDirective) {
			for _, e := range diagnosis.Catalogue() {
				ids = append(ids, e.ID)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			entries := diagnosis.Catalogue()
			if len(args) == 1 {
				entries = []diagnosis.Entry{*diagnosis.Explain(args[0])}
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
