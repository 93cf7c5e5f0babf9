package analyze

import (
	"slices"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
	"timesink/report"
)

// A made is a request under construction: its path, one bucket after another, and its
// calls.
type made struct {
	path  []breakdown.Segment
	calls []breakdown.Call
}

var (
	site    = breakdown.Frame{Function: "main.(*API).fetch", File: "api.go", Line: 88}
	cause   = &breakdown.Cause{State: "waiting", Site: site}
	other   = &breakdown.Cause{State: "running", Site: breakdown.Frame{Function: "main.(*Store).load", File: "store.go", Line: 31}}
	release = &breakdown.Cause{State: "running", Site: breakdown.Frame{Function: "main.(*Store).save", File: "store.go", Line: 7}}
)

// spend adds a segment to a request's path.
func (m made) spend(b breakdown.Bucket, p breakdown.Phase, ns int64, behind ...breakdown.Behind) made {
	at := int64(0)
	if n := len(m.path); n > 0 {
		at = m.path[n-1].End
	}
	m.path = append(slices.Clip(m.path), breakdown.Segment{Start: at, End: at + ns, Bucket: b, Phase: p, Cause: cause, Behind: behind})
	return m
}

// call adds a call and its segment.
func (m made) call(b breakdown.Bucket, p breakdown.Phase, ns int64, dialed bool) made {
	m = m.spend(b, p, ns)
	s := m.path[len(m.path)-1]
	m.calls = append(slices.Clip(m.calls), breakdown.Call{Start: s.Start, End: s.End, Bucket: b, Site: site, Dialed: dialed, OnPath: ns})
	return m
}

func (m made) request() *breakdown.Request {
	return &breakdown.Request{Endpoint: "main.get", Kind: "http/1", End: m.path[len(m.path)-1].End, Path: m.path, Calls: m.calls}
}

const msec = int64(1e6)

// diagnosed adds the causes to an answer.
func diagnosed(b *breakdown.Breakdown, s *settled) *breakdown.Breakdown {
	diagnose(b, s)
	return b
}

func TestFindingsFollowFromWhatWasMeasured(t *testing.T) {
	behind := func(b breakdown.Bucket, ns int64) breakdown.Behind {
		return breakdown.Behind{Release: release, Bucket: b, Time: ns}
	}
	queries := made{}
	for range 12 {
		queries = queries.call(breakdown.DB, breakdown.Query, msec, false)
	}
	parallel := made{}.call(breakdown.Upstream, breakdown.ResponseWait, 20*msec, false)
	parallel.calls = append(parallel.calls, parallel.calls[0], parallel.calls[0])
	parallel.calls[1].OnPath, parallel.calls[2].OnPath = 0, 0
	cpu := made{}.spend(breakdown.CPU, breakdown.NoPhase, 10*msec)
	batches := cpu.spend(breakdown.Wait, breakdown.NoPhase, 20*msec, breakdown.Behind{Release: release, Bucket: breakdown.File, Batch: true, Time: 20 * msec}).spend(breakdown.File, breakdown.NoPhase, 30*msec)
	batches.path[2].Cause = &breakdown.Cause{State: "syscall", Site: release.Site, Stack: []breakdown.Frame{{Function: "syscall.fdatasync"}, {Function: "syscall.Fdatasync"}, release.Site}}
	for _, c := range []struct {
		name  string
		made  made
		id    string // of the one finding, "" for none
		saves int64
		says  string
	}{
		{"nothing to do", cpu, "", 0, ""},
		{"calls one after another", cpu.call(breakdown.Upstream, breakdown.ResponseWait, 20*msec, false).call(breakdown.Upstream, breakdown.ResponseWait, 30*msec, false),
			"sequential-calls", 20 * msec, "2.0 calls per request"},
		{"calls at once", parallel, "", 0, ""},
		{"one call", cpu.call(breakdown.Upstream, breakdown.ResponseWait, 50*msec, false), "", 0, ""},
		{"a call that dials", cpu.spend(breakdown.Upstream, breakdown.Connect, 5*msec).call(breakdown.Upstream, breakdown.ResponseWait, 20*msec, true),
			"dial-per-call", 5 * msec, "every upstream call dials"},
		{"one call of two dials", cpu.spend(breakdown.Upstream, breakdown.Connect, 5*msec).call(breakdown.Upstream, breakdown.ResponseWait, 2*msec, true).call(breakdown.Upstream, breakdown.ResponseWait, msec/10, false),
			"dial-per-call", 5 * msec, "50% of the upstream calls dial"},
		{"a starved pool", cpu.spend(breakdown.DB, breakdown.PoolWait, 30*msec, behind(breakdown.DB, 25*msec)).call(breakdown.DB, breakdown.Query, 5*msec, false),
			"pool-too-small", 30 * msec, "held by main.(*Store).save (store.go:7), busy in a database call for 25.0 ms of 25.0 ms"},
		{"a short wait for a pool", made{}.spend(breakdown.DB, breakdown.PoolWait, msec).call(breakdown.DB, breakdown.Query, 50*msec, false), "", 0, ""},
		{"a lock", cpu.spend(breakdown.Lock, breakdown.NoPhase, 20*msec, behind(breakdown.CPU, 15*msec)),
			"lock-contended", 20 * msec, "in cpu for 15.0 ms"},
		{"a lock held across a query", cpu.spend(breakdown.Lock, breakdown.NoPhase, 20*msec, behind(breakdown.DB, 15*msec)),
			"lock-held-across-call", 20 * msec, "across a database call"},
		{"a lock held across a call to another service", cpu.spend(breakdown.Lock, breakdown.NoPhase, 20*msec, behind(breakdown.Upstream, 15*msec)),
			"lock-held-across-call", 20 * msec, "across an upstream call"},
		{"a lock held for long, and a query by another holder", cpu.spend(breakdown.Lock, breakdown.NoPhase, 20*msec, behind(breakdown.CPU, 4*msec), behind(breakdown.GC, 3*msec), behind(breakdown.Sleep, 4*msec),
			breakdown.Behind{Release: other, Bucket: breakdown.DB, Time: 5 * msec}), "lock-contended", 20 * msec, "held by main.(*Store).save (store.go:7)"},
		{"many queries", queries, "many-queries", 11 * msec, "12.0 queries per request"},
		{"busy workers", cpu.spend(breakdown.Wait, breakdown.NoPhase, 20*msec, behind(breakdown.Upstream, 20*msec)),
			"worker-queue", 20 * msec, "queued behind main.(*Store).save (store.go:7), busy in an upstream call for 20.0 ms"},
		{"batches", batches,
			"batch-queue", 50 * msec, "the request's own batch is in syscall.Fdatasync for 30.0 ms per request"},
		{"a child process", cpu.spend(breakdown.Unknown, breakdown.ChildProcess, 20*msec), "child-process", 20 * msec, "20.0 ms of 30.0 ms"},
		{"no processor", cpu.spend(breakdown.Scheduler, breakdown.NoPhase, 20*msec), "no-processor", 20 * msec, "20.0 ms of 30.0 ms"},
	} {
		f := newFold(0)
		for range 3 {
			r := c.made.request()
			if err := r.Check(); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			f.add(r)
		}
		sums := settle(f)
		b := &breakdown.Breakdown{Endpoints: render(sums, defaultPeriod, nil)}
		if err := b.Check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		diagnose(b, sums)
		found := b.Findings
		if c.id == "" {
			if len(found) > 0 {
				t.Errorf("%s: found %+v", c.name, found)
			}
			continue
		}
		if len(found) != 1 || found[0].ID != c.id {
			t.Errorf("%s: found %+v, not %s", c.name, found, c.id)
			continue
		}
		got := report.Worded(&breakdown.Breakdown{Findings: found}).Findings[0]
		if got.SavesUpTo != c.saves || got.Endpoint != "main.get" || got.Title == "" || got.Try == "" {
			t.Errorf("%s: %+v, want it to save up to %d ns", c.name, got, c.saves)
		}
		if !strings.Contains(got.Title+"\n"+strings.Join(got.Evidence, "\n"), c.says) {
			t.Errorf("%s: %q with the evidence %q, want %q in it", c.name, got.Title, got.Evidence, c.says)
		}
	}
}

// Under a CPU limit, more processors would not help.
func TestALimitIsNoLackOfProcessors(t *testing.T) {
	for _, c := range []struct {
		name string
		of   sampling
		want []string
	}{
		{"a limit", sampling{usable: true, per: rate{1e-7, 1e-7, 9e-8}, Kernel: timeline.Kernel{Every: 1e8, Still: 2e9}, process: exposure{4e9, 0, 40}}, []string{"no-core 30.0 ms of 100 ms per request ran without a core"}},
		{"neighbors", sampling{usable: true, per: rate{1e-7, 1e-7, 9e-8}, process: exposure{8e9, 0, 80}}, []string{"no-core 30.0 ms of 100 ms per request ran without a core", "no-processor 15.0 ms of 100 ms per request"}},
		{"no profile", sampling{}, []string{"no-processor 60.0 ms of 100 ms per request"}},
	} {
		f := newFold(0)
		for range 100 {
			r := made{}.spend(breakdown.CPU, breakdown.NoPhase, 40*msec).spend(breakdown.Scheduler, breakdown.NoPhase, 60*msec).request()
			r.Ran, r.RanSampled = 40*msec, 1
			f.add(r)
		}
		sums := settle(f)
		b := &breakdown.Breakdown{Endpoints: render(sums, defaultPeriod, []sampling{c.of})}
		if err := b.Check(); err != nil {
			t.Error(err)
		}
		var got []string
		for _, f := range report.Worded(diagnosed(b, sums)).Findings {
			got = append(got, f.ID+" "+f.Evidence[0])
			if f.Title == "" || f.Try == "" {
				t.Errorf("%s: %+v has no words", c.name, f)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
	}
}

// Streams have findings only if there are no other requests.
func TestFindingsAreAboutOrdinaryRequests(t *testing.T) {
	for _, ordinary := range []bool{true, false} {
		f := newFold(0)
		for range 3 {
			r := made{}.spend(breakdown.CPU, breakdown.NoPhase, 10*msec).spend(breakdown.Scheduler, breakdown.NoPhase, 900*msec).request()
			r.Endpoint, r.Kind = "main.events", "http/1"+breakdown.Streaming
			f.add(r)
			if ordinary {
				f.add(made{}.spend(breakdown.CPU, breakdown.NoPhase, msec).spend(breakdown.Scheduler, breakdown.NoPhase, msec).request())
			}
		}
		sums := settle(f)
		b := &breakdown.Breakdown{Endpoints: render(sums, defaultPeriod, nil)}
		want := map[bool]string{true: "main.get", false: "main.events"}[ordinary]
		if found := diagnosed(b, sums).Findings; len(found) != 1 || found[0].Endpoint != want || b.Endpoints[0].Name != want {
			t.Errorf("with ordinary requests, %v: the first is %s, and there is found %+v", ordinary, b.Endpoints[0].Name, found)
		}
	}
}

// probesOf returns probes on one connection that took these times.
func probesOf(phase string, ns ...int64) (out []capture.Probe) {
	for i, d := range ns {
		out = append(out, capture.Probe{Phase: phase, Start: int64(i) * 1e9, End: int64(i)*1e9 + d, Conn: 1, Status: 200, Reused: i > 0})
	}
	return out
}

func TestCostOfLooking(t *testing.T) {
	many := func(ns int64, n int) (out []int64) {
		for i := range n {
			out = append(out, ns+int64(i%5)*1000)
		}
		return out
	}
	for _, c := range []struct {
		name         string
		base, window []int64
		known        bool
		low, high    float64 // the change lies between
		none         bool    // no cost could be seen
	}{
		{"without a baseline", nil, many(msec, 30), false, 0, 0, false},
		{"with too small a baseline", many(msec, 3), many(msec, 30), false, 0, 0, false},
		{"no slower", many(msec, 20), many(msec, 30), true, -0.01, 0.01, true},
		{"half slower", many(msec, 20), many(msec*3/2, 30), true, 0.48, 0.52, false},
		{"an outlier does not matter", append(many(msec, 20), 900*msec), append(many(msec, 30), 500*msec), true, -0.01, 0.01, true},
	} {
		m := newMatcher(100, 1<<20)
		m.solve(append(probesOf(capture.Baseline, c.base...), probesOf(capture.InWindow, c.window...)...), nil)
		cost := costOf(m.base, m.probes)
		if (cost != nil) != c.known {
			t.Errorf("%s: the cost is %+v", c.name, cost)
			continue
		}
		if cost == nil {
			continue
		}
		if cost.Change < c.low || cost.Change > c.high || cost.Low > cost.Change || cost.High < cost.Change || (cost.Low <= 0 && cost.High >= 0) != c.none {
			t.Errorf("%s: %+v", c.name, cost)
		}
		if again := costOf(m.base, m.probes); *again != *cost {
			t.Errorf("%s: the cost is first %+v, then %+v", c.name, cost, again)
		}
	}
}
