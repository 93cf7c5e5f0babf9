package analyze

import (
	"context"
	"errors"

	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// hinted adds what to try to an error of the reading of a capture's trace.
func hinted(err error, c *capture.Capture) error {
	e := &capture.Error{Op: "read the trace", Err: err}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, timeline.ErrMemory):
		e.Hint = "give it more, such as --memory 2GB, or collect a shorter window"
	case errors.Is(err, timeline.ErrNotTrace):
		e.Hint = "give a capture, or a trace from /debug/pprof/trace, runtime/trace or go test -trace"
	case errors.Is(err, timeline.ErrEndsWithin):
		e.Hint = cutHint(c)
	case err == timeline.ErrNoGeneration:
		e.Hint = "it holds no event: collect again, and let the window end"
	default:
		e.Hint = "the trace may be damaged, or from a newer Go than this timesink knows"
	}
	return e
}

// cutHint says how to get a trace that does not end within its first generation. A
// longer window helps no trace that ended before its time.
func cutHint(c *capture.Capture) string {
	ended := ""
	if m := c.Manifest(); m != nil {
		ended = m.Window.Ended
	}
	switch ended {
	case capture.EndedInterrupted:
		return "it was interrupted: collect again, and let the window end"
	case capture.EndedMaxBytes:
		return "it reached the size allowed: collect again with a larger --max-bytes"
	case capture.EndedDisk:
		return "the disk was full: make room and collect again"
	case capture.EndedLag, capture.EndedCut:
		return "the stream was cut: collect again from nearer to the service, past proxies and write timeouts"
	}
	return "the file is not whole: copy it again from where it was made, or collect again"
}
