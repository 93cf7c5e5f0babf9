package blame

import (
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

func TestClaimsAreRead(t *testing.T) {
	for text, want := range map[string]Claim{
		"Most time is spent waiting for the database. ":                                                           {Most: true},
		"Most of the request time (64.3%) goes to GET /, and most time there is spent waiting for upstream HTTP.": {Most: true},
		"A free Postgres would save 1.0 ms (3.4%).":                                                               {Share: 3.4, UpTo: 3.4},
		"Instant answers from the upstream\nwould save 2.48 ms (78.6%); another 0.34 ms (10.9%) is spent.":        {Share: 78.6, UpTo: 78.6},
		"Free upstream HTTP calls would save 4.4 to 30.4 ms (2.6% to 18.1%): about 26.0 ms":                       {Share: 2.6, UpTo: 18.1},
	} {
		got := Of(text)
		if len(got) != 1 || got[0].Most != want.Most || got[0].Share != want.Share || got[0].UpTo != want.UpTo {
			t.Errorf("%q claims %+v, not %+v", text, got, want)
		}
	}
	for _, text := range []string{"The cause: upstream calls are made one after another. It accounts for 97.0 of 168.2 ms per request (57.7%); fixing it saves that much at most.", "Free CPU would save 3 ms (40.0%).", "Most time is spent in CPU.", "Most time is spent waiting for a connection from the service's own pool (58.2%)."} {
		if got := Of(text); len(got) != 0 {
			t.Errorf("%q claims %+v", text, got)
		}
	}
}

func TestClaimsAreComparedWithWhatWasMeasured(t *testing.T) {
	const ms = 1_000_000
	e := breakdown.Endpoint{Name: "main.get", Requests: 10, Wall: breakdown.Stats{Total: 1000 * ms, Mean: 100 * ms}, Buckets: []breakdown.BucketTime{
		{Bucket: breakdown.DB, Total: 900 * ms, Mean: 90 * ms, Phases: []breakdown.PhaseTime{{Phase: breakdown.PoolWait, Mean: 70 * ms}, {Phase: breakdown.Query, Mean: 20 * ms}}},
		{Bucket: breakdown.CPU, Total: 50 * ms, Mean: 5 * ms},
	}}
	b := &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{e}}
	for text, faults := range map[string]int{
		"A free Postgres would save 20.0 ms (20.0%).":                  0,
		"A free Postgres would save 90.0 ms (90.0%).":                  1,
		"A free Postgres would save 20.0 to 25.0 ms (20.0% to 25.0%).": 0,
		"A free Postgres would save 20.0 to 40.0 ms (20.0% to 40.0%).": 1,
		"Most time is spent waiting for the database.":                 1,
		"Most time is spent waiting. A free cache saves 1 ms":          0,
	} {
		if got := Unfounded(b, text); len(got) != faults {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// The last line about one endpoint knows nothing of the others.
func TestEachEndpointHasALastLine(t *testing.T) {
	const ms = 1_000_000
	slow := func(name string, bucket breakdown.Bucket, mean int64) breakdown.Endpoint {
		e := breakdown.Endpoint{Name: name, Requests: 100, Wall: breakdown.Stats{Total: 100 * mean * ms, Mean: mean * ms}}
		for b := range breakdown.NumBuckets {
			t := breakdown.BucketTime{Bucket: b}
			if b == bucket {
				t.Total, t.Mean = e.Wall.Total, e.Wall.Mean
			}
			e.Buckets = append(e.Buckets, t)
		}
		return e
	}
	b := &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{slow("main.a", breakdown.DB, 90), slow("main.b", breakdown.Lock, 20)}}
	b.Causes, b.Conclusion = diagnosis.Diagnose(&diagnosis.Input{Breakdown: b})
	if text := LastLine(b, "main.a"); len(Of(text)) != 2 || len(Beyond(text, 100, 100, 1)) != 0 || len(Beyond(text, 20, 20, 1)) != 2 {
		t.Errorf("of a it says %q", text)
	}
	if text := LastLine(b, "main.b"); len(Of(text)) != 0 || text == "" {
		t.Errorf("of b it says %q", text)
	}
}
