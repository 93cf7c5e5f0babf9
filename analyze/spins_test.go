package analyze

import (
	"slices"
	"testing"

	"timesink/analyze/breakdown"
)

var (
	yields  = yieldAt(breakdown.Frame{Function: "main.(*spin).lock", File: "spin.go", Line: 12})
	yields2 = yieldAt(breakdown.Frame{Function: "main.wait", File: "spin.go", Line: 40})
)

func yieldAt(site breakdown.Frame) *breakdown.Cause {
	return &breakdown.Cause{State: "runnable", Site: site, Stack: []breakdown.Frame{{Function: "runtime.Gosched"}, site}}
}

// turns adds yields at places in turn, with that much running in between.
func (m made) turns(n int, ran int64, at ...*breakdown.Cause) made {
	for i := range n {
		m = m.spend(breakdown.Scheduler, breakdown.NoPhase, 400_000)
		m.path[len(m.path)-1].Cause = at[i%len(at)]
		m = m.spend(breakdown.CPU, breakdown.NoPhase, ran)
	}
	return m
}

func TestSpinningIsToldFromYielding(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(made) made
		says bool
	}{
		{"a lock that spins", func(m made) made { return m.turns(10, 1000, yields) }, true},
		{"computing that lets others go first", func(m made) made { return m.turns(10, 500_000, yields) }, false},
		{"yields at two places in turn", func(m made) made { return m.turns(10, 1000, yields, yields2) }, false},
		{"a yield before each call", func(m made) made {
			for range 10 {
				m = m.turns(1, 1000, yields).call(breakdown.DB, breakdown.Query, msec, false)
			}
			return m
		}, false},
		{"processors taken away", func(m made) made { return m.turns(10, 1000, other) }, false},
		{"a processor taken away between two yields", func(m made) made { return m.turns(20, 1000, yields, yields, other) }, true},
	} {
		f := newFold(0)
		for range 30 {
			f.add(c.do(made{}.call(breakdown.DB, breakdown.Query, msec, false)).request())
		}
		s := settle(f)
		b := diagnosed(&breakdown.Breakdown{Endpoints: render(s, defaultPeriod, nil)}, s)
		i := slices.IndexFunc(b.Findings, func(x breakdown.Finding) bool { return x.ID == "busy-wait" })
		if i >= 0 != c.says {
			t.Errorf("%s: %+v", c.name, b.Findings)
		}
		if c.says && i >= 0 && b.Causes[0].Facts.Frame(breakdown.FactSite) != yields.Site {
			t.Errorf("%s: %+v", c.name, b.Causes[0].Facts)
		}
	}
}

func TestPollingIsToldBySamples(t *testing.T) {
	loop, sleep := breakdown.Frame{Function: "main.await", File: "spin.go", Line: 7}, breakdown.Frame{Function: "main.pace", File: "spin.go", Line: 30}
	sample := func(site breakdown.Frame, called string) *breakdown.Cause {
		return &breakdown.Cause{State: "running", Site: site, Called: called, Stack: []breakdown.Frame{site}}
	}
	for _, c := range []struct {
		name    string
		samples []*breakdown.Cause
		slept   int64
		says    bool
	}{
		{"a sleep of no time in a loop", []*breakdown.Cause{sample(loop, "time.Sleep"), sample(loop, "")}, 0, true},
		{"a loop that computes", []*breakdown.Cause{sample(loop, "strings.Fields"), sample(loop, "")}, 0, false},
		{"many sleeps, which cost something", []*breakdown.Cause{sample(sleep, "time.Sleep")}, 50 * msec, false},
	} {
		f := newFold(0)
		for range 30 {
			m := made{}.spend(breakdown.CPU, breakdown.NoPhase, 20*msec)
			if c.slept > 0 {
				m = m.spend(breakdown.Sleep, breakdown.NoPhase, c.slept)
				m.path[1].Cause = &breakdown.Cause{State: "waiting", Site: sleep, Stack: []breakdown.Frame{{Function: "time.Sleep"}, sleep}}
			}
			r := m.request()
			r.Samples = c.samples
			f.add(r)
		}
		s := settle(f)
		b := diagnosed(&breakdown.Breakdown{Endpoints: render(s, defaultPeriod, nil)}, s)
		if slices.ContainsFunc(b.Findings, func(x breakdown.Finding) bool { return x.ID == "busy-wait" }) != c.says {
			t.Errorf("%s: %+v", c.name, b.Findings)
		}
	}
}
