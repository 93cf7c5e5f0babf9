package analyze

import (
	"slices"
	"testing"

	"timesink/analyze/breakdown"
)

// statement adds a call of a transaction to a request.
func (m made) statement(hold breakdown.Hold, ns int64) made {
	m = m.call(breakdown.DB, breakdown.Query, ns, false)
	m.path[len(m.path)-1].Cause = &breakdown.Cause{State: "waiting", Site: site, Hold: hold}
	m.calls[len(m.calls)-1].InTransaction = hold != breakdown.NoHold
	return m
}

func TestTransactionsOfOneStatementAreTold(t *testing.T) {
	begin := func(m made) made { return m.statement(breakdown.BeginsTx, 4*msec) }
	use := func(m made) made { return m.statement(breakdown.UsesTx, 4*msec) }
	end := func(m made) made { return m.statement(breakdown.EndsTx, 4*msec) }
	for _, c := range []struct {
		name  string
		steps []func(made) made
		says  bool
	}{
		{"one statement", []func(made) made{begin, use, end}, true},
		{"two transactions of one", []func(made) made{begin, use, end, begin, use, end}, true},
		{"two statements", []func(made) made{begin, use, use, end}, false},
		{"none", []func(made) made{begin, end}, false},
		{"a statement and a call", []func(made) made{begin, use, func(m made) made { return m.call(breakdown.Upstream, breakdown.ResponseWait, msec, false) }, end}, false},
		{"a statement without one", []func(made) made{use, use}, false},
		{"an end that the trace does not show", []func(made) made{begin, use}, false},
		{"beside much else", []func(made) made{begin, use, end, func(m made) made { return m.spend(breakdown.Sleep, breakdown.NoPhase, 100*msec) }}, false},
	} {
		f := newFold(0)
		for range 30 {
			m := made{}
			for _, step := range c.steps {
				m = step(m)
			}
			f.add(m.request())
		}
		s := settle(f)
		b := diagnosed(&breakdown.Breakdown{Endpoints: render(s, defaultPeriod, nil)}, s)
		if slices.ContainsFunc(b.Findings, func(x breakdown.Finding) bool { return x.ID == "lone-transaction" }) != c.says {
			t.Errorf("%s: %+v", c.name, b.Findings)
		}
	}
}
