package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// CompareHTML writes a comparison as one self-contained page, like HTML. before and
// after are the sides that c was made from; the page draws their histograms.
func CompareHTML(w io.Writer, c *breakdown.Comparison, before, after *breakdown.Breakdown) error {
	p, charts := newComparePage(WordedComparison(c), before, after)
	return p.writeTo(w, "compare.html", charts, p)
}

// A comparePage is the data of the template compare.html.
type comparePage struct {
	frame
	Title     string
	Answer    string
	Before    string
	After     string
	Redacted  bool
	Gates     []gateView
	Predicted []outcomeView
	Endpoints []*changeView
	Others    string
	Dropped   []string
	Traffic   []string
	Warnings  []warningView
	Explained []explained
	Buckets   []meaning
	Sides     []sideView
}

type gateView struct{ Outcome, Word, Text string }

// An outcomeView shows a prediction beside what came.
type outcomeView struct {
	Text string
	Rows []struct{ Quantity, Before, Predicted, Measured string }
}

func newOutcomeView(c *breakdown.Comparison, o *breakdown.Outcome) outcomeView {
	v := outcomeView{Text: clean(outcomeText(c, o))}
	for i := range o.Quantities {
		q := &o.Quantities[i]
		unit := scaleOf(max(q.Before, q.Predicted, q.Measured))
		v.Rows = append(v.Rows, struct{ Quantity, Before, Predicted, Measured string }{q.Quantity, unit.column(q.Before), unit.column(q.Predicted), unit.column(q.Measured)})
	}
	return v
}

// A sideView describes one side's evidence.
type sideView struct {
	Name     string
	Facts    []fact
	Evidence []evidenceView
}

// A changeView shows what changed in one endpoint.
type changeView struct {
	Number                     int
	Title, Name, Requests, Was string
	Confidence                 string
	Wall                       []changeRow
	Needs                      []string
	BeforeBar, AfterBar        twoBar
	Bridge                     []bridgeRow
	Sites                      []siteChangeRow
	Left                       string
	Bars                       []overlayRow
	NoBars, Flame              bool
}

type changeRow struct{ Quantity, Before, After, Change, Relative, Interval, P string }

// A twoBar is one side's stacked bar. Both sides' bars have one scale.
type twoBar struct {
	Name, Mean, Spoken string
	Bar                []barPart
}

// A bridgeRow is one step from the mean before to the mean after.
type bridgeRow struct {
	Bucket, Label, Change, X, Width string
	Part                            string // the part of the bucket that changed
	Ends                            bool   // a mean, not a step
	Unsure                          bool
}

type siteChangeRow struct{ Bucket, Label, Function, Position, Change string }

type overlayRow struct{ From, To, Before, After string }

// A changeChart holds both sides' histograms, over the same bars.
type changeChart struct {
	Unit  unit        `json:"unit"`
	Bars  []changeBar `json:"bars"`
	Marks []mark      `json:"marks"`
	Flame *flame      `json:"flame"` // of both sides; nil if one has no stacks
}

type changeBar struct {
	Low    int64 `json:"low"`
	High   int64 `json:"high"`
	Before int64 `json:"before"`
	After  int64 `json:"after"`
}

// maxChanges is how many endpoints a comparison's page shows individually.
const maxChanges = 10

func newComparePage(c *breakdown.Comparison, before, after *breakdown.Breakdown) (*comparePage, *chartData) {
	p := &comparePage{
		Title: "what changed", Answer: clean(verdict(c)), Before: sideText(&c.Before), After: sideText(&c.After),
		Redacted: c.Before.Source.Redacted || c.After.Source.Redacted, Traffic: cameAndWent(c), Buckets: bucketMeanings(),
		Sides: []sideView{
			{"Before", sourceFacts(&c.Before.Source, ""), evidenceOf(&c.Before.Source)},
			{"After", sourceFacts(&c.After.Source, ""), evidenceOf(&c.After.Source)},
		},
	}
	if text := mixText(c); text != "" {
		p.Traffic = append(p.Traffic, text)
	}
	for i := range c.Gates {
		g := &c.Gates[i]
		p.Gates = append(p.Gates, gateView{g.Outcome, gateWord(g), clean(GateText(g))})
	}
	for i := range c.Predictions {
		p.Predicted = append(p.Predicted, newOutcomeView(c, &c.Predictions[i]))
	}
	p.Warnings, p.Explained = warningViews(c.Warnings), explanations(nil, c.Warnings)
	charts := newChartData()
	both := ofStatus(c, "both")
	for i, e := range both[:min(maxChanges, len(both))] {
		sides := [2]*breakdown.Endpoint{find(before, cmp.Or(e.Was, e.Name), e.Kind), find(after, e.Name, e.Kind)}
		chart := overlay(e, sides[0], sides[1])
		chart.Flame = charts.difference(changeTitle(e), sides[0], sides[1], min(maxEndpointFrames, maxFrames/min(maxChanges, len(both))))
		charts.Changes = append(charts.Changes, chart)
		p.Endpoints = append(p.Endpoints, newChangeView(c, e, i, &chart, sides))
	}
	if len(both) > 0 {
		p.Title = "what changed in " + shorten(changeTitle(both[0]), 80)
	}
	var others []string
	for _, e := range both[min(maxChanges, len(both)):] {
		others = append(others, shorten(changeTitle(e), 60)+" "+(&compared{}).verdict(&e.Wall[0]))
	}
	if len(others) > 0 {
		p.Others = counted(int64(len(others)), "more endpoint", "more endpoints") + ": " + strings.Join(others, ", ")
	}
	p.Dropped = charts.dropped
	return p, &charts.chartData
}

func find(b *breakdown.Breakdown, name, kind string) *breakdown.Endpoint {
	i := slices.IndexFunc(b.Endpoints, func(e breakdown.Endpoint) bool { return e.Name == name && e.Kind == kind })
	if i < 0 {
		i = slices.IndexFunc(b.Endpoints, func(e breakdown.Endpoint) bool { return e.Name == name })
	}
	if i < 0 {
		return nil
	}
	return &b.Endpoints[i]
}

// newChangeView returns what the page shows of an endpoint. sides are the endpoint before
// and after; each may be nil.
func newChangeView(c *breakdown.Comparison, e *breakdown.EndpointChange, number int, chart *changeChart, sides [2]*breakdown.Endpoint) *changeView {
	unit := scaleOf(max(e.Wall[0].Before, e.Wall[0].After))
	v := &changeView{
		Number: number, Title: changeTitle(e), Requests: counted(e.RequestsBefore, "request", "requests") + " → " + count(e.RequestsAfter),
		Was: clean(e.Was), Confidence: (&compared{c: c}).confidence(), Needs: needs(e), NoBars: len(chart.Bars) == 0, Flame: chart.Flame != nil,
	}
	if e.Route != "" {
		v.Name = title(&breakdown.Endpoint{Name: e.Name})
	}
	for i := range e.Wall {
		w := &e.Wall[i]
		row := changeRow{Quantity: w.Quantity, Before: unit.column(w.Before), After: unit.column(w.After), Change: signedTime(unit, w.Delta), Relative: signed(w.Relative),
			Interval: signedTime(unit, w.Low) + " to " + signedTime(unit, w.High), P: "~"}
		if w.Significant {
			row.P = strings.TrimPrefix(probability(w.P), "= ")
		}
		v.Wall = append(v.Wall, row)
	}
	v.bars(e, unit, sides)
	v.bridge(e, unit)
	v.sites(e, unit)
	for _, b := range chart.Bars {
		v.Bars = append(v.Bars, overlayRow{unit.column(b.Low), unit.column(b.High), count(b.Before), count(b.After)})
	}
	return v
}

// bars draws the two means to one scale.
func (v *changeView) bars(e *breakdown.EndpointChange, unit scale, sides [2]*breakdown.Endpoint) {
	mean := &e.Wall[0]
	side := func(name string, whole int64, of func(*breakdown.BucketChange) int64, from *breakdown.Endpoint) twoBar {
		buckets := make([]breakdown.BucketTime, len(e.Buckets))
		for i := range e.Buckets {
			b := e.Buckets[i].Bucket
			buckets[i] = breakdown.BucketTime{Bucket: b, Total: of(&e.Buckets[i]), Phases: meanPhases(from, b)}
		}
		_, spoken := stackedBar(buckets, whole, total, totalIn)
		bar, _ := stackedBar(buckets, max(mean.Before, mean.After, 1), total, totalIn)
		for i, t := range slotTimes(unknownLast(ranked(buckets, total)), total, totalIn) {
			bar[i].Share = unit.atLeastVisible(t.ns)
		}
		return twoBar{name, unit.column(whole), spoken, bar}
	}
	v.BeforeBar = side("before", mean.Before, func(b *breakdown.BucketChange) int64 { return b.Before }, sides[0])
	v.AfterBar = side("after", mean.After, func(b *breakdown.BucketChange) int64 { return b.After }, sides[1])
}

// meanPhases returns the phases of an endpoint's bucket with their means as totals. e may
// be nil.
func meanPhases(e *breakdown.Endpoint, b breakdown.Bucket) (list []breakdown.PhaseTime) {
	if e == nil || int(b) >= len(e.Buckets) {
		return nil
	}
	for _, p := range e.Buckets[b].Phases {
		list = append(list, breakdown.PhaseTime{Phase: p.Phase, Total: p.Mean})
	}
	return list
}

// bridge leads from the mean before to the mean after without a gap, one step for each
// part of a bucket's change. Steps too small to see are merged into the last.
func (v *changeView) bridge(e *breakdown.EndpointChange, unit scale) {
	mean := &e.Wall[0]
	at, steps := mean.Before, bridgeSteps(e)
	low, high := int64(0), max(mean.Before, mean.After)
	for sum, i := mean.Before, 0; i < len(steps); i++ {
		sum += steps[i].delta
		low, high = min(low, sum), max(high, sum)
	}
	place := func(from, to int64) (x, width string) {
		return percentOf(min(from, to)-low, high-low), percentOf(magnitude(to-from), high-low)
	}
	end := func(label string, ns int64) bridgeRow {
		x, width := place(0, ns)
		return bridgeRow{Label: label, Change: unit.column(ns), X: x, Width: width, Ends: true}
	}
	v.Bridge = append(v.Bridge, end("mean before", mean.Before))
	for _, s := range steps {
		row := bridgeRow{Bucket: s.bucket, Label: s.label, Part: s.part, Change: signedTime(unit, s.delta), Unsure: s.unsure}
		row.X, row.Width = place(at, at+s.delta)
		at += s.delta
		v.Bridge = append(v.Bridge, row)
	}
	v.Bridge = append(v.Bridge, end("mean after", mean.After))
}

type bridgeStep struct {
	bucket, label, part string
	delta               int64
	unsure              bool
}

// bridgeSteps returns steps that sum to the change of the mean.
func bridgeSteps(e *breakdown.EndpointChange) []bridgeStep {
	mean := &e.Wall[0]
	order := make([]*breakdown.BucketChange, 0, len(e.Buckets))
	for i := range e.Buckets {
		order = append(order, &e.Buckets[i])
	}
	slices.SortStableFunc(order, func(a, b *breakdown.BucketChange) int { return cmp.Compare(magnitude(b.Delta), magnitude(a.Delta)) })
	var steps []bridgeStep
	rest := mean.Delta
	for _, b := range order {
		if float64(magnitude(b.Delta)) < smallPart*float64(max(mean.Before, mean.After)) {
			continue
		}
		parts := worthShowing(b.Parts, b.Delta)
		if len(parts) == 0 {
			parts = worthShowing(b.Phases, b.Delta)
		}
		left := b.Delta
		for _, p := range parts {
			left -= p.Delta
			steps = append(steps, bridgeStep{partSlot(b.Bucket, p.Part), b.Bucket.Info().Label, clean(p.Part), p.Delta, !b.Significant})
		}
		if left != 0 {
			part := ""
			if len(parts) > 0 {
				part = "smaller parts"
			}
			steps = append(steps, bridgeStep{b.Bucket.String(), b.Bucket.Info().Label, part, left, !b.Significant})
		}
		rest -= b.Delta
	}
	if rest != 0 {
		steps = append(steps, bridgeStep{"", "the rest", "", rest, true})
	}
	return steps
}

// partSlot returns the name in style sheets of a part of a bucket's change, which may be
// a phase with a color of its own.
func partSlot(b breakdown.Bucket, part string) string {
	var p breakdown.Phase
	if p.UnmarshalText([]byte(part)) == nil {
		return slot{b, p}.name()
	}
	return b.String()
}

// sites lists the call sites whose time changed visibly, the largest change first.
func (v *changeView) sites(e *breakdown.EndpointChange, unit scale) {
	type site struct {
		breakdown.SiteChange
		of breakdown.Bucket
	}
	var list []site
	for i := range e.Buckets {
		for _, s := range e.Buckets[i].Sites {
			if s.Function != breakdown.Other && signedTime(unit, s.Delta) != signedTime(unit, 0) {
				list = append(list, site{s, e.Buckets[i].Bucket})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b site) int { return cmp.Compare(magnitude(b.Delta), magnitude(a.Delta)) })
	for _, s := range list[:min(len(list), maxRows)] {
		v.Sites = append(v.Sites, siteChangeRow{s.of.String(), s.of.Info().Label, function(s.Function), position(s.Frame), signedTime(unit, s.Delta)})
	}
	if left := len(list) - maxRows; left > 0 {
		v.Left = fmt.Sprintf("Left out: %s.", counted(int64(left), "more call site", "more call sites"))
	}
}

// overlay puts both sides' histograms over the same bars.
func overlay(e *breakdown.EndpointChange, before, after *breakdown.Endpoint) changeChart {
	mean := &e.Wall[0]
	chart := changeChart{Unit: unitOf(max(mean.Before, mean.After, 1)), Bars: []changeBar{}, Marks: []mark{}}
	if before == nil || after == nil {
		return chart
	}
	by := map[int64]*changeBar{}
	for i, bars := range [][]breakdown.Bar{barsOf(before), barsOf(after)} {
		for _, b := range bars {
			at := by[b.Low]
			if at == nil {
				at = &changeBar{Low: b.Low, High: b.High}
				by[b.Low] = at
			}
			if i == 0 {
				at.Before += b.Requests
			} else {
				at.After += b.Requests
			}
		}
	}
	for _, b := range by {
		chart.Bars = append(chart.Bars, *b)
	}
	slices.SortFunc(chart.Bars, func(x, y changeBar) int { return cmp.Compare(x.Low, y.Low) })
	chart.Marks = []mark{{"mean before", mean.Before}, {"mean after", mean.After}}
	return chart
}

// barsOf returns an endpoint's bars. If they were not kept, it derives them from the
// wall-time histogram.
func barsOf(e *breakdown.Endpoint) []breakdown.Bar {
	if e.Detail != nil {
		return e.Detail.Bars
	}
	if e.Wall.Hist == nil {
		return nil
	}
	var bars breakdown.Bars
	e.Wall.Hist.Each(func(lo, _, _ int64) { bars.Add(breakdown.RequestID{}, lo, &[breakdown.NumBuckets]int64{}) })
	d := breakdown.Detail{Bars: bars.List()}
	for i := range d.Bars {
		d.Bars[i].Requests = 0
	}
	e.Wall.Hist.Each(func(lo, _, n int64) { d.At(lo).Requests += n })
	return d.Bars
}
