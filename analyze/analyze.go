package analyze

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// Captures analyzes captures of instances of one service into one Breakdown.
// A panic on the way is an error, a *timeline.Defect.
func Captures(ctx context.Context, captures []*capture.Capture, opts Options) (b *breakdown.Breakdown, err error) {
	defer timeline.Caught(&err)
	b, err = once(ctx, captures, opts.seeking())
	return again(ctx, captures, opts, b, err)
}

// seeking returns the options for reading captures to find units of work in them.
func (o Options) seeking() Options {
	if o.FindUnits && o.Units == nil {
		o.Each, o.Detail, o.Series = nil, false, false
	}
	return o
}

// again analyzes captures once more if units of work were looked for.
func again(ctx context.Context, captures []*capture.Capture, opts Options, b *breakdown.Breakdown, err error) (*breakdown.Breakdown, error) {
	if err != nil || !opts.FindUnits || opts.Units != nil {
		return b, err
	}
	if opts.Units = allUnits(b.Roots); opts.Units == nil && opts.Each == nil && !opts.Detail && !opts.Series {
		return b, nil
	}
	opts.FindUnits = false
	return once(ctx, captures, opts)
}

func once(ctx context.Context, captures []*capture.Capture, opts Options) (*breakdown.Breakdown, error) {
	if len(captures) == 0 {
		return nil, errors.New("no capture to analyze")
	}
	if i := slices.IndexFunc(captures, hasSamples); i >= 0 {
		if len(captures) > 1 {
			return nil, &capture.Error{Op: "analyze " + captures[i].Path(), Err: errors.New("it has samples in place of a trace, and cannot be merged with other captures"), Hint: "analyze it alone"}
		}
		return estimated(ctx, captures[0], opts)
	}
	if i := slices.IndexFunc(captures, isOutside); i >= 0 {
		if len(captures) > 1 {
			return nil, &capture.Error{Op: "analyze " + captures[i].Path(), Err: errors.New("it has probes alone, and cannot be merged with other captures"), Hint: "analyze it alone"}
		}
		return fromOutside(ctx, captures[0], opts)
	}
	opts.Spread = opts.Spread && len(captures) > 1
	opts.Precision = opts.Precision || len(captures) == 1 && isAuto(captures[0])
	a := newAnswer(opts)
	windows, of := capture.AllWindows(captures)
	for i, c := range windows {
		a.f.instance = of[i]
		if err := a.add(ctx, c, i); err != nil {
			if len(captures) > 1 {
				return nil, &CaptureError{Index: of[i], Path: c.Path(), Err: err}
			}
			return nil, err
		}
	}
	if len(captures) > 1 {
		a.b.Source.Instances = len(captures)
	}
	return a.finish()
}

// A CaptureError is the error of one of several captures, without which the others may be
// analyzed.
type CaptureError struct {
	Index int
	Path  string
	Err   error
}

func (e *CaptureError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *CaptureError) Unwrap() error { return e.Err }

// A Live analysis reads a trace while it is being collected, so that little is left to
// do when the window closes. Its answer is the same as that of Captures.
type Live struct {
	opts  Options
	a     *answer
	match *matcher
	sum   *timeline.Summary
	err   error
	done  chan struct{}
}

// NewLive returns an analysis of a window in which at most that many probes will be
// sent.
func NewLive(probes int, opts Options) *Live {
	a := newAnswer(opts.seeking())
	return &Live{opts: opts, a: a, match: a.matcher(probes), done: make(chan struct{})}
}

// Read analyzes the trace as it arrives, to its end. It must be called once, and keeps
// its error for Finish.
func (l *Live) Read(ctx context.Context, trace io.Reader) {
	defer close(l.done)
	defer timeline.Caught(&l.err)
	l.sum, l.err = l.a.read(ctx, trace, l.match)
}

// Finish waits for Read and completes the answer with the rest of the capture. It
// returns Read's error, if there was one. Looking for units, it reads the capture again.
func (l *Live) Finish(ctx context.Context, c *capture.Capture) (b *breakdown.Breakdown, err error) {
	defer timeline.Caught(&err)
	if hasSamples(c) {
		return estimated(ctx, c, l.opts) // there may have been nothing to read
	}
	if isOutside(c) {
		return fromOutside(ctx, c, l.opts)
	}
	<-l.done
	if l.err != nil {
		return nil, hinted(l.err, c)
	}
	l.a.complete(c, l.sum, l.match, l.a.probes(c))
	b, err = l.a.finish()
	return again(ctx, []*capture.Capture{c}, l.opts, b, err)
}

// An answer runs the pipeline. Its stages for each capture, in order:
//
//	read      the trace becomes requests (analyze/timeline)
//	decide    time in C code becomes cpu, or remains unknown (ccalls.go)
//	match     requests that may have answered a probe are noted, or held back (probes.go)
//	fold      requests become sums by what may be their endpoint (fold.go, sums.go)
//	complete  the rest of the capture is read (readers.go); probes and requests are
//	          paired, and what was held back is folded
//
// and once all captures have been read:
//
//	settle    endpoints get their names, and long polls are found (settle.go)
//	render    sums become what the Breakdown says (render.go)
//	diagnose  the causes (analyze/diagnosis), what their remedies would bring
//	          (forecast.go, analyze/replay), and warnings of what the answer does not
//	          cover
//	spread    how instances differ (spread.go), if there are several
//
// No stage calls another: the answer passes on what each returns.
type answer struct {
	opts         Options
	b            breakdown.Breakdown
	f            *fold
	roots        rootSums
	samplePeriod int64      // ns of CPU time that a sample stands for; 0 until the first capture is complete
	samplings    []sampling // by window
	taken        taken      // of the capture being read, so far
	warn         warnings
	others       []timeline.Standing
	growth       []timeline.Growth
	stoppers     []timeline.Stopper
	goroutines   goroutineCounts
	unanswered   unanswered
	instances    []breakdown.Instance // by capture, if they are compared
	instanceOf   []int                // the capture of each window, if they are compared
	warnedOf     []int                // the capture of each warning so far
}

func newAnswer(opts Options) *answer {
	opts = opts.completed()
	if opts.Forecasts && opts.record == nil {
		opts.record = opts.forecasting()
	}
	opts.record.reset()
	b := breakdown.Breakdown{Schema: breakdown.Schema}
	for _, r := range opts.Rules {
		b.Source.Rules = append(b.Source.Rules, r.String())
	}
	if opts.Units != nil {
		b.Source.Units = opts.Units.String()
	}
	f := newFold(opts.Memory)
	f.keepSeries, f.keepDetail, f.keepParts = opts.Series || opts.Precision, opts.Detail, opts.Spread
	opts.list.watch(f)
	return &answer{opts: opts, b: b, f: f, roots: rootSums{}, warn: warnings{memory: opts.Memory}}
}

// matcher returns a matcher for a capture with at most that many probes. It may use
// half of the memory that the sums have left.
func (a *answer) matcher(probes int) *matcher { return newMatcher(probes, a.f.room/2) }

// add runs the window with index i through the stages for each capture. Of a capture with
// several windows, each is added like a capture.
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

// read folds a trace's requests, except for those that match holds back.
func (a *answer) read(ctx context.Context, trace io.Reader, match *matcher) (*timeline.Summary, error) {
	var broken error
	reader, decided := a.opts.reader(), newCCalls(defaultPeriod)
	a.opts.record.begin()
	if a.opts.Grown != nil {
		reader.After = func(covered int64) { a.opts.Grown(a.f.snapshot(covered)) }
	}
	each := func(r *breakdown.Request) {
		if err := r.Check(); err != nil && broken == nil {
			broken = fmt.Errorf("the parts of a request do not add up, which is a bug in timesink: %w", err)
		}
		if a.opts.Each != nil {
			a.opts.Each(r)
		}
		a.opts.record.add(r)
		a.take(r, match)
	}
	sum, err := reader.Read(ctx, trace, func(r *breakdown.Request) { decided.add(r, each) })
	decided.release(each)
	if err == nil {
		err = broken
	}
	return sum, err
}

// take passes one request through the matcher to the fold.
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

// complete adds what a capture holds beside its trace.
func (a *answer) complete(c *capture.Capture, sum *timeline.Summary, match *matcher, probes []capture.Probe) {
	for _, read := range readers {
		read(a, c)
	}
	a.opts.record.end(sum)
	a.samplings = append(a.samplings, newSampling(sum, a.samplePeriod))
	a.pair(match, probes, sum.Clock)
	a.f.routing.lead(sum.Led)
	a.roots.add(sum.Roots)
	a.b.Coverage.Add(sum.Coverage)
	a.processors(sum)
	a.acceptLoops(sum.AcceptLoops)
	a.f.seen(sum)
	a.others = append(a.others, sum.Standing...)
	a.growth = append(a.growth, sum.Growth...)
	a.stoppers = append(a.stoppers, sum.Stoppers...)
	a.unanswered.add(probes)
	a.taken.add(c, sum, match)
	source(&a.b.Source, c, sum, &a.taken)
	if a.opts.Precision {
		a.b.Source.Auto = endedBy(c.Manifest())
	}
	if a.opts.Series {
		a.b.Captures = append(a.b.Captures, captureOf(c, sum, a.samplePeriod))
	}
	if a.opts.Spread {
		a.addInstance(instanceOf(c, sum, a.samplePeriod), c.Nth() > 1)
	}
	if a.opts.Detail {
		a.evidence(c, sum, match)
	}
	a.warn.capture(c, sum, match, a.samplings)
	for len(a.warnedOf) < len(a.warn.list) {
		a.warnedOf = append(a.warnedOf, len(a.instances)-1)
	}
}

// pair matches the probes and folds the requests that were held back for them.
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
	a.opts.list.settle(a.f)
	s.others, s.unanswered, s.growth = a.others, a.unanswered.alone(), a.goroutines.grown(a.growth)
	s.stopper = longestStopper(a.stoppers)
	b.Endpoints, b.Passages = render(s, a.samplePeriod, a.samplings), s.passages
	if b.Source.Auto != nil {
		a.precise(s)
	}
	if s.requests == 0 || b.WorksElsewhere() {
		b.Roots = a.roots.render()
	}
	diagnose(b, s)
	a.forecast(b)
	a.conclude()
	if a.opts.Spread {
		compareInstances(b, s, a.instances, a.samplings, a.instanceOf)
		a.warn.gather(a.warnedOf, a.instances)
	}
	a.warn.answer(b, s)
	a.warn.instances(a.instances, a.opts.Missing, max(b.Source.Instances, 1))
	if b.Warnings = a.warn.list; b.Warnings == nil {
		b.Warnings = []breakdown.Warning{}
	}
	return b, b.Check()
}
