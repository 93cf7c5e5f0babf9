package report_test

import (
	"fmt"
	"os"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/report"
)

func ExampleText() {
	e := breakdown.Endpoint{
		Name: "main.(*API).Decode", Requests: 229, Buckets: make([]breakdown.BucketTime, breakdown.NumBuckets),
		Wall: breakdown.Stats{Total: 229 * 163.7e6, Mean: 163.7e6, P50: 159e6, P95: 224e6, P99: 280e6},
	}
	for i := range e.Buckets {
		e.Buckets[i] = breakdown.BucketTime{Bucket: breakdown.Bucket(i), Ceiling: e.Wall.Mean}
	}
	e.Buckets[breakdown.DB] = breakdown.BucketTime{
		Bucket: breakdown.DB, Total: 229 * 4.4e6, Mean: 4.4e6, Ceiling: 159.3e6, Systems: []string{"postgres"},
	}
	e.Buckets[breakdown.Upstream] = breakdown.BucketTime{
		Bucket: breakdown.Upstream, Total: 229 * 159.3e6, Mean: 159.3e6, Ceiling: 4.4e6, Systems: []string{"http"},
	}
	b := &breakdown.Breakdown{
		Source:    breakdown.Source{Target: "http://127.0.0.1:6060", GoVersion: "go1.26.8", Asked: 10e9, Covered: 10e9},
		Endpoints: []breakdown.Endpoint{e},
	}
	b.Causes, b.Conclusion = diagnosis.Diagnose(&diagnosis.Input{Breakdown: b})
	if err := report.Text(os.Stdout, b, report.TextOptions{Width: 80}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// http://127.0.0.1:6060   go1.26.8   10.0 s window, 100.0% covered
	//
	// main.(*API).Decode
	// 229 requests   mean 164 ms   p50 159 ms   p95 224 ms   p99 280 ms
	//
	//   upstream HTTP    159.3 ms   97.3%  ████████████████▌  if free: 164 → 4 ms
	//   database           4.4 ms    2.7%  ▌                  if free: 164 → 159 ms
	//   unknown            0.0 ms    0.0%
	//   no time in: cache, queue, CPU, GC, scheduler, locks, busy worker, sleep,
	//               files, client I/O
	//
	// Most time is spent waiting for upstream HTTP. Instant answers from the upstream
	// would save 159.3 ms (97.3%). A free Postgres would save 4.4 ms (2.7%).
}
