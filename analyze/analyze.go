package analyze

import (
	"context"
	"errors"
	"fmt"
	"io"

	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// Captures analyzes captures of instances of one service into one Breakdown.
func Captures(ctx context.Context, captures []*capture.Capture, opts Options) (*breakdown.Breakdown, error) {
	if len(captures) == 0 {
		return nil, errors.New("there is no capture to analyze")
	}
	a := newAnswer(opts)
	for i, c := range captures {
		if err := a.add(ctx, c, i); err != nil {
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
	return &Live{a: a, match: a.matcher(probes), done: make(chan struct{})}
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

// An answer is a pipeline in the making. Its stages, in their order, for each capture:
//
//	read      the trace becomes requests (analyze/timeline)
//	match     a request that may have answered a probe is noted, or held back (probes.go)
//	fold      requests become sums by what may be their endpoint (fold.go, sums.go)
//	complete  what else the capture holds is read (readers.go); probes and requests are
//	          paired, and what was held back is folded
//
// and once, when all captures were read:
//
//	settle    endpoints get their names, and long polls are found (settle.go)
//	render    sums become what the Breakdown says (render.go)
//	diagnose  findings, and warnings of what the answer does not cover
//
// No stage calls another: the answer hands on what each returns.
type answer struct {
	opts         Options
	b            breakdown.Breakdown
	f            *fold
	roots        rootSums
	samplePeriod int64 // ns of CPU time that a sample stands for; 0 before a capture is complete
	warn         warnings
}

func newAnswer(opts Options) *answer {
	opts = opts.completed()
	b := breakdown.Breakdown{Schema: breakdown.Schema}
	for _, r := range opts.Rules {
		b.Source.Rules = append(b.Source.Rules, r.String())
	}
	f := newFold(opts.Memory)
	f.keepSeries, f.keepDetail = opts.Series, opts.Detail
	return &answer{opts: opts, b: b, f: f, roots: rootSums{}, warn: warnings{memory: opts.Memory}}
}

// matcher returns a matcher for a capture with at most so many probes, which may take
// half of the room that the sums have left.
func (a *answer) matcher(probes int) *matcher { return newMatcher(probes, a.f.room/2) }

// add takes the capture with index i through the stages that each passes.
func (a *answer) add(ctx context.Context, c *capture.Capture, i int) error {
	a.f.capture = i
	probes := a.probes(c)
	trace, err := openTrace(c)
	if err != nil {
		return err
	}
	defer trace.Close()
	match := a.matcher(len(probes))
	sum, err := a.read(ctx, trace, match)
	if err != nil {
		return hinted(err, c)
	}
	a.complete(c, sum, match, probes)
	return nil
}

// read folds a trace's requests, apart from those that match holds back.
func (a *answer) read(ctx context.Context, trace io.Reader, match *matcher) (*timeline.Summary, error) {
	var broken error
	reader := a.opts.reader()
	if a.opts.Grown != nil {
		reader.After = func(covered int64) { a.opts.Grown(a.f.snapshot(covered)) }
	}
	sum, err := reader.Read(ctx, trace, func(r *breakdown.Request) {
		if err := r.Check(); err != nil && broken == nil {
			broken = fmt.Errorf("the parts of a request do not add up, a defect of this tool: %w", err)
		}
		if a.opts.Each != nil {
			a.opts.Each(r)
		}
		a.take(r, match)
	})
	if err == nil {
		err = broken
	}
	return sum, err
}

// take takes one request from the reader through the matcher to the fold.
func (a *answer) take(r *breakdown.Request, match *matcher) {
	switch match.see(r) {
	case fateFold:
		a.f.add(r)
	case fateNote:
		match.note(r, a.f.add(r))
	case fateHold:
	case fateRelease:
		for _, held := range match.release(r.Goroutine) {
			a.f.add(held)
		}
		a.f.add(r)
	}
}

// complete takes from a capture what is not in its trace.
func (a *answer) complete(c *capture.Capture, sum *timeline.Summary, match *matcher, probes []capture.Probe) {
	for _, read := range readers {
		read(a, c)
	}
	a.pair(match, probes, sum.Clock)
	a.roots.add(sum.Roots)
	source(&a.b.Source, c, sum, match)
	if a.opts.Detail {
		a.evidence(c, sum, match)
	}
	a.warn.capture(c, sum, match)
}

// pair folds what the matcher held back, now that it knows which requests answered the
// probes.
func (a *answer) pair(match *matcher, probes []capture.Probe, clock *timeline.Clock) {
	released, found := match.solve(probes, clock)
	for _, r := range released {
		a.f.add(r)
	}
	for _, m := range found {
		a.f.addMatched(m, match.offset)
	}
}

// finish settles the sums, renders them, and diagnoses what they say.
func (a *answer) finish() (*breakdown.Breakdown, error) {
	b, s := &a.b, settle(a.f)
	b.Endpoints, b.Passages = render(s, a.samplePeriod), s.passages
	if s.requests == 0 {
		b.Roots = a.roots.render()
	}
	b.Findings = findings(b, s)
	a.warn.answer(b, s)
	if b.Warnings = a.warn.list; b.Warnings == nil {
		b.Warnings = []breakdown.Warning{}
	}
	return b, b.Check()
}
