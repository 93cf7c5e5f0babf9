package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"timesink/analyze/diagnosis"
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
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				if len(args) == 1 {
					return enc.Encode(entries[0])
				}
				return enc.Encode(entries)
			}
			return explain(cmd.OutOrStdout(), entries)
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "text", "write `FORMAT`: text or json")
	return cmd
}

// explain writes what one finding means, or a line for each of several.
func explain(w io.Writer, entries []diagnosis.Entry) error {
	var b strings.Builder
	if len(entries) == 1 {
		e := &entries[0]
		fmt.Fprintln(&b, e.ID)
		for _, part := range [][2]string{
			{"", e.Means}, {"How it is told: ", e.Told}, {"It may be wrong: ", e.FalseAlarms}, {"Try: ", e.Try + "."}, {"To check: ", e.Check + "."},
		} {
			if part[1] != "" {
				b.WriteString("\n" + wrapped(part[0]+part[1]))
			}
		}
	} else {
		for _, e := range entries {
			fmt.Fprintf(&b, "%s\n%s", e.ID, indented(wrapped(e.Means)))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrapped breaks a text into lines of at most 76 columns.
func wrapped(text string) string {
	var b strings.Builder
	at := 0
	for _, word := range strings.Fields(text) {
		switch {
		case at == 0:
		case at+1+len(word) > 76:
			b.WriteByte('\n')
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += len(word)
	}
	return b.String() + "\n"
}

// indented indents each line of a text.
func indented(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ") + "\n"
}
