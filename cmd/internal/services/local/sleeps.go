package local

import (
	"context"
	"math/rand/v2"
	"time"

	"golang.org/x/time/rate"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Sleeps lists scenarios that wait for the clock.
var Sleeps = []scenario.Scenario{
	{Name: "time.Sleep", Open: sleep(func(context.Context) error { time.Sleep(6 * time.Millisecond); return nil })},
	{Name: "timer in a select", Open: sleep(afterOrDone)},
	{Name: "ticker", Open: sleep(ticks)},
	{Name: "time.AfterFunc", Open: sleep(afterFunc)},
	{Name: "context that times out", Open: sleep(timesOut)},
	{Name: "back-off with jitter", Open: sleep(backOff)},
	{Name: "rate limiter", Clients: 4, Open: openLimiter},
}

// sleep returns work that only waits for the clock.
func sleep(do func(context.Context) error) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(context.Context, scenario.Env) (scenario.Work, error) {
		return func(ctx context.Context, w *scenario.Watch) error {
			return w.Time(breakdown.Sleep, breakdown.NoPhase, func() error { return do(ctx) })
		}, nil
	}
}

func afterOrDone(ctx context.Context) error {
	select {
	case <-time.After(6 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func ticks(context.Context) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for range 3 {
		<-tick.C
	}
	return nil
}

func afterFunc(context.Context) error {
	done := make(chan struct{})
	time.AfterFunc(6*time.Millisecond, func() { close(done) })
	<-done
	return nil
}

func timesOut(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 6*time.Millisecond)
	defer cancel()
	<-ctx.Done()
	return nil
}

// backOff retries a failing operation three times.
func backOff(ctx context.Context) error {
	for wait := 2 * time.Millisecond; wait < 16*time.Millisecond; wait *= 2 {
		jitter := rand.N(wait)
		timer := time.NewTimer(wait/2 + jitter)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
	return nil
}

// openLimiter admits one of four concurrent requests every 7 ms.
func openLimiter(context.Context, scenario.Env) (scenario.Work, error) {
	limiter := rate.NewLimiter(rate.Every(7*time.Millisecond), 1)
	return func(ctx context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.Sleep, breakdown.NoPhase, func() error { return limiter.Wait(ctx) })
	}, nil
}
