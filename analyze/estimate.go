package analyze

import (
	"context"
	"errors"
	"io"

	"github.com/google/pprof/profile"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/sampled"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// An estimate is the answer for a capture without a trace: what snapshots of goroutines
// show, scaled to the window.
type estimate struct {
	window   int64 // ns
	sum      *sampled.Summary
	of       map[*endpoint]*sightings
	profiled bool // there is a CPU profile
}

// Sightings are what the snapshots show of an endpoint's requests, in ns.
type sightings struct {
	seen   int64 // requests, in all snapshots
	inAt   []int64
	spent  [breakdown.NumBuckets][]int64
	handed []int64 // of the unknown time, what is for other goroutines
	onCPU  int64   // CPU samples
	unit   float64 // that one of them stands for, in ns
}

// hasSamples reports whether the capture has samples in place of a trace that can be read.
func hasSamples(c *capture.Capture) bool {
	r, err := c.Part(capture.SamplesPart)
	if err != nil {
		return false
	}
	r.Close()
	return true
}

// estimated analyzes a capture without a trace.
func estimated(ctx context.Context, c *capture.Capture, opts Options) (*breakdown.Breakdown, error) {
	if opts.Series {
		return nil, &capture.Error{Op: "compare " + c.Path(), Err: capture.ErrNoTrace, Hint: "its samples are too coarse for a comparison: collect with a trace on both sides"}
	}
	detail := opts.Detail
	opts.Each, opts.Detail = nil, false
	a := newAnswer(opts)
	x, err := a.sampled(ctx, c)
	if err != nil {
		return nil, err
	}
	if detail {
		a.evidence(c, &timeline.Summary{}, a.matcher(0))
	}
	return a.finishEstimate(x)
}

// sampled folds what a capture's snapshots and its CPU profile show.
func (a *answer) sampled(ctx context.Context, c *capture.Capture) (*estimate, error) {
	m := c.Manifest()
	x := &estimate{window: m.Window.End - m.Window.Start, of: map[*endpoint]*sightings{}}
	if x.window <= 0 || m.Window.Start <= 0 {
		return nil, &capture.Error{Op: "analyze " + c.Path(), Err: errors.New("the manifest states no window for the samples"), Hint: "the collection was killed: collect again"}
	}
	table := rules.New(a.opts.Rules...)
	if a.opts.Units != nil {
		table.Units(a.opts.Units)
	}
	var broken error
	open := func() (io.ReadCloser, error) { return c.Part(capture.SamplesPart) }
	sum, err := sampled.Read(open, m.Window.Start, m.Window.End, table, func(i int, r *breakdown.Request) {
		if broken = errors.Join(broken, r.Check()); broken == nil && ctx.Err() == nil {
			x.sightingsOf(a.f.add(r)).add(i, r)
		}
	})
	if err = errors.Join(err, broken, ctx.Err()); err != nil {
		return nil, err
	}
	x.sum = sum
	a.readSamplePeriod(c)
	a.onCPU(c, x)
	if sum.Damaged != nil {
		a.warn.add("samples-damaged", breakdown.Doubt{Cause: sum.Damaged.Error(), Count: int64(sum.Snapshots)})
	}
	for _, from := range c.Warnings() {
		a.warn.list = append(a.warn.list, breakdown.Warning{Code: from.Code, Message: from.Message})
	}
	a.sourceOfSamples(m, x)
	return x, nil
}

func (x *estimate) sightingsOf(e *endpoint) *sightings {
	s := x.of[e]
	if s == nil {
		s = &sightings{}
		x.of[e] = s
	}
	return s
}

// cpuTime returns the time on a core by the CPU samples, in ns.
func (s *sightings) cpuTime() int64 { return int64(float64(s.onCPU) * s.unit) }

// add adds what the snapshot with index i shows.
func (s *sightings) add(i int, r *breakdown.Request) {
	s.seen++
	*at(&s.inAt, i) += r.Wall()
	for j := range r.Path {
		p := &r.Path[j]
		*at(&s.spent[p.Bucket], i) += p.End - p.Start
		if p.Phase == breakdown.HandedOver {
			*at(&s.handed, i) += p.End - p.Start
		}
	}
}

// at returns the element i of a list, which it makes long enough.
func at(list *[]int64, i int) *int64 {
	for len(*list) <= i {
		*list = append(*list, 0)
	}
	return &(*list)[i]
}

// merge adds the sightings of another part of the endpoint.
func (s *sightings) merge(o *sightings) {
	s.seen += o.seen
	s.onCPU += o.onCPU
	s.unit = max(s.unit, o.unit)
	for i, t := range o.inAt {
		*at(&s.inAt, i) += t
	}
	for i, t := range o.handed {
		*at(&s.handed, i) += t
	}
	for b := range o.spent {
		for i, t := range o.spent[b] {
			*at(&s.spent[b], i) += t
		}
	}
}

// onCPU folds the CPU profile's samples that hit requests.
func (a *answer) onCPU(c *capture.Capture, x *estimate) {
	p, err := c.Profile(capture.CPUPart, a.opts.profiles())
	if err != nil || p.DurationNanos <= 0 {
		return
	}
	x.profiled = true
	unit := float64(a.samplePeriod) * float64(x.window) / float64(p.DurationNanos)
	for _, sample := range p.Sample {
		if len(sample.Value) == 0 || sample.Value[0] <= 0 {
			continue
		}
		piece := x.sum.OnCPU(framesOf(sample))
		if piece == nil {
			continue
		}
		n := min(sample.Value[0], mostSamples)
		for range n - 1 {
			piece.Samples = append(piece.Samples, piece.Samples[0])
		}
		s := x.sightingsOf(a.f.add(piece))
		s.onCPU, s.unit = s.onCPU+n, unit
	}
}

// mostSamples bounds how often one stack of a CPU profile is counted: an hour at 100 a
// second on some cores.
const mostSamples = 1 << 22

func framesOf(s *profile.Sample) (out []breakdown.Frame) {
	for _, l := range s.Location {
		for _, line := range l.Line {
			if line.Function != nil {
				out = append(out, breakdown.Frame{Function: line.Function.Name, File: line.Function.Filename, Line: int(line.Line)})
			}
		}
	}
	return out
}

// sourceOfSamples describes what was analyzed.
func (a *answer) sourceOfSamples(m *capture.Manifest, x *estimate) {
	s := &a.b.Source
	s.Window, s.Covered = x.window, x.window
	a.sourceOf(m)
	s.Sampling = &breakdown.Sampling{Snapshots: x.sum.Snapshots, Plain: x.sum.Plain}
	if g := m.Sampling; g != nil {
		s.Asked = g.Asked
		s.Sampling.Why, s.Sampling.Budget, s.Sampling.Spent, s.Sampling.Longest = g.Why, g.Budget, g.Spent, g.Longest
	}
}

// sourceOf describes where a capture without a trace is from.
func (a *answer) sourceOf(m *capture.Manifest) {
	s := &a.b.Source
	s.Target, s.GoVersion, s.GOMAXPROCS = m.Target, m.Service.GoVersion, m.Service.GOMAXPROCS
	if !m.CapturedAt.IsZero() {
		at := m.CapturedAt.UTC()
		s.CapturedAt = &at
	}
	if len(m.Asked.URLs) > 0 {
		s.ProbeRate = m.Asked.Rate
	}
	s.Auto = endedBy(m)
	s.Redacted = m.Redacted != nil
}

// finishEstimate settles the sums and turns them into estimates.
func (a *answer) finishEstimate(x *estimate) (*breakdown.Breakdown, error) {
	b := &a.b
	b.Estimate = true
	// The names of endpoints are known from here on.
	s := settle(a.f)
	merged := map[endpointKey]*sightings{}
	for e, of := range x.of {
		if known := merged[e.key]; known != nil {
			known.merge(of)
		} else {
			merged[e.key] = of
		}
	}
	b.Endpoints, b.Passages = render(s, a.samplePeriod, nil), s.passages
	kept := b.Endpoints[:0]
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		of := merged[endpointKey{name: e.Name, kind: e.Kind, route: e.Route}]
		if of == nil || e.Wall.Total == 0 {
			continue // hit by the CPU profile only
		}
		x.render(e, of)
		kept = append(kept, *e)
	}
	b.Endpoints = kept
	b.Causes, b.Findings = []breakdown.Explanation{}, []breakdown.Finding{}
	if len(b.Endpoints) == 0 {
		a.warn.add("no-requests", breakdown.Doubt{})
	}
	if b.Warnings = a.warn.list; b.Warnings == nil {
		b.Warnings = []breakdown.Warning{}
	}
	return b, b.Check()
}
