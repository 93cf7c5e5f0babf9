package accuracy

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// An Analysis is what the tool says of a capture, on the wall clock.
type Analysis struct {
	Breakdown *breakdown.Breakdown
	// Requests are all of the trace, in the order of their end.
	Requests []Request
	// Start and End are the window's, Unix time in nanoseconds.
	Start, End int64
}

// Analyze analyzes a capture, with rules beside those of the table, and keeps each
// of its requests. It fails where the
// accounting identity does not hold of one, or of the whole.
func Analyze(ctx context.Context, cp *capture.Capture, own ...rules.Rule) (*Analysis, error) {
	a := &Analysis{}
	var wrong error
	b, err := analyze.Captures(ctx, []*capture.Capture{cp}, analyze.Options{Rules: own, Series: true, Each: func(r *breakdown.Request) {
		wrong = errors.Join(wrong, r.Check())
		a.Requests = append(a.Requests, Reduce(r))
	}})
	if err != nil {
		return nil, fmt.Errorf("analyzing: %w", err)
	}
	if err := errors.Join(wrong, b.Check()); err != nil {
		return nil, err
	}
	a.Breakdown = b
	return a, a.toWallClock(ctx, cp)
}

// toWallClock moves the requests from the trace's clock to the wall's.
func (a *Analysis) toWallClock(ctx context.Context, cp *capture.Capture) error {
	f, err := cp.Trace()
	if err != nil {
		return err
	}
	defer f.Close()
	sum, err := timeline.Read(ctx, f, rules.New(), runtime.GOMAXPROCS(0), func(*breakdown.Request) {})
	if err != nil {
		return err
	}
	if sum.Clock == nil {
		return errors.New("the trace does not relate its clock to the wall's")
	}
	offset := sum.Clock.Wall.UnixNano() - sum.Clock.Trace
	for i := range a.Requests {
		a.Requests[i].Shift(offset)
	}
	a.Start, a.End = sum.Start+offset, sum.End+offset
	return nil
}

// Of returns the requests of one endpoint.
func (a *Analysis) Of(endpoint string) (of []Request) {
	for _, r := range a.Requests {
		if r.Endpoint == endpoint {
			of = append(of, r)
		}
	}
	return of
}
