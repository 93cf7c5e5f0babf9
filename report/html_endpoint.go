package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// An endpointView is one endpoint's part of the page.
type endpointView struct {
	overviewRow
	Number     int
	Name       string // the handler, if the title is a route
	Kind       string
	Stats      []fact
	Notes      []string
	Buckets    []bucketRow
	Zero       string
	Phases     []phaseRow
	Sites      []siteRow
	Holders    []holderRow
	Library    []string
	CPU        []cpuRow
	Samples    string
	Client     []clientRow
	Says       []clientRow // in Server-Timing headers
	Left       []string    // rows left out
	Bars       []histogramRow
	Tail       []tailRow
	TailNotes  []string
	Shown      []requestView
	NoDetail   bool
	HasFlame   bool
	Stacks     []stackRow
	StacksLeft string
}

// A bucketRow is one bucket in the table, with its part of the bar.
type bucketRow struct {
	Bucket, Label, Meaning string
	Time, Share            string
	Parts                  []barPart // the bucket's own part of the bar, and its distinct phases
	P50, P95, P99          string
	Calls, Free            string
	Errs                   []string // how far off the figure "if free" may be
}

type phaseRow struct{ Bucket, Slot, Label, Phase, Meaning, Mean, Share, Note string }

type siteRow struct{ Bucket, Label, Function, Position, File, Mean, Share, Calls, Why string }

type holderRow struct{ Bucket, Label, Held, Function, Position, Doing, Time string }

// A clientRow is a phase of the client's time, or a metric that the service states.
type clientRow struct{ Name, Mean, Share, Meaning string }

type cpuRow struct{ Function, Position, Samples, Share string }

// endpointView returns what the page shows of the i-th endpoint.
func (t *text) endpointView(i int, charts *charts) *endpointView {
	e := &t.b.Endpoints[i]
	b := t.block(e)
	v := &endpointView{Number: i, Kind: clean(e.Kind), NoDetail: e.Detail == nil}
	v.overviewRow = overviewRow{ID: fmt.Sprintf("endpoint-%d", i), Title: title(e), Requests: count(e.Requests), Share: percent(ratio(requestTime(e), t.requestTime()))}
	if e.Requests > 0 {
		v.Mean, v.P95 = b.scale.short(e.Wall.Mean), b.scale.short(e.Wall.P95)
	}
	sum := total
	if e.Requests == 0 && e.Sampled == nil {
		sum = incomplete
	}
	v.Bar, v.Spoken = stackedBar(e.Buckets, cmp.Or(e.Wall.Total, e.IncompleteTime), sum, phasesIn(e))
	if e.Route != "" && e.Name != "" {
		v.Name = function(e.Name)
	}
	v.head(b)
	v.buckets(b)
	v.parts(b)
	v.cpu(b)
	v.client(b)
	v.detail(b, charts)
	return v
}

func (v *endpointView) head(b *block) {
	e := b.e
	seen := "requests"
	if isOutside(b.b) {
		seen = "probes"
	}
	if e.Requests > 0 {
		v.Stats = []fact{
			{seen, count(e.Requests)}, {"mean", b.scale.short(e.Wall.Mean)}, {"p50", b.scale.short(e.Wall.P50)},
			{"p95", b.scale.short(e.Wall.P95)}, {"p99", b.scale.short(e.Wall.P99)}, {"slowest", b.scale.short(e.Wall.Max)},
		}
	}
	if several(b.b) {
		v.Stats = append(v.Stats, fact{"of the request time", v.Share})
	}
	if text := b.sampled(); text != "" {
		v.Notes = append(v.Notes, text)
	}
	if text := b.joined(&e.Buckets[breakdown.CPU]); text != "" {
		v.Notes = append(v.Notes, "CPU: "+text)
	}
	if text := b.tail(); text != "" {
		v.Notes = append(v.Notes, text)
	}
	if text := b.inferred(); text != "" {
		v.Notes = append(v.Notes, text)
	}
	v.Tail, v.TailNotes = b.tailRows(), b.tailNotes()
	if e.Incomplete > 0 {
		v.Notes = append(v.Notes, b.incomplete())
	}
	if e.Client != nil && e.Client.Probes > 0 {
		v.Notes = append(v.Notes, b.client(e.Client))
	}
}

// buckets lists the buckets that hold any time, and unknown.
func (v *endpointView) buckets(b *block) {
	list := unknownLast(ranked(b.e.Buckets, b.of))
	if n := len(list); (n == 0 || list[n-1].Bucket != breakdown.Unknown) && len(b.e.Buckets) == int(breakdown.NumBuckets) {
		list = append(list, &b.e.Buckets[breakdown.Unknown])
	}
	at := int64(0)
	for _, t := range list {
		row := bucketRow{
			Bucket: t.Bucket.String(), Label: label(t), Meaning: t.Bucket.Info().Meaning,
			Time: b.figure(t), Share: percent(ratio(b.of(t), b.whole)),
		}
		for _, part := range slotTimes([]*breakdown.BucketTime{t}, b.of, b.in) {
			row.Parts = append(row.Parts, barPart{Bucket: part.name(), X: percentOf(at, b.whole), Width: percentOf(part.ns, b.whole)})
			at += part.ns
		}
		if b.e.Requests > 0 {
			row.P50, row.P95, row.P99 = b.scale.atLeastVisible(t.P50), b.scale.atLeastVisible(t.P95), b.scale.atLeastVisible(t.P99)
			row.free(b, t)
		}
		if t.CallsPerRequest > 0 {
			row.Calls = fmt.Sprintf("%.1f", t.CallsPerRequest)
		}
		v.Buckets = append(v.Buckets, row)
	}
	v.Zero = strings.Join(b.zero(), ", ")
}

// free sets the mean without the bucket, and how far off it may be, as Text does.
func (r *bucketRow) free(b *block, t *breakdown.BucketTime) {
	if !b.claims(t) {
		return
	}
	s := savingOf(b.e, t)
	r.Free, r.Errs = b.scale.change(b.e.Wall.Mean, s.left(b.e)), s.reserves(b.scale, 0)
}

// parts lists the phases, call sites and holders of all buckets, in the order of the
// buckets.
func (v *endpointView) parts(b *block) {
	left := 0
	for _, t := range unknownLast(ranked(b.e.Buckets, b.of)) {
		name := t.Bucket.String()
		for _, p := range b.phases(t) {
			v.Phases = append(v.Phases, phaseRow{
				name, slot{t.Bucket, p.Phase}.name(), label(t), phaseName(p.Phase), p.Phase.Info().Meaning, b.amount(b.in(&p)), percent(ratio(b.in(&p), b.whole)),
				strings.Join(phaseNotes(b, t, p.Phase), " "),
			})
		}
		for _, s := range t.Sites {
			if len(t.Sites) == 1 && s.Function == breakdown.Other {
				continue // it says no more than the bucket does
			}
			if len(v.Sites) >= maxRows {
				left++
				continue
			}
			v.Sites = append(v.Sites, siteRow{
				name, label(t), siteName(s.Frame), position(s.Frame), clean(s.File), b.amount(s.Mean), percent(ratio(s.Total, cmp.Or(b.e.Wall.Total, b.e.IncompleteTime))),
				callsAt(&s), clean(s.Why),
			})
		}
		v.holders(b, t)
	}
	if left > 0 {
		v.Left = append(v.Left, fmt.Sprintf("%s with less time", counted(int64(left), "more call site", "more call sites")))
	}
}

// phaseNotes returns a phase's notes as in Text, without the holders, which have their
// own table.
func phaseNotes(b *block, t *breakdown.BucketTime, p breakdown.Phase) []string {
	if p.Stage() == breakdown.Pooling {
		return nil
	}
	return b.phaseNote(t, p)
}

func siteName(f breakdown.Frame) string {
	if f.Function == breakdown.Other {
		return "other call sites"
	}
	return function(f.Function)
}

func (v *endpointView) holders(b *block, t *breakdown.BucketTime) {
	for _, h := range t.Holdings() {
		for _, d := range h.Doing {
			if len(v.Holders) < maxRows {
				v.Holders = append(v.Holders, holderRow{
					t.Bucket.String(), label(t), heldBy(t), function(h.Function), position(h.Place()), d.Doing.Info().Label,
					b.scale.atLeastVisible(d.Total / max(b.e.Requests, 1)),
				})
			}
		}
	}
}

func heldBy(t *breakdown.BucketTime) string {
	if t.Bucket == breakdown.Wait {
		return "queueing behind"
	}
	return "held by"
}

// cpu lists the functions that the CPU samples fell in.
func (v *endpointView) cpu(b *block) {
	for i := range b.e.CPULibraries {
		if l := &b.e.CPULibraries[i]; l.OfSamples >= fewestSamples && ratio(l.Estimate, b.e.Wall.Mean) >= ownLine {
			v.Library = append(v.Library, fmt.Sprintf("%s (estimate by %s)", within(l), counted(l.OfSamples, "CPU sample", "CPU samples")))
		}
	}
	samples := int64(0)
	for _, f := range b.e.CPU {
		samples += f.Samples
	}
	if samples == 0 {
		return
	}
	v.Samples = counted(samples, "CPU sample", "CPU samples")
	if samples < fewestSamples {
		v.Samples += ", too few to say much"
	}
	list := slices.Clone(b.e.CPU)
	slices.SortStableFunc(list, func(x, y breakdown.CPUFunction) int { return cmp.Compare(y.Samples, x.Samples) })
	const shown = 20
	for _, f := range list[:min(shown, len(list))] {
		v.CPU = append(v.CPU, cpuRow{function(f.Function), position(f.Frame), count(f.Samples), percent(ratio(f.Samples, samples))})
	}
	if rest := len(list) - shown; rest > 0 {
		v.Left = append(v.Left, fmt.Sprintf("%s with fewer CPU samples", counted(int64(rest), "more function", "more functions")))
	}
}

// client lists the phases of the client's time, and what the service says of its own.
func (v *endpointView) client(b *block) {
	c := b.e.Client
	if c == nil || c.Probes == 0 {
		return
	}
	for _, p := range c.Phases {
		if p.Mean > 0 {
			v.Client = append(v.Client, clientRow{clean(p.Phase), b.scale.atLeastVisible(p.Mean), percent(ratio(p.Mean, c.Mean)), clientMeanings[p.Phase]})
		}
	}
	for _, m := range c.ServerTiming {
		v.Says = append(v.Says, clientRow{clean(m.Name), b.scale.atLeastVisible(m.Mean), percent(ratio(m.Mean, c.Mean)), b.said(&m)})
	}
}
