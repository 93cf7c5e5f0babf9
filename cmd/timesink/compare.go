package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect/capture"
	"timesink/report"
)

// compareFlags holds the flags of compare.
type compareFlags struct {
	answerFlags
	alpha        float64
	failIf       []string
	failIfUnsure bool
	gates        []analyze.Gate
}

func (f *compareFlags) register(cmd *cobra.Command) {
	f.answerFlags.formats = formatsThat((*format).compares)
	f.answerFlags.register(cmd)
	cmd.Flags().Float64Var(&f.alpha, "alpha", analyze.DefaultAlpha, "call a change significant if chance alone would cause it less often than this")
	cmd.Flags().StringArrayVar(&f.failIf, "fail-if", nil, "exit with 3 if this `condition` holds and the change is significant, such as \"p95 > +10%\" or \"db mean > +5ms @ GET /v1/vin/{vin}\" (repeatable)")
	cmd.Flags().BoolVar(&f.failIfUnsure, "fail-if-unsure", false, "exit with 3 also if a condition holds but the samples cannot tell it from chance")
}

func (f *compareFlags) check() error {
	if f.alpha <= 0 || f.alpha >= 1 {
		return usagef("give a probability such as 0.05", "--alpha cannot be %v", f.alpha)
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
side, join them with commas or name a folder. Requests within one capture resemble
each other, so even two captures of the same build differ. With one capture per
side, a change must exceed that difference too to count as significant. With
several per side, at least four, the tests are over captures and find smaller
changes.

--fail-if makes it a gate for a pipeline: the exit code is 3 if the condition holds
and the change is significant.`,
		Example: `  timesink compare before.zip after.zip
  timesink compare before-1.zip,before-2.zip,before-3.zip,before-4.zip after/
  timesink compare main.zip branch.zip --fail-if "p95 > +10%" --fail-if "db mean > +5ms"
  timesink compare -f bench before/ after/ | benchstat -col /side -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef(helpHint(cmd), "compare takes two sides, before and after, not %d", len(args))
			}
			return flags.check()
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var sides [2]*breakdown.Breakdown
			for i, arg := range args {
				files, err := filesOf(arg)
				if err != nil {
					return err
				}
				if output.output != "" && slices.ContainsFunc(files, func(f string) bool { return sameFile(f, output.output) }) {
					return usagef("give --output another name", "--output %s would overwrite the input", output.output)
				}
				opts := flags.options()
				opts.Series, opts.Detail = true, flags.format == "html"
				if sides[i], err = t.analyzeFiles(cmd.Context(), files, opts); err != nil {
					return err
				}
			}
			c, err := analyze.Changes(sides[0], sides[1], flags.alpha, flags.gates)
			if err != nil {
				return usagef("name the endpoint as the comparison prints it, by its route or its function", "%v", err)
			}
			err = output.to(t.stdout, func(w io.Writer) error { return flags.writeComparison(w, c, sides[0], sides[1], t.verbose) })
			if err != nil {
				return err
			}
			return t.gates(c.Gates, flags.failIfUnsure)
		},
	}
	flags.register(cmd)
	output.register(cmd)
	return cmd
}

// gates returns the exit code for a broken gate. It prints the reason to standard
// error, where a pipeline's log shows it.
func (t *tool) gates(gates []breakdown.Gate, failIfUnsure bool) error {
	broken := false
	for _, g := range gates {
		if g.Outcome == breakdown.GatePassed {
			continue
		}
		fails := g.Outcome == breakdown.GateBroken || failIfUnsure
		broken = broken || fails
		word := "warning: gate unsure"
		if fails {
			word = "gate broken"
		}
		fmt.Fprintf(t.stderr, "%s: %s\n", word, oneLine(report.GateText(&g)))
	}
	if broken {
		return codeError(exitGate)
	}
	return nil
}

// filesOf returns the files of one side: the names joined with commas, with each folder
// that is not itself a capture replaced by the captures in it.
func filesOf(arg string) (files []string, err error) {
	for _, name := range strings.Split(arg, ",") {
		if name == "" {
			return nil, usagef("give captures, joined with commas, or a folder of them", "%q names no file", arg)
		}
		info, err := os.Stat(name)
		if err != nil || !info.IsDir() || isCapture(name) {
			files = append(files, name)
			continue
		}
		entries, err := os.ReadDir(name)
		if err != nil {
			return nil, &capture.Error{Op: "read the folder " + name, Err: cause(err), Hint: "check its permissions"}
		}
		found := len(files)
		for _, e := range entries {
			path := filepath.Join(name, e.Name())
			switch ext := filepath.Ext(e.Name()); {
			case strings.HasPrefix(e.Name(), "."), e.IsDir() && !isCapture(path):
			case e.IsDir(), ext == ".zip", ext == ".out", ext == ".trace", ext == ".gz":
				files = append(files, path)
			}
		}
		if len(files) == found {
			return nil, &capture.Error{Op: "find captures in " + name, Err: os.ErrNotExist, Hint: "names of captures end in .zip, .trace, .out or .gz"}
		}
	}
	return files, nil
}

// isCapture reports whether name is the folder of an unfinished capture.
func isCapture(name string) bool {
	_, err := os.Stat(filepath.Join(name, capture.ManifestName))
	return err == nil
}
