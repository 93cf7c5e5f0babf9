package causality

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Branches lists scenarios with goroutines that a request starts and waits for.
var Branches = []scenario.Scenario{
	{Name: "fan-out, the database last", Needs: needs, Open: asking(fanOut), Server: scenario.Handled(fanOutHandler),
		Want: scenario.Want{Calls: 3, Holds: callsHidden}},
	{Name: "WaitGroup, a sleep last", Needs: needs, Open: asking(waitGroup), Want: scenario.Want{System: "http", Calls: 2}},
	{Name: "errgroup with a limit", Needs: needs, Open: asking(limited), Want: scenario.Want{System: "http", Calls: 4}},
	{Name: "channel without a buffer", Needs: needs, Open: asking(unbuffered), Want: scenario.Want{System: "postgres", Calls: 1}},
	{Name: "channel with a buffer", Needs: needs, Open: asking(buffered), Want: scenario.Want{System: "http", Calls: 3}},
	{Name: "pipeline of three", Needs: needs, Open: asking(pipeline), Want: scenario.Want{Calls: 4}},
	{Name: "Cond, signalled by a branch", Needs: needs, Open: asking(signalled), Want: scenario.Want{System: "postgres", Calls: 1}},
	{Name: "branch of a branch", Needs: needs, Open: asking(nested), Want: scenario.Want{Calls: 2}},
	{Name: "branch outlives the request", Needs: needs, Open: asking(outlives), Want: scenario.Want{System: "http", Calls: 1}},
}

func fanOut(ctx context.Context, w *scenario.Watch, o *others) error {
	var last slowest
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { last.ends(breakdown.Upstream, o.fetch(ctx, 5*time.Millisecond)); return nil })
	g.Go(func() error { last.ends(breakdown.DB, o.query(ctx, 16*time.Millisecond)); return nil })
	g.Go(func() error { last.ends(breakdown.Upstream, o.fetch(ctx, 7*time.Millisecond)); return nil })
	return last.join(w, func() { g.Wait() })
}

// callsHidden checks that the calls that ran in parallel with the database's are
// known.
func callsHidden(e *breakdown.Endpoint) error {
	db, upstream := &e.Buckets[breakdown.DB], &e.Buckets[breakdown.Upstream]
	if db.Shadowed < 6_000_000 || db.Shadowed > 14_000_000 || upstream.CallsPerRequest != 2 || db.CallsPerRequest != 1 {
		return fmt.Errorf("%d ns hidden behind the database, %v and %v calls", db.Shadowed, upstream.CallsPerRequest, db.CallsPerRequest)
	}
	return nil
}

func waitGroup(ctx context.Context, w *scenario.Watch, o *others) error {
	var last slowest
	var all sync.WaitGroup
	all.Go(func() { last.ends(breakdown.Upstream, o.fetch(ctx, 5*time.Millisecond)) })
	all.Go(func() { time.Sleep(16 * time.Millisecond); last.ends(breakdown.Sleep, nil) })
	all.Go(func() { last.ends(breakdown.Upstream, o.fetch(ctx, 7*time.Millisecond)) })
	return last.join(w, all.Wait)
}

// limited starts four branches, two at a time.
func limited(ctx context.Context, w *scenario.Watch, o *others) error {
	return w.Time(breakdown.Upstream, breakdown.NoPhase, func() error {
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(2)
		for range 4 {
			g.Go(func() error { return o.fetch(ctx, 6*time.Millisecond) })
		}
		return g.Wait()
	})
}

func unbuffered(ctx context.Context, w *scenario.Watch, o *others) error {
	return w.Time(breakdown.DB, breakdown.NoPhase, func() error {
		answer := make(chan error)
		go func() { answer <- o.query(ctx, 8*time.Millisecond) }()
		return <-answer
	})
}

func buffered(ctx context.Context, w *scenario.Watch, o *others) (err error) {
	return w.Time(breakdown.Upstream, breakdown.NoPhase, func() error {
		answers := make(chan error, 3)
		for i := range 3 {
			go func() { answers <- o.fetch(ctx, time.Duration(4+4*i)*time.Millisecond) }()
		}
		return errors.Join(<-answers, <-answers, <-answers)
	})
}

// piece is an item in a pipeline, with the times at which it was worked on.
type piece struct {
	fetched, queried, slept span
	err                     error
}

// pipeline sends two pieces through three goroutines, the second of which is the
// slowest: the second piece waits for it while the first is worked on.
func pipeline(ctx context.Context, w *scenario.Watch, o *others) (err error) {
	fetched, queried, done := make(chan *piece), make(chan *piece), make(chan *piece)
	go func() {
		defer close(fetched)
		for range 2 {
			p := &piece{}
			p.fetched, p.err = timed(w, func() error { return o.fetch(ctx, 4*time.Millisecond) })
			fetched <- p
		}
	}()
	go func() {
		defer close(queried)
		for p := range fetched {
			var err error
			p.queried, err = timed(w, func() error { return o.query(ctx, 12*time.Millisecond) })
			p.err = errors.Join(p.err, err)
			queried <- p
		}
	}()
	go func() {
		defer close(done)
		for p := range queried {
			p.slept, _ = timed(w, func() error { time.Sleep(3 * time.Millisecond); return nil })
			done <- p
		}
	}()
	at := w.Now()
	for p := range done {
		p.fetched.note(w, breakdown.Upstream, at)
		p.queried.note(w, breakdown.DB, at)
		p.slept.note(w, breakdown.Sleep, at)
		at, err = w.Now(), errors.Join(err, p.err)
	}
	return err
}

func signalled(ctx context.Context, w *scenario.Watch, o *others) (err error) {
	var mu sync.Mutex
	ready := sync.NewCond(&mu)
	done := false
	return w.Time(breakdown.DB, breakdown.NoPhase, func() error {
		go func() {
			failed := o.query(ctx, 8*time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			done, err = true, failed
			ready.Signal()
		}()
		mu.Lock()
		defer mu.Unlock()
		for !done {
			ready.Wait()
		}
		return err
	})
}

// nested has a branch that waits for a nested branch, which does the slowest
// work.
func nested(ctx context.Context, w *scenario.Watch, o *others) error {
	var before, within span
	var failed, inner error
	var outer sync.WaitGroup
	outer.Go(func() {
		before, failed = timed(w, func() error { return o.fetch(ctx, 4*time.Millisecond) })
		var g sync.WaitGroup
		g.Go(func() { within, inner = timed(w, func() error { return o.query(ctx, 8*time.Millisecond) }) })
		g.Wait()
	})
	outer.Wait()
	before.note(w, breakdown.Upstream, 0)
	within.note(w, breakdown.DB, 0)
	return errors.Join(failed, inner)
}

// outlives starts work that nothing waits for.
func outlives(ctx context.Context, w *scenario.Watch, o *others) error {
	go o.fetch(context.WithoutCancel(ctx), 40*time.Millisecond)
	return w.Time(breakdown.Sleep, breakdown.NoPhase, func() error { time.Sleep(6 * time.Millisecond); return nil })
}
