package analyze

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// Options say how to analyze.
type Options struct {
	// Each, where set, is handed every request as it ends, those cut by the
	// window's edges included. The request is valid only until it returns.
	Each func(*breakdown.Request)
}

// Captures analyzes captures of instances of one service into one Breakdown.
func Captures(ctx context.Context, captures []*capture.Capture, opts Options) (*breakdown.Breakdown, error) {
	if len(captures) == 0 {
		return nil, errors.New("there is no capture to analyze")
	}
	f := newFold()
	b := &breakdown.Breakdown{Schema: breakdown.Schema}
	var warn warnings
	for _, c := range captures {
		if err := one(ctx, c, opts, f, b, &warn); err != nil {
			if len(captures) > 1 {
				return nil, fmt.Errorf("%s: %w", c.Path(), err)
			}
			return nil, err
		}
	}
	if len(captures) > 1 {
		b.Source.Instances = len(captures)
	}
	b.Endpoints = f.endpoints()
	if f.requests == 0 {
		b.Roots = f.rootTimes()
	}
	b.Findings = findings(b, f)
	warn.answer(b, f)
	b.Warnings = warn.list
	if b.Warnings == nil {
		b.Warnings = []breakdown.Warning{}
	}
	return b, b.Check()
}

// one analyzes a capture into the fold.
func one(ctx context.Context, c *capture.Capture, opts Options, f *fold, b *breakdown.Breakdown, warn *warnings) error {
	probes, err := c.Probes()
	if err != nil {
		warn.addf("probes-unreadable", "the probes could not be read: %v", err)
	}
	r, err := c.Trace()
	if err != nil {
		return err
	}
	defer r.Close()
	match := newMatcher(probes, f)
	var broken error
	sum, err := timeline.Read(ctx, r, rules.New(), runtime.GOMAXPROCS(0), func(req *breakdown.Request) {
		if err := req.Check(); err != nil && broken == nil {
			broken = fmt.Errorf("the parts of a request do not add up, a defect of this tool: %w", err)
		}
		if opts.Each != nil {
			opts.Each(req)
		}
		match.see(req)
	})
	if err == nil {
		err = broken
	}
	if err != nil {
		return hinted(err)
	}
	f.samplePeriod = samplePeriod(c, f.samplePeriod)
	match.solve(sum.Clock)
	f.roots(sum.Roots)
	source(&b.Source, c, sum, match)
	warn.capture(c, sum, match)
	return nil
}

// hinted adds what to try to an error of the trace's reading.
func hinted(err error) error {
	e := &capture.Error{Op: "read the trace", Err: err}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, timeline.ErrNotTrace):
		e.Hint = "give a capture, or a trace from /debug/pprof/trace, runtime/trace or go test -trace"
	case errors.Is(err, timeline.ErrNoGeneration):
		e.Hint = "the trace was cut within its first second: collect again with a longer window, -d 10s"
	default:
		e.Hint = "the trace may be damaged, or from a newer Go than this timesink knows"
	}
	return e
}

// source describes what was analyzed. Of several instances it keeps what is
// common, and the longest window.
func source(s *breakdown.Source, c *capture.Capture, sum *timeline.Summary, match *matcher) {
	first := s.Window == 0
	keep := func(have *string, now string) {
		if first {
			*have = now
		} else if *have != now {
			*have = ""
		}
	}
	goVersion, target := traceVersion(sum.Version), ""
	if m := c.Manifest(); m != nil {
		target = m.Target
		if m.Service.GoVersion != "" {
			goVersion = m.Service.GoVersion
		}
		if !m.CapturedAt.IsZero() && (first || s.CapturedAt != nil && m.CapturedAt.Before(*s.CapturedAt)) {
			at := m.CapturedAt.UTC()
			s.CapturedAt = &at
		}
		s.Asked = max(s.Asked, m.Window.TraceAsked)
	}
	keep(&s.Target, target)
	keep(&s.GoVersion, goVersion)
	window := sum.End - sum.Start
	if window > 0 {
		s.Saturated = max(s.Saturated, float64(sum.Saturated)/float64(window))
	}
	s.Window = max(s.Window, window)
	s.Covered = max(s.Covered, window)
	s.GOMAXPROCS = max(s.GOMAXPROCS, sum.GOMAXPROCS)
	if cost := match.cost(); cost != nil && s.Cost == nil {
		s.Cost = cost
	}
}

// traceVersion names the versions of Go that write a trace's format.
func traceVersion(minor int) string {
	if minor == 23 {
		return "go1.23 or go1.24"
	}
	return "go1." + strconv.Itoa(minor)
}

// defaultPeriod is the CPU time between two samples of a Go CPU profile at its
// usual rate.
const defaultPeriod = 10_000_000

// samplePeriod reads the period of the capture's CPU profile.
func samplePeriod(c *capture.Capture, known int64) int64 {
	if known != 0 {
		return known
	}
	r, err := c.Part(capture.CPUPart)
	if err != nil {
		return defaultPeriod
	}
	defer r.Close()
	if p := profilePeriod(r); p > 0 {
		return p
	}
	return defaultPeriod
}
