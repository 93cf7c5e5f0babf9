package report_test

import (
	"bytes"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/report"
)

// The page, its last line and the finding say the same of requests that stand still.
func TestRequestsThatStandStillAreTheConclusion(t *testing.T) {
	at := func(function string, line int) breakdown.Place {
		return breakdown.Place{Function: "main." + function, File: "main.go", Line: line}
	}
	stuck := func(what, bucket string, more ...breakdown.Fact) breakdown.Facts {
		return append(breakdown.Facts{
			{Kind: breakdown.FactStuck, Name: what, Value: 38}, {Kind: breakdown.FactStuckFor, Value: 3.9e9}, {Kind: breakdown.FactStuckWhole, Value: 18},
			{Kind: breakdown.FactStuckBucket, Name: bucket}, {Kind: breakdown.FactStuckAt, Place: at("orders", 24), Value: 35}, {Kind: breakdown.FactStuckAt, Place: at("lines", 19), Value: 3},
		}, more...)
	}
	party := func(what, function string, line int, n float64) breakdown.Fact {
		return breakdown.Fact{Kind: breakdown.FactParty, Name: what, Place: at(function, line), Value: n}
	}
	holds := breakdown.Fact{Kind: breakdown.FactPartyHolds, Place: at("orders", 24)}
	for name, tt := range map[string]struct {
		id    string
		facts breakdown.Facts
		want  []string
	}{
		"a pool": {"deadlock", stuck("connection", "db", party("connection", "lines", 19, 3), holds), []string{
			"deadlock: requests hold a database connection and wait for a second one",
			"3 goroutines wait at main.lines (main.go:19) for a connection and hold what was taken at main.orders (main.go:24)",
			"35 wait at main.orders (main.go:24) and 3 at main.lines (main.go:19); 18 for the whole window, and no such wait ended",
			"38 requests stand still: they have been waiting for 3.90 s and more for a database connection, most of them at main.orders (main.go:24). 3 of them, at main.lines (main.go:19), hold one and wait for another one: a deadlock.",
		}},
		"a worker": {"deadlock", stuck("receiver", "", party("receiver", "worker", 13, 1)), []string{
			"1 goroutine waits at main.worker (main.go:13) to send on a channel",
			"They are kept waiting by 1 goroutine at main.worker (main.go:13) that waits to send on a channel: a deadlock.",
		}},
		"an upstream's connections": {"connection-leak", stuck("connection", "upstream"), []string{
			"connections of the pool are never given back: 38 requests have been waiting for one",
			"waiting for 3.90 s and more for an upstream connection", "read each response body to its end", "Connections are taken and never given back.",
		}},
		"an answer": {"stuck-requests", stuck("answer", "upstream", breakdown.Fact{Kind: breakdown.FactUnanswered, Value: 30}, breakdown.Fact{Kind: breakdown.FactUnansweredFor, Value: 7e9}), []string{
			"38 requests have been waiting for 3.90 s and more for the answer of another service",
			"none of 30 probes was answered, after up to 7.00 s", "give the call a deadline",
		}},
		"a lock": {"stuck-requests", stuck("lock", ""), []string{"no goroutine that may hold it is at work", "release it on every path (defer)"}},
		"a lock whose holder waits": {"stuck-requests", stuck("lock", "", party("answer", "charge", 9, 1), holds), []string{
			"1 goroutine waits at main.charge (main.go:9) for another system's answer and holds what was taken at main.orders (main.go:24)",
			"do not wait for anything else while holding it",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			e := breakdown.Endpoint{Name: "main.handle", Incomplete: 38, IncompleteTime: 38 * 4e9}
			for bucket := range breakdown.NumBuckets {
				e.Buckets = append(e.Buckets, breakdown.BucketTime{Bucket: bucket})
			}
			e.Buckets[breakdown.DB].IncompleteTotal = e.IncompleteTime
			b := &breakdown.Breakdown{Schema: breakdown.Schema, Conclusion: breakdown.Conclusion{Cause: tt.id}, Endpoints: []breakdown.Endpoint{e}}
			b.Findings = []breakdown.Finding{{ID: tt.id, Endpoint: "main.handle", Endpoints: []string{"main.handle"}, Facts: tt.facts}}
			var out bytes.Buffer
			if err := report.Text(&out, b, report.TextOptions{}); err != nil {
				t.Fatal(err)
			}
			page := strings.Join(strings.Fields(out.String()), " ")
			for _, want := range tt.want {
				if !strings.Contains(page, want) {
					t.Errorf("the page does not say %q:\n%s", want, out.String())
				}
			}
			if strings.Contains(page, "longer window") {
				t.Errorf("the page advises a longer window:\n%s", out.String())
			}
		})
	}
}
