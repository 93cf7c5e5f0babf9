package analyze

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/collect/capture"
)

// readers read the evidence that a capture holds beside its trace and its
// probes, one kind of part each, after the trace. The stages of the answer do not
// know which kinds there are: to use another, add its reader. A reader asks the
// capture for its part and does without a part that is not there.
var readers = []func(*answer, *capture.Capture){
	(*answer).readSamplePeriod,
}

// openTrace opens the trace of a capture, which an analysis cannot do without.
// The error for a capture that has none says what it holds instead.
func openTrace(c *capture.Capture) (io.ReadCloser, error) {
	r, err := c.Trace()
	if !errors.Is(err, capture.ErrNoTrace) {
		return r, err
	}
	instead := "nor anything else"
	if held := c.Holdings(); len(held) > 0 {
		instead = "only " + strings.Join(held, ", ")
	}
	return nil, &capture.Error{Op: "analyze " + c.Path(), Err: fmt.Errorf("%w, %s", capture.ErrNoTrace, instead), Hint: capture.Hint(err)}
}

// probes reads the probes. They come before the trace: matching them with the
// requests needs to know how many there are.
func (a *answer) probes(c *capture.Capture) []capture.Probe {
	probes, err := c.Probes()
	if err != nil {
		a.warn.add("probes-unreadable", breakdown.Doubt{Cause: err.Error()})
	}
	return probes
}
