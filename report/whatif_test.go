package report_test

import (
	"bytes"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/report"
)

// prediction returns one with every kind of statement.
func prediction() *breakdown.Prediction {
	of := func(mean int64) breakdown.Predicted {
		p := breakdown.Predicted{Requests: 200, Rate: 40, Mean: mean, MeanCI: [2]int64{mean * 9 / 10, mean * 11 / 10}, P50: mean, P95: 2 * mean, P99: 3 * mean}
		for b := range breakdown.NumBuckets {
			p.Buckets = append(p.Buckets, breakdown.PredictedShare{Bucket: b, Mean: mean / int64(breakdown.NumBuckets)})
		}
		return p
	}
	limited := of(100e6)
	p := &breakdown.Prediction{Schema: breakdown.WhatIfSchema, Load: "closed", Told: true, Clients: 8, Replayed: 10e9,
		Endpoints: []breakdown.EndpointPredicted{{Name: "main.serve", Route: "GET /x", Kind: "http/1", Before: of(130e6), After: of(40e6), Limited: &limited, Replayed: of(129e6)}}}
	for _, c := range []string{"scale", "concurrent", "once", "reuse-connections", "procs", "rate", "pool", "workers", "no-lock"} {
		p.Changes = append(p.Changes, breakdown.PlannedChange{Change: c, At: "main.f", Factor: 2, Number: 4})
	}
	for _, c := range []breakdown.AssumptionCode{breakdown.AssumeLoad, breakdown.AssumePace, breakdown.AssumeCores, breakdown.AssumeOnce, breakdown.AssumePart} {
		p.Assumptions = append(p.Assumptions, breakdown.Assumption{Code: c, At: "main.f", Bucket: "db", Number: 8, Time: 5e6})
	}
	for _, slower := range []int64{3e6, 5e4} {
		p.Assumptions = append(p.Assumptions, breakdown.Assumption{Code: breakdown.AssumeFitted, At: "postgres", Bucket: "db", Pace: &breakdown.Pace{
			Function: "main.(*Store).Get", File: "/src/store.go", Line: 7, Calls: 1200, From: 1, To: 6, Mean: 12e6, PerCall: slower, PerCallCI: breakdown.Interval{slower - 2e5, slower + 2e5}}})
	}
	for _, c := range []breakdown.AssumptionCode{breakdown.AssumeQueueKept, breakdown.UnknownPace, breakdown.UnknownLevel, breakdown.UnknownIdentity, breakdown.UnknownQueue, breakdown.UnknownUnnamed, breakdown.UnknownFew} {
		p.Unknown = append(p.Unknown, breakdown.Assumption{Code: c, At: "main.f", Bucket: "db", Number: 2, Then: 8, Time: 5e6})
	}
	return p
}

func TestAPredictionHasBothEnds(t *testing.T) {
	var out bytes.Buffer
	if err := report.WhatIfText(&out, prediction(), report.TextOptions{Width: 100}); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"what if: main.f takes 2 times as long; the calls at main.f go out at once;",
		"mean 130.0 ms 40.0 ms −69.2% 36.0 ms to 44.0 ms limited: 100.0 ms",
		"would take between 40.0 ms and 100 ms, and take 130 ms now",
		"it was seen to answer 2 calls at once, and would get 8",
		"nearly all the time it was seen with 2 calls in flight, and would get 8",
		"postgres slows down: with each further call in flight, those at main.(*Store).Get (store.go:7) take 3.00 ms longer (2.80 ms to 3.20 ms), as seen with 1 to 6 in flight, in 1,200 calls",
		"postgres keeps its pace: with each further call in flight, those at main.(*Store).Get (store.go:7) take 250 µs longer at most",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	for line := range strings.Lines(out.String()) {
		if len([]rune(strings.TrimRight(line, "\n"))) > 100 {
			t.Errorf("wider than 100 columns: %q", line)
		}
	}
}

func TestEveryAssumptionHasItsWords(t *testing.T) {
	var out bytes.Buffer
	if err := report.WhatIfJSON(&out, prediction()); err != nil {
		t.Fatal(err)
	}
	validate(t, compiled(t, strict(schemaOf(t, breakdown.WhatIfSchema))), "prediction", out.Bytes())
	for _, list := range [][]breakdown.Assumption{prediction().Assumptions, prediction().Unknown} {
		for _, a := range list {
			if strings.Contains(out.String(), `"message": "`+string(a.Code)+`"`) {
				t.Errorf("%s has no words", a.Code)
			}
		}
	}
}
