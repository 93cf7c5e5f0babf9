package redact_test

import (
	"testing"

	"timesink/analyze/trace/tracetest"
	"timesink/collect/redact"
)

// BenchmarkText masks the strings of a trace, each once.
func BenchmarkText(b *testing.B) {
	var texts []string
	rewritten(b, tracetest.Unzipped(b, "../../cmd/internal/goversions/testdata/go1.26.trace.gz"), func(text string) string { texts = append(texts, text); return text }, same)
	r := redact.New(acme)
	b.ResetTimer()
	size := 0
	for range b.N {
		for _, text := range texts {
			size += len(r.Text(text))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(texts)), "ns/text")
	b.ReportMetric(float64(len(texts)), "texts")
}
