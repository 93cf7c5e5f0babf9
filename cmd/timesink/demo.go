package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/vin"
	"timesink/cmd/internal/vin/stack"
	"timesink/collect"
)

// demoFlags holds the flags of demo.
type demoFlags struct {
	answerFlags
	postgres string
	output   string
	duration time.Duration
}

func (t *tool) demoCommand() *cobra.Command {
	var flags demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole story on this machine, with nothing to set up",
		Long: `Demo starts a service that decodes vehicle identification numbers, the four
upstreams it calls, and a stand-in for its Postgres, each in a separate process. It
puts load on the service, observes it as run does, and prints the answer. Then it
restarts the service with the fix that the answer suggests, which is to make the
calls concurrently and reuse connections, observes both again in turn, and prints
what changed beside what was predicted. It takes about twenty seconds, and stops
everything it started.`,
		Example: `  timesink demo
  timesink demo --postgres postgres://localhost/vin
  timesink demo -o case.zip && timesink analyze -v case.zip`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := noArgs(cmd, args); err != nil {
				return err
			}
			return flags.check()
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return t.demo(cmd.Context(), &flags) },
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&flags.postgres, "postgres", "", "use the database at this `DSN` instead of the stand-in")
	cmd.Flags().StringVarP(&flags.output, "output", "o", "", "save the first capture to `FILE`, and the others next to it")
	cmd.Flags().DurationVarP(&flags.duration, "duration", "d", 3*time.Second, "observe for this long, each time")
	return cmd
}

// demoConnections is the number of clients that load the demo's service.
const demoConnections = 8

// demo observes the service as it is, then with the fix that the answer suggests, each of
// them twice and in turn, and compares the two. A prediction of the fix is made from the
// first capture.
func (t *tool) demo(ctx context.Context, flags *demoFlags) (err error) {
	path, cleanUp, err := demoCapture(flags.output)
	if err != nil {
		return err
	}
	defer cleanUp()
	opts := flags.options()
	var first *breakdown.Breakdown
	fixed := stack.Default()
	fixed.Service.Calls, fixed.Service.KeepAlive = vin.Concurrent, true
	var sides [2][]string
	for n := range 2 * demoCaptures {
		side, cfg := n%2, []stack.Config{stack.Default(), fixed}[n%2]
		switch {
		case n == 1:
			fmt.Fprintf(t.stderr, "\nnow the same service with concurrent calls over reused connections\n")
		case n > 1:
			fmt.Fprintf(t.stderr, "\nagain, %s the fix: one capture a side cannot tell a build from a moment\n", []string{"without", "with"}[side])
		}
		stop := false
		file := demoFile(path, side, n/2)
		err = t.demoState(ctx, flags, cfg, file, opts, func(b *breakdown.Breakdown) error {
			stop = interrupted(b)
			if n > 0 {
				return nil
			}
			first = b
			return flags.write(t.stdout, b, t.verbose)
		})
		if err != nil || stop {
			return err
		}
		sides[side] = append(sides[side], file)
	}
	return t.demoCompare(ctx, flags, first, sides)
}

// demoCaptures is how many captures the demo takes of each side.
const demoCaptures = 2

// demoCompare prints what the fix changed, beside what was predicted from the first capture.
func (t *tool) demoCompare(ctx context.Context, flags *demoFlags, first *breakdown.Breakdown, sides [2][]string) error {
	var of [2]*breakdown.Breakdown
	for i, files := range sides {
		opts := flags.options()
		opts.Series, opts.Forecasts = true, false
		var err error
		if of[i], err = t.analyzeFiles(ctx, files, opts); err != nil {
			return err
		}
	}
	c, err := analyze.Changes(of[0], of[1], analyze.CompareOptions{Forecasts: analyze.Forecasts(first)})
	if err != nil {
		return err
	}
	if flags.format == "text" {
		fmt.Fprintf(t.stdout, "\nAfter the fix\n\n")
	}
	return flags.writeComparison(t.stdout, c, of[0], of[1], t.verbose)
}

// interrupted reports whether the user ended the window early.
func interrupted(b *breakdown.Breakdown) bool {
	return slices.ContainsFunc(b.Warnings, func(w breakdown.Warning) bool { return w.Code == "interrupted" })
}

// demoFile returns the path of the nth capture of a side, next to the first.
func demoFile(path string, side, n int) string {
	ext := filepath.Ext(path)
	name := strings.TrimSuffix(path, ext) + []string{"", "-after"}[side]
	if n > 0 {
		name += fmt.Sprintf("-%d", n+1)
	}
	return name + ext
}

// demoState starts the service with a configuration, observes it under load, calls
// answer with the result, and stops the service.
func (t *tool) demoState(ctx context.Context, flags *demoFlags, cfg stack.Config, path string, opts analyze.Options, answer func(*breakdown.Breakdown) error) (err error) {
	// An interrupt before the window ends the demo. From then on collect handles
	// interrupts.
	starting, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg.Service.Postgres = flags.postgres
	service, err := t.startDemo(starting, cfg)
	stop()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.Stop()) }()
	looking, err := demoConfig(service, flags.duration)
	if err != nil {
		return err
	}
	unload := t.loadDemo(ctx, service)
	defer unload() // if no answer arrives
	kept := func() {
		if flags.output != "" {
			t.saved(path)
		}
	}
	return t.look(ctx, looking, path, opts, kept, func(b *breakdown.Breakdown) error {
		if err := unload(); err != nil {
			return err
		}
		if service.StandIn {
			b.Warnings = slices.Insert(b.Warnings, 0, breakdown.Warning{Code: "demo-stand-in", // first, so that it is always shown
				Message: "the database is a stand-in that speaks Postgres's protocol and takes 2 ms per statement; --postgres DSN uses a real one"})
		}
		return answer(b)
	})
}

// demoCapture returns the path for the demo's capture, and a function that removes the
// capture unless the user keeps it.
func demoCapture(keep string) (path string, cleanUp func(), err error) {
	if keep != "" {
		return keep, func() {}, nil
	}
	folder, err := os.MkdirTemp("", "timesink-demo-*")
	if err != nil {
		return "", nil, err
	}
	return filepath.Join(folder, "demo.zip"), func() { os.RemoveAll(folder) }, nil
}

func (t *tool) startDemo(ctx context.Context, cfg stack.Config) (*stack.Stack, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program's path, to run it as the demo's service: %w", err)
	}
	service, err := stack.Start(ctx, exe, []string{vinName}, cfg)
	if err != nil {
		return nil, fmt.Errorf("starting the demo's service: %w", err)
	}
	database := "a stand-in for its Postgres"
	if !service.StandIn {
		database = "your Postgres"
	}
	fmt.Fprintf(t.stderr, "started a VIN service with four upstreams and %s; its pprof is at %s\n", database, service.Pprof)
	return service, nil
}

func demoConfig(service *stack.Stack, duration time.Duration) (collect.Config, error) {
	target, err := collect.ParseTarget(service.Pprof)
	return collect.Config{Target: target, Window: duration, Probing: collect.Probing{
		URLs:   []string{service.Route()},
		Values: map[string][]string{"vin": vin.Numbers()},
	}}, err
}

// loadDemo puts load on the service until the caller calls stop, which returns the
// load's error.
func (t *tool) loadDemo(ctx context.Context, service *stack.Stack) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		cfg := vin.Default[load.Config]()
		cfg.Connections, cfg.Duration, cfg.Keep = demoConnections, 0, 0
		result, err := service.Load(ctx, cfg)
		if err == nil && result.Count == 0 {
			err = fmt.Errorf("the demo's service answered no request: %s", result.Error)
		}
		ended <- err
	}()
	fmt.Fprintf(t.stderr, "observing it under load from %d clients\n", demoConnections)
	return sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
}
