package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect/capture"
)

func (t *tool) analyzeCommand() *cobra.Command {
	var flags answerFlags
	var output outputFlag
	cmd := &cobra.Command{
		Use:   "analyze FILE…",
		Short: "Print where the time goes, from saved files",
		Long: `Analyze prints where the time goes, offline, from data collected earlier. A FILE
is a capture saved by run or collect (or the folder of an unfinished one), or a Go
execution trace from any source: curl, runtime/trace.FlightRecorder, go test
-trace; gzipped or not. "-" reads standard input. Several files are treated as
instances of one service.`,
		Example: `  timesink analyze timesink-localhost-6060-20261122T020304Z.zip
  timesink analyze pod-1.zip pod-2.zip pod-3.zip
  curl -s http://localhost:6060/debug/pprof/trace?seconds=5 | timesink analyze -
  timesink analyze -f json -o answer.json case.zip`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errNoFile
			}
			return flags.check()
		},
		ValidArgsFunction: completeCaptures(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, file := range args {
				if output.output != "" && sameFile(file, output.output) {
					return usagef("give --output another name", "--output %s would overwrite the input", output.output)
				}
			}
			opts := flags.options()
			opts.Spread = true
			b, err := t.analyzeFiles(cmd.Context(), args, opts)
			if err != nil {
				return err
			}
			return output.to(t.stdout, func(w io.Writer) error { return flags.write(w, b, t.verbose) })
		},
	}
	flags.register(cmd)
	output.register(cmd)
	return cmd
}

// analyzeFiles opens captures and analyzes them as instances of one service.
func (t *tool) analyzeFiles(ctx context.Context, files []string, opts analyze.Options) (*breakdown.Breakdown, error) {
	captures, closeAll, err := t.openAll(files)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	return t.analyzeAll(ctx, captures, opts)
}

func (t *tool) analyzeAll(ctx context.Context, captures []*capture.Capture, opts analyze.Options) (*breakdown.Breakdown, error) {
	boundHeap(opts.Memory)
	begin := time.Now()
	b, err := analyze.Captures(ctx, captures, opts)
	t.log().Info("analyzed", "files", len(captures), "took", time.Since(begin))
	return b, err
}

// openAll opens captures, all of them or none.
func (t *tool) openAll(files []string) (captures []*capture.Capture, closeAll func(), err error) {
	closeAll = func() {
		for _, c := range captures {
			c.Close()
		}
	}
	for _, file := range files {
		c, err := t.open(file)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		captures = append(captures, c)
	}
	return captures, closeAll, nil
}

func (t *tool) open(file string) (*capture.Capture, error) {
	if file == "-" {
		return capture.Read("standard input", t.stdin)
	}
	return capture.Open(file)
}
