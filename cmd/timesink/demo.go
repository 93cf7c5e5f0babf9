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
calls concurrently and reuse connections, observes it again, and prints what
changed. It takes about twelve seconds, and stops everything it started.`,
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
	cmd.Flags().StringVarP(&flags.output, "output", "o", "", "save the capture to `FILE`, and the one after the fix next to it")
	cmd.Flags().DurationVarP(&flags.duration, "duration", "d", 4*time.Second, "observe for this long, each time")
	return cmd
}

// demoConnections is the number of clients that load the demo's service.
const demoConnections = 8

// demo observes the service as it is, then with the fix that the answer suggests, and
// compares the two.
func (t *tool) demo(ctx context.Context, flags *demoFlags) (err error) {
	path, cleanUp, err := demoCapture(flags.output)
	if err != nil {
		return err
	}
	defer cleanUp()
	opts := flags.options()
	opts.Series = true
	var before *breakdown.Breakdown
	err = t.demoState(ctx, flags, stack.Default(), path, opts, func(b *breakdown.Breakdown) error {
		before = b
		return flags.write(t.stdout, b, t.verbose)
	})
	if err != nil || interrupted(before) {
		return err
	}
	fixed := stack.Default()
	fixed.Service.Calls, fixed.Service.KeepAlive = vin.Concurrent, true
	fmt.Fprintf(t.stderr, "\nnow the same service with concurrent calls over reused connections\n")
	return t.demoState(ctx, flags, fixed, afterPath(path), opts, func(after *breakdown.Breakdown) error {
		c, err := analyze.Changes(before, after, analyze.DefaultAlpha, nil)
		if err != nil {
			return err
		}
		if flags.format == "text" {
			fmt.Fprintf(t.stdout, "\nAfter the fix\n\n")
		}
		return flags.writeComparison(t.stdout, c, before, after, t.verbose)
	})
}

// interrupted reports whether the user ended the window early.
func interrupted(b *breakdown.Breakdown) bool {
	return slices.ContainsFunc(b.Warnings, func(w breakdown.Warning) bool { return w.Code == "interrupted" })
}

// afterPath returns the path of the second capture, next to the first.
func afterPath(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + "-after" + ext
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
			b.Warnings = append(b.Warnings, breakdown.Warning{Code: "demo-stand-in",
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
