package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"timesink/collect/capture"
	"timesink/collect/redact"
)

func (t *tool) redactCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "redact FILE",
		Short: "Make a copy of a capture without private data, to attach or to publish",
		Long: `Redact makes a copy of a capture with private data masked in every part: host
names, addresses, query strings, users, home directories, header values, tokens,
logged messages, and values of profiler labels. Requests, stacks and times stay as
they are, and so does the case. Names of functions and import paths stay too: they
are the answer.

FILE is a capture, or a Go execution trace, which becomes a capture with nothing
else in it. "-" reads standard input. timesink report masks the same data.`,
		Example: `  timesink redact case.zip -o public.zip
  timesink report --list-private case.zip`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usage("no file to redact", "give a capture saved by run or collect, or a Go execution trace")
			case len(args) > 1:
				return usagef(helpHint(cmd), "unexpected argument %q after the file", args[1])
			case output == "":
				return usage("no file to write to", "name one with -o: timesink redact case.zip -o public.zip")
			}
			return nil
		},
		ValidArgsFunction: completeCaptures(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return t.redact(ctx, args[0], output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "save to `FILE`, which must not exist")
	return cmd
}

// redact writes a redacted copy of from to the new capture to.
func (t *tool) redact(ctx context.Context, from, to string) error {
	if err := capture.Check(to); err != nil {
		return err
	}
	c, err := t.open(from)
	if err != nil {
		return err
	}
	defer c.Close()
	begin := time.Now()
	w, err := capture.Create(to)
	if err != nil {
		return err
	}
	items, err := redact.Capture(ctx, c, w)
	if err == nil {
		err = w.Finish()
	}
	if err != nil {
		return errors.Join(unfinished(to, err), w.Discard())
	}
	t.log().Info("redacted", "took", time.Since(begin))
	t.saved(to)
	t.warnings(w.Manifest.Warnings)
	_, err = fmt.Fprintf(t.stderr, "masked %s\n", redact.Summary(items))
	return err
}

// unfinished returns the error for a copy that failed. For a full disk, the writer's
// own error says where the evidence is; here the evidence is in the original.
func unfinished(path string, err error) error {
	if errors.Is(err, capture.ErrDiskFull) || capture.IsDiskFull(err) {
		return &capture.Error{Op: "write " + path, Err: capture.ErrDiskFull, Hint: "free some space, or write to another disk with -o"}
	}
	return err
}
