package report_test

import (
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/report"
)

// ended returns an answer about a window that ended by itself.
func ended(known breakdown.Knowledge, open ...string) *breakdown.Breakdown {
	e := breakdown.Endpoint{Name: "main.work", Kind: "http/1", Requests: 300, Wall: breakdown.Stats{Mean: 1e8, Total: 3e10, P95: 2e8}}
	e.Precision = &breakdown.Precision{MeanCI95: breakdown.Interval{98e6, 1021e5}, P95CI95: breakdown.Interval{18e7, 21e7}}
	for b := range breakdown.NumBuckets {
		share, half := 0.0, 0.0
		if b == breakdown.Upstream {
			share, half = 0.9, 0.0079
		}
		e.Buckets = append(e.Buckets, breakdown.BucketTime{Bucket: b, Share: share})
		e.Precision.SharesCI95 = append(e.Precision.SharesCI95, breakdown.ShareInterval{share - half, share + half})
	}
	return &breakdown.Breakdown{Source: breakdown.Source{Window: 31e8, Covered: 31e8, Auto: &breakdown.Auto{Most: 30e9, Known: known, Open: open}},
		Endpoints: []breakdown.Endpoint{e}}
}

func TestTheAnswerSaysWhyItsWindowEnded(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    *breakdown.Breakdown
		want string
	}{
		{"precise", ended(breakdown.Precise), "the answer was known after 3.1 s: mean ±2.1%, shares ±0.8 points, p95 ±10%"},
		{"conclusive", ended(breakdown.Conclusive), "the answer was known after 3.1 s: mean ±2.1%, shares ±0.8 points, p95 ±10%, none of which would change the cause"},
		{"undecided", ended(breakdown.Undetermined, "main.work"), "3.1 s were not enough: mean ±2.1%"},
		{"fixed", ended(breakdown.FixedWindow), ""},
	} {
		var out strings.Builder
		if err := report.Text(&out, tt.b, report.TextOptions{Width: 140}); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(out.String()), " ")
		if tt.want == "" && (strings.Contains(text, "the answer was") || strings.Contains(text, "enough")) || !strings.Contains(text, tt.want) {
			t.Errorf("%s: %q is not in\n%s", tt.name, tt.want, out.String())
		}
	}
	b := ended(breakdown.Undetermined, "GET /rare")
	b.Source.Auto.Asked = []string{"GET /rare"}
	var out strings.Builder
	if err := report.Text(&out, b, report.TextOptions{Width: 140}); err != nil {
		t.Fatal(err)
	}
	if want := "3.1 s were not enough for GET /rare"; !strings.Contains(out.String(), want) {
		t.Errorf("%q is not in\n%s", want, out.String())
	}
}

func TestAGrowingAnswerSaysHowSureItIs(t *testing.T) {
	b := ended(breakdown.Undetermined)
	if got, want := report.Sure(&b.Endpoints[0]), "mean ±2.1%, upstream calls ±0.8 points"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	b.Endpoints[0].Precision = nil
	if got := report.Sure(&b.Endpoints[0]); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}
