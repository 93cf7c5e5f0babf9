package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"timesink/analyze/timeline"
	"timesink/collect"
	"timesink/collect/capture"
)

// The exit codes.
const (
	exitAnswered = 0 // also for a partial answer, with a warning
	exitFailed   = 1
	exitUsage    = 2
	exitGate     = 3 // a condition of compare --fail-if holds, or ab found the candidate slower
	// With --strict, a condition or the verdict cannot be decided, and none is known to
	// hold.
	exitUndecided = 4
)

// Usage errors that packages collect and capture do not cover. Each has a hint.
var (
	errNoTarget = usage("no target given", "give the host:port of the service's net/http/pprof: timesink run localhost:6060")
	errNoFile   = usage("no file to analyze", "give a capture saved by run or collect, or a Go execution trace")
)

// errNoRequest is the error of formats that draw a single request.
var errNoRequest = &capture.Error{Op: "draw a request", Err: errors.New("no complete request could be read again"), Hint: "name one with --request, or choose another format"}

// A usageError reports an invalid command line. The exit code is 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(what, hint string) error {
	return usageError{&capture.Error{Err: errors.New(what), Hint: hint}}
}

func usagef(hint, format string, args ...any) error { return usage(fmt.Sprintf(format, args...), hint) }

// A codeError is an exit code for an error that has been reported already.
type codeError int

func (e codeError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exit prints err, if any, as one line and a hint, and returns the exit code.
func (t *tool) exit(err error) int {
	var code codeError
	var usage usageError
	switch {
	case err == nil:
		return exitAnswered
	case errors.As(err, &code):
		return int(code)
	}
	what := err.Error()
	if errors.Is(err, context.Canceled) {
		what = "interrupted"
	}
	fmt.Fprintf(t.stderr, "timesink: %s\n", oneLine(what))
	hint := capture.Hint(err)
	if defect := (*timeline.Defect)(nil); errors.As(err, &defect) {
		hint = "what was collected is kept: please report this line with the file, in which timesink redact masks private data"
	}
	if hint != "" {
		fmt.Fprintf(t.stderr, "hint: %s\n", oneLine(t.spelled(hint)))
	}
	if errors.As(err, &usage) || errors.Is(err, collect.ErrConfig) {
		return exitUsage
	}
	return exitFailed
}

// oneLine replaces characters that would break the line or move the cursor, since
// messages may quote the service.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '�'
		}
		return r
	}, text)
}

// helpHint points to a command's help.
func helpHint(cmd *cobra.Command) string {
	return fmt.Sprintf("see %s --help", cmd.CommandPath())
}

// flagError turns an error of pflag into a usage error.
func flagError(cmd *cobra.Command, err error) error { return usage(err.Error(), helpHint(cmd)) }

// noArgs returns a usage error for any argument. For the root command, an argument is a
// misspelled command.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasParent() {
		return usagef(helpHint(cmd), "%s takes no arguments: %q", cmd.CommandPath(), args[0])
	}
	hint := helpHint(cmd)
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usagef(hint, "unknown command %q", args[0])
}

// cause strips the operation and path from a file system error, for messages that name
// them already.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
