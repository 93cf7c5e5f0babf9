package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect"
	"timesink/collect/capture"
)

// An abRun takes pairs of captures.
type abRun struct {
	t      *tool
	flags  *abFlags
	ab     *analyze.AB
	sides  [2]abSide
	folder string
	random *rand.Rand
}

type abSide struct {
	name    string
	target  collect.Target
	command string // that starts it, "" if it runs already
}

// run takes pairs until the verdict is clear, the budget is gone, or the user interrupts
// it, and returns what they say. The result is nil if there is none; otherwise an error
// is what has ended it.
func (r *abRun) run(ctx context.Context) (*breakdown.AB, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // a second interrupt quits
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	began, result, pairs, stopped := time.Now(), r.ab.Result(), 0, "budget"
	var failed error
	for n := 1; n == 1 || time.Since(began)*time.Duration(n)/time.Duration(n-1) < r.flags.budget; n++ {
		if failed = r.pair(ctx, n); ctx.Err() != nil {
			failed, stopped = nil, "interrupted"
			break
		} else if failed != nil {
			break
		}
		result = r.ab.Result()
		if result.Pairs > pairs {
			pairs = result.Pairs
			fmt.Fprintln(r.t.stderr, pairText(result))
		} else {
			fmt.Fprintln(r.t.stderr, "a pair has no requests to the endpoint on both sides and does not count")
		}
		if result.Verdict != breakdown.Undecided {
			stopped = "decided"
			break
		}
	}
	if pairs == 0 && failed != nil {
		return nil, failed
	}
	result.Stopped, result.AtOnce, result.Folder = stopped, r.sides[0].command == "", r.folder
	if !result.AtOnce {
		result.Seed = r.flags.seed
	}
	return result, failed
}

// prepare makes sure that what answers will be what ab starts, and makes the folders.
func (r *abRun) prepare(ctx context.Context) error {
	if r.sides[0].command != "" {
		asked, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if collect.Await(asked, r.sides[0].target, thisTool()) == nil {
			return usagef("end it, or give --target another address", "a service answers at %s before any was started", r.sides[0].target)
		}
	}
	for _, s := range r.sides {
		if err := os.MkdirAll(filepath.Join(r.folder, s.name), 0o777); err != nil {
			return &capture.Error{Op: "create the folder " + r.folder, Err: cause(err), Hint: "give --keep a place that can be written to"}
		}
	}
	return nil
}

// pair takes the pair with number n, and adds it.
func (r *abRun) pair(ctx context.Context, n int) error {
	var taken [2]*breakdown.Breakdown
	take := func(ctx context.Context, i int) (err error) {
		taken[i], err = r.take(ctx, &r.sides[i], n)
		return err
	}
	if r.sides[0].command == "" {
		both, ctx := errgroup.WithContext(ctx)
		for i := range r.sides {
			both.Go(func() error { return take(ctx, i) })
		}
		if err := both.Wait(); err != nil {
			return err
		}
	} else {
		first := r.random.IntN(2)
		for _, i := range []int{first, 1 - first} {
			if err := take(ctx, i); err != nil {
				return err
			}
		}
	}
	if ctx.Err() == nil { // otherwise a window has been cut short
		r.ab.Add(taken[0], taken[1])
	}
	return nil
}

// patienceWithStarts is how long a service may take until its pprof index answers.
const patienceWithStarts = 2 * time.Minute

// take starts a side, if it does not run already, and takes a capture of it under load.
func (r *abRun) take(ctx context.Context, s *abSide, n int) (*breakdown.Breakdown, error) {
	if s.command == "" {
		return r.look(ctx, s, n)
	}
	service, err := startGroup("--"+s.name, s.command, s.name)
	if err != nil {
		return nil, err
	}
	defer service.end()
	if err := r.await(ctx, s, service); err != nil {
		return nil, err
	}
	if r.flags.load == "" {
		return r.look(ctx, s, n)
	}
	load, err := startGroup("--load", r.flags.load, s.name)
	if err != nil {
		return nil, err
	}
	defer load.end()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-load.ended:
		return nil, load.early("the window began")
	case <-time.After(r.flags.warmUp):
	}
	b, err := r.look(ctx, s, n)
	for _, g := range []*group{service, load} {
		select {
		case <-g.ended:
			return nil, errors.Join(g.early("the window closed"), err)
		default:
		}
	}
	return b, err
}

// await waits until a service that was started answers.
func (r *abRun) await(ctx context.Context, s *abSide, service *group) error {
	ctx, cancel := context.WithTimeout(ctx, patienceWithStarts)
	defer cancel()
	go func() {
		select {
		case <-service.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := collect.Await(ctx, s.target, thisTool())
	select {
	case <-service.ended:
		return service.early("its pprof index answered")
	default:
	}
	return err
}

// look takes one capture and analyzes it.
func (r *abRun) look(ctx context.Context, s *abSide, n int) (*breakdown.Breakdown, error) {
	path := filepath.Join(r.folder, s.name, fmt.Sprintf("%04d.zip", n))
	cfg := collect.Config{Target: s.target, Window: r.flags.duration, MaxBytes: int64(r.flags.maxBytes), Tool: thisTool(), Log: r.t.log()}
	if _, err := collect.Run(ctx, cfg, path); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		os.Remove(path) // its window is shorter than the others'
		return nil, context.Cause(ctx)
	}
	return r.t.analyzeFiles(ctx, []string{path}, analyze.Options{Series: true})
}
