package report_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/report"
)

// comparison compares two fixtures. It makes up the results of the tests, since
// fixtures hold no requests.
func comparison(t *testing.T, before, after *breakdown.Breakdown, gates ...string) *breakdown.Comparison {
	t.Helper()
	var parsed []analyze.Gate
	for _, text := range gates {
		g, err := analyze.ParseGate(text)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, g)
	}
	for _, b := range []*breakdown.Breakdown{before, after} {
		for i := range b.Endpoints {
			e := &b.Endpoints[i]
			e.Wall.Hist = histogram(e.Wall.P50, e.Wall.P95, e.Wall.P99)
			for j := range e.Buckets {
				b := &e.Buckets[j]
				b.Hist, b.CallTime = histogram(b.P50), b.Total // calls made one after another
			}
		}
	}
	c, err := analyze.Changes(before, after, 0, parsed)
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Endpoints {
		e := &c.Endpoints[i]
		for j := range e.Wall {
			w := &e.Wall[j]
			w.Low, w.High, w.P, w.Significant = w.Delta-2_000_000, w.Delta+1_000_000, 0.004, j < 2
			if j == 3 {
				w.Needs = "about 700 more requests a side"
			}
		}
		for j := range e.Buckets {
			e.Buckets[j].Significant = e.Buckets[j].Delta != 0
		}
	}
	return c
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
		"faster":  comparison(t, slowDatabase(), sequential(), "p50 > +10%", "db mean > +5ms"),
		"slower":  comparison(t, sequential(), slowDatabase(), "p50 > +10%", "db mean > +5ms"),
		"traffic": comparison(t, severalEndpoints(), sequential()),
		"nothing": comparison(t, fixtures["nothing"](), fixtures["nothing"]()),
		"hostile": comparison(t, fixtures["hostile"](), fixtures["hostile"]()),
		"cases":   comparison(t, ticket(), ticket()),
	}
}
