package causality

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Shared lists scenarios in which one request works for several.
var Shared = []scenario.Scenario{
	{Name: "singleflight", Needs: needs, Clients: 6, Open: openSingleflight, Want: scenario.Want{Calls: -1}},
	{Name: "singleflight by a channel", Needs: needs, Clients: 6, Open: openFlightChannel, Want: scenario.Want{Calls: -1}},
	{Name: "sync.OnceValue", Needs: needs, Clients: 6, Open: openOnce, Want: scenario.Want{Calls: -1}},
	{Name: "Cond, a pool of two", Needs: needs, Clients: 8, Open: openCondPool, Server: scenario.Handled(condHandler),
		Want: scenario.Want{Calls: 1, System: "postgres", Holds: queuedBehind(breakdown.DB), Finding: "worker-queue"}},
}

func openSingleflight(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	o, err := openOthers(ctx, env)
	if err != nil {
		return nil, err
	}
	var group singleflight.Group
	return func(ctx context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.DB, breakdown.NoPhase, func() error {
			_, err, _ := group.Do("", func() (any, error) { return nil, o.query(context.WithoutCancel(ctx), 12*time.Millisecond) })
			return err
		})
	}, nil
}

func openFlightChannel(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	o, err := openOthers(ctx, env)
	if err != nil {
		return nil, err
	}
	var group singleflight.Group
	return func(ctx context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.DB, breakdown.NoPhase, func() error {
			flight := group.DoChan("", func() (any, error) { return nil, o.query(context.WithoutCancel(ctx), 12*time.Millisecond) })
			select {
			case result := <-flight:
				return result.Err
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}, nil
}

// openOnce reloads a value every 40 ms: the first request that asks does it.
func openOnce(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	o, err := openOthers(ctx, env)
	if err != nil {
		return nil, err
	}
	var value atomic.Pointer[func() error]
	renew := func() {
		once := sync.OnceValue(func() error { return o.query(context.Background(), 12*time.Millisecond) })
		value.Store(&once)
	}
	renew()
	go func() {
		for tick := time.NewTicker(40 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			renew()
		}
	}()
	return func(_ context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.DB, breakdown.NoPhase, *value.Load())
	}, nil
}

// openCondPool lets two requests query at a time, with a pool in the service
// itself.
func openCondPool(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	o, err := openOthers(ctx, env)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	freed, free := sync.NewCond(&mu), 2
	return func(ctx context.Context, w *scenario.Watch) error {
		w.Time(breakdown.Wait, breakdown.NoPhase, func() error {
			mu.Lock()
			defer mu.Unlock()
			for free == 0 {
				freed.Wait()
			}
			free--
			return nil
		})
		defer func() {
			mu.Lock()
			free++
			mu.Unlock()
			freed.Signal()
		}()
		return w.Time(breakdown.DB, breakdown.NoPhase, func() error { return o.query(ctx, 8*time.Millisecond) })
	}, nil
}
