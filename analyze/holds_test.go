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

// What others wait for in the database may be released by the end of a transaction, and by
// a statement on a connection that is kept, once something else was done in between.
func TestCallsThatMayReleaseALock(t *testing.T) {
	begin, end := held("main.begin", breakdown.BeginsTx), held("main.end", breakdown.EndsTx)
	take, lock, unlock, give := held("main.take", breakdown.TakesConn), held("main.lock", breakdown.UsesConn), held("main.unlock", breakdown.UsesConn), held("main.give", breakdown.GivesConn)
	call := &breakdown.Cause{State: "waiting", Site: breakdown.Frame{Function: "main.call"}}
	for _, c := range []struct {
		name  string
		steps []*breakdown.Cause
		at    string // of the only one, "" if there is none
		held  breakdown.Held
	}{
		{"a transaction", []*breakdown.Cause{begin, call, end}, "main.end", breakdown.Transaction},
		{"a lock of a session", []*breakdown.Cause{take, lock, call, unlock, give}, "main.unlock", breakdown.Connection},
		{"the connection is taken without a wait", []*breakdown.Cause{lock, call, unlock}, "main.unlock", breakdown.Connection},
		{"two parts of one answer", []*breakdown.Cause{take, lock, lock, give}, "", breakdown.Nothing},
		{"one statement", []*breakdown.Cause{take, lock, give, call}, "", breakdown.Nothing},
	} {
		r := &breakdown.Request{Endpoint: "main.get", Kind: "http/1"}
		for _, cause := range c.steps {
			bucket := breakdown.DB
			if cause == call {
				bucket = breakdown.Upstream
			}
			r.Path = append(r.Path, breakdown.Segment{Start: r.End, End: r.End + msec, Goroutine: 1, Bucket: bucket, Phase: breakdown.Query, Cause: cause})
			r.End += msec
		}
		f := newFold(0)
		found := f.add(r).rowWaitsOf().endings
		switch {
		case c.at == "" && len(found) > 0:
			t.Errorf("%s: %+v", c.name, found)
		case c.at != "" && (len(found) != 1 || found[0].cause.Site.Function != c.at || found[0].held != c.held):
			t.Errorf("%s: %+v, want %s of a %s", c.name, found, c.at, c.held)
		}
	}
}
