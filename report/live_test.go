package report_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"timesink/analyze/breakdown"
	"timesink/report"
)

// growing returns a snapshot with that many endpoints.
func growing(endpoints int) *breakdown.Snapshot {
	top := breakdown.Endpoint{Name: "example.com/shop/internal/vin.(*API).Decode", Requests: 1229,
		Wall: breakdown.Stats{Total: 1229e8, Mean: 1e8, P50: 97e6}}
	for b, share := range map[breakdown.Bucket]float64{breakdown.Upstream: 0.93, breakdown.CPU: 0.04, breakdown.DB: 0.0201,
		breakdown.GC: 0.006, breakdown.Lock: 0.0039} {
		t := breakdown.BucketTime{Bucket: b, Total: int64(share * 1229e8), Share: share}
		if b == breakdown.Upstream {
			t.Systems = []string{"http"}
		}
		top.Buckets = append(top.Buckets, t)
	}
	return &breakdown.Snapshot{Covered: 3e9, Requests: 1229 + int64(endpoints-1)*500, Endpoints: endpoints, Top: top, TopShare: 0.75}
}

func TestAGrowingAnswerIsShort(t *testing.T) {
	for _, test := range []struct {
		name      string
		endpoints int
		width     int
		want      string
	}{
		{"one endpoint", 1, 60, `
vin.(*API).Decode   1,229 requests   p50 97.0 ms
  upstream HTTP     93.0%  ██████████████████████████████▊
  CPU                4.0%  █▍
  database           2.0%  ▋
  GC                 0.6%  ▎`},
		{"several", 3, 60, `
vin.(*API).Decode   1,229 requests   p50 97.0 ms
  upstream HTTP     93.0%  ██████████████████████████████▊
  CPU                4.0%  █▍
  database           2.0%  ▋
  GC                 0.6%  ▎
  2 more endpoints: 1,000 requests, 25.0% of the time`},
	} {
		got := "\n" + strings.Join(report.Live(growing(test.endpoints), report.TextOptions{Width: test.width}), "\n")
		if got != test.want {
			t.Errorf("%s:%s\nwant:%s", test.name, got, test.want)
		}
	}
	if lines := report.Live(&breakdown.Snapshot{Covered: 1e9}, report.TextOptions{Width: 80}); lines != nil {
		t.Errorf("without requests there is %q", lines)
	}
}

func TestAGrowingAnswerKeepsToTheWidth(t *testing.T) {
	for width := 20; width < 140; width++ {
		for _, l := range report.Live(growing(4), report.TextOptions{Width: width}) {
			if n := utf8.RuneCountInString(l); n > width {
				t.Errorf("a line for %d columns is %d wide: %s", n, width, l)
			}
		}
	}
}
