package causality

import (
	"context"
	"errors"
	"fmt"
	"time"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Workers lists scenarios with goroutines that all requests share: a request that
// waits for a busy one waits for another request's work.
var Workers = []scenario.Scenario{
	{Name: "2 workers for 8 clients", Needs: needs, Clients: 8, Open: openWorkers(0), Server: scenario.Handled(workersHandler),
		Want: scenario.Want{System: "postgres", Calls: 1, Holds: queuedBehind(breakdown.DB), Finding: "worker-queue"}},
	{Name: "2 workers with a queue", Needs: needs, Clients: 8, Open: openWorkers(64), Server: scenario.Handled(queueHandler),
		Want: scenario.Want{System: "postgres", Calls: 1, Holds: queuedBehind(breakdown.DB), Finding: "worker-queue"}},
	{Name: "workers one after another", Needs: needs, Clients: 5, Open: openStages, Want: scenario.Want{Calls: 2}},
	{Name: "workers behind a dispatcher", Needs: needs, Clients: 6, Open: openDispatcher, Want: scenario.Want{System: "postgres", Calls: 1}},
	{Name: "idle workers", Needs: needs, Clients: 2, Open: openWorkers(64), Want: scenario.Want{System: "postgres", Calls: 1}},
}

// A job is work that a request gives to a worker, and when the worker did it.
type job struct {
	watch   *scenario.Watch
	ctx     context.Context
	taken   int64
	passed  int64
	fetched span
	queried span
	err     error
	done    chan struct{}
}

// openWorkers starts two goroutines that run the database queries of all requests.
func openWorkers(queue int) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, env scenario.Env) (scenario.Work, error) {
		o, err := openOthers(ctx, env)
		if err != nil {
			return nil, err
		}
		jobs := make(chan *job, queue)
		for range 2 {
			go func() {
				for j := range jobs {
					j.taken = j.watch.Now()
					j.queried, j.err = timed(j.watch, func() error { return o.query(j.ctx, 8*time.Millisecond) })
					close(j.done)
				}
			}()
		}
		return func(ctx context.Context, w *scenario.Watch) error {
			j := &job{watch: w, ctx: ctx, done: make(chan struct{})}
			start := w.Now()
			jobs <- j
			<-j.done
			w.Note(breakdown.Wait, breakdown.NoPhase, start, j.taken)
			j.queried.note(w, breakdown.DB, 0)
			return j.err
		}, nil
	}
}

// openStages starts one worker that fetches, and a slower one that queries: the
// first waits with its result until the second takes it.
func openStages(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	o, err := openOthers(ctx, env)
	if err != nil {
		return nil, err
	}
	fetching, querying := make(chan *job, 16), make(chan *job)
	go func() {
		for j := range fetching {
			j.taken = j.watch.Now()
			j.fetched, j.err = timed(j.watch, func() error { return o.fetch(j.ctx, 5*time.Millisecond) })
			querying <- j
		}
	}()
	go func() {
		for j := range querying {
			var err error
			j.queried, err = timed(j.watch, func() error { return o.query(j.ctx, 8*time.Millisecond) })
			j.err = errors.Join(j.err, err)
			close(j.done)
		}
	}()
	return func(ctx context.Context, w *scenario.Watch) error {
		j := &job{watch: w, ctx: ctx, done: make(chan struct{})}
		start := w.Now()
		fetching <- j
		<-j.done
		w.Note(breakdown.Wait, breakdown.NoPhase, start, j.taken)
		j.fetched.note(w, breakdown.Upstream, 0)
		w.Note(breakdown.Wait, breakdown.NoPhase, j.fetched.end, j.queried.start)
		j.queried.note(w, breakdown.DB, 0)
		return j.err
	}, nil
}

// openDispatcher starts a goroutine that hands the results of three workers to the
// waiting requests.
func openDispatcher(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	o, err := openOthers(ctx, env)
	if err != nil {
		return nil, err
	}
	jobs, results := make(chan *job), make(chan *job)
	for range 3 {
		go func() {
			for j := range jobs {
				j.taken = j.watch.Now()
				j.queried, j.err = timed(j.watch, func() error { return o.query(j.ctx, 12*time.Millisecond) })
				results <- j
			}
		}()
	}
	go func() {
		for j := range results {
			j.passed = j.watch.Now()
			close(j.done)
		}
	}()
	return func(ctx context.Context, w *scenario.Watch) error {
		j := &job{watch: w, ctx: ctx, done: make(chan struct{})}
		start := w.Now()
		jobs <- j
		<-j.done
		w.Note(breakdown.Wait, breakdown.NoPhase, start, j.taken)
		j.queried.note(w, breakdown.DB, 0)
		w.Note(breakdown.Wait, breakdown.NoPhase, j.queried.end, j.passed)
		return j.err
	}, nil
}

// queuedBehind checks that requests queued behind others that were mostly in one
// bucket.
func queuedBehind(doing breakdown.Bucket) func(*breakdown.Endpoint) error {
	return func(e *breakdown.Endpoint) error {
		wait, in := e.Buckets[breakdown.Wait].Mean, e.Buckets[doing].QueuedBehind
		if wait == 0 || in < wait/2 || in > wait {
			return fmt.Errorf("of %d ns in wait, %d behind %s", wait, in, doing)
		}
		return nil
	}
}
