package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect"
	"timesink/collect/capture"
	"timesink/collect/redact"
	"timesink/report"
)

// reportFlags holds the flags of report.
type reportFlags struct {
	answerFlags
	outputFlag
	before      string
	endpoint    string
	request     string
	flavor      string
	noRedact    bool
	listPrivate bool
	push        pushFlags
	schema      bool

	chosen *format // the format chosen by format and output
}

func (f *reportFlags) register(cmd *cobra.Command) {
	f.formats, f.usual = formatsThat((*format).reports), "html"
	f.answerFlags.register(cmd)
	f.outputFlag.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.before, "before", "", "report what changed since the earlier capture `FILE`; join several with commas, or name a folder")
	flags.StringVar(&f.endpoint, "endpoint", "", "report only on the endpoint with this `route` or function")
	flags.StringVar(&f.request, "request", "", "show this `request`: slowest, p50, p95, p99, or an ID from a report")
	flags.StringVar(&f.flavor, "flavor", string(report.GitHub), "write markdown for this `tracker`: "+strings.Join(flavors(), ", "))
	flags.BoolVar(&f.noRedact, "no-redact", false, "keep private data: host names, query strings, user names and home directories in paths")
	flags.BoolVar(&f.listPrivate, "list-private", false, "list the private data in FILE that a report masks")
	flags.BoolVar(&f.schema, "schema", false, "print the JSON Schema of the json format, with --before that of a comparison, with --request that of a request")
	f.push.register(cmd, &f.noRedact)
	completeFlag(cmd, "flavor", cobra.FixedCompletions(flavors(), cobra.ShellCompDirectiveNoFileComp))
	completeFlag(cmd, "before", completeSide)
	completeFlag(cmd, "endpoint", completeEndpoints)
	completeFlag(cmd, "request", completeRequests)
}

func flavors() (names []string) {
	for _, f := range report.Flavors() {
		names = append(names, string(f))
	}
	return names
}

func (f *reportFlags) check(cmd *cobra.Command, args []string) error {
	if !cmd.Flags().Changed("format") {
		f.format = formatOf(f.output, f.usual)
	}
	if err := f.answerFlags.check(); err != nil {
		return err
	}
	if err := f.push.check(collect.TLS{}); err != nil {
		return err
	}
	f.chosen = formatNamed(f.format)
	switch {
	case f.schema:
		return nil
	case len(args) == 0:
		return errNoFile
	case !slices.Contains(flavors(), f.flavor):
		return usagef("give one of "+strings.Join(flavors(), ", "), "there is no flavor %q of markdown", f.flavor)
	case f.before != "" && f.chosen.compare == nil:
		return usagef("give -f html, markdown, text or json", "a comparison cannot be written as %s", f.format)
	case f.before != "" && (f.endpoint != "" || f.request != ""):
		return usage("a comparison covers all endpoints", "leave out --endpoint and --request")
	case f.request != "" && !f.chosen.showsOne():
		return usagef("give one of -f "+strings.Join(formatsThat((*format).showsOne), ", "), "%s cannot show a single request", f.format)
	case folderOf(args) != "" && !f.listPrivate:
		return f.checkFolder()
	}
	return nil
}

// formatOf returns the format that a file's name asks for, or else usual.
func formatOf(output, usual string) string {
	for _, f := range formats {
		if slices.ContainsFunc(f.endings, func(end string) bool { return strings.HasSuffix(strings.ToLower(output), end) }) {
			return f.name
		}
	}
	return usual
}

func (t *tool) reportCommand() *cobra.Command {
	var flags reportFlags
	cmd := &cobra.Command{
		Use:   "report FILE…",
		Short: "Write a report of where the time goes, for a ticket",
		Long: `Report writes one file for an incident's ticket. It shows where the time goes, the
evidence, and how it was measured, to readers who do not have the tool. FILE is a
capture or a trace, as for analyze.

Private data is masked: host names, query strings, header values, user names and
home directories in paths. --list-private lists it. Names of functions and import
paths stay, for they are the answer. To attach the capture itself, use timesink
redact. The same capture gives the same report, byte for byte, and each report
names the case, so that the same evidence is not attached twice.

--request shows one request instead of the sums: as text, a waterfall that fits a
screen (all its steps with -v); as json, its whole path and calls. It is the slowest
request, one of about the p50, p95 or p99, or the one with an ID. IDs are the same in
every report of the same files.

If FILE is a folder of captures, the report is an index page, index.html in the
folder unless --output names another, and beside it a page for each capture.`,
		Example: `  timesink report case.zip -o incident-4711.html
  timesink report case.zip -f markdown --flavor jira
  timesink report after.zip --before before.zip -o incident-4711.html
  timesink report case.zip -f pprof -o wall.pb.gz && go tool pprof -top wall.pb.gz
  timesink report case.zip -f text --request slowest
  timesink report incidents/
  timesink report case.zip -f perfetto --request slowest -o slowest.json`,
		Args:              func(cmd *cobra.Command, args []string) error { return flags.check(cmd, args) },
		ValidArgsFunction: completeCaptures(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case flags.schema:
				return flags.to(t.stdout, flags.writeSchema)
			case folderOf(args) != "" && !flags.listPrivate:
				return t.reportFolder(cmd.Context(), args[0], &flags)
			case flags.chosen.binary && (flags.output == "" || flags.output == "-") && !flags.listPrivate && isTerminal(t.stdout):
				return usagef("give a file, such as -o incident-4711"+flags.chosen.ending(), "will not write a report in %s to a terminal", flags.format)
			case flags.output != "" && slices.ContainsFunc(args, func(file string) bool { return sameFile(file, flags.output) }):
				return usagef("give --output another name", "--output %s would overwrite the input", flags.output)
			case flags.listPrivate:
				return t.listPrivate(cmd.Context(), args, &flags)
			}
			t.notes(flags.push.exposed())
			return t.report(cmd.Context(), args, &flags)
		},
	}
	flags.register(cmd)
	return cmd
}

func (f *reportFlags) writeSchema(w io.Writer) error {
	schema := breakdown.Schema
	switch {
	case f.before != "":
		schema = breakdown.CompareSchema
	case f.request != "":
		schema = breakdown.RequestSchema
	}
	text, err := report.Schema(schema)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// listPrivate lists the private data in captures.
func (t *tool) listPrivate(ctx context.Context, files []string, flags *reportFlags) error {
	captures, closeAll, err := t.openAll(files)
	if err != nil {
		return err
	}
	defer closeAll()
	return flags.to(t.stdout, func(w io.Writer) error {
		for _, c := range captures {
			items, err := redact.Private(ctx, c)
			if err != nil {
				return err
			}
			if len(captures) > 1 {
				fmt.Fprintf(w, "%s\n\n", oneLine(c.Path()))
			}
			if err := redact.WriteList(w, items); err != nil {
				return err
			}
		}
		return nil
	})
}

// report analyzes captures and writes the report.
func (t *tool) report(ctx context.Context, files []string, flags *reportFlags) error {
	captures, closeAll, err := t.openAll(files)
	if err != nil {
		return err
	}
	defer closeAll()
	k := &ticket{captures: captures, flavor: report.Flavor(flags.flavor), top: flags.top, verbose: t.verbose, memory: int64(flags.memory)}
	opts := flags.options()
	opts.Detail, opts.Series, opts.Spread = true, flags.before != "", flags.before == ""
	if k.b, err = t.analyzeAll(ctx, captures, opts); err != nil {
		return err
	}
	all := captures
	if flags.before != "" {
		before, closeBefore, err := t.change(ctx, k, flags.before, opts)
		if err != nil {
			return err
		}
		defer closeBefore()
		all = append(slices.Clone(before), captures...)
	} else if err := k.narrow(ctx, flags, opts); err != nil {
		return err
	}
	if !flags.noRedact {
		k.redact(all)
	}
	defer func() { t.warnings(k.left) }()
	err = flags.to(t.stdout, func(w io.Writer) error {
		if k.change != nil {
			return flags.chosen.compare(w, k)
		}
		if flags.request != "" && flags.chosen.one != nil {
			return flags.chosen.one(w, k)
		}
		return flags.chosen.write(w, k)
	})
	return errors.Join(err, t.push(ctx, captures, flags.options(), &flags.push))
}

// change compares earlier captures with the ticket's. The caller must call closeAll
// once the earlier captures are no longer needed, unless there is an error.
func (t *tool) change(ctx context.Context, k *ticket, side string, opts analyze.Options) (before []*capture.Capture, closeAll func(), err error) {
	s, err := t.sideOf(side, &baselineFlags{})
	if err != nil {
		return nil, nil, err
	}
	before, closeAll, err = t.openAll(s.files)
	if err != nil {
		return nil, nil, err
	}
	if k.before, err = t.analyzeAll(ctx, before, opts); err == nil {
		var kept []breakdown.Forecast
		if kept, err = analyze.Kept(before); err == nil {
			k.change, err = analyze.Changes(k.before, k.b, analyze.CompareOptions{Forecasts: kept})
		}
	}
	if err != nil {
		closeAll()
	}
	return before, closeAll, err
}
