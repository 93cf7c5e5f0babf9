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
		Short: "Look at a service and save what came, without analyzing it",
		Long: `Collect looks at a running service for some seconds and saves what came as one
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
		Short: "Look at a service, save what came, and print where the time goes",
		Long: `Run looks at a running service for some seconds, saves what came as one file, and
prints where the time of the requests went. With --url it also sends requests of
its own, which tell what a client sees and what the looking costs.

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

// targetHelp is the same for all commands that take a target.
const targetHelp = `TARGET is where the service has net/http/pprof: host:port, http(s)://host:port, or
the full URL of the pprof index where that is not /debug/pprof/. A service behind a
Unix domain socket is unix:///run/app.sock; another path of it follows a colon:
unix:///run/app.sock:/internal/pprof/.`

func oneTarget(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return errNoTarget
	case 1:
		return nil
	}
	return usagef(helpHint(cmd), "one target at a time, not also %q", args[1])
}

// plan is what to collect and the new file that it goes into.
func (f *collectFlags) plan(target string) (cfg collect.Config, path string, err error) {
	cfg, err = f.config(target)
	if err != nil {
		return cfg, "", err
	}
	path, err = capturePath(f.output, cfg.Target.FileName(time.Now()))
	return cfg, path, err
}

// look collects into the file path and analyzes the trace while it comes, so
// that the answer is there when the window closes. Show tells it while the file
// is being made, which takes a second for each 50 MB of trace, of what lies safe
// in its folder by then: neither waits for the other, nor fails with it. Kept is
// called when the file is there and the answer told.
func (t *tool) look(ctx context.Context, cfg collect.Config, path string, opts analyze.Options, kept func(), show func(*breakdown.Breakdown) error) error {
	// Nor does the file go unmade where nobody reads the answer to its end.
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
		b, err := live.Finish(c)
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

// saved tells where the evidence lies.
func (t *tool) saved(path string) {
	size := ""
	if info, err := os.Stat(path); err == nil {
		size = ", " + collect.BytesText(info.Size())
	}
	fmt.Fprintf(t.stderr, "saved %s%s\n", oneLine(path), size)
}

// collectInto collects into the file path, and shows the progress.
func (t *tool) collectInto(ctx context.Context, cfg collect.Config, path string, progress *progress) (*capture.Manifest, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg.Tool, cfg.Log, cfg.Observe = thisTool(), t.log(), progress.observe()
	defer context.AfterFunc(ctx, func() {
		stop()
		progress.note("ending early and keeping what came; once more to quit at once")
	})()
	manifest, err := collect.Run(ctx, cfg, path)
	progress.done()
	return manifest, err
}

// capturePath is where a capture goes: what the user chose, or the usual name in
// the folder that he chose, or here, with a number where that is taken.
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
	return "", &capture.Error{Op: "name the capture", Err: capture.ErrExists, Hint: "give a name with -o"}
}

func missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}
