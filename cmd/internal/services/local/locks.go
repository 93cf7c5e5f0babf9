package local

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/semaphore"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Locks lists scenarios that wait for locks.
var Locks = []scenario.Scenario{
	{Name: "mutex over a query", Needs: []string{"postgres"}, Clients: 6, Open: openMutex, Server: scenario.Handled(mutexHandler),
		Want: scenario.Want{System: "postgres", Calls: 1, Holds: heldIn(breakdown.Lock, breakdown.DB), Finding: "lock-held-across-call"}},
	{Name: "RWMutex, requests read", Clients: 4, Open: openReaders, Server: scenario.Handled(readersHandler),
		Want: scenario.Want{Holds: heldIn(breakdown.Lock, breakdown.Sleep), Finding: "lock-contended"}},
	{Name: "RWMutex, requests write", Clients: 4, Open: openWriters, Server: scenario.Handled(writersHandler),
		Want: scenario.Want{Holds: heldIn(breakdown.Lock, breakdown.Sleep), Finding: "lock-contended"}},
	{Name: "semaphore", Clients: 6, Open: openSemaphore, Server: scenario.Handled(semaphoreHandler),
		Want: scenario.Want{Holds: heldIn(breakdown.Lock, breakdown.Sleep), Finding: "concurrency-limit"}},
	{Name: "channel as a semaphore", Clients: 8, Open: openChannel, Server: scenario.Handled(channelHandler),
		Want: scenario.Want{Holds: heldIn(breakdown.Wait, breakdown.Sleep), Finding: "concurrency-limit"}},
}

// hold is the work during which a lock is held.
const hold = 7 * time.Millisecond

// held takes a lock, in a bucket, and sleeps while it holds it. Releasing may
// wait too: a semaphore has an internal lock.
func held(w *scenario.Watch, b breakdown.Bucket, take func() error, release func()) error {
	if err := w.Time(b, breakdown.NoPhase, take); err != nil {
		return err
	}
	return errors.Join(
		w.Time(breakdown.Sleep, breakdown.NoPhase, func() error { time.Sleep(hold); return nil }),
		w.Time(b, breakdown.NoPhase, func() error { release(); return nil }),
	)
}

// takes returns a lock's method as a step.
func takes(lock func()) func() error { return func() error { lock(); return nil } }

func openMutex(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	pool, err := pgxpool.New(ctx, env["postgres"])
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	return func(ctx context.Context, w *scenario.Watch) error {
		if err := w.Time(breakdown.Lock, breakdown.NoPhase, takes(mu.Lock)); err != nil {
			return err
		}
		defer mu.Unlock()
		return w.Time(breakdown.DB, breakdown.NoPhase, func() error {
			_, err := pool.Exec(ctx, "SELECT pg_sleep(0.006)")
			return err
		})
	}, nil
}

// openReaders reads behind a writer that is not a request and that in turn
// waits for the readers.
func openReaders(ctx context.Context, _ scenario.Env) (scenario.Work, error) {
	var mu sync.RWMutex
	go func() {
		for ctx.Err() == nil {
			mu.Lock()
			time.Sleep(hold)
			mu.Unlock()
			time.Sleep(hold)
		}
	}()
	return func(_ context.Context, w *scenario.Watch) error {
		return held(w, breakdown.Lock, takes(mu.RLock), mu.RUnlock)
	}, nil
}

// openWriters writes behind readers, and every other request reads.
func openWriters(context.Context, scenario.Env) (scenario.Work, error) {
	var mu sync.RWMutex
	var number atomic.Int64
	return func(_ context.Context, w *scenario.Watch) error {
		if number.Add(1)%2 == 0 {
			return held(w, breakdown.Lock, takes(mu.RLock), mu.RUnlock)
		}
		return held(w, breakdown.Lock, takes(mu.Lock), mu.Unlock)
	}, nil
}

// openSemaphore takes one of two units, and every third request takes both.
func openSemaphore(context.Context, scenario.Env) (scenario.Work, error) {
	s := semaphore.NewWeighted(2)
	var number atomic.Int64
	return func(ctx context.Context, w *scenario.Watch) error {
		n := int64(1)
		if number.Add(1)%3 == 0 {
			n = 2
		}
		return held(w, breakdown.Lock, func() error { return s.Acquire(ctx, n) }, func() { s.Release(n) })
	}, nil
}

func openChannel(context.Context, scenario.Env) (scenario.Work, error) {
	free := make(chan struct{}, 2)
	return func(_ context.Context, w *scenario.Watch) error {
		return held(w, breakdown.Wait, func() error { free <- struct{}{}; return nil }, func() { <-free })
	}, nil
}
