package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
	"timesink/collect"
	"timesink/collect/capture"
)

func (t *tool) collectCommand() *cobra.Command {
	var flags collectFlags
	cmd := &cobra.Command{
		Use:   "collect TARGET…",
		Short: "Observe a service and save the capture, without analyzing it",
		Long: `Collect observes a running service for some seconds and saves the capture as one
file, for timesink analyze here or elsewhere. It prints the name of the file.

` + targetHelp + instancesHelp,
		Example: `  timesink collect localhost:6060 -d 30s
  timesink collect https://pprof.example.com --bearer-file token -o case.zip
  timesink analyze $(timesink collect localhost:6060)`,
		Args:              func(_ *cobra.Command, args []string) error { return flags.instancesFlags.check(args) },
		ValidArgsFunction: completeTargets(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.several(args) {
				t.notes(flags.exposed(args...))
				return t.collectFleet(cmd.Context(), &flags, args)
			}
			cfg, path, err := flags.plan(args[0])
			if err != nil {
				return err
			}
			t.notes(flags.exposed(args[0]))
			if cfg.Auto != nil {
				defer t.newAuto(cmd.Context(), &cfg, path, analyze.Options{Memory: analyze.DefaultMemory}).stop()
			}
			manifest, err := t.collectInto(cmd.Context(), cfg, path, t.progress())
			if err != nil {
				return err
			}
			t.saved(path)
			t.warnings(manifest.Warnings)
			if _, err = fmt.Fprintln(t.stdout, path); err != nil {
				return err
			}
			return t.pushFile(cmd.Context(), path, analyze.Options{}, &flags.push)
		},
	}
	flags.register(cmd, window{length: collect.DefaultWindow})
	return cmd
}

func (t *tool) runCommand() *cobra.Command {
	var flags collectFlags
	var answer answerFlags
	cmd := &cobra.Command{
		Use:   "run TARGET…",
		Short: "Observe a service, save the capture, and print where the time goes",
		Long: `Run observes a running service for some seconds, saves the capture as one file, and
prints where the time of the requests went. With --url it also sends requests
itself, which show the client's view and the cost of observing.

It ends as soon as the answer is known: when the mean is known to 3% and the share of
each bucket to a point, or when no value within their intervals would lead to another
cause, for each endpoint with a tenth of the request time, and for those named by --url
and --endpoint. That takes at least 2 s, and 30 s at most. -d 10s observes for as long as
that instead.

To cost the service less, --light traces several short windows at random moments in place of
one long one, about a quarter of the time in all. The figures then come from fewer requests,
and requests that last longer than a window (1 s, if -d is below 64s) are not seen whole.
--no-trace costs at most 1% of the service's time, and estimates. A shorter -d, fewer probes
(--rate) and --max-overhead help too.

` + targetHelp + instancesHelp,
		Example: `  timesink run localhost:6060
  timesink run http://localhost:6060 --url http://localhost:8080/v1/vin/1HGCM82633A004352 -d 10s
  timesink run localhost:6060 --url 'localhost:8080/v1/vin/{vin}' --values vin=vins.txt --rate 20
  timesink run unix:///run/app.sock --url unix:///run/app.sock:/v1/vin/1HGCM82633A004352
  timesink run https://pprof.example.com --user-file login --format json
  timesink run a:6060 b:6060 c:6060
  timesink run --k8s deploy/checkout -n shop --port 6060`,
		Args: func(_ *cobra.Command, args []string) error {
			if err := flags.instancesFlags.check(args); err != nil {
				return err
			}
			return answer.check()
		},
		ValidArgsFunction: completeTargets(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.several(args) {
				t.notes(flags.exposed(args...))
				return t.runFleet(cmd.Context(), &flags, &answer, args)
			}
			cfg, path, err := flags.plan(args[0])
			if err != nil {
				return err
			}
			t.notes(flags.exposed(args[0]))
			kept := false
			err = t.look(cmd.Context(), cfg, path, answer.options(), func() { t.saved(path); kept = true }, func(b *breakdown.Breakdown) error {
				return answer.write(t.stdout, b, t.verbose)
			})
			if kept {
				err = errors.Join(err, t.pushFile(cmd.Context(), path, answer.options(), &flags.push))
			}
			return err
		},
	}
	flags.register(cmd, window{auto: true})
	answer.register(cmd)
	return cmd
}

// targetHelp is part of the help of every command that takes a target.
const targetHelp = `TARGET is where the service has net/http/pprof: host:port, http(s)://host:port, or
the full URL of the pprof index if that is not /debug/pprof/. For a service behind a
Unix domain socket it is unix:///run/app.sock, with another path after a colon:
unix:///run/app.sock:/internal/pprof/. With @FILE it is read from a file.`

// instancesHelp is part of the help of every command that takes several targets.
const instancesHelp = `

Several targets are instances of one service, observed at the same time. They may
also come from --targets, from a name that resolves to many (dns://host:port,
dns+srv://_pprof._tcp.host), from the service discovery that Prometheus uses (--sd),
or from Kubernetes (--k8s, -l), through port-forwards that last as long as the
windows. Each instance has a capture in one folder. Those that do not answer are
named, and the others answer. The answer says which instance differs from the others,
and where; labels such as version and zone, from discovery or --label, form groups.`

func oneTarget(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return errNoTarget
	case 1:
		return nil
	}
	if secretIn(args[1]) != "" {
		return usage("unexpected argument after the target", helpHint(cmd))
	}
	return usagef(helpHint(cmd), "unexpected argument %q after the target", args[1])
}

// plan returns what to collect, and the path of the new file.
func (f *collectFlags) plan(target string) (cfg collect.Config, path string, err error) {
	if cfg, err = f.config(target); err != nil {
		return cfg, "", err
	}
	if err := f.push.check(f.tls); err != nil {
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
	if cfg.Auto != nil {
		opts.Precision = true
		progress.most = true
		defer t.newAuto(ctx, &cfg, path, opts).stop()
	}
	if cfg.MaxOverhead > 0 {
		cfg.Runnable, opts.Grown = runnableIn(opts.Grown)
	}
	finish := t.readLive(ctx, &cfg, opts)
	var unanswered error
	var showing sync.WaitGroup
	cfg.Collected = func(c *capture.Capture) (predictions []byte) {
		defer timeline.Caught(&unanswered)
		ended := time.Now()
		b, err := finish(c)
		t.log().Info("analyzed", "files", 1, "since_window", time.Since(ended))
		if unanswered = err; err == nil {
			predictions = t.predictions(analyze.Forecasts(b))
			showing.Go(func() {
				defer timeline.Caught(&unanswered)
				unanswered = progress.yield(func() error { return show(b) })
			})
		}
		return predictions
	}
	_, err := t.collectInto(ctx, cfg, path, progress)
	showing.Wait()
	if err == nil {
		kept()
	}
	return errors.Join(unanswered, err)
}

// readLive makes a collection pass on its trace to an analysis as it grows, and returns what
// completes the answer. Several short windows are analyzed when all have been taken: there
// is little of them, and time between them.
func (t *tool) readLive(ctx context.Context, cfg *collect.Config, opts analyze.Options) (finish func(*capture.Capture) (*breakdown.Breakdown, error)) {
	if cfg.Light {
		opts.Grown = nil
		return func(c *capture.Capture) (*breakdown.Breakdown, error) {
			return analyze.Captures(ctx, []*capture.Capture{c}, opts)
		}
	}
	live := analyze.NewLive(cfg.MostProbes(), opts)
	cfg.Growing = func(trace io.ReadCloser) {
		defer trace.Close()
		live.Read(ctx, trace)
	}
	return func(c *capture.Capture) (*breakdown.Breakdown, error) { return live.Finish(ctx, c) }
}

// runnableIn returns a function that gives the share of the requests' time in which they
// waited for a processor, and one to call with each snapshot, which passes it on to grown
// unless that is nil.
func runnableIn(grown func(breakdown.Snapshot)) (share func() float64, each func(breakdown.Snapshot)) {
	var latest atomic.Uint64 // the bits of a float64
	share = func() float64 { return math.Float64frombits(latest.Load()) }
	each = func(s breakdown.Snapshot) {
		latest.Store(math.Float64bits(s.Runnable()))
		if grown != nil {
			grown(s)
		}
	}
	return share, each
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
