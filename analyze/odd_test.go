package analyze

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// drawnLevels draws the levels of n instances that differ by between, and whose requests
// differ so that each mean is off by within. draw returns a value with a standard
// deviation of 1.
func drawnLevels(r *rand.Rand, n int, between, within float64, draw func() float64) (out []level) {
	for range n {
		// 30 blocks tell the variance.
		chi := 0.0
		for range 29 {
			x := r.NormFloat64()
			chi += x * x / 29
		}
		out = append(out, level{100 + between*draw() + within*r.NormFloat64(), within * within * chi})
	}
	return out
}

func indices(list []suspect) (out []int) {
	for _, s := range list {
		out = append(out, s.index)
	}
	slices.Sort(out)
	return out
}

// TestHealthyInstancesAreSeldomOdd draws healthy instances and counts how often any is
// called odd in any of the quantities. SpreadAlpha allows one in a hundred.
func TestHealthyInstancesAreSeldomOdd(t *testing.T) {
	const quantities = 12
	for _, c := range []struct {
		name            string
		between, within float64
	}{
		{"that differ only by their requests", 0, 1},
		{"that differ by more than their requests", 1, 0.2},
		{"that differ by both", 1, 1},
	} {
		for _, n := range []int{4, 5, 8, 24} {
			r, alarms, trials := rand.New(rand.NewPCG(1, uint64(n))), 0, 800
			if n > 20 {
				trials = 300
			}
			for range trials {
				for range quantities {
					if len(oddOnes(drawnLevels(r, n, c.between, c.within, r.NormFloat64), quantities, SpreadAlpha)) > 0 {
						alarms++
						break
					}
				}
			}
			// Beyond what chance makes of one in a hundred, with a probability of 1e-4.
			most := float64(trials)*SpreadAlpha + 4*math.Sqrt(float64(trials)*SpreadAlpha)
			t.Logf("%d instances %s: %d false alarms in %d trials", n, c.name, alarms, trials)
			if float64(alarms) > most {
				t.Errorf("%d instances %s: %d false alarms in %d trials, at most %.0f are expected", n, c.name, alarms, trials, most)
			}
		}
	}
}

func TestOddInstancesAreFound(t *testing.T) {
	for _, c := range []struct {
		name  string
		n     int
		odd   []int
		shift float64 // standard deviations between healthy instances
		least float64 // the share of trials in which exactly these must be found
	}{
		{"one of five", 5, []int{2}, 60, 0.9},
		{"one of eight", 8, []int{7}, 20, 0.95},
		{"one of 24", 24, []int{0}, 10, 0.95},
		{"three of 24, which do not hide each other", 24, []int{3, 9, 20}, 15, 0.95},
		{"one that is faster", 24, []int{5}, -10, 0.95},
	} {
		r, found, trials := rand.New(rand.NewPCG(7, uint64(c.n))), 0, 100
		for range trials {
			levels := drawnLevels(r, c.n, 1, 0.3, r.NormFloat64)
			for k, i := range c.odd {
				levels[i].mean += c.shift * (1 + 0.3*float64(k))
			}
			if slices.Equal(indices(oddOnes(levels, 12, SpreadAlpha)), c.odd) {
				found++
			}
		}
		t.Logf("%s: %d of %d", c.name, found, trials)
		if float64(found) < c.least*float64(trials) {
			t.Errorf("%s: found in %d of %d trials", c.name, found, trials)
		}
	}
}

// An instance with few requests is further away by chance than the others.
func TestFewRequestsAreNotOdd(t *testing.T) {
	var levels []level
	for i := range 12 {
		levels = append(levels, level{100 + float64(i%3), 1})
	}
	levels[4] = level{130, 100}
	if odd := oddOnes(levels, 1, SpreadAlpha); len(odd) > 0 {
		t.Errorf("%+v", odd)
	}
	levels[4].variance = 1
	if odd := indices(oddOnes(levels, 1, SpreadAlpha)); !slices.Equal(odd, []int{4}) {
		t.Errorf("with as many requests as the others: %v", odd)
	}
}

func TestOddAmongEqualInstances(t *testing.T) {
	levels := make([]level, 6)
	if odd := oddOnes(levels, 1, SpreadAlpha); len(odd) > 0 {
		t.Errorf("nothing differs, but %+v is odd", odd)
	}
	levels[1].mean = 5
	if odd := indices(oddOnes(levels, 1, SpreadAlpha)); !slices.Equal(odd, []int{1}) {
		t.Errorf("all but one are equal, but %v are odd", odd)
	}
	if odd := oddOnes(levels[:3], 1, SpreadAlpha); len(odd) > 0 {
		t.Errorf("of three, %+v is odd", odd)
	}
	if odd := oddOnes(nil, 1, SpreadAlpha); len(odd) > 0 {
		t.Errorf("of none, %+v is odd", odd)
	}
}

// Groups are compared with one value per instance.
func TestGroupsAreCompared(t *testing.T) {
	r, alarms, found := rand.New(rand.NewPCG(3, 4)), 0, 0
	const trials = 1000
	for range trials {
		a, b := drawnLevels(r, 4, 1, 0.3, r.NormFloat64), drawnLevels(r, 20, 1, 0.3, r.NormFloat64)
		if contrastOf(a, b).p <= 0.05 {
			alarms++
		}
		for i := range a {
			a[i].mean += 4
		}
		if c := contrastOf(a, b); c.p <= 0.05 && c.low < 4 && 4 < c.high {
			found++
		}
	}
	if alarms > 85 || found < 850 {
		t.Errorf("%d false alarms, %d found of %d", alarms, found, trials)
	}
	if c := contrastOf([]level{{1, 0}}, []level{{2, 0}}); c.p != 1 || c.delta != -1 {
		t.Errorf("one against one: %+v", c)
	}
}
