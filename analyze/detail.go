package analyze

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/collect/capture"
)

// A detail collects what reports draw for an endpoint.
type detail struct {
	bars    breakdown.Bars
	slowest breakdown.RequestID
	most    int64 // ns, the wall time of the slowest
	stacks  map[stackKey]*stackSum
	recent  [8]recentStack // the last ones: often the next is one of them
	samples map[*breakdown.Cause]int64
	probed  []breakdown.Probed
}

type stackKey struct {
	bucket breakdown.Bucket
	phase  breakdown.Phase
	cause  *breakdown.Cause
}

type stackSum struct{ time, count int64 }

type recentStack struct {
	key stackKey
	sum *stackSum
}

func newDetail() *detail {
	return &detail{stacks: map[stackKey]*stackSum{}, samples: map[*breakdown.Cause]int64{}}
}

// addDetail adds a complete request; spent is its time in each bucket.
func (e *endpoint) addDetail(r *breakdown.Request, spent *[breakdown.NumBuckets]int64) {
	id := e.id(r.Goroutine, r.Start)
	if d := e.detail; e.requests == 1 || r.Wall() > d.most || r.Wall() == d.most && id.Compare(d.slowest) < 0 {
		d.slowest, d.most = id, r.Wall()
	}
	var distinct [breakdown.NumBuckets]int64
	for i := range r.Path {
		s := &r.Path[i]
		if s.Phase.Distinct() {
			distinct[s.Bucket] += s.End - s.Start
		}
		sum := e.stackSum(stackKey{s.Bucket, s.Phase, s.Cause})
		sum.time += s.End - s.Start
		sum.count++
	}
	before := e.detail.bars.Size()
	e.detail.bars.Add(id, r.Wall(), spent)
	e.detail.bars.AddDistinct(r.Wall(), &distinct)
	e.room -= e.detail.bars.Size() - before
	for _, c := range r.Samples {
		if _, ok := e.detail.samples[c]; len(c.Stack) > 0 && (ok || e.spend(sumSize)) {
			e.detail.samples[c]++
		}
	}
}

func (e *endpoint) stackSum(key stackKey) *stackSum {
	d := e.detail
	for i := range d.recent {
		if r := &d.recent[i]; r.key == key && r.sum != nil {
			return r.sum
		}
	}
	sum := d.stacks[key]
	if sum == nil && !e.spend(sumSize) {
		key.cause = e.elsewhere
		sum = d.stacks[key]
	}
	if sum == nil {
		sum = &stackSum{}
		d.stacks[key] = sum
	}
	copy(d.recent[1:], d.recent[:])
	d.recent[0] = recentStack{key, sum}
	return sum
}

// addProbed records the request that answered a probe. The probe's clock is offset ns
// ahead of the trace's.
func (e *endpoint) addProbed(c *candidate, p *capture.Probe, offset int64) {
	if e.detail == nil {
		return
	}
	view := breakdown.ClientView{Start: p.Start - offset}
	for i, t := range clientTimes(p) {
		if t > 0 {
			view.Phases = append(view.Phases, breakdown.ClientPhase{Phase: clientPhases[i], Mean: t})
		}
	}
	e.detail.probed = append(e.detail.probed, breakdown.Probed{ID: e.id(c.g, c.start), Wall: c.end - c.start, View: view})
}

func (d *detail) merge(o *detail) {
	d.bars.Merge(&o.bars)
	if o.most > d.most || o.most == d.most && o.slowest.Compare(d.slowest) < 0 {
		d.slowest, d.most = o.slowest, o.most
	}
	for key, s := range o.stacks {
		if d.stacks[key] == nil {
			d.stacks[key] = &stackSum{}
		}
		d.stacks[key].time += s.time
		d.stacks[key].count += s.count
	}
	addAll(d.samples, o.samples)
	d.probed = append(d.probed, o.probed...)
	slices.SortStableFunc(d.probed, func(a, b breakdown.Probed) int {
		return cmp.Or(cmp.Compare(a.ID.Capture, b.ID.Capture), cmp.Compare(a.View.Start, b.View.Start))
	})
}

// render merges what rests on equal causes: each capture has its own copies of them.
func (d *detail) render() *breakdown.Detail {
	out := &breakdown.Detail{Bars: d.bars.List(), Slowest: d.slowest, Probed: d.probed}
	stacks := map[string]*breakdown.StackTime{}
	for key, sum := range d.stacks {
		text := key.bucket.String() + "\x00" + key.phase.String() + "\x00" + causeText(key.cause)
		s := stacks[text]
		if s == nil {
			s = &breakdown.StackTime{Bucket: key.bucket, Phase: key.phase, Cause: key.cause}
			stacks[text] = s
		}
		s.Time += sum.time
		s.Count += sum.count
	}
	for _, text := range sorted(stacks, func(s *breakdown.StackTime) int64 { return s.Time }) {
		out.Stacks = append(out.Stacks, *stacks[text])
	}
	samples := map[string]*breakdown.SampleStack{}
	for cause, n := range d.samples {
		text := stackText(cause.Stack)
		s := samples[text]
		if s == nil {
			s = &breakdown.SampleStack{Stack: cause.Stack}
			samples[text] = s
		}
		s.Samples += n
	}
	for _, text := range sorted(samples, func(s *breakdown.SampleStack) int64 { return s.Samples }) {
		out.Samples = append(out.Samples, *samples[text])
	}
	return out
}

// sorted returns the keys of a map, those with the largest sums first.
func sorted[T any](m map[string]T, sum func(T) int64) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(sum(m[b]), sum(m[a])), cmp.Compare(a, b)) })
	return keys
}

// causeText returns a text that is equal for equal causes.
func causeText(c *breakdown.Cause) string {
	return strings.Join([]string{c.State, c.Reason, c.System, c.Rule, c.Library, frameText(c.Site), stackText(c.Stack)}, "\x00")
}

func stackText(stack []breakdown.Frame) string {
	var b strings.Builder
	for _, f := range stack {
		b.WriteString(frameText(f))
		b.WriteByte('\x01')
	}
	return b.String()
}

func frameText(f breakdown.Frame) string {
	return f.Function + "\x02" + f.File + "\x02" + strconv.Itoa(f.Line)
}
