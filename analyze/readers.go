package analyze

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/collect/capture"
)

// readers read the evidence beside the trace and the probes, one kind of part each,
// after the trace. The stages of the answer do not know which kinds there are: to use
// another kind, add its reader. A reader asks the capture for its part and must accept
// that the part is missing.
var readers = []func(*answer, *capture.Capture){
	(*answer).readSamplePeriod,
	(*answer).readGoroutines,
}

// openTrace opens the trace of a capture. Analysis requires one: the error for a
// capture without a trace says what it holds instead.
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

// probes returns the capture's probes; if they cannot be read it warns. They are read
// before the trace, because the matcher needs to know how many there are.
func (a *answer) probes(c *capture.Capture) []capture.Probe {
	probes, err := c.ProbesWithin(a.opts.probes())
	if err != nil {
		a.warn.add("probes-unreadable", breakdown.Doubt{Cause: err.Error()})
	}
	return probes
}
