package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect"
	"timesink/collect/capture"
)

func (t *tool) collectCommand() *cobra.Command {
	var flags collectFlags
	cmd := &cobra.Command{
		Use:   "collect TARGET",
		Short: "Observe a service and save the capture, without analyzing it",
		Long: `Collect observes a running service for some seconds and saves the capture as one
file, for timesink analyze here or elsewhere. It prints the name of the file.

` + targetHelp,
		Example: `  timesink collect localhost:6060 -d 30s
  timesink collect https://pprof.example.com --bearer-file token -o case.zip
  timesink analyze $(timesink collect localhost:6060)`,
		Args: oneTarget,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, path, err := flags.plan(args[0])
			if err != nil {
				return err
			}
			manifest, err := t.collectInto(cmd.Context(), cfg, path, t.progress())
			if err != nil {
				return err
			}
			t.saved(path)
			t.warnings(manifest.Warnings)
			_, err = fmt.Fprintln(t.stdout, path)
			return err
		},
	}
	flags.register(cmd)
	return cmd
}

func (t *tool) runCommand() *cobra.Command {
	var flags collectFlags
	var answer answerFlags
	cmd := &cobra.Command{
		Use:   "run TARGET",
		Short: "Observe a service, save the capture, and print where the time goes",
		Long: `Run observes a running service for some seconds, saves the capture as one file, and
prints where the time of the requests went. With --url it also sends requests
itself, which show the client's view and the cost of observing.

` + targetHelp,
		Example: `  timesink run localhost:6060
  timesink run http://localhost:6060 --url http://localhost:8080/v1/vin/1HGCM82633A004352 -d 10s
  timesink run localhost:6060 --url 'localhost:8080/v1/vin/{vin}' --values vin=vins.txt --rate 20
  timesink run unix:///run/app.sock --url unix:///run/app.sock:/v1/vin/1HGCM82633A004352
  timesink run https://pprof.example.com --user admin:secret --format json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := oneTarget(cmd, args); err != nil {
				return err
			}
			return answer.check()
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, path, err := flags.plan(args[0])
			if err != nil {
				return err
			}
			return t.look(cmd.Context(), cfg, path, answer.options(), func() { t.saved(path) }, func(b *breakdown.Breakdown) error {
				return answer.write(t.stdout, b, t.verbose)
			})
		},
	}
	flags.register(cmd)
	answer.register(cmd)
	return cmd
}

// targetHelp is part of the help of every command that takes a target.
const targetHelp = `TARGET is where the service has net/http/pprof: host:port, http(s)://host:port, or
the full URL of the pprof index if that is not /debug/pprof/. For a service behind a
Unix domain socket it is unix:///run/app.sock, with another path after a colon:
unix:///run/app.sock:/internal/pprof/.`

func oneTarget(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return errNoTarget
	case 1:
		return nil
	}
	return usagef(helpHint(cmd), "unexpected argument %q after the target", args[1])
}

// plan returns what to collect, and the path of the new file.
func (f *collectFlags) plan(target string) (cfg collect.Config, path string, err error) {
	cfg, err = f.config(target)
	if err != nil {
		return cfg, "", err
	}
	path, err = capturePath(f.output, cfg.Target.FileName(time.Now()))
	return cfg, path, err
}

// look collects into the file path and analyzes the trace as it arrives, so that the
// answer is ready when the window closes. It calls show with the answer while the zip
// is being written, which takes a second per 50 MB of trace; the parts are safe in a
// folder by then. Neither waits for the other, and neither fails with the other. look
// calls kept once the file exists and show has returned.
func (t *tool) look(ctx context.Context, cfg collect.Config, path string, opts analyze.Options, kept func(), show func(*breakdown.Breakdown) error) error {
	// Finish the file even if the reader of standard output goes away.
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	boundHeap(opts.Memory)
	progress := t.progress()
	opts.Grown = progress.grown()
	live := analyze.NewLive(cfg.MostProbes(), opts)
	cfg.Growing = func(trace io.ReadCloser) {
		defer trace.Close()
		live.Read(ctx, trace)
	}
	var unanswered error
	var showing sync.WaitGroup
	cfg.Collected = func(c *capture.Capture) {
		ended := time.Now()
		b, err := live.Finish(ctx, c)
		t.log().Info("analyzed", "files", 1, "since_window", time.Since(ended))
		if unanswered = err; err == nil {
			showing.Go(func() { unanswered = progress.yield(func() error { return show(b) }) })
		}
	}
	_, err := t.collectInto(ctx, cfg, path, progress)
	showing.Wait()
	if err == nil {
		kept()
	}
	return errors.Join(unanswered, err)
}

// saved prints where the capture was saved.
func (t *tool) saved(path string) {
	size := ""
	if info, err := os.Stat(path); err == nil {
		size = ", " + collect.BytesText(info.Size())
	}
	fmt.Fprintf(t.stderr, "saved %s%s\n", oneLine(path), size)
}

// collectInto collects into the file path and shows the progress. The first interrupt
// ends the window early; a second one quits.
func (t *tool) collectInto(ctx context.Context, cfg collect.Config, path string, progress *progress) (*capture.Manifest, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg.Tool, cfg.Log, cfg.Observe = thisTool(), t.log(), progress.observe()
	defer context.AfterFunc(ctx, func() {
		stop()
		progress.note("ending early and keeping what was collected; interrupt again to quit at once")
	})()
	manifest, err := collect.Run(ctx, cfg, path)
	progress.done()
	return manifest, err
}

// capturePath returns the path for a capture: the chosen one or, if that is a folder or
// empty, the usual name in that folder, with a number if the name is taken.
func capturePath(chosen, usual string) (string, error) {
	info, err := os.Stat(chosen)
	if chosen != "" && (err != nil || !info.IsDir()) {
		return chosen, nil
	}
	stem := strings.TrimSuffix(filepath.Join(chosen, usual), ".zip")
	for n := 1; n < 1000; n++ {
		path := stem + ".zip"
		if n > 1 {
			path = fmt.Sprintf("%s-%d.zip", stem, n)
		}
		if missing(path) && missing(path+capture.PartialSuffix) {
			return path, nil
		}
	}
	return "", &capture.Error{Op: "name the capture", Err: capture.ErrExists, Hint: "choose a name with -o"}
}

func missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}
