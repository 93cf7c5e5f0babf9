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

// An Analysis is the tool's answer about a capture.
type Analysis struct {
	Breakdown *breakdown.Breakdown
	// Requests holds all requests of the trace, in the order of their end.
	Requests []Request
	// Start and End delimit the window, in nanoseconds.
	Start, End int64
}

// Analyze analyzes a capture with the options except Each, and keeps every
// request, with Unix times. It returns an error if the accounting identity does
// not hold for a request or for the whole.
func Analyze(ctx context.Context, cp *capture.Capture, opts analyze.Options) (*Analysis, error) {
	a, clock, err := OnTraceClock(ctx, cp, opts)
	if err != nil {
		return nil, err
	}
	if clock == nil {
		return nil, errors.New("the trace does not relate its clock to the wall's")
	}
	a.Shift(clock.Wall.UnixNano() - clock.Trace)
	return a, nil
}

// OnTraceClock is Analyze with times on the trace's clock. It also returns the
// trace's clock snapshot, nil before Go 1.25.
func OnTraceClock(ctx context.Context, cp *capture.Capture, opts analyze.Options) (*Analysis, *timeline.Clock, error) {
	a := &Analysis{}
	var wrong error
	opts.Series = true
	opts.Each = func(r *breakdown.Request) {
		wrong = errors.Join(wrong, r.Check())
		a.Requests = append(a.Requests, Reduce(r))
	}
	b, err := analyze.Captures(ctx, []*capture.Capture{cp}, opts)
	if err != nil {
		return nil, nil, fmt.Errorf("analyzing: %w", err)
	}
	if err := errors.Join(wrong, b.Check()); err != nil {
		return nil, nil, err
	}
	a.Breakdown = b
	for i := range a.Requests {
		r := &a.Requests[i]
		r.Endpoint, r.Kind = b.EndpointOf(&breakdown.Request{Endpoint: r.Endpoint, Kind: r.Kind, Chains: r.chains})
	}
	f, err := cp.Trace()
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	sum, err := timeline.Read(ctx, f, rules.New(), runtime.GOMAXPROCS(0), func(*breakdown.Request) {})
	if err != nil {
		return nil, nil, err
	}
	a.Start, a.End = sum.Start, sum.End
	return a, sum.Clock, nil
}

// Shift moves all times to another clock by adding an offset.
func (a *Analysis) Shift(by int64) {
	a.Start += by
	a.End += by
	for i := range a.Requests {
		a.Requests[i].Shift(by)
	}
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
