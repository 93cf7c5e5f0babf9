package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/report"
)

// compareFlags holds the flags of compare.
type compareFlags struct {
	answerFlags
	baselineFlags
	alpha     float64
	gateAlpha float64
	failIf    []string
	strict    bool
	noise     string
	gates     []analyze.Gate
}

func (f *compareFlags) register(cmd *cobra.Command) {
	f.answerFlags.formats = formatsThat((*format).compares)
	f.answerFlags.register(cmd)
	f.baselineFlags.register(cmd)
	cmd.Flags().Float64Var(&f.alpha, "alpha", analyze.DefaultAlpha, "call a change significant if chance alone would cause it less often than this")
	cmd.Flags().StringArrayVar(&f.failIf, "fail-if", nil, "exit with 3 if this `condition` holds and chance does not explain it, such as \"p95 > +10%\" or \"db mean > +5ms @ GET /v1/vin/{vin}\" (repeatable)")
	cmd.Flags().Float64Var(&f.gateAlpha, "gate-alpha", analyze.DefaultGateAlpha, "break any of the conditions by chance at most this often, over all conditions and endpoints together")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "exit with 4 if a condition cannot be decided")
	cmd.Flags().StringVar(&f.noise, "noise", "", "earlier captures of one build of the service, in `FOLDER` or joined with commas: they show how much its captures differ")
	completeFlag(cmd, "noise", completeSide)
}

func (f *compareFlags) check() error {
	if f.alpha <= 0 || f.alpha >= 1 {
		return usagef("give a probability such as 0.05", "--alpha cannot be %v", f.alpha)
	}
	if f.gateAlpha <= 0 || f.gateAlpha >= 1 {
		return usagef("give a probability such as 0.01", "--gate-alpha cannot be %v", f.gateAlpha)
	}
	for _, text := range f.failIf {
		g, err := analyze.ParseGate(text)
		if err != nil {
			return usagef("write it as "+analyze.GateSyntax, "--fail-if: %v", err)
		}
		f.gates = append(f.gates, g)
	}
	return f.answerFlags.check()
}

func (t *tool) compareCommand() *cobra.Command {
	var flags compareFlags
	var output outputFlag
	cmd := &cobra.Command{
		Use:   "compare BEFORE AFTER",
		Short: "Show what changed between two captures, by how much, and whether it is real",
		Long: `Compare shows, for each endpoint, what changed from one capture to another: the wall
time, with an interval and whether it could be chance, and where the change comes
from, in parts that sum to it. "~" marks changes that the samples cannot tell from
chance.

BEFORE and AFTER are captures or traces, as for analyze. To give several for one
side, join them with commas or name a folder, of which --version and --newer use only
some; the answer says which. Captures of one build differ, from
moment to moment and from process to process, by more than their requests suggest.
So the tests are over captures, of which each side needs two or more, taken in turn:
timesink ab takes them. With one a side, or if all of one side were taken before the
other, or under another load, a change of the build cannot be told from that of the
moment, and the answer says so. --noise names earlier captures of one build of the
service; then a change that exceeds what those differ by counts.

-f sarif writes the broken gates for platforms that annotate a change's lines.

--fail-if makes it a gate for a pipeline: the exit code is 3 if the condition holds
and chance does not explain the change, all conditions and endpoints counted. A
condition that cannot be decided does not fail, unless there is --strict: then the
exit code is 4.

Where a change seems to have been made that had been predicted from BEFORE, by whatif or
for a finding, the prediction is printed beside what was measured.`,
		Example: `  timesink compare before.zip after.zip
  timesink compare before/ after/ --fail-if "p95 > +10%" --fail-if "db mean > +5ms"
  timesink compare main.zip branch.zip --noise nightly/ --strict --fail-if "mean > +10%"
  timesink compare nightly/ branch.zip --noise nightly/ --version 1.4.2 --newer 7d
  timesink compare -f bench before/ after/ | benchstat -col /side -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef(helpHint(cmd), "compare takes two sides, before and after, not %d", len(args))
			}
			return flags.check()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 1 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return completeSide(cmd, args, toComplete)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			sides, err := t.sides(cmd, args, &flags, output.output)
			if err != nil {
				return err
			}
			opts := flags.compareOptions(sides[2].b)
			opts.Forecasts = sides[0].kept
			c, err := analyze.Changes(sides[0].b, sides[1].b, opts)
			if err != nil {
				return usagef("name the endpoint as the comparison prints it, by its route or its function", "%v", err)
			}
			for i, s := range []*breakdown.Side{&c.Before, &c.After, c.Noise} {
				if s != nil {
					s.Files = sides[i].chosen
				}
			}
			err = output.to(t.stdout, func(w io.Writer) error { return flags.writeComparison(w, c, sides[0].b, sides[1].b, t.verbose) })
			if err != nil {
				return err
			}
			return t.gates(c, flags.strict)
		},
	}
	flags.register(cmd)
	output.register(cmd)
	return cmd
}

// compareOptions returns the options of the comparison. noise may be nil.
func (f *compareFlags) compareOptions(noise *breakdown.Breakdown) analyze.CompareOptions {
	return analyze.CompareOptions{Alpha: f.alpha, GateAlpha: f.gateAlpha, Gates: f.gates, Noise: noise}
}

// A comparedSide is a side with its answer, and the predictions kept with its captures if
// it is the one before.
type comparedSide struct {
	side
	b    *breakdown.Breakdown
	kept []breakdown.Forecast
}

// sides analyzes the captures before and after, and those that are noise, if any.
func (t *tool) sides(cmd *cobra.Command, args []string, flags *compareFlags, output string) (sides [3]comparedSide, err error) {
	if flags.noise != "" {
		args = append(slices.Clone(args), flags.noise)
	}
	for i, arg := range args {
		s := &sides[i]
		if s.side, err = t.sideOf(arg, &flags.baselineFlags); err != nil {
			return sides, err
		}
		if output != "" && slices.ContainsFunc(s.files, func(f string) bool { return sameFile(f, output) }) {
			return sides, usagef("give --output another name", "--output %s would overwrite the input", output)
		}
		opts := flags.options()
		opts.Series, opts.Detail, opts.Forecasts = true, flags.format == "html", i == 0
		captures, closeAll, err := t.openAll(s.files)
		if err != nil {
			return sides, err
		}
		s.b, err = t.analyzeAll(cmd.Context(), captures, opts)
		if err == nil && i == 0 {
			s.kept, err = analyze.Kept(captures)
		}
		closeAll()
		if err != nil {
			return sides, err
		}
	}
	return sides, nil
}

// gates returns the exit code of the gates. It prints those that did not pass to
// standard error, where a pipeline's log shows them.
func (t *tool) gates(c *breakdown.Comparison, strict bool) error {
	code := exitAnswered
	for _, g := range report.WordedComparison(c).Gates {
		word := ""
		switch {
		case g.Outcome == breakdown.GateBroken:
			word, code = "gate broken", exitGate
		case g.Outcome == breakdown.GateUnsure:
			word = "gate undecided"
			if strict && code != exitGate {
				code = exitUndecided
			}
		default:
			continue
		}
		fmt.Fprintf(t.stderr, "%s: %s\n", word, oneLine(report.GateText(&g)))
	}
	if code != exitAnswered {
		return codeError(code)
	}
	return nil
}
