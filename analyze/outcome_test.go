package analyze

import (
	"testing"

	"timesink/analyze/breakdown"
)

// oneEndpoint returns a Breakdown of an endpoint that calls one site of a bucket.
func oneEndpoint(change func(*breakdown.Breakdown, *breakdown.Endpoint)) *breakdown.Breakdown {
	e := breakdown.Endpoint{Name: "main.get", Kind: "http/1", Requests: 100, Wall: breakdown.Stats{Total: 100 * 80e6, Mean: 80e6}}
	for b := range breakdown.NumBuckets {
		e.Buckets = append(e.Buckets, breakdown.BucketTime{Bucket: b})
	}
	t := &e.Buckets[breakdown.Upstream]
	t.Total, t.Mean, t.Calls, t.CallTime, t.Dials, t.CallsPerRequest = 100*60e6, 60e6, 400, 100*60e6, 400, 4
	t.Sites = []breakdown.SiteTime{{Frame: breakdown.Frame{Function: "main.(*API).fetch", File: "/src/api.go", Line: 88}, Total: t.Total, Mean: t.Mean, CallsPerRequest: 4, Concurrency: 1}}
	db := &e.Buckets[breakdown.DB]
	db.Total, db.Mean = 100*20e6, 20e6
	db.Phases = []breakdown.PhaseTime{{Phase: breakdown.PoolWait, Total: 100 * 15e6, Mean: 15e6}, {Phase: breakdown.Query, Total: 100 * 5e6, Mean: 5e6}}
	b := &breakdown.Breakdown{Source: breakdown.Source{GOMAXPROCS: 2}}
	if change != nil {
		change(b, &e)
	}
	e.Wall.Hist = &breakdown.Histogram{}
	e.Wall.Hist.RecordN(e.Wall.Mean, e.Requests)
	b.Endpoints = []breakdown.Endpoint{e}
	return b
}

func TestSignsOfChanges(t *testing.T) {
	before := oneEndpoint(nil)
	for _, c := range []struct {
		name   string
		change breakdown.PlannedChange
		after  func(*breakdown.Breakdown, *breakdown.Endpoint)
		what   string // "" if the change was not made
	}{
		{"calls at once", breakdown.PlannedChange{Change: "concurrent", At: "main.(*API).fetch"}, func(_ *breakdown.Breakdown, e *breakdown.Endpoint) {
			e.Buckets[breakdown.Upstream].Total = 100 * 20e6
		}, breakdown.SignInFlight},
		{"calls no more at once", breakdown.PlannedChange{Change: "concurrent", At: "main.(*API).fetch"}, nil, ""},
		{"calls at another site", breakdown.PlannedChange{Change: "concurrent", At: "main.(*API).fetch"}, func(_ *breakdown.Breakdown, e *breakdown.Endpoint) {
			e.Buckets[breakdown.Upstream].Total, e.Buckets[breakdown.Upstream].Sites[0].Function = 100*20e6, "main.(*API).fetchAll"
		}, breakdown.SignInFlight},
		{"one call", breakdown.PlannedChange{Change: "once", At: "/src/api.go:88"}, func(_ *breakdown.Breakdown, e *breakdown.Endpoint) {
			e.Buckets[breakdown.Upstream].Sites[0].CallsPerRequest = 1
		}, breakdown.SignCalls},
		{"half of the calls more", breakdown.PlannedChange{Change: "once", At: "main.(*API).fetch"}, func(_ *breakdown.Breakdown, e *breakdown.Endpoint) {
			e.Buckets[breakdown.Upstream].Sites[0].CallsPerRequest = 6
		}, ""},
		{"connections kept", breakdown.PlannedChange{Change: "reuse-connections", At: "upstream"}, func(_ *breakdown.Breakdown, e *breakdown.Endpoint) {
			e.Buckets[breakdown.Upstream].Dials = 2
		}, breakdown.SignDialed},
		{"connections of a bucket without calls", breakdown.PlannedChange{Change: "reuse-connections", At: "cache"}, nil, ""},
		{"a larger pool", breakdown.PlannedChange{Change: "pool", At: "db", Number: 16}, func(_ *breakdown.Breakdown, e *breakdown.Endpoint) {
			e.Buckets[breakdown.DB].Phases[0].Mean = 1e6
		}, breakdown.SignPoolWait},
		{"processors", breakdown.PlannedChange{Change: "procs", Number: 4}, func(b *breakdown.Breakdown, _ *breakdown.Endpoint) {
			b.Source.GOMAXPROCS = 4
		}, breakdown.SignProcessors},
		{"a faster database", breakdown.PlannedChange{Change: "scale", At: "main.(*API).fetch", Factor: 0.5}, func(_ *breakdown.Breakdown, e *breakdown.Endpoint) {
			e.Buckets[breakdown.Upstream].Sites[0].Mean = 28e6
		}, breakdown.SignTime},
		{"a change of another version", breakdown.PlannedChange{Change: "teleport"}, nil, ""},
	} {
		after := oneEndpoint(c.after)
		signs := signsOf(&signSide{e: &before.Endpoints[0], b: before, side: &breakdown.Side{}}, &signSide{e: &after.Endpoints[0], b: after, side: &breakdown.Side{}}, []breakdown.PlannedChange{c.change})
		switch {
		case c.what == "" && signs != nil:
			t.Errorf("%s: seems to have been made: %+v", c.name, signs)
		case c.what != "" && (len(signs) != 1 || signs[0].What != c.what):
			t.Errorf("%s: the signs are %+v", c.name, signs)
		}
	}
}

// A prediction for several changes stands for those for each, and one that was not acted
// upon is left out.
func TestOutcomesOfPredictions(t *testing.T) {
	before := oneEndpoint(nil)
	after := oneEndpoint(func(_ *breakdown.Breakdown, e *breakdown.Endpoint) {
		u := &e.Buckets[breakdown.Upstream]
		u.Total, u.Mean, u.Dials = 100*15e6, 15e6, 0
		e.Wall = breakdown.Stats{Total: 100 * 35e6, Mean: 35e6}
	})
	at := breakdown.PlannedChange{Change: "concurrent", At: "main.(*API).fetch"}
	reuse := breakdown.PlannedChange{Change: "reuse-connections", At: "upstream"}
	pool := breakdown.PlannedChange{Change: "pool", At: "db", Number: 8}
	of := func(after int64, changes ...breakdown.PlannedChange) breakdown.Forecast {
		return breakdown.Forecast{Endpoint: "main.get", Kind: "http/1", Changes: changes, Mean: breakdown.Forecasted{Before: 40e6, After: after, AfterCI: breakdown.Interval{after - 1e6, after + 1e6}}}
	}
	kept := []breakdown.Forecast{of(20e6, at), of(30e6, reuse), of(18e6, at, reuse), of(10e6, pool), of(18e6, at, reuse)}
	c, err := Changes(before, after, CompareOptions{Forecasts: kept})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Predictions) != 1 {
		t.Fatalf("there are %d outcomes: %+v", len(c.Predictions), c.Predictions)
	}
	o := c.Predictions[0]
	if o.Predicted != -44e6 || o.Measured != -45e6 || len(o.Signs) != 2 || o.Others != 0 || o.OtherLoad {
		t.Errorf("predicted %d, measured %d, signs %+v, %d others", o.Predicted, o.Measured, o.Signs, o.Others)
	}
	if len(o.Quantities) != 3 || o.Quantities[0] != (breakdown.OutcomeQuantity{Quantity: "mean", Before: 80e6, Predicted: 36e6, Measured: 35e6}) {
		t.Errorf("the quantities are %+v", o.Quantities)
	}
	c, err = Changes(before, after, CompareOptions{Forecasts: kept[:2]})
	if err != nil || len(c.Predictions) != 2 || c.Predictions[0].Others != 1 {
		t.Errorf("without the one for both: %+v, %v", c.Predictions, err)
	}
}
