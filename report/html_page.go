package report

import (
	"cmp"
	"fmt"
	"strings"

	"timesink/analyze/breakdown"
)

// A reportPage is the data of the template report.html. Its strings are clean; the
// template escapes them.
type reportPage struct {
	frame
	Title     string
	Answer    string
	Source    []string
	Redacted  bool
	Overview  []overviewRow
	Findings  []findingView
	Instances *instancesView
	Endpoints []*endpointView
	Others    string
	Roots     []rootRow
	RootsLeft string
	Units     []string
	Warnings  []warningView
	Explained []explained
	Dropped   []string
	Buckets   []meaning
	Facts     []fact
	Evidence  []evidenceView
	Rules     []string
}

// An overviewRow is one endpoint's bar on the first screen.
type overviewRow struct {
	ID, Title, Requests, Mean, P95, Share string
	Bar                                   []barPart
	Spoken                                string // the bar in words
}

// A barPart is one bucket's part of a bar, in percent of it.
type barPart struct {
	Bucket, Label, Share string
	X, Width             string
	Named                bool // whether there is room for its label
}

type findingView struct {
	ID         string // of its explanation
	Title, Try string
	Evidence   []string
}

type warningView struct {
	ID   string // of its explanation
	Text string
}

func warningViews(list []breakdown.Warning) (views []warningView) {
	for _, w := range list {
		views = append(views, warningView{explainedID(w.Code), clean(cmp.Or(w.Message, w.Code))})
	}
	return views
}

type meaning struct{ Bucket, Label, Text string }

type rootRow struct {
	Function, Goroutines, Wall, Waiting, Asleep, Work, Share string
	Bar                                                      []barPart
	Spoken                                                   string
}

func newReportPage(b *breakdown.Breakdown, specimens []breakdown.Specimen, top int) (*reportPage, *chartData) {
	t := &text{page: page{width: 1 << 16}, b: b, verbose: true}
	p := &reportPage{
		Title: pageTitle(b), Answer: conclusion(b), Source: t.source(), Redacted: b.Source.Redacted,
		Facts: sourceFacts(&b.Source, knownText(b)), Evidence: evidenceOf(&b.Source), Buckets: bucketMeanings(),
	}
	for _, r := range b.Source.Rules {
		p.Rules = append(p.Rules, clean(r))
	}
	for _, f := range toTry(b.Findings) {
		p.Findings = append(p.Findings, t.findingView(&f))
	}
	p.Warnings, p.Explained = warningViews(b.Warnings), explanations(toTry(b.Findings), b.Warnings)
	p.Instances = t.instancesView(top)
	charts := newCharts(b, specimens, top)
	for i := range b.Endpoints[:top] {
		v := t.endpointView(i, charts)
		p.Endpoints = append(p.Endpoints, v)
		p.Overview = append(p.Overview, v.overviewRow)
	}
	if len(b.Endpoints) > top && t.worthNaming(b.Endpoints[top:]) {
		p.Others = t.othersText(b.Endpoints[top:])
	}
	p.addRoots(rootsToShow(b))
	p.Units = unitsOf(rootsToShow(b))
	p.Dropped = charts.dropped
	return p, &charts.chartData
}

func bucketMeanings() (list []meaning) {
	for b := range breakdown.NumBuckets {
		list = append(list, meaning{b.String(), b.Info().Label, b.Info().Meaning})
	}
	for p := range breakdown.NumPhases {
		if info := p.Info(); info.Distinct() {
			list = append(list, meaning{info.Name, info.Label, "in any of them: " + info.Meaning + "; the service's own time, not the other side's"})
		}
	}
	return list
}

func pageTitle(b *breakdown.Breakdown) string {
	e := busiest(b)
	if e == nil {
		return strings.TrimSpace("where the time goes " + clean(b.Source.Target))
	}
	return "where the time of " + shorten(title(e), 80) + " goes"
}

func (t *text) findingView(f *breakdown.Finding) findingView {
	v := findingView{ID: explainedID(f.ID), Title: t.heading(f), Try: clean(f.Try)}
	for _, e := range f.Evidence {
		if e != "" {
			v.Evidence = append(v.Evidence, clean(e))
		}
	}
	return v
}

// othersText sums up the endpoints that are not shown individually.
func (t *text) othersText(rest []breakdown.Endpoint) string {
	requests, spent := int64(0), int64(0)
	var names []string
	for i := range rest {
		requests += rest[i].Requests
		spent += requestTime(&rest[i])
		if i < maxOthers {
			names = append(names, titleWithKind(&rest[i], 60))
		}
	}
	if len(rest) > maxOthers {
		names = append(names, "…")
	}
	return fmt.Sprintf("%s with %s and %s of the request time: %s",
		counted(int64(len(rest)), "more endpoint", "more endpoints"), counted(requests, "request", "requests"),
		percent(ratio(spent, t.requestTime())), strings.Join(names, ", "))
}

// Limits of the lists that could be endless.
const (
	maxOthers = 12
	maxRoots  = 50
	maxRows   = 100
)

// addRoots shows the goroutines by the function they began in.
func (p *reportPage) addRoots(roots []breakdown.Root) {
	whole := int64(0)
	for i := range roots {
		whole += roots[i].AtWork()
	}
	unit := scaleOf(whole)
	for i := range roots[:min(len(roots), maxRoots)] {
		r := &roots[i]
		work := r.AtWork()
		in := func(b breakdown.Bucket) string { return percent(ratio(spentIn(r, b), r.Wall)) }
		row := rootRow{
			Function: function(r.Function), Goroutines: count(r.Goroutines), Wall: duration(r.Wall), Waiting: in(breakdown.Wait), Asleep: in(breakdown.Sleep),
			Work: unit.atLeastVisible(work), Share: percent(ratio(work, whole)),
		}
		row.Bar, row.Spoken = stackedBar(r.Buckets, r.Wall, total, totalIn)
		p.Roots = append(p.Roots, row)
	}
	if rest := len(roots) - maxRoots; rest > 0 {
		p.RootsLeft = fmt.Sprintf("and %d more", rest)
	}
}

// stackedBar lays out buckets side by side, the largest first and unknown last, each with
// its distinct phases after it. It also returns the bar in words.
func stackedBar(buckets []breakdown.BucketTime, whole int64, of func(*breakdown.BucketTime) int64, in func(*breakdown.PhaseTime) int64) ([]barPart, string) {
	var parts []barPart
	var spoken []string
	at := int64(0)
	for _, t := range slotTimes(unknownLast(ranked(buckets, of)), of, in) {
		share, name := ratio(t.ns, whole), t.label(label(t.of))
		parts = append(parts, barPart{
			Bucket: t.name(), Label: name, Share: percent(share),
			X: percentOf(at, whole), Width: percentOf(t.ns, whole), Named: share >= 0.12,
		})
		at += t.ns
		spoken = append(spoken, name+" "+percent(share))
	}
	return parts, strings.Join(spoken, ", ")
}

func unknownLast(list []*breakdown.BucketTime) []*breakdown.BucketTime {
	var last []*breakdown.BucketTime
	var out []*breakdown.BucketTime
	for _, t := range list {
		if t.Bucket == breakdown.Unknown {
			last = append(last, t)
		} else {
			out = append(out, t)
		}
	}
	return append(out, last...)
}

// percentOf returns a length as a percentage, for drawing.
func percentOf(ns, whole int64) string { return fmt.Sprintf("%.3f%%", 100*ratio(ns, whole)) }
