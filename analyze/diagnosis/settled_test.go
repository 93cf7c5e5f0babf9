package diagnosis_test

import (
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// certain returns an endpoint with 1000 requests, whose shares are known to doubt.
func certain(name string, doubt float64, times map[breakdown.Bucket]int64, phases ...breakdown.PhaseTime) breakdown.Endpoint {
	e := endpoint(name, times, phases...)
	e.Requests, e.Wall.Total = 1000, 1000*e.Wall.Mean
	half := e.Wall.Mean / 10
	e.Precision = &breakdown.Precision{MeanCI95: breakdown.Interval{e.Wall.Mean - half, e.Wall.Mean + half}, Batches: 20}
	for b := range e.Buckets {
		t := &e.Buckets[b]
		t.Share, t.Total = float64(t.Mean)/float64(e.Wall.Mean), 1000*t.Mean
		e.Precision.SharesCI95 = append(e.Precision.SharesCI95, breakdown.ShareInterval{t.Share - doubt, t.Share + doubt})
	}
	return e
}

func TestACauseIsSettledWhereverItsShareLies(t *testing.T) {
	pool := breakdown.PhaseTime{Phase: breakdown.PoolWait, Mean: 60 * ms}
	query := breakdown.PhaseTime{Phase: breakdown.Query, Mean: 5 * ms}
	starved := map[breakdown.Bucket]int64{breakdown.DB: 65 * ms, breakdown.CPU: 35 * ms}
	for _, tt := range []struct {
		name      string
		endpoints []breakdown.Endpoint
		want      bool
	}{
		{"most of the time, with little doubt", []breakdown.Endpoint{certain("main.a", 0.05, starved, pool, query)}, true},
		{"shares of which nothing is certain", []breakdown.Endpoint{certain("main.a", 0.3, starved, pool, query)}, false},
		{"no cause at all", []breakdown.Endpoint{certain("main.a", 0.01, map[breakdown.Bucket]int64{breakdown.CPU: 2 * ms, breakdown.ClientIO: 98 * ms})}, false},
		{"another endpoint with as much time", []breakdown.Endpoint{certain("main.a", 0.05, starved, pool, query), certain("main.b", 0.05, map[breakdown.Bucket]int64{breakdown.Sleep: 95 * ms})}, false},
		{"another endpoint with little time", []breakdown.Endpoint{certain("main.a", 0.05, starved, pool, query), certain("main.b", 0.05, map[breakdown.Bucket]int64{breakdown.Sleep: 30 * ms})}, true},
	} {
		b := &breakdown.Breakdown{Endpoints: tt.endpoints}
		b.Causes, b.Conclusion = diagnosis.Diagnose(&diagnosis.Input{Breakdown: b})
		if got := diagnosis.Settled(b, &b.Endpoints[0]); got != tt.want {
			t.Errorf("%s: settled %v; causes %v, conclusion %q", tt.name, got, ids(b.Causes), b.Conclusion.Cause)
		}
	}
}
