package replay

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"timesink/analyze/breakdown"
)

// A peer is a system that clients ask, each of them one call after another.
type peer struct {
	clients int
	think   int64 // on average, ns
	length  int64 // of the window, ns
	// pace is how long a call takes with n in flight, on average, at a moment.
	pace func(n int, at int64) float64
	// turns is set for a system that works on one call at a time.
	turns bool
	// varying is set if some calls are much longer than others.
	varying bool
	// pause is how much longer clients think at a moment.
	pause func(at int64) float64
	// upstream is set if they do not think, but call another system in the same request.
	upstream bool
	seed     uint64
}

// A caller is a client of a peer.
type caller struct {
	began, asked, next int64
	left               float64 // of the call, 1 in the mean; 0 while it thinks
}

// scripts returns the requests of the clients.
func (p *peer) scripts() (list []*script) {
	r := rand.New(rand.NewPCG(p.seed, 1))
	callers := make([]caller, p.clients)
	for i := range callers {
		callers[i].next = int64(r.ExpFloat64() * float64(p.think))
	}
	var queue []int // in flight, in the order in which they were asked
	for now := int64(0); now < p.length; {
		pace := p.pace(len(queue), now)
		first, at, answered := -1, int64(math.MaxInt64), false
		for i := range callers {
			if c := &callers[i]; c.left == 0 && c.next < at {
				first, at, answered = i, c.next, false
			}
		}
		for k, i := range queue {
			if p.turns && k > 0 {
				break
			}
			if t := now + int64(math.Ceil(callers[i].left*pace)); t <= at {
				first, at, answered = i, t, true
			}
		}
		for k, i := range queue {
			if p.turns && k > 0 {
				break
			}
			callers[i].left = max(1e-12, callers[i].left-float64(at-now)/pace)
		}
		now = at
		c := &callers[first]
		if !answered {
			c.asked, c.left = now, 0.8+0.4*r.Float64()
			if p.varying {
				c.left = r.ExpFloat64() + 0.01
			}
			queue = append(queue, first)
			continue
		}
		for k := range queue {
			if queue[k] == first {
				queue = append(queue[:k], queue[k+1:]...)
				break
			}
		}
		g := int64(first + 1)
		if p.upstream {
			list = append(list, asked(g, c.began).call(g, breakdown.Upstream, breakdown.ResponseWait, fetch, c.asked-c.began).call(g, breakdown.DB, breakdown.Query, query, now-c.asked))
		} else {
			list = append(list, asked(g, c.asked-ms/10).cpu(ms/10).call(g, breakdown.DB, breakdown.Query, query, now-c.asked))
		}
		think := r.ExpFloat64() * float64(p.think)
		if p.pause != nil {
			think *= p.pause(now)
		}
		c.left, c.began, c.next = 0, now+ms/10, now+ms/5+int64(think)
	}
	return list
}

// paces returns the paces of the systems in a recording.
func paces(t *testing.T, rec *Recording) []pace {
	t.Helper()
	w := rec.world(Closed)
	rec.link(w, nil, map[string]bool{})
	return w.paces
}

func line(a, b int64) func(int, int64) float64 {
	return func(n int, _ int64) float64 { return float64(a) + float64(b)*float64(n) }
}

func TestThePaceIsTold(t *testing.T) {
	constant := line(8*ms, 0)
	for name, test := range map[string]struct {
		peer peer
		// least and most bound the slope. Both are 0 for a constant pace.
		least, most int64
		// vague is set if the slope may be too uncertain.
		vague bool
	}{
		"a line":                       {peer: peer{clients: 12, think: 60 * ms, pace: line(5*ms, 2*ms)}, least: 1800 * ms / 1000, most: 2200 * ms / 1000},
		"a line, calls that vary":      {peer: peer{clients: 12, think: 60 * ms, pace: line(5*ms, 2*ms), varying: true}, least: 1700 * ms / 1000, most: 2300 * ms / 1000},
		"time shared among calls":      {peer: peer{clients: 6, think: 40 * ms, pace: line(0, 5*ms)}, least: 4500 * ms / 1000, most: 5500 * ms / 1000},
		"time shared, calls that vary": {peer: peer{clients: 6, think: 40 * ms, pace: line(0, 5*ms), varying: true}, least: 3500 * ms / 1000, most: 6500 * ms / 1000, vague: true},
		"time shared, all the time":    {peer: peer{clients: 8, think: 30 * ms, pace: line(0, 6*ms), upstream: true, length: 4000 * ms}, least: 4500 * ms / 1000, most: 6600 * ms / 1000},
		// The first of those in flight is half done on average when a call is asked.
		"one at a time":                      {peer: peer{clients: 8, think: 60 * ms, pace: constant, turns: true}, least: 6 * ms, most: 8 * ms},
		"one at a time, calls that vary":     {peer: peer{clients: 8, think: 60 * ms, pace: constant, turns: true, varying: true}, least: 7 * ms, most: 13 * ms, vague: true},
		"a constant pace":                    {peer: peer{clients: 8, think: 20 * ms, pace: constant}},
		"a constant pace, calls that vary":   {peer: peer{clients: 4, think: 4 * ms, pace: constant, varying: true}, vague: true},
		"a constant pace, one after another": {peer: peer{clients: 2, think: ms, pace: constant, varying: true}, vague: true},
		"a constant pace, and time that passes": {peer: peer{clients: 8, think: 60 * ms,
			pace:  func(_ int, at int64) float64 { return float64(5*ms + at/2000) },
			pause: func(at int64) float64 { return 1.5 - float64(at)/float64(20_000*ms) }}},
		"a constant pace, and a step in the middle": {peer: peer{clients: 8, think: 60 * ms,
			pace:  func(_ int, at int64) float64 { return float64(5*ms + at/(10_000*ms)*5*ms) },
			pause: func(at int64) float64 { return 1.2 - float64(at/(10_000*ms)) }}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(3) {
				p := test.peer
				p.length, p.seed = cmp.Or(p.length, 20_000*ms), seed
				list := paces(t, record(t, 8, p.length, p.scripts()...))
				list = slices.DeleteFunc(list, func(p pace) bool { return p.frame == fetch.Site })
				if len(list) == 0 && test.vague {
					continue
				}
				if len(list) != 1 {
					t.Fatalf("%d paces, want 1", len(list))
				}
				got := &list[0]
				slope, half := time.Duration(got.slope), time.Duration(got.half)
				t.Logf("%v ± %v for each call, %d to %d, mean %v at %.1f", slope, half, got.lo, got.hi, time.Duration(got.mean), got.level)
				switch {
				case test.most == 0 && got.slope > 2*got.half && got.slope > 0.02*got.mean:
					t.Errorf("the pace varies: %v ± %v for each call", slope, half)
				case test.most > 0 && (got.relative == nil || int64(slope) < test.least || int64(slope) > test.most):
					t.Errorf("%v ± %v for each call, want %v to %v", slope, half, time.Duration(test.least), time.Duration(test.most))
				}
			}
		})
	}
}

// TestMoreBesideLongCallsIsNoPace lets clients call an upstream with a constant pace, and a
// database one at a time: while one is in a long call to the upstream, the others are through
// with the database sooner, and are in the upstream too.
func TestMoreBesideLongCallsIsNoPace(t *testing.T) {
	for seed := range uint64(16) {
		clients := 2 << (seed % 4)
		p := peer{clients: clients, think: 30 * ms, pace: line(35*ms/int64(clients), 0), turns: true, upstream: true, length: 10_000 * ms, seed: seed}
		for _, got := range paces(t, record(t, 8, p.length, p.scripts()...)) {
			t.Logf("%s: %v ± %v for each call, %d to %d", got.frame.Function, time.Duration(got.slope), time.Duration(got.half), got.lo, got.hi)
			if got.frame == fetch.Site && got.rises() {
				t.Errorf("the upstream's pace varies: %v ± %v for each call", time.Duration(got.slope), time.Duration(got.half))
			}
		}
	}
}

// TestLevelsDuringCallsTellAPaceWhereTheyExplainIt makes calls whose durations depend on the
// level during them, and not on the one when they were asked.
func TestLevelsDuringCallsTellAPaceWhereTheyExplainIt(t *testing.T) {
	for name, test := range map[string]struct {
		noise int64
		told  bool
	}{
		"most of the durations":   {4 * ms, true},
		"little of the durations": {80 * ms, false},
	} {
		r := rand.New(rand.NewPCG(1, 1))
		var list []sample
		for i := range int64(4000) {
			level := 1 + 5*r.Float64()
			list = append(list, sample{at: i * 5 * ms, level: level, asked: float64(1 + r.IntN(6)), duration: 2*float64(ms)*level + r.ExpFloat64()*float64(test.noise)})
		}
		if p := paceOf(list, 20_000*ms); (p != nil && p.rises()) != test.told {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// TestThePaceMakesPredictionsTrue predicts what more and fewer clients get from systems, and
// lets as many ask them.
func TestThePaceMakesPredictionsTrue(t *testing.T) {
	for name, test := range map[string]struct {
		peer peer
		off  float64
	}{
		"a line":                  {peer{clients: 8, think: 40 * ms, pace: line(5*ms, 2*ms)}, 0.05},
		"a line, calls that vary": {peer{clients: 8, think: 40 * ms, pace: line(5*ms, 2*ms), varying: true}, 0.05},
		"time shared among calls": {peer{clients: 6, think: 60 * ms, pace: line(0, 8*ms)}, 0.05},
		// The durations are no line: the slope is lower where few are in flight.
		"one at a time":   {peer{clients: 6, think: 60 * ms, pace: line(8*ms, 0), turns: true}, 0.2},
		"a constant pace": {peer{clients: 6, think: 40 * ms, pace: line(8*ms, 0)}, 0.05},
	} {
		t.Run(name, func(t *testing.T) {
			p := test.peer
			p.length, p.seed = 20_000*ms, 7
			for _, factor := range []float64{1.5, 0.5} {
				changed := p
				changed.clients = int(factor * float64(p.clients))
				is := predict(t, record(t, 8, p.length, changed.scripts()...), Options{Load: Closed}).Before.Mean
				e := predict(t, record(t, 8, p.length, p.scripts()...), Options{Load: Closed, Changes: []Change{{Kind: Rate, Factor: factor}}})
				low, high := e.After.Mean, e.After.Mean
				if e.Limited != nil {
					low, high = min(low, e.Limited.Mean), max(high, e.Limited.Mean)
				}
				t.Logf("%v times as many clients: %v, predicted %v to %v, is %v", factor, time.Duration(e.Before.Mean), time.Duration(low), time.Duration(high), time.Duration(is))
				mustMean(t, "the replay without a change", e.Replayed.Mean, e.Before.Mean)
				if float64(is) < (1-test.off)*float64(low) || float64(is) > (1+test.off)*float64(high) && is-high > int64(test.off*float64(is)) {
					t.Errorf("%v times as many clients: predicted %v to %v, is %v", factor, time.Duration(low), time.Duration(high), time.Duration(is))
				}
			}
		})
	}
}

// TestTheLevelsSeenAreSaid asks for more calls of systems that were seen at several levels,
// and at one.
func TestTheLevelsSeenAreSaid(t *testing.T) {
	for name, test := range map[string]struct {
		peer peer
		want []breakdown.AssumptionCode
	}{
		"several": {peer{clients: 6, think: 60 * ms, pace: line(0, 8*ms)}, []breakdown.AssumptionCode{breakdown.AssumeFitted, breakdown.UnknownPace}},
		"one":     {peer{clients: 3, think: 0, pace: line(0, 8*ms)}, []breakdown.AssumptionCode{breakdown.UnknownLevel}},
	} {
		p := test.peer
		p.length = 20_000 * ms
		got, err := record(t, 8, p.length, p.scripts()...).Predict(Options{Load: Closed, Changes: []Change{{Kind: Rate, Factor: 2}}})
		if err != nil {
			t.Fatal(err)
		}
		var codes []breakdown.AssumptionCode
		for _, list := range [][]breakdown.Assumption{got.Assumptions, got.Unknown} {
			for _, a := range list {
				if a.Code != breakdown.AssumeLoad {
					codes = append(codes, a.Code)
				}
				if a.Code == breakdown.AssumeFitted && (a.At != "postgres" || a.Pace.Function != query.Site.Function || a.Pace.From != 1 || a.Pace.To < 3 || a.Pace.Holds()) {
					t.Errorf("%s: %+v, %+v", name, a, a.Pace)
				}
			}
		}
		if !slices.Equal(codes, test.want) {
			t.Errorf("%s: %v, want %v", name, codes, test.want)
		}
	}
}

// TestCallsBesideOthersTellNoPace makes requests with several calls at once: the longest are
// alone at the end.
func TestCallsBesideOthersTellNoPace(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var scripts []*script
	for i := range int64(400) {
		s := asked(i%2+1, i*50*ms).cpu(ms / 10)
		from, last := s.at, int64(0)
		for k := range int64(4) {
			time := int64(float64(8*ms) * (0.2 + r.ExpFloat64()))
			last = max(last, time)
			s.beside(101+k, breakdown.DB, query, from, from+time, 0)
		}
		s.part(101, breakdown.DB, breakdown.Query, query, last)
		scripts = append(scripts, s)
	}
	if list := paces(t, record(t, 4, 20_000*ms, scripts...)); len(list) > 0 {
		t.Errorf("%+v", list)
	}
}
