package analyze

import (
	"context"
	"errors"

	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// hinted adds a hint to an error from reading a capture's trace.
func hinted(err error, c *capture.Capture) error {
	e := &capture.Error{Op: "read the trace", Err: err}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, timeline.ErrMemory):
		e.Hint = "allow more, such as --memory 2GB, or collect a shorter window"
	case errors.Is(err, timeline.ErrNotTrace):
		e.Hint = "give a capture, or a trace from /debug/pprof/trace, runtime/trace or go test -trace"
	case errors.Is(err, timeline.ErrEndsWithin):
		e.Hint = cutHint(c)
	case err == timeline.ErrNoGeneration:
		e.Hint = "the trace holds no events: collect again, and let the window end"
	default:
		e.Hint = "the trace may be damaged, or from a newer Go than this timesink knows"
	}
	return e
}

// cutHint returns how to get a trace that does not end within its first generation. It
// never suggests a longer window: that does not help if the trace ended early.
func cutHint(c *capture.Capture) string {
	ended := ""
	if m := c.Manifest(); m != nil {
		ended = m.Window.Ended
	}
	switch ended {
	case capture.EndedInterrupted:
		return "the collection was interrupted: collect again, and let the window end"
	case capture.EndedMaxBytes:
		return "the trace reached the size limit: collect again with a larger --max-bytes"
	case capture.EndedDisk:
		return "the disk was full: make room and collect again"
	case capture.EndedLag, capture.EndedCut:
		return "the stream was cut: collect again from closer to the service, without proxies and write timeouts in between"
	}
	return "the file is incomplete: copy it again from where it was written, or collect again"
}
