package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect"
	"timesink/collect/capture"
	"timesink/report"
)

// abFlags holds the flags of ab.
type abFlags struct {
	formatFlag
	baselineFlags
	outputFlag
	accessFlags
	before, after, load, target string
	duration, warmUp, budget    time.Duration
	maxBytes                    byteSize
	keep                        string
	margin                      string
	alpha                       float64
	quantities                  []string
	endpoint                    string
	seed                        uint64
	strict, schema, light       bool

	within float64 // margin, parsed
}

func (f *abFlags) register(cmd *cobra.Command) {
	f.formats = []string{"text", "markdown", "json"}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.before, "before", "", "start the baseline with this `command`, and end it after each capture")
	flags.StringVar(&f.after, "after", "", "start the candidate with this `command`")
	flags.StringVar(&f.load, "load", "", "load the service with this `command` as long as it is observed")
	flags.StringVar(&f.target, "target", "", "the pprof `address` of what --before and --after start")
	flags.DurationVarP(&f.duration, "duration", "d", collect.DefaultWindow, "observe for this long in each capture")
	flags.DurationVar(&f.warmUp, "warm-up", 2*time.Second, "let --load run for this long before each capture")
	flags.DurationVar(&f.budget, "budget", 10*time.Minute, "stop after this long, decided or not")
	flags.StringVar(&f.margin, "margin", "5%", "accept a candidate that is slower by no more than this `share`")
	flags.Float64Var(&f.alpha, "alpha", analyze.DefaultABAlpha, "allow a wrong verdict with this probability, however often it is looked at")
	flags.StringSliceVar(&f.quantities, "quantity", []string{"mean", "p95"}, "compare these `quantities` of the wall time: "+strings.Join(analyze.ABQuantities(), ", "))
	flags.StringVar(&f.endpoint, "endpoint", "", "compare the endpoint with this `route` or function (default the one with the most request time)")
	flags.Uint64Var(&f.seed, "seed", 0, "draw the order of the captures from this seed (default a new one)")
	flags.StringVar(&f.keep, "keep", "", "save the captures in this new `folder` (default timesink-ab-TIME)")
	flags.BoolVar(&f.strict, "strict", false, "exit with 4 if the verdict is undecided")
	flags.Var(&f.maxBytes, "max-bytes", "end a window when the trace reaches this `size` (default no limit)")
	flags.BoolVar(&f.light, "light", false, "")
	flags.MarkHidden("light") // to say why not
	f.baselineFlags.register(cmd)
	f.formatFlag.register(cmd)
	f.outputFlag.register(cmd)
	f.accessFlags.register(cmd)
	flags.BoolVar(&f.schema, "schema", false, "print the schema of the JSON, and compare nothing")
}

func (f *abFlags) check(cmd *cobra.Command, args []string) error {
	started := f.before != "" || f.after != ""
	switch {
	case f.schema:
		return nil
	case f.light:
		return usagef("give a shorter -d: ab takes many windows anyway, at moments that differ", "--light is for run and collect: a pair of captures must cover the same time")
	case started && len(args) > 0:
		return usagef("give either two targets or --before, --after and --target", "there are both targets and commands")
	case started && (f.before == "" || f.after == "" || f.target == ""):
		return usagef("give --before, --after and --target", "one build cannot be started, or not be observed")
	case !started && f.load != "":
		return usagef("start the load of targets that run already yourself", "--load goes with --before and --after")
	case !started && len(args) != 2:
		return usagef(helpHint(cmd), "ab takes two targets, before and after, not %d", len(args))
	case f.alpha <= 0 || f.alpha >= 1:
		return usagef("give a probability such as 0.02", "--alpha cannot be %v", f.alpha)
	case f.duration <= 0, f.budget <= 0, f.warmUp < 0:
		return usagef("give a time such as 10s", "--duration, --budget and --warm-up must be positive")
	}
	for _, q := range f.quantities {
		if !slices.Contains(analyze.ABQuantities(), q) {
			return usagef("give some of "+strings.Join(analyze.ABQuantities(), ", "), "%q is not a quantity", q)
		}
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(f.margin, "%"), 64)
	if err != nil || !strings.HasSuffix(f.margin, "%") || !(percent > 0) || percent > 1000 {
		return usagef("give a percentage such as 5%", "--margin cannot be %q", f.margin)
	}
	f.within = percent / 100
	if !cmd.Flags().Changed("seed") {
		f.seed = rand.Uint64() >> 12 // a number that JSON holds exactly
	}
	return f.formatFlag.check()
}

func (t *tool) abCommand() *cobra.Command {
	var flags abFlags
	cmd := &cobra.Command{
		Use:   "ab [BEFORE-TARGET AFTER-TARGET]",
		Short: "Take captures of two builds in turn until it is clear which is slower",
		Long: `Ab observes two builds until it is clear whether the second is slower: two targets
at once, such as a canary beside its baseline, or the same target with one build and
then the other, in random order. For that it runs --before or --after in a shell, waits
for the pprof index at --target, runs --load, observes, and ends both, with all the
processes that they started. TIMESINK_SIDE tells the commands which side it is.

The test holds whenever it is looked at, so it ends as soon as the candidate is slower,
or not slower by more than --margin, in all quantities. It needs no normal distribution:
a neighbor that comes and goes makes it take longer, not wrong. Otherwise it ends after
--budget, undecided, and says what it would take. An interrupt ends it with the answer
so far. The captures are kept for timesink compare, and for --noise.

Two folders of earlier captures that were taken in turn, such as those that ab kept,
can be given in place of targets; --version and --newer use only some of them.

The exit code is 3 if the candidate is slower, and with --strict 4 if that is undecided.`,
		Example: `  timesink ab baseline:6060 canary:6060
  timesink ab timesink-ab-20261122-020304/before timesink-ab-20261122-020304/after
  timesink ab --before ./old --after ./new --load './load.sh' --target localhost:6060
  timesink ab --before ./old --after ./new --load './load.sh' --target localhost:6060 -d 5s --budget 5m -f markdown`,
		Args:              func(cmd *cobra.Command, args []string) error { return flags.check(cmd, args) },
		ValidArgsFunction: completeTargets(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.schema {
				return flags.to(t.stdout, func(w io.Writer) error { return writeSchema(w, breakdown.ABSchema) })
			}
			result, failed := t.ab(cmd.Context(), &flags, args)
			if result == nil {
				return failed
			}
			if err := flags.to(t.stdout, func(w io.Writer) error { return flags.writeAB(t, w, result) }); err != nil {
				return err
			}
			switch {
			case failed != nil:
				return failed
			case result.Verdict == breakdown.Slower:
				return codeError(exitGate)
			case result.Verdict == breakdown.Undecided && flags.strict:
				return codeError(exitUndecided)
			}
			return nil
		},
	}
	flags.register(cmd)
	return cmd
}

// ab returns what pairs of captures say: of two folders, or taken for it. The result is nil
// if there is none; otherwise an error is what has ended it.
func (t *tool) ab(ctx context.Context, flags *abFlags, args []string) (*breakdown.AB, error) {
	if slices.ContainsFunc(args, isFolder) {
		return t.recordedAB(ctx, flags, args)
	}
	if flags.chooses() {
		return nil, usagef("they choose among the captures of two folders", "--version and --newer go with folders")
	}
	r, err := t.newABRun(flags, args)
	if err != nil {
		return nil, err
	}
	return r.run(ctx)
}

func writeSchema(w io.Writer, name string) error {
	text, err := report.Schema(name)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

func (f *abFlags) writeAB(t *tool, w io.Writer, a *breakdown.AB) error {
	switch f.format {
	case "json":
		return report.ABJSON(w, a)
	case "markdown":
		return report.ABMarkdown(w, a, report.MarkdownOptions{})
	}
	return report.ABText(w, a, (&ticket{verbose: t.verbose}).text(w))
}

// newABRun returns what to run. It creates the folder for the captures.
func (t *tool) newABRun(f *abFlags, args []string) (*abRun, error) {
	if f.before != "" {
		args = []string{f.target, f.target}
	}
	r := &abRun{t: t, flags: f, random: rand.New(rand.NewPCG(f.seed, 0))}
	r.ab = analyze.NewAB(analyze.ABOptions{Alpha: f.alpha, Margin: f.within, Quantities: f.quantities, Endpoint: f.endpoint})
	for i, arg := range args {
		target, err := f.accessFlags.target(arg)
		if err != nil {
			return nil, err
		}
		r.sides[i] = abSide{name: []string{"before", "after"}[i], target: target, command: []string{f.before, f.after}[i]}
	}
	r.folder = f.keep
	if r.folder == "" {
		r.folder = "timesink-ab-" + time.Now().UTC().Format("20060102-150405")
	}
	if !missing(r.folder) {
		return nil, &capture.Error{Op: "create the folder " + r.folder, Err: capture.ErrExists, Hint: "give --keep another name"}
	}
	return r, nil
}

// pairText is the line that tells of a pair while ab runs.
func pairText(a *breakdown.AB) string {
	var parts []string
	for _, q := range a.Quantities {
		parts = append(parts, fmt.Sprintf("%s %+.1f%%", q.Quantity, 100*q.Relative))
	}
	return fmt.Sprintf("pair %d: %s: %s", a.Pairs, strings.Join(parts, ", "), a.Verdict)
}
