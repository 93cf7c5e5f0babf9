// Timesink shows where the wall time of a running Go service's requests goes: database,
// cache, queue, upstream calls, CPU, and the rest. The service needs nothing but
// net/http/pprof.
//
//	timesink run http://localhost:6060 --url http://localhost:8080/v1/vin/1HGCM82633A004352
//
// collects an execution trace and a CPU profile over some seconds, saves them as one
// file, and prints one screen with the answer in its last line. "timesink demo" shows
// all of it on this machine. Each command's --help has examples.
//
// # Output
//
// Only the answer goes to standard output, as text or (--format json) in the schema of
// package breakdown. Progress, notes, warnings of the collection and logs (-v,
// --log-json) go to standard error. Progress and the growing answer appear only if that
// is a terminal. NO_COLOR and COLUMNS are respected.
//
// # Exit codes
//
//	0  answered, perhaps in part: then a warning says what is missing
//	1  failed
//	2  wrong usage
//	3  a gate was broken
package main

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"timesink/analyze/timeline"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run runs the command with these arguments and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	command, first := calledAs(os.Args[0])
	t := &tool{stdin: stdin, stdout: stdout, stderr: stderr, command: command}
	cmd := t.root()
	cmd.SetArgs(append(first, args...))
	return t.exit(executed(ctx, cmd))
}

// executed executes a command. A panic is an error like others, with its exit code: the
// one that Go gives it means wrong usage.
func executed(ctx context.Context, cmd *cobra.Command) (err error) {
	defer timeline.Caught(&err)
	return cmd.ExecuteContext(ctx)
}
