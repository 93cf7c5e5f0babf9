package analyze

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// hinted adds a hint to an error from reading a capture's trace. If the capture knows why
// nothing of the trace can be read, the error says that first.
func hinted(err error, c *capture.Capture) error {
	e := &capture.Error{Op: "read the trace", Err: err}
	known := cutShort(c)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, timeline.ErrMemory):
		e.Hint = "allow more, such as --memory 2GB, or collect a shorter window"
	case errors.Is(err, timeline.ErrNotTrace):
		e.Hint = "give a capture, or a trace from /debug/pprof/trace, runtime/trace or go test -trace"
	case otherFormat(c) != "":
		e.Hint = otherFormat(c)
	case known.hint != "":
		e.Hint = known.hint
		if known.why != "" {
			e.Err = fmt.Errorf("%s; %w", known.why, err)
		}
	case errors.Is(err, timeline.ErrEndsWithin):
		e.Hint = "the file is incomplete: copy it again from where it was written, or collect again"
	case err == timeline.ErrNoGeneration:
		e.Hint = "the trace holds no events: collect again, and let the window end"
	default:
		e.Hint = "the trace is damaged: get it again from its source, or collect again"
	}
	return e
}

// A shortfall is why a trace is shorter than asked, as the capture states it, and what to
// do. Either may be empty.
type shortfall struct{ why, hint string }

// cutShort returns why a capture's trace is cut or damaged; the zero shortfall if the capture
// does not know. No hint suggests a longer window: that does not help a trace that ended
// early.
func cutShort(c *capture.Capture) shortfall {
	if damage := c.Damage(capture.TracePart); damage != "" {
		return shortfall{damage, "the capture was changed or cut off in transit: get it again from its source"}
	}
	m := c.Manifest()
	if m == nil {
		return shortfall{}
	}
	why := ""
	if p := m.Part(capture.TracePart); p != nil {
		why = p.Error
	}
	return shortfall{why, endedHints[m.Window.Ended]}
}

// endedHints says what to do about a window that ended early, by why it ended.
var endedHints = map[string]string{
	capture.EndedEnough:      "collect again, for a fixed time (-d 10s)",
	capture.EndedInterrupted: "collect again, and let the window end",
	capture.EndedMaxBytes:    "collect again with a larger --max-bytes",
	capture.EndedDisk:        "make room on the disk, or write to another one with -o, and collect again",
	capture.EndedLag:         "collect again from closer to the service, or for a shorter time",
	capture.EndedCut:         "collect again from closer to the service, without proxies and write timeouts in between",
	capture.EndedSilent:      "look whether the service still runs, and whether a proxy in between holds its answers back; collect again from closer to it",
	capture.EndedOverhead:    "observe for a shorter time (-d), or allow more with --max-overhead",
	capture.EndedOverlong:    "ask the service itself, past any proxy, and look at the handler of its trace",
}

// The minor versions of Go whose traces can be read; later ones may write the newest
// format still.
const (
	oldestGo = 11
	newestGo = 26
)

// otherFormat returns the hint for a trace whose header names a version of Go that cannot
// be read, or "".
func otherFormat(c *capture.Capture) string {
	trace, err := c.Trace()
	if err != nil {
		return ""
	}
	defer trace.Close()
	head := make([]byte, 16)
	if _, err := io.ReadFull(trace, head); err != nil {
		return ""
	}
	minor, err := strconv.Atoi(strings.TrimPrefix(capture.TraceVersion(head), "go 1."))
	switch {
	case err != nil:
		return ""
	case minor < oldestGo:
		return fmt.Sprintf("Go 1.%d wrote it, and no reader of today knows its format: read it with that release's go tool trace, or build the service with Go 1.%d or later", minor, oldestGo)
	case minor > newestGo:
		return fmt.Sprintf("a newer Go, 1.%d, wrote it: upgrade timesink", minor)
	}
	return ""
}
