package analyze

import (
	"testing"

	"timesink/analyze/breakdown"
)

// held returns a cause of a call to a database.
func held(function string, h breakdown.Hold) *breakdown.Cause {
	return &breakdown.Cause{State: "waiting", Hold: h, Site: breakdown.Frame{Function: function}}
}

func TestWorkCountsAsHeldBetweenTwoCalls(t *testing.T) {
	begin, use, end := held("main.begin", breakdown.BeginsTx), held("main.use", breakdown.UsesTx), held("main.end", breakdown.EndsTx)
	query, next := held("main.query", breakdown.NoHold), held("main.next", breakdown.ReadsRows)
	call := &breakdown.Cause{State: "waiting", Site: breakdown.Frame{Function: "main.call"}}
	type step struct {
		cause *breakdown.Cause
		phase breakdown.Phase
	}
	for _, c := range []struct {
		name  string
		steps []step
		held  breakdown.Held // across one call, Nothing if nothing is
		waits bool           // for a second connection
	}{
		{"a call in a transaction", []step{{begin, breakdown.Query}, {query, breakdown.Rows}, {call, 0}, {end, breakdown.Query}}, breakdown.Transaction, false},
		{"a call before it", []step{{call, 0}, {begin, breakdown.Query}, {use, breakdown.Query}, {end, breakdown.Query}}, breakdown.Nothing, false},
		{"a call after it", []step{{begin, breakdown.Query}, {use, breakdown.Query}, {end, breakdown.Query}, {call, 0}}, breakdown.Nothing, false},
		{"a call between two", []step{{begin, breakdown.Query}, {end, breakdown.Query}, {call, 0}, {begin, breakdown.Query}, {end, breakdown.Query}}, breakdown.Nothing, false},
		{"the beginning is not seen", []step{{use, breakdown.Query}, {call, 0}, {use, breakdown.Query}}, breakdown.Transaction, false},
		{"the end is not seen", []step{{begin, breakdown.Query}, {use, breakdown.Query}, {call, 0}}, breakdown.Nothing, false},
		{"a call between rows", []step{{query, breakdown.Query}, {next, breakdown.Rows}, {call, 0}, {next, breakdown.Rows}}, breakdown.OpenRows, false},
		{"a call between two sets of rows", []step{{query, breakdown.Query}, {next, breakdown.Rows}, {call, 0}, {query, breakdown.Query}, {next, breakdown.Rows}}, breakdown.Nothing, false},
		{"a second connection", []step{{begin, breakdown.PoolWait}, {begin, breakdown.Query}, {query, breakdown.PoolWait}, {query, breakdown.Query}, {end, breakdown.Query}}, breakdown.Nothing, true},
		{"a connection after the transaction", []step{{begin, breakdown.Query}, {end, breakdown.Query}, {query, breakdown.PoolWait}, {query, breakdown.Query}}, breakdown.Nothing, false},
	} {
		r := &breakdown.Request{Endpoint: "main.get", Kind: "http/1"}
		for _, s := range c.steps {
			bucket := breakdown.DB
			if s.cause == call {
				bucket = breakdown.Upstream
			}
			r.Path = append(r.Path, breakdown.Segment{Start: r.End, End: r.End + msec, Goroutine: 1, Bucket: bucket, Phase: s.phase, Cause: s.cause})
			r.End += msec
		}
		f := newFold(0)
		e := f.add(r)
		across, nested := e.holds.evidence(1)
		switch {
		case c.held == breakdown.Nothing && len(across) > 0:
			t.Errorf("%s: held across %+v", c.name, across)
		case c.held != breakdown.Nothing && (len(across) != 1 || across[0].Held != c.held || across[0].Time != msec || across[0].At.Function != "main.call"):
			t.Errorf("%s: held across %+v, want %s", c.name, across, c.held)
		}
		if (nested != nil) != c.waits || nested != nil && (nested.Wait != msec || nested.First != msec) {
			t.Errorf("%s: nested %+v", c.name, nested)
		}
	}
}
