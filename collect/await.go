package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"timesink/collect/capture"
)

// awaitPause is the time between two attempts of Await.
const awaitPause = 100 * time.Millisecond

// Await waits until the target answers with a pprof index. If ctx ends first, the error
// wraps that of the last attempt and the cause of ctx's end.
func Await(ctx context.Context, t Target, tool capture.Tool) error {
	c, err := newClient(t, tool)
	if err != nil {
		return err
	}
	defer c.http.CloseIdleConnections()
	s := survey{client: c, log: logTo(nil)}
	var last error
	for {
		a := s.index(ctx)
		if a.err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = a.err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for a pprof index at %s: %w", t, errors.Join(context.Cause(ctx), last))
		case <-time.After(awaitPause):
		}
	}
}
