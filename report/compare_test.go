package report_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/report"
)

// comparison compares two fixtures, each as if it were four captures that were taken in
// turn with the other's.
func comparison(t *testing.T, before, after *breakdown.Breakdown, gates ...string) *breakdown.Comparison {
	t.Helper()
	return comparisonOf(t, before, after, 4, gates...)
}

// comparisonOf compares two fixtures with a number of captures a side.
func comparisonOf(t *testing.T, before, after *breakdown.Breakdown, captures int, gates ...string) *breakdown.Comparison {
	t.Helper()
	var o analyze.CompareOptions
	for _, text := range gates {
		g, err := analyze.ParseGate(text)
		if err != nil {
			t.Fatal(err)
		}
		o.Gates = append(o.Gates, g)
	}
	for i, b := range []*breakdown.Breakdown{before, after} {
		asCaptures(b, captures, i)
	}
	c, err := analyze.Changes(before, after, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// asCaptures makes a fixture look like several captures, of which every second is of this
// side. Those of one side differ by some percent.
func asCaptures(b *breakdown.Breakdown, captures, side int) {
	b.Source.Instances, b.Captures = captures, nil
	covered := int64(10_000_000_000)
	if captures > 1 { // both sides have one rate
		requests := int64(0)
		for i := range b.Endpoints {
			requests += b.Endpoints[i].Requests
		}
		covered = requests * 40_000_000 / int64(captures)
	}
	for i := range captures {
		at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(2*i+(i+side)%2) * time.Minute)
		b.Captures = append(b.Captures, breakdown.Capture{At: &at, Covered: covered})
	}
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		e.Wall.Hist = histogram(e.Wall.P50, e.Wall.P95, e.Wall.P99)
		for j := range e.Buckets {
			b := &e.Buckets[j]
			b.Hist, b.CallTime = histogram(b.P50), b.Total // calls made one after another
		}
		e.Series = map[int]*breakdown.Series{}
		for c := range captures {
			e.Series[c] = series(e, captures, 1+0.02*float64(c%3-1))
		}
	}
}

// series returns one of several captures of an endpoint, with times that are larger by a
// factor.
func series(e *breakdown.Endpoint, captures int, factor float64) *breakdown.Series {
	s := &breakdown.Series{Stride: 1}
	const blocks = 10
	for range blocks {
		scale := factor / float64(captures*blocks)
		block := breakdown.Block{Requests: max(e.Requests/int64(captures*blocks), 1), Wall: int64(scale * float64(e.Wall.Total))}
		for b := range e.Buckets {
			block.Buckets[b] = int64(scale * float64(e.Buckets[b].Total))
		}
		e.Wall.Hist.Each(func(lo, _, n int64) {
			for range n / blocks {
				block.Walls = append(block.Walls, int64(factor*float64(lo)))
			}
		})
		block.Walls = append(block.Walls, int64(factor*float64(e.Wall.P99)))
		s.Blocks = append(s.Blocks, block)
	}
	return s
}

// histogram returns a histogram in which a tenth of the values is the second to last,
// and a fiftieth the last.
func histogram(values ...int64) *breakdown.Histogram {
	h := &breakdown.Histogram{}
	h.RecordN(values[0], 90)
	for i, v := range values[1:] {
		h.RecordN(v, int64(8-6*i))
	}
	return h
}

func TestComparisonGoldens(t *testing.T) {
	for name, c := range comparisons(t) {
		for format, write := range map[string]func(*bytes.Buffer) error{
			".txt":  func(b *bytes.Buffer) error { return report.CompareText(b, c, report.TextOptions{}) },
			".md":   func(b *bytes.Buffer) error { return report.CompareMarkdown(b, c, report.MarkdownOptions{}) },
			".json": func(b *bytes.Buffer) error { return report.CompareJSON(b, c) },
		} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, "compare-"+name+format, b.Bytes())
			if format == ".json" && !json.Valid(b.Bytes()) {
				t.Errorf("%s is not JSON", name)
			}
			for line := range strings.Lines(b.String()) {
				if columns := twwidth.WidthWithOptions(strings.TrimSuffix(line, "\n"), twwidth.Options{}); format == ".txt" && columns > 80 {
					t.Errorf("%s has a line of %d columns: %s", name, columns, line)
				}
				if strings.ContainsAny(line, "\x1b\x07") {
					t.Errorf("%s%s lets a control character through: %q", name, format, line)
				}
			}
		}
	}
}

func comparisons(t *testing.T) map[string]*breakdown.Comparison {
	return map[string]*breakdown.Comparison{
		"faster":   comparison(t, slowDatabase(), sequential(), "p50 > +10%", "db mean > +5ms"),
		"slower":   comparison(t, sequential(), slowDatabase(), "p50 > +10%", "db mean > +5ms", "p95 > +60%"),
		"once":     comparisonOf(t, sequential(), slowDatabase(), 1, "p50 > +10%"),
		"traffic":  comparison(t, severalEndpoints(), sequential()),
		"nothing":  comparison(t, fixtures["nothing"](), fixtures["nothing"]()),
		"hostile":  comparison(t, fixtures["hostile"](), fixtures["hostile"]()),
		"cases":    comparison(t, ticket(), ticket()),
		"foretold": foretold(t),
	}
}

// foretold is a comparison of changes that had been predicted.
func foretold(t *testing.T) *breakdown.Comparison {
	c := comparison(t, slowDatabase(), sequential())
	e := &c.Endpoints[0]
	limited := e.Wall[0].Before - 3*ms
	f := breakdown.Forecast{Endpoint: e.Name, Route: e.Route, Kind: e.Kind, Load: "closed", Rate: 22,
		Changes: []breakdown.PlannedChange{{Change: "scale", At: "db", Factor: 0.1}, {Change: "reuse-connections", At: "upstream"}},
		Mean:    breakdown.Forecasted{Before: e.Wall[0].Before, After: e.Wall[0].After + 2*ms, AfterCI: breakdown.Interval{e.Wall[0].After - 2*ms, e.Wall[0].After + 6*ms}, Limited: &limited}}
	c.Predictions = []breakdown.Outcome{{
		Forecast: f, Predicted: f.Mean.Delta(), PredictedLow: f.Mean.Delta() - 4*ms, PredictedHigh: f.Mean.Delta() + 4*ms, Limited: ptr(-3 * ms),
		Measured: e.Wall[0].Delta, MeasuredLow: e.Wall[0].Low, MeasuredHigh: e.Wall[0].High, OtherLoad: true, Others: 1,
		Signs: []breakdown.Sign{{Change: "scale", What: breakdown.SignTime, At: "db", Before: 160e6, After: 4e6}, {Change: "reuse-connections", What: breakdown.SignDialed, At: "upstream", Before: 1, After: 0.02}},
		Quantities: []breakdown.OutcomeQuantity{{Quantity: "mean", Before: e.Wall[0].Before, Predicted: f.Mean.After, Measured: e.Wall[0].After},
			{Quantity: "p50", Before: e.Wall[1].Before, Predicted: e.Wall[1].After, Measured: e.Wall[1].After}},
	}}
	return c
}

func ptr(ns int64) *int64 { return &ns }
