package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"timesink/collect"
	"timesink/collect/capture"
)

// The exit codes.
const (
	exitAnswered = 0 // also in part, with a warning
	exitFailed   = 1
	exitUsage    = 2
	exitGate     = 3 // a condition of compare --fail-if holds
)

// What users do wrong, beyond what collect and capture have errors for. Each
// comes with what to try.
var (
	errNoTarget = usage("no target to look at", "give host:port of the service's net/http/pprof: timesink run localhost:6060")
	errNoFile   = usage("no file to analyze", "give a capture that run or collect saved, or a Go execution trace")
)

// errNoRequest is of a format that draws single requests.
var errNoRequest = &capture.Error{Op: "draw a request", Err: errors.New("none that began and ended within the window could be read again"), Hint: "name one with --request, or report in another format"}

// A usageError is a command line that cannot be followed. It exits with 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(what, hint string) error {
	return usageError{&capture.Error{Err: errors.New(what), Hint: hint}}
}

func usagef(hint, format string, args ...any) error { return usage(fmt.Sprintf(format, args...), hint) }

// A codeError ends with a code and has been reported already.
type codeError int

func (e codeError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exit reports err, if any, as one line and a hint, and returns the code to exit
// with.
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
	if hint := capture.Hint(err); hint != "" {
		fmt.Fprintf(t.stderr, "hint: %s\n", oneLine(hint))
	}
	if errors.As(err, &usage) || errors.Is(err, collect.ErrConfig) {
		return exitUsage
	}
	return exitFailed
}

// oneLine keeps what others said from breaking the line or moving the cursor.
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

// helpHint points to a command's own help.
func helpHint(cmd *cobra.Command) string {
	return fmt.Sprintf("%s --help shows how it is used", cmd.CommandPath())
}

// flagError turns what pflag says into a usage error.
func flagError(cmd *cobra.Command, err error) error { return usage(err.Error(), helpHint(cmd)) }

// noArgs refuses arguments; of the root command they are misspelt commands.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasParent() {
		return usagef(helpHint(cmd), "%s takes no argument, not %q", cmd.CommandPath(), args[0])
	}
	hint := helpHint(cmd)
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usagef(hint, "there is no command %q", args[0])
}

// cause strips the path that an error of the file system repeats.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
