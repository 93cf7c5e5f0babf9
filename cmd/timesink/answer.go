package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/collect/capture"
)

// A formatFlag is the --format flag of the commands that print an answer.
type formatFlag struct {
	format  string
	formats []string // nil means text and json
	usual   string   // the default; "" means text
}

func (f *formatFlag) register(cmd *cobra.Command) {
	if f.formats == nil {
		f.formats = []string{"text", "json"}
	}
	if f.usual == "" {
		f.usual = "text"
	}
	last := len(f.formats) - 1
	cmd.Flags().StringVarP(&f.format, "format", "f", f.usual, "`format` of the answer: "+strings.Join(f.formats[:last], ", ")+" or "+f.formats[last])
	completeFlag(cmd, "format", cobra.FixedCompletions(f.formats, cobra.ShellCompDirectiveNoFileComp))
}

// check reports a usage error for an unknown format, before anything is done.
func (f *formatFlag) check() error {
	switch {
	case slices.Contains(f.formats, f.format):
		return nil
	case slices.Contains(formatsThat((*format).reports), f.format):
		return usagef("timesink report FILE -f "+f.format+" writes it from a saved file", "this command does not print %s", f.format)
	}
	return usagef("give one of "+strings.Join(f.formats, ", "), "there is no format %q", f.format)
}

// An outputFlag is the --output flag, which redirects the answer from standard output
// to a file.
type outputFlag struct{ output string }

func (o *outputFlag) register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.output, "output", "o", "", "write the answer to `FILE` instead of standard output")
}

func (o *outputFlag) to(stdout io.Writer, write func(io.Writer) error) error {
	if o.output == "" || o.output == "-" {
		return write(stdout)
	}
	return writeFile(o.output, write)
}

// answerFlags are the flags of the commands that print where the time goes.
type answerFlags struct {
	formatFlag
	top       int
	memory    byteSize
	rules     []string
	rulesFile string
	own       []rules.Rule // from --rule and --rules
	root      string
	units     *regexp.Regexp // root, compiled
}

func (a *answerFlags) register(cmd *cobra.Command) {
	if a.formats == nil {
		a.formats = formatsThat((*format).answers)
	}
	a.formatFlag.register(cmd)
	cmd.Flags().IntVar(&a.top, "top", 0, "show this `number` of endpoints individually (default up to 3)")
	a.memory = analyze.DefaultMemory
	cmd.Flags().Var(&a.memory, "memory", "limit the memory of the analysis to `size`; it drops detail beyond this limit and warns")
	cmd.Flags().StringArrayVar(&a.rules, "rule", nil, "attribute time under FUNCTION to BUCKET: `BUCKET[/PHASE][:SYSTEM]=FUNCTION`, such as db=github.com/acme/driver (repeatable)")
	cmd.Flags().StringVar(&a.root, "root", "", "count the work under functions that match `REGEXP` as units of work, in addition to requests; auto finds them if the process does little else than work outside of requests")
	cmd.Flags().StringVar(&a.rulesFile, "rules", "", "read such rules from `FILE`, one per line")
}

func (a *answerFlags) check() error {
	if a.top < 0 {
		return usagef("give a number of endpoints, such as 5", "--top cannot be %d", a.top)
	}
	if least := byteSize(analyze.MinMemory); a.memory < least {
		return usagef("give at least "+least.String(), "--memory %s is too little to analyze anything", a.memory.String())
	}
	if err := a.readRules(); err != nil {
		return err
	}
	if a.root != "" && a.root != rootAuto {
		units, err := regexp.Compile(a.root)
		if err != nil {
			return usagef(`write functions as stacks name them, such as 'main\.\(\*Worker\)\.handle$'`, "--root: %v", err)
		}
		a.units = units
	}
	return a.formatFlag.check()
}

// rootAuto is the value of --root with which the analysis finds the functions.
const rootAuto = "auto"

// readRules reads the user's rules. Those from --rule come first.
func (a *answerFlags) readRules() error {
	for _, text := range a.rules {
		r, err := rules.Parse(text)
		if err != nil {
			return usagef("write it as "+rules.Syntax+", such as db=github.com/acme/driver", "--rule: %v", err)
		}
		a.own = append(a.own, r)
	}
	if a.rulesFile == "" {
		return nil
	}
	text, err := readFile("the rules", a.rulesFile)
	if err != nil {
		return err
	}
	own, err := rules.ReadFrom(bytes.NewReader(text))
	if err != nil {
		return usagef("write each as "+rules.Syntax+" on a separate line; # starts a comment", "--rules %s: %v", a.rulesFile, err)
	}
	a.own = append(a.own, own...)
	return nil
}

// options returns the options of the analysis.
func (a *answerFlags) options() analyze.Options {
	return analyze.Options{Memory: int64(a.memory), Rules: a.own, Units: a.units, FindUnits: a.root == rootAuto, Forecasts: true}
}

// write writes the answer to w, laid out for the terminal if w is one.
func (a *answerFlags) write(w io.Writer, b *breakdown.Breakdown, verbose bool) error {
	return formatNamed(a.format).write(w, &ticket{b: b, top: a.top, verbose: verbose})
}

// writeComparison is like write, for a comparison.
func (a *answerFlags) writeComparison(w io.Writer, c *breakdown.Comparison, before, after *breakdown.Breakdown, verbose bool) error {
	return formatNamed(a.format).compare(w, &ticket{change: c, before: before, b: after, top: a.top, verbose: verbose})
}

// writeFile creates the file path with the output of write. If anything fails, it
// leaves no file.
func writeFile(path string, write func(io.Writer) error) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return writeDevice(path, write)
	}
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d.partial", filepath.Base(path), os.Getpid()))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return unwritten(path, err)
	}
	whole := false
	defer func() { // also if write panics
		if !whole {
			f.Close()
			os.Remove(temp)
		}
	}()
	if err := writeTo(f, path, write); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return unwritten(path, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return unwritten(path, err)
	}
	whole = true
	return nil
}

// writeTo writes to an open file, and tells an error of the file from an error of what
// is to be written.
func writeTo(f *os.File, path string, write func(io.Writer) error) error {
	w := &failingWriter{w: f}
	if err := write(w); w.err != nil {
		return unwritten(path, w.err)
	} else if err != nil {
		return err
	}
	return nil
}

// A failingWriter keeps the first error of a writer.
type failingWriter struct {
	w   io.Writer
	err error
}

func (w *failingWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

func unwritten(path string, err error) error {
	return &capture.Error{Op: "write " + path, Err: cause(err), Hint: "check the folder, its permissions, and the space left on the disk"}
}

// writeDevice writes to a file that cannot be replaced, such as a pipe or /dev/null.
// For a folder, the system returns an error.
func writeDevice(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return unwritten(path, err)
	}
	err = writeTo(f, path, write)
	if closed := f.Close(); err == nil && closed != nil {
		return unwritten(path, closed)
	}
	return err
}

// sameFile reports whether two names refer to one file.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// notes prints warnings to standard error.
func (t *tool) notes(list []string) {
	for _, text := range list {
		fmt.Fprintf(t.stderr, "warning: %s\n", oneLine(text))
	}
}

// warnings prints a capture's warnings to standard error, for the commands that print
// no report.
func (t *tool) warnings(list []capture.Warning) {
	for _, w := range list {
		fmt.Fprintf(t.stderr, "warning: %s\n", oneLine(w.Message))
	}
}
