package analyze

import (
	"math"
	"math/rand/v2"
	"testing"

	"timesink/analyze/breakdown"
)

// pairsOf returns an AB of one quantity with pairs that were made up.
func pairsOf(differences ...float64) *AB {
	a := NewAB(ABOptions{Quantities: []string{"mean"}})
	a.endpoint = &breakdown.Endpoint{Name: "main.a"}
	for _, d := range differences {
		a.pairs[0] = append(a.pairs[0], pairOf{1e7, 1e7 * math.Exp(d)})
	}
	return a
}

// until adds differences from draw until the verdict is clear or there are most of them,
// looks at the result after each, and returns the verdict and the number.
func until(most int, draw func() float64) (breakdown.Verdict, int) {
	a := pairsOf()
	var differences []float64
	for n := range most {
		differences = append(differences, draw())
		if v := a.verdict(a.test(differences), medianOf(differences)); v != breakdown.Undecided {
			return v, n + 1
		}
	}
	return breakdown.Undecided, most
}

// TestLookingAfterEveryPairIsValid draws differences of one build with itself that are far
// from normal: a neighbor that comes and goes makes some of them huge, and the noise grows
// and shrinks with time.
func TestLookingAfterEveryPairIsValid(t *testing.T) {
	const trials, most = 100, 30
	r, wrong := rand.New(rand.NewPCG(1, 1)), 0
	for range trials {
		noise := 0.2
		v, _ := until(most, func() float64 {
			noise = min(max(noise*math.Exp(0.3*r.NormFloat64()), 0.02), 1)
			d := noise * r.NormFloat64()
			if r.IntN(4) == 0 {
				d *= 10
			}
			return d
		})
		if v == breakdown.Slower || v == breakdown.Faster {
			wrong++
		}
	}
	// 2 are expected at most; 9 or more have a probability of less than one in a thousand.
	if wrong >= 9 {
		t.Errorf("%d of %d are wrong", wrong, trials)
	}
	t.Logf("%d of %d wrong", wrong, trials)
}

func TestABFindsWhatIsThere(t *testing.T) {
	for name, c := range map[string]struct {
		center, noise float64
		want          breakdown.Verdict
	}{
		"a tenth slower":              {0.10, 0.08, breakdown.Slower},
		"a third slower":              {0.30, 0.05, breakdown.Slower},
		"a tenth faster":              {-0.10, 0.08, breakdown.Equivalent},
		"much faster":                 {-0.50, 0.02, breakdown.Faster},
		"the same":                    {0, 0.04, breakdown.Equivalent},
		"slower by less than matters": {0.01, 0.03, breakdown.Equivalent},
	} {
		r, found, pairs := rand.New(rand.NewPCG(2, 2)), 0, 0
		const trials = 20
		for range trials {
			v, n := until(60, func() float64 { return c.center + c.noise*math.Sqrt2*r.NormFloat64() })
			if pairs += n; v == c.want {
				found++
			}
		}
		if found < 16 {
			t.Errorf("%s: found in %d of %d", name, found, trials)
		}
		t.Logf("%s: found in %d of %d, after %d pairs on average", name, found, trials, pairs/trials)
	}
}

// TestFewPairsDecideNothing: however large the difference, chance gives a few pairs one
// sign.
func TestFewPairsDecideNothing(t *testing.T) {
	var differences []float64
	for n := 1; ; n++ {
		differences = append(differences, 1)
		q := pairsOf(differences...).Result().Quantities[0]
		if q.Verdict == breakdown.Slower {
			if math.Pow(2, -float64(n-1)) > DefaultABAlpha || n > 15 {
				t.Errorf("%d pairs decide", n)
			}
			return
		}
		if q.Needs <= n || q.Needs > 15 {
			t.Errorf("after %d pairs it needs %d", n, q.Needs)
		}
	}
}

func TestIntervalsHoldTheCenter(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	const trials, n = 20, 20
	missed := 0
	for range trials {
		var differences []float64
		for range n {
			differences = append(differences, 0.2+0.1*r.NormFloat64())
		}
		q := pairsOf(differences...).Result().Quantities[0]
		if q.Low == nil || q.High == nil || *q.Low > *q.High {
			t.Fatalf("%+v", q)
		}
		if truth := math.Expm1(0.2); *q.Low > truth || *q.High < truth {
			missed++
		}
	}
	if missed > 3 {
		t.Errorf("%d of %d intervals miss the center", missed, trials)
	}
}

// TestABTakesTheEndpointOfTheFirstPair adds real pairs, of which one has another endpoint.
func TestABTakesTheEndpointOfTheFirstPair(t *testing.T) {
	a := NewAB(ABOptions{})
	for i := range uint64(3) {
		if !a.Add(build(10+i, 1, 0, 0), build(20+i, 1, 1, 0)) {
			t.Fatal("a pair was not added")
		}
	}
	if a.Add(ofEndpoints(invented(rand.New(rand.NewPCG(1, 1)), "main.c", "", 0)), build(3, 1, 1, 0)) {
		t.Error("a pair without the endpoint was added")
	}
	r := a.Result()
	if r.Pairs != 3 || r.Before.Captures != 3 || r.Verdict != breakdown.Undecided || len(r.Quantities) != 2 || r.Endpoint == "" {
		t.Errorf("%+v", r)
	}
	if v := NewAB(ABOptions{}).Result(); v.Verdict != breakdown.Undecided || v.Pairs != 0 {
		t.Errorf("without pairs: %+v", v)
	}
}
