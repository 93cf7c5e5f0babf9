package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"timesink/analyze/breakdown"
)

// WhatIfHTML writes a prediction as one self-contained page, like HTML.
func WhatIfHTML(w io.Writer, p *breakdown.Prediction) error {
	page, charts := newWhatIfPage(wordedPrediction(p))
	return page.writeTo(w, "whatif.html", charts, page)
}

// A whatIfPage is the data of the template whatif.html.
type whatIfPage struct {
	frame
	Title     string
	Answer    string
	Changes   string
	Source    []string
	Redacted  bool
	Endpoints []predictedView
	Others    string
	Assumed   []string
	Unknown   []string
	Buckets   []meaning
	Facts     []fact
}

// A predictedView shows one endpoint before and after.
type predictedView struct {
	Number                int
	Title, Name, Requests string
	Limited               bool
	Wall                  []predictedRow
	Parts                 []predictedPart
	Bars                  []overlayRow
}

type predictedRow struct{ Quantity, Before, After, Change, Interval, Limited string }

type predictedPart struct{ Bucket, Label, Before, After, Change string }

func newWhatIfPage(p *breakdown.Prediction) (*whatIfPage, *chartData) {
	t := &predicted{p: p}
	page := &whatIfPage{Title: "what if: " + shorten(changesText(p.Changes), 80), Answer: clean(t.verdict()), Changes: changesText(p.Changes), Source: t.source(),
		Redacted: p.Source.Redacted, Buckets: bucketMeanings(), Facts: sourceFacts(&p.Source, "")}
	for _, a := range p.Assumptions {
		page.Assumed = append(page.Assumed, clean(a.Message))
	}
	for _, a := range p.Unknown {
		page.Unknown = append(page.Unknown, clean(a.Message))
	}
	charts := newChartData()
	for i := range p.Endpoints[:min(maxChanges, len(p.Endpoints))] {
		e := &p.Endpoints[i]
		sides := [2]*breakdown.Endpoint{{Wall: breakdown.Stats{Hist: e.Before.Hist}}, {Wall: breakdown.Stats{Hist: e.After.Hist}}}
		chart := overlay(&breakdown.EndpointChange{Wall: []breakdown.Change{{Before: e.Before.Mean, After: e.After.Mean}}}, sides[0], sides[1])
		for k := range chart.Marks {
			chart.Marks[k].Name = []string{"mean before", "mean predicted"}[k]
		}
		charts.Changes = append(charts.Changes, chart)
		page.Endpoints = append(page.Endpoints, newPredictedView(e, i, &chart))
	}
	var others []string
	for i := range p.Endpoints[min(maxChanges, len(p.Endpoints)):] {
		e := &p.Endpoints[maxChanges+i]
		others = append(others, shorten(predictedTitle(e), 60)+" "+signed(relative(e)))
	}
	if len(others) > 0 {
		page.Others = counted(int64(len(others)), "more endpoint", "more endpoints") + ": " + strings.Join(others, ", ")
	}
	return page, &charts.chartData
}

func newPredictedView(e *breakdown.EndpointPredicted, number int, chart *changeChart) predictedView {
	unit := scaleOf(max(e.Before.Mean, e.After.Mean))
	v := predictedView{Number: number, Title: predictedTitle(e), Requests: counted(e.Before.Requests, "request", "requests"), Limited: e.Limited != nil}
	if e.Route != "" {
		v.Name = title(&breakdown.Endpoint{Name: e.Name})
	}
	limited := cmp.Or(e.Limited, &breakdown.Predicted{})
	for _, q := range []struct {
		name                   string
		before, after, limited int64
		ci                     [2]int64
	}{
		{"mean", e.Before.Mean, e.After.Mean, limited.Mean, e.After.MeanCI},
		{"p50", e.Before.P50, e.After.P50, limited.P50, e.After.P50CI},
		{"p95", e.Before.P95, e.After.P95, limited.P95, e.After.P95CI},
		{"p99", e.Before.P99, e.After.P99, limited.P99, e.After.P99CI},
	} {
		v.Wall = append(v.Wall, predictedRow{q.name, unit.column(q.before), unit.column(q.after), signed(float64(q.after-q.before) / float64(max(1, q.before))),
			unit.column(q.ci[0]) + " to " + unit.column(q.ci[1]), unit.column(q.limited)})
	}
	rate := predictedRow{Quantity: "requests/s", Before: fmt.Sprintf("%.1f", e.Before.Rate), After: fmt.Sprintf("%.1f", e.After.Rate), Change: signed(e.After.Rate/e.Before.Rate - 1)}
	if e.Limited != nil {
		rate.Limited = fmt.Sprintf("%.1f", limited.Rate)
	}
	v.Wall = append(v.Wall, rate)
	for _, i := range largestParts(e) {
		b, before, after := e.Before.Buckets[i].Bucket, e.Before.Buckets[i].Mean, e.After.Buckets[i].Mean
		v.Parts = append(v.Parts, predictedPart{b.String(), b.Info().Label, unit.column(before), unit.column(after), signedTime(unit, after-before)})
	}
	for _, b := range chart.Bars {
		v.Bars = append(v.Bars, overlayRow{unit.column(b.Low), unit.column(b.High), count(b.Before), count(b.After)})
	}
	return v
}
