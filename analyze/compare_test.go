package analyze

import (
	"math/rand/v2"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
)

// invented returns an endpoint as an analysis would, with figures from r.
func invented(r *rand.Rand, name, route string, slow int64) breakdown.Endpoint {
	f := newFold(0)
	f.keepSeries = true
	e := f.endpoint(endpointKey{name: name, kind: "http/1"})
	cause := &breakdown.Cause{System: "http", Site: breakdown.Frame{Function: "main.call", File: "main.go", Line: int(r.Int64N(9)) + 1}}
	for i := range 100 + r.Int64N(200) {
		start := i * 10_000_000
		req := breakdown.Request{Start: start, Goroutine: 1}
		at := start
		for range 1 + r.Int64N(5) {
			b := breakdown.Bucket(r.Int64N(int64(breakdown.NumBuckets)))
			phase := breakdown.NoPhase
			if b == breakdown.Upstream {
				phase = []breakdown.Phase{breakdown.Connect, breakdown.ResponseWait}[r.Int64N(2)]
			}
			end := at + 1 + r.Int64N(1_000_000) + slow
			req.Path = append(req.Path, breakdown.Segment{Start: at, End: end, Goroutine: 1, Bucket: b, Phase: phase, Cause: cause})
			if b == breakdown.Upstream {
				req.Calls = append(req.Calls, breakdown.Call{Start: at, End: end, Goroutine: 1, Bucket: b, System: "http", Site: cause.Site, OnPath: end - at},
					breakdown.Call{Start: at, End: end, Goroutine: 2, Bucket: b, System: "http", Site: cause.Site, Dialed: r.Int64N(2) == 0})
			}
			at = end
		}
		req.End = at
		f.addTo(e, &req)
	}
	out := renderEndpoint(e, defaultPeriod, nil)
	out.Route = route
	return out
}

func ofEndpoints(endpoints ...breakdown.Endpoint) *breakdown.Breakdown {
	return &breakdown.Breakdown{Source: breakdown.Source{Window: 1e9}, Endpoints: endpoints}
}

func compared(t *testing.T, before, after *breakdown.Breakdown, gates ...string) *breakdown.Comparison {
	t.Helper()
	var parsed []Gate
	for _, text := range gates {
		g, err := ParseGate(text)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, g)
	}
	c, err := Changes(before, after, 0, parsed)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	return c
}

func TestPartsSumToTheChange(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		before := ofEndpoints(invented(r, "main.a", "", 0), invented(r, "main.b", "", 0))
		after := ofEndpoints(invented(r, "main.a", "", int64(seed)*1000), invented(r, "main.c", "", 0))
		c := compared(t, before, after)
		if m := c.Mix; m.Shift+m.Within != m.After-m.Before {
			t.Errorf("the mix is %+v", m)
		}
	}
}

func TestEndpointsAreMatched(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	e := func(name, route string) breakdown.Endpoint { return invented(r, name, route, 0) }
	before := ofEndpoints(e("main.same", ""), e("main.run.func1", ""), e("main.old", "GET /v1/a"), e("main.gone", ""), e("main.two.func1", ""), e("main.two.func2", ""))
	after := ofEndpoints(e("main.new", "GET /v1/a"), e("main.run.func2", ""), e("main.same", ""), e("main.come", ""), e("main.two.func3", ""))
	got := map[string]string{}
	for _, e := range compared(t, before, after).Endpoints {
		got[e.Name] = e.Status + " " + e.Was
	}
	for name, want := range map[string]string{
		"main.same": "both ", "main.run.func2": "both main.run.func1", "main.new": "both main.old",
		"main.gone": "vanished ", "main.come": "appeared ",
		// It may be either of the two.
		"main.two.func3": "appeared ", "main.two.func1": "vanished ", "main.two.func2": "vanished ",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, not %q", name, got[name], want)
		}
	}
}

func TestIdenticalSidesShowNoChange(t *testing.T) {
	b := ofEndpoints(invented(rand.New(rand.NewPCG(1, 1)), "main.a", "", 0))
	c := compared(t, b, b, "p50 > +0%", "mean < -1ns")
	for _, w := range c.Endpoints[0].Wall {
		if w.Significant || w.Delta != 0 {
			t.Errorf("%+v", w)
		}
	}
	for _, g := range c.Gates {
		if g.Outcome != breakdown.GatePassed {
			t.Errorf("%+v", g)
		}
	}
}

func TestGateOutcomes(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	before := ofEndpoints(invented(r, "main.(*API).a", "GET /a", 0), invented(r, "main.(*API).b", "", 0))
	after := ofEndpoints(invented(r, "main.(*API).a", "GET /a", 3_000_000), invented(r, "main.(*API).b", "", 0))
	for condition, want := range map[string]string{
		"p50 > +10%":                     breakdown.GateBroken,
		"p50 > +10% @ GET /a":            breakdown.GateBroken,
		"mean > +1ms @ main.(*API).a":    breakdown.GateBroken,
		"mean > +1ms @ (*API).b":         breakdown.GatePassed,
		"mean < -10%":                    breakdown.GatePassed,
		"cpu mean > +10us @ (*API).a":    breakdown.GateBroken,
		"mean > +10000% @ main.(*API).a": breakdown.GatePassed,
	} {
		if g := compared(t, before, after, condition).Gates[0]; g.Outcome != want {
			t.Errorf("%s: %+v, not %s", condition, g, want)
		}
	}
	g, err := ParseGate("mean > +1ms @ main.nobody")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Changes(before, after, 0, []Gate{g}); err == nil || !strings.Contains(err.Error(), "no such endpoint") {
		t.Errorf("a gate on a missing endpoint: error %v", err)
	}
}

func TestASmallChangeIsUndecided(t *testing.T) {
	a := ofEndpoints(invented(rand.New(rand.NewPCG(3, 3)), "main.a", "", 0))
	b := ofEndpoints(invented(rand.New(rand.NewPCG(4, 4)), "main.a", "", 5_000))
	g := compared(t, a, b, "mean > +0ns", "mean < +0ns").Gates
	if g[0].Outcome != breakdown.GateUnsure && g[1].Outcome != breakdown.GateUnsure {
		t.Errorf("%+v", g)
	}
	for _, w := range compared(t, a, b).Endpoints[0].Wall {
		if !w.Significant && w.Needs == "" {
			t.Errorf("%s does not say what would decide: %+v", w.Quantity, w)
		}
	}
}

func TestInvalidConditionsAreRejected(t *testing.T) {
	for text, want := range map[string]string{
		"p95":              "no < or >",
		"p95 > 10%":        "must begin with + or -",
		"p90 > +10%":       "not a quantity",
		"db p95 > +10%":    "only a mean",
		"disk mean > +10%": "not a quantity",
		"p95 > +10":        "neither a percentage nor a duration",
		"p95 > +10% @":     "an endpoint must follow",
		"p95 >":            "must begin with + or -",
	} {
		if _, err := ParseGate(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseGate(%q) = %v, want an error with %q", text, err, want)
		}
	}
}

func TestWarningsForSidesThatDiffer(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	before, after := ofEndpoints(invented(r, "main.a", "", 0)), ofEndpoints(invented(r, "main.a", "", 0))
	before.Source.GoVersion, after.Source.GoVersion = "go1.25.1", "go1.26.0"
	before.Source.GOMAXPROCS, after.Source.GOMAXPROCS = 2, 4
	before.Source.ProbeRate, after.Source.ProbeRate = 5, 50
	after.Source.Window = 5e9
	after.Warnings = []breakdown.Warning{{Code: "trace-truncated", Message: "cut"}, {Code: "generations-missing", Message: "a gap"}}
	codes := map[string]bool{}
	for _, w := range compared(t, before, after).Warnings {
		codes[w.Code] = true
	}
	for _, want := range []string{"other-load", "other-gomaxprocs", "other-go", "other-probes", "trace-truncated", "generations-missing"} {
		if !codes[want] {
			t.Errorf("no warning %s in %v", want, codes)
		}
	}
}

func TestSeveralCapturesAreTestedAsCaptures(t *testing.T) {
	many := func(from uint64, slow int64) *breakdown.Breakdown {
		e := invented(rand.New(rand.NewPCG(from, 1)), "main.a", "", slow)
		for i := range 4 {
			e.Series[i+1] = invented(rand.New(rand.NewPCG(from+uint64(i)+1, 1)), "main.a", "", slow).Series[0]
		}
		b := ofEndpoints(e)
		b.Source.Instances = 5
		return b
	}
	c := compared(t, many(10, 0), many(20, 500_000))
	if w := c.Endpoints[0].Wall[0]; c.Test != "captures" || !w.Significant || w.P > 0.01 || w.Floor != 0 {
		t.Errorf("over %s: %+v", c.Test, w)
	}
	same := compared(t, many(10, 0), many(10, 0))
	for _, w := range same.Endpoints[0].Wall {
		if w.Significant {
			t.Errorf("over %s: %+v", same.Test, w)
		}
	}
}

func TestApportionKeepsTheWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for range 1000 {
		var parts []ratio
		sum := 0.0
		for range 1 + r.IntN(13) {
			p := ratio{r.Int64N(2000) - 1000, r.Float64()}
			parts, sum = append(parts, p), sum+float64(p.whole)+p.frac
		}
		whole := int64(sum)
		total := int64(0)
		for i, x := range apportion(parts, whole) {
			total += x
			if d := float64(x) - float64(parts[i].whole) - parts[i].frac; d > 2 || d < -2 {
				t.Fatalf("part %d of %+v became %d", i, parts, x)
			}
		}
		if total != whole {
			t.Fatalf("%+v sum to %d, not %d", parts, total, whole)
		}
	}
}
