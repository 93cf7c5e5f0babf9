package causality

import (
	"context"
	"errors"
	"fmt"
	"time"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Timeouts lists scenarios with waits that a timer ends, or might end.
var Timeouts = []scenario.Scenario{
	{Name: "result before a timer", Needs: needs, Open: asking(inTime), Want: scenario.Want{System: "postgres", Calls: 1}},
	{Name: "timer before a result", Needs: needs, Open: asking(tooLate), Want: scenario.Want{System: "http", Calls: 1}},
	{Name: "context before a result", Needs: needs, Open: asking(contextEnds), Want: scenario.Want{System: "http", Calls: 1}},
	{Name: "context ends an HTTP call", Needs: needs, Open: asking(callEnds), Want: scenario.Want{System: "http", Calls: 1}},
	{Name: "context ends a query", Needs: needs, Open: asking(queryEnds), Want: scenario.Want{System: "postgres", Calls: -1}},
	{Name: "hedged call", Needs: needs, Open: asking(hedged), Want: scenario.Want{System: "http", Calls: 2}},
}

// wants returns an error unless something failed as expected.
func wants(err, want error) error {
	if !errors.Is(err, want) {
		return fmt.Errorf("failed with %v, not with %w", err, want)
	}
	return nil
}

func inTime(ctx context.Context, w *scenario.Watch, o *others) error {
	return w.Time(breakdown.DB, breakdown.NoPhase, func() error {
		answer := make(chan error, 1)
		go func() { answer <- o.query(ctx, 8*time.Millisecond) }()
		select {
		case err := <-answer:
			return err
		case <-time.After(time.Minute):
			return errors.New("a minute has passed")
		}
	})
}

func tooLate(ctx context.Context, w *scenario.Watch, o *others) error {
	return w.Time(breakdown.Upstream, breakdown.NoPhase, func() error {
		answer := make(chan error, 1)
		go func() { answer <- o.fetch(context.WithoutCancel(ctx), 300*time.Millisecond) }()
		select {
		case <-answer:
			return errors.New("the answer came")
		case <-time.After(8 * time.Millisecond):
			return nil
		}
	})
}

func contextEnds(ctx context.Context, w *scenario.Watch, o *others) error {
	return w.Time(breakdown.Upstream, breakdown.NoPhase, func() error {
		limited, cancel := context.WithTimeout(ctx, 8*time.Millisecond)
		defer cancel()
		answer := make(chan error, 1)
		go func() { answer <- o.fetch(context.WithoutCancel(ctx), 300*time.Millisecond) }()
		select {
		case <-answer:
			return errors.New("the answer came")
		case <-limited.Done():
			return wants(limited.Err(), context.DeadlineExceeded)
		}
	})
}

func callEnds(ctx context.Context, w *scenario.Watch, o *others) error {
	return w.Time(breakdown.Upstream, breakdown.NoPhase, func() error {
		ctx, cancel := context.WithTimeout(ctx, 8*time.Millisecond)
		defer cancel()
		return wants(o.fetch(ctx, 300*time.Millisecond), context.DeadlineExceeded)
	})
}

// queryEnds loses a connection each time.
func queryEnds(ctx context.Context, w *scenario.Watch, o *others) error {
	return w.Time(breakdown.DB, breakdown.NoPhase, func() error {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
		defer cancel()
		return wants(o.query(ctx, 300*time.Millisecond), context.DeadlineExceeded)
	})
}

// hedged sends a second call if the answer does not arrive in time, and takes
// the first answer.
func hedged(ctx context.Context, w *scenario.Watch, o *others) error {
	return w.Time(breakdown.Upstream, breakdown.NoPhase, func() error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		answers := make(chan error, 2)
		go func() { answers <- o.fetch(ctx, 100*time.Millisecond) }()
		select {
		case <-answers:
			return errors.New("the slow answer came first")
		case <-time.After(6 * time.Millisecond):
		}
		go func() { answers <- o.fetch(ctx, 6*time.Millisecond) }()
		return <-answers
	})
}
