package analyze

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// DefaultMemory is what an analysis may take where nothing else is asked for,
// MinMemory the least that it can do with, in bytes.
const (
	DefaultMemory = timeline.DefaultMemory
	MinMemory     = timeline.MinMemory
)

// Options say how to analyze.
type Options struct {
	// Each, where set, is called with every request, including those cut by the
	// window's edges, in the order in which they are settled: one whose cause may
	// still become clear is held back until the trace ends. The request is valid
	// only until Each returns.
	Each func(*breakdown.Request)
	// Memory is how many bytes the analysis may take: DefaultMemory where it is
	// 0, and MinMemory at least. Where a trace needs more, details are given up, and a
	// warning says which.
	Memory int64
	// Grown, where set, is told what the answer amounts to after each second or
	// so of the trace. The analysis goes on when it returns.
	Grown func(breakdown.Snapshot)
	// Series keeps the endpoints' requests in the order of time, as a comparison
	// needs them.
	Series bool
	// Detail keeps what a report draws, and names the evidence.
	Detail bool
	// Rules are the user's own, which go before those that timesink knows.
	Rules []rules.Rule
	// Units, where set, are functions that are units of work, beside requests:
	// what a goroutine does below one of them, where it serves no request.
	Units *regexp.Regexp
}

// Captures analyzes captures of instances of one service into one Breakdown.
func Captures(ctx context.Context, captures []*capture.Capture, opts Options) (*breakdown.Breakdown, error) {
	if len(captures) == 0 {
		return nil, errors.New("there is no capture to analyze")
	}
	a := newAnswer(opts)
	for i, c := range captures {
		a.f.capture = i
		if err := a.add(ctx, c); err != nil {
			if len(captures) > 1 {
				return nil, fmt.Errorf("%s: %w", c.Path(), err)
			}
			return nil, err
		}
	}
	if len(captures) > 1 {
		a.b.Source.Instances = len(captures)
	}
	return a.finish()
}

// A Live analysis reads a trace while it is being collected, so that little is
// left to do when the window closes. Its answer is that of Captures.
type Live struct {
	a     *answer
	match *matcher
	sum   *timeline.Summary
	err   error
	done  chan struct{}
}

// NewLive prepares an analysis of a window in which at most so many probes will
// be sent.
func NewLive(probes int, opts Options) *Live {
	a := newAnswer(opts)
	return &Live{a: a, match: newMatcher(probes, a.f), done: make(chan struct{})}
}

// Read analyzes the trace as it comes, to its end. It is called once.
func (l *Live) Read(ctx context.Context, trace io.Reader) {
	defer close(l.done)
	l.sum, l.err = l.a.read(ctx, trace, l.match)
}

// Finish waits for Read and completes the answer with the rest of the capture.
func (l *Live) Finish(c *capture.Capture) (*breakdown.Breakdown, error) {
	<-l.done
	if l.err != nil {
		return nil, hinted(l.err, c)
	}
	l.a.complete(c, l.sum, l.match, l.a.probes(c))
	return l.a.finish()
}

// An answer is what the captures seen so far amount to.
type answer struct {
	opts Options
	b    breakdown.Breakdown
	f    *fold
	warn warnings
}

// completed are the options with what is not given.
func (o Options) completed() Options {
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	o.Memory = max(o.Memory, MinMemory)
	return o
}

func newAnswer(opts Options) *answer {
	opts = opts.completed()
	b := breakdown.Breakdown{Schema: breakdown.Schema}
	for _, r := range opts.Rules {
		b.Source.Rules = append(b.Source.Rules, r.String())
	}
	f := newFold(opts.Memory)
	f.series, f.detail = opts.Series, opts.Detail
	return &answer{opts: opts, b: b, f: f, warn: warnings{memory: opts.Memory}}
}

// add analyzes a capture.
func (a *answer) add(ctx context.Context, c *capture.Capture) error {
	probes := a.probes(c)
	r, err := c.Trace()
	if err != nil {
		return err
	}
	defer r.Close()
	match := newMatcher(len(probes), a.f)
	sum, err := a.read(ctx, r, match)
	if err != nil {
		return hinted(err, c)
	}
	a.complete(c, sum, match, probes)
	return nil
}

func (a *answer) probes(c *capture.Capture) []capture.Probe {
	probes, err := c.Probes()
	if err != nil {
		a.warn.addf("probes-unreadable", "the probes could not be read: %v", err)
	}
	return probes
}

// read folds a trace's requests.
func (a *answer) read(ctx context.Context, trace io.Reader, match *matcher) (*timeline.Summary, error) {
	var broken error
	reader := reader(a.opts)
	if a.opts.Grown != nil {
		reader.After = func(covered int64) { a.opts.Grown(a.f.snapshot(covered)) }
	}
	sum, err := reader.Read(ctx, trace, func(req *breakdown.Request) {
		if err := req.Check(); err != nil && broken == nil {
			broken = fmt.Errorf("the parts of a request do not add up, a defect of this tool: %w", err)
		}
		if a.opts.Each != nil {
			a.opts.Each(req)
		}
		match.see(req)
	})
	if err == nil {
		err = broken
	}
	return sum, err
}

// reader reads traces as the options, which are complete, say.
func reader(opts Options) *timeline.Reader {
	table := rules.New(opts.Rules...)
	if opts.Units != nil {
		table.Units(opts.Units)
	}
	return &timeline.Reader{Table: table, Workers: runtime.GOMAXPROCS(0), Memory: opts.Memory}
}

// complete takes from a capture what is not in its trace.
func (a *answer) complete(c *capture.Capture, sum *timeline.Summary, match *matcher, probes []capture.Probe) {
	a.f.samplePeriod = samplePeriod(c, a.f.samplePeriod)
	match.solve(probes, sum.Clock)
	a.f.roots(sum.Roots)
	source(&a.b.Source, c, sum, match)
	if a.opts.Detail {
		a.evidence(c, sum, match)
	}
	a.warn.capture(c, sum, match)
}

// finish renders the fold.
func (a *answer) finish() (*breakdown.Breakdown, error) {
	b := &a.b
	b.Endpoints = a.f.endpoints()
	b.Passages = a.f.passages
	if a.f.requests == 0 {
		b.Roots = a.f.rootTimes()
	}
	b.Findings = findings(b, a.f)
	a.warn.answer(b, a.f)
	b.Warnings = a.warn.list
	if b.Warnings == nil {
		b.Warnings = []breakdown.Warning{}
	}
	return b, b.Check()
}

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
	format := fmt.Sprintf("go 1.%d", sum.Version)
	goVersion, target := capture.WrittenBy(format).String(), ""
	if m := c.Manifest(); m != nil {
		target = m.Target
		if m.Service.GoVersion != "" {
			goVersion = m.Service.GoVersion
		}
		if !m.CapturedAt.IsZero() && (first || s.CapturedAt != nil && m.CapturedAt.Before(*s.CapturedAt)) {
			at := m.CapturedAt.UTC()
			s.CapturedAt = &at
		}
		if len(m.Asked.URLs) > 0 {
			s.ProbeRate = max(s.ProbeRate, m.Asked.Rate)
		}
		s.Asked = max(s.Asked, m.Window.TraceAsked)
	}
	keep(&s.Target, target)
	keep(&s.GoVersion, goVersion)
	if sum.Covered > 0 {
		s.Saturated = max(s.Saturated, float64(sum.Saturated)/float64(sum.Covered))
	}
	s.Window = max(s.Window, sum.Window())
	s.Covered = max(s.Covered, sum.Covered)
	s.GOMAXPROCS = max(s.GOMAXPROCS, sum.GOMAXPROCS)
	if cost := match.cost(); cost != nil && s.Cost == nil {
		s.Cost = cost
	}
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
