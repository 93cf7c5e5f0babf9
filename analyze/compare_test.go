package analyze

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"timesink/analyze/breakdown"
	"timesink/analyze/trace/tracetest"
)

// invented returns an endpoint as an analysis would, with figures from r.
func invented(r *rand.Rand, name, route string, slow int64) breakdown.Endpoint {
	return inventedIn(1, r, name, route, slow)
}

// inventedIn is invented for several captures.
func inventedIn(captures int, r *rand.Rand, name, route string, slow int64) breakdown.Endpoint {
	f := newFold(0)
	f.keepSeries = true
	e := f.endpoint(endpointKey{name: name, kind: "http/1"})
	for f.capture = range captures {
		invent(f, e, r, slow)
	}
	out := renderEndpoint(e, defaultPeriod, nil)
	out.Route = route
	return out
}

// invent adds requests to an endpoint.
func invent(f *fold, e *endpoint, r *rand.Rand, slow int64) {
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
	c, err := Changes(before, after, CompareOptions{Gates: parsed})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	return c
}

func TestPartsSumToTheChange(t *testing.T) {
	seeds := uint64(20)
	if tracetest.Long {
		seeds = 50
	}
	for seed := range seeds {
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

// build returns captures of a build with two endpoints, one of them slower by some ns in
// each of its segments. They begin two minutes apart: those of another side lie between.
// All have one rate of requests.
func build(seed uint64, captures, first int, slow int64) *breakdown.Breakdown {
	r := rand.New(rand.NewPCG(seed, 7))
	b := ofEndpoints(inventedIn(captures, r, "main.(*API).a", "GET /a", slow), inventedIn(captures, r, "main.(*API).b", "", 0))
	b.Source.Instances = captures
	for i := range captures {
		at := time.Unix(int64(120*i+60*first), 0)
		requests := b.Endpoints[0].Series[i].Requests() + b.Endpoints[1].Series[i].Requests()
		b.Captures = append(b.Captures, breakdown.Capture{At: &at, Covered: requests * 10_000_000})
	}
	return b
}

func TestIdenticalSidesShowNoChange(t *testing.T) {
	before, after := build(1, 6, 0, 0), build(1, 6, 1, 0)
	c := compared(t, before, after, "p50 > +80%", "mean < -1ms")
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
	before, after := build(10, 6, 0, 0), build(20, 6, 1, 3_000_000)
	for condition, want := range map[string]string{
		"p50 > +10%":                     breakdown.GateBroken,
		"p50 > +10% @ GET /a":            breakdown.GateBroken,
		"mean > +1ms @ main.(*API).a":    breakdown.GateBroken,
		"mean > +1ms @ (*API).b":         breakdown.GatePassed,
		"mean < -60%":                    breakdown.GatePassed,
		"cpu mean > +10us @ (*API).a":    breakdown.GateBroken,
		"mean > +10000% @ main.(*API).a": breakdown.GatePassed,
		"mean > +0ns @ (*API).b":         breakdown.GateUnsure,
	} {
		g := compared(t, before, after, condition).Gates[0]
		if g.Outcome != want {
			t.Errorf("%s: %+v, not %s", condition, g, want)
		}
		if g.Change == nil || g.Outcome == breakdown.GateBroken && g.P >= DefaultGateAlpha {
			t.Errorf("%s: %+v", condition, g)
		}
	}
	g, err := ParseGate("mean > +1ms @ main.nobody")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Changes(before, after, CompareOptions{Gates: []Gate{g}}); err == nil || !strings.Contains(err.Error(), "no such endpoint") {
		t.Errorf("a gate on a missing endpoint: error %v", err)
	}
}

// TestAllLooksAreCounted checks that a gate alone may break where the same with others,
// at the same change, does not.
func TestAllLooksAreCounted(t *testing.T) {
	before, after := build(10, 3, 0, 0), build(20, 3, 1, 400_000)
	const condition = "mean > +0ns @ GET /a"
	alone := compared(t, before, after, condition).Gates[0]
	more := []string{condition}
	for _, q := range []string{"p50", "p95", "p99", "cpu mean", "db mean", "gc mean"} {
		more = append(more, q+" > +900%")
	}
	among := compared(t, before, after, more...).Gates[0]
	if alone.Looks != 1 || among.Looks != 1+6*2 {
		t.Errorf("%d looks alone, %d among others", alone.Looks, among.Looks)
	}
	if alone.P <= 0 || among.P <= alone.P || among.P > 13*alone.P+1e-6 {
		t.Errorf("p is %v alone, %v among others", alone.P, among.P)
	}
}

// TestHolm compares with adjusted values that were computed by hand.
func TestHolm(t *testing.T) {
	looks := []*look{{p: 0.01}, {p: 0.04}, {p: 0.03}, {p: 0.005}}
	holm(looks)
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} {
		if math.Abs(looks[i].all-want) > 1e-12 {
			t.Errorf("%v became %v, not %v", looks[i].p, looks[i].all, want)
		}
	}
}

func TestNothingIsDecidedWithoutCapturesInTurn(t *testing.T) {
	slower := func(seed uint64, n, first int) *breakdown.Breakdown { return build(seed, n, first, 3_000_000) }
	later := slower(20, 3, 1)
	for i := range later.Captures {
		at := later.Captures[i].At.Add(time.Hour)
		later.Captures[i].At = &at
	}
	undated := slower(20, 3, 1)
	undated.Captures[1].At = nil
	busier := slower(20, 3, 1)
	for i := range busier.Captures {
		busier.Captures[i].Covered /= 3
	}
	for why, sides := range map[string][2]*breakdown.Breakdown{
		"one-capture":       {build(10, 1, 0, 0), slower(20, 1, 1)},
		"one-after-another": {build(10, 3, 0, 0), later},
		"other-load":        {build(10, 3, 0, 0), busier},
		"":                  {build(10, 3, 0, 0), slower(20, 3, 1)},
	} {
		c := compared(t, sides[0], sides[1], "mean > +10%")
		if got := strings.Join(c.Undecided, " "); got != why {
			t.Errorf("undecided for %q, not %q", got, why)
		}
		want := map[bool]string{true: breakdown.GateBroken, false: breakdown.GateUnsure}[why == ""]
		if g := c.Gates[0]; g.Outcome != want || c.Endpoints[0].Wall[0].Significant != (why == "") {
			t.Errorf("%q: %+v %+v", why, g, c.Endpoints[0].Wall[0])
		}
		if why != "" && !slices.ContainsFunc(c.Warnings, func(w breakdown.Warning) bool { return w.Code == why }) {
			t.Errorf("no warning %s in %+v", why, c.Warnings)
		}
	}
	if c := compared(t, build(10, 3, 0, 0), undated); strings.Join(c.Undecided, " ") != oneAfterAnother {
		t.Errorf("captures at unknown times: %q", c.Undecided)
	}
}

// TestNoiseDecidesBetweenTwoMoments compares one capture a side with captures of one
// build, which tell how much its captures differ.
func TestNoiseDecidesBetweenTwoMoments(t *testing.T) {
	for slow, want := range map[int64]string{0: breakdown.GateUnsure, 3_000_000: breakdown.GateBroken} {
		gate, err := ParseGate("mean > +0ns @ GET /a")
		if err != nil {
			t.Fatal(err)
		}
		c, err := Changes(build(10, 1, 0, 0), build(20, 1, 1, slow), CompareOptions{Gates: []Gate{gate}, Noise: build(30, 6, 0, 0)})
		if err != nil {
			t.Fatal(err)
		}
		mean := c.Endpoints[0].Wall[0]
		if slow == 0 && mean.Delta <= 0 {
			t.Fatalf("the case shows nothing: %+v", mean)
		}
		if c.Test != breakdown.OverNoise || c.Noise.Captures != 6 || mean.Floor <= 0 || c.Gates[0].Outcome != want {
			t.Errorf("slower by %d: over %s, %+v, %+v", slow, c.Test, mean, c.Gates[0])
		}
	}
}

// TestTurns tells orders in which the sides' captures were taken in turn from others.
func TestTurns(t *testing.T) {
	for order, want := range map[string]bool{
		"ab": false, "abab": true, "abba": true, "aabb": false, "abbaab": true, "aabbab": false, "aaabbb": false,
		"aabbaabb": false, "abbaabba": true, "aabbabbaabab": true, "aaabbbababab": false, "ababb": false, "a": false,
		"(ab)(ab)": true, "(ba)": true,
	} {
		var sides [2][]breakdown.Capture
		at, together := time.Unix(0, 0), false
		for _, c := range order {
			if c == '(' || c == ')' {
				together = c == '('
				at = at.Add(time.Minute)
				continue
			}
			taken := at
			sides[c-'a'] = append(sides[c-'a'], breakdown.Capture{At: &taken, Covered: 3e9})
			if at = at.Add(time.Second); !together {
				at = at.Add(time.Minute)
			}
		}
		if got := inTurn(sides[0], sides[1]); got != want {
			t.Errorf("%s: in turn %v", order, got)
		}
	}
}

func TestLoads(t *testing.T) {
	side := func(rate, atOnce float64) *breakdown.Side {
		return &breakdown.Side{Requests: 10_000, Rate: rate, Concurrency: atOnce}
	}
	for name, c := range map[string]struct {
		before, after *breakdown.Side
		apart         bool
	}{
		"the same":                        {side(100, 4), side(100, 4), false},
		"a little more":                   {side(100, 4), side(104, 4.2), false},
		"more":                            {side(100, 4), side(110, 4.4), true},
		"less":                            {side(110, 4.4), side(100, 4), true},
		"a slower build in an open loop":  {side(100, 4), side(100, 6), false},
		"a slower build in a closed loop": {side(100, 4), side(70, 4.01), false},
		"one whose clients think between": {side(100, 4), side(85, 4.6), false},
		"a much slower one":               {side(438, 0.98), side(15, 0.92), false},
		"less, of a slower build":         {side(100, 4), side(80, 3.68), true},
		"more, though too few to be sure": {&breakdown.Side{Requests: 100, Rate: 100, Concurrency: 4}, &breakdown.Side{Requests: 110, Rate: 110, Concurrency: 4.4}, false},
		"nothing is known":                {side(0, 0), side(10, 1), false},
	} {
		if got := loadsApart(c.before, c.after); got != c.apart {
			t.Errorf("%s: apart %v", name, got)
		}
	}
}

// TestNeighborsAreNamed compares sides of which one had its cores taken: the requests
// compute as much, and wait longer.
func TestNeighborsAreNamed(t *testing.T) {
	before, after := build(10, 3, 0, 0), build(20, 3, 1, 0)
	for i := range before.Captures {
		before.Captures[i].Running, before.Captures[i].Sampled = 2e9, 2e9
		after.Captures[i].Running, after.Captures[i].Sampled = 2e9, 1e9
	}
	e := &after.Endpoints[0]
	for i := range e.Series {
		for j := range e.Series[i].Blocks {
			b := &e.Series[i].Blocks[j]
			more := b.Requests * 4_000_000
			b.Wall, b.Buckets[breakdown.CPU] = b.Wall+more, b.Buckets[breakdown.CPU]+more
			for k := range b.Walls {
				b.Walls[k] += 4_000_000
			}
		}
	}
	more := e.Requests * 4_000_000
	e.Wall.Total, e.Wall.Mean = e.Wall.Total+more, e.Wall.Mean+4_000_000
	e.Buckets[breakdown.CPU].Total, e.Buckets[breakdown.CPU].Mean = e.Buckets[breakdown.CPU].Total+more, e.Buckets[breakdown.CPU].Mean+4_000_000
	e.Buckets[breakdown.CPU].Phases, e.Buckets[breakdown.CPU].Sites = nil, nil
	c := compared(t, before, after, "mean > +10% @ GET /a")
	if g := c.Gates[0]; g.Outcome != breakdown.GateUnsure || g.Cause == nil || g.Cause.What != breakdown.OtherPrograms || g.Cause.Delta < 2_000_000 {
		t.Errorf("%+v", g)
	}
	for i := range after.Captures { // the same change, with the samples of a build that computes more
		after.Captures[i].Sampled = 2e9
	}
	if g := compared(t, before, after, "mean > +10% @ GET /a").Gates[0]; g.Outcome != breakdown.GateBroken || g.Cause != nil {
		t.Errorf("%+v", g)
	}
}

func TestASmallChangeIsUndecided(t *testing.T) {
	c := compared(t, build(3, 3, 0, 0), build(40, 3, 1, 5_000), "mean > +0ns", "mean < +0ns")
	for _, g := range c.Gates {
		if g.Outcome != breakdown.GateUnsure {
			t.Errorf("%+v", g)
		}
	}
	for _, w := range c.Endpoints[0].Wall {
		if !w.Significant && (w.Needs == "" || w.Spread <= 0) {
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
