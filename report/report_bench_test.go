package report_test

import (
	"io"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/report"
)

var benched = []struct {
	name  string
	about func() *breakdown.Breakdown
}{
	{"endpoints=1", sequential},
	{"endpoints=6", severalEndpoints},
}

func BenchmarkText(b *testing.B) {
	for _, c := range benched {
		b.Run(c.name, func(b *testing.B) {
			about := c.about()
			b.ReportAllocs()
			for b.Loop() {
				if err := report.Text(io.Discard, about, report.TextOptions{Width: 80}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkJSON(b *testing.B) {
	for _, c := range benched {
		b.Run(c.name, func(b *testing.B) {
			about := c.about()
			b.ReportAllocs()
			for b.Loop() {
				if err := report.JSON(io.Discard, about); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
