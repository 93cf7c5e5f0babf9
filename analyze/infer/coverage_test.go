package infer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"timesink/analyze/trace/tracetest"
)

// A made class is requests as a simulated service serves them.
type made struct {
	n       int
	running func(*rand.Rand) float64 // ms
}

// even returns running times that spread by half around a mean, evenly.
func even(mean float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 { return mean * (0.5 + r.Float64()) }
}

// wide returns running times whose logarithms are normal with a deviation.
func wide(median, deviation float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 { return median * math.Exp(deviation*r.NormFloat64()) }
}

// humps returns running times of one kind or another.
func humps(share float64, a, b func(*rand.Rand) float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 {
		if r.Float64() < share {
			return a(r)
		}
		return b(r)
	}
}

// A truth is what a simulated capture holds, by class.
type truth struct {
	walls         [][]float64 // ms, ascending
	sampled       []int
	running, held float64 // of all, ms
}

// costs are how long a sample may hold up a request, in ms, as the estimate supposes.
var costs = [...]float64{0, 0.05, 0.1}

// A hold is how the kernel gives cores to others: how often for each ms that a request has a
// core, and for how many ms on average.
type hold struct{ often, long float64 }

// up returns for how long a request is held up, in ms.
func (h *hold) up(rng *rand.Rand, running float64) (sum float64) {
	if h.often == 0 {
		return 0
	}
	for at := rng.ExpFloat64() / h.often; at < running; at += rng.ExpFloat64() / h.often {
		sum += h.long * (0.5 + rng.Float64())
	}
	return sum
}

// simulate makes the requests of some classes and samples them as a CPU profile does. A
// sample holds up the request that it hits for cost ms, give or take a third.
func simulate(rng *rand.Rand, classes []made, cost float64, held hold) (known []Walls, views [][]Pool, t truth) {
	known = make([]Walls, len(classes))
	var cells [len(costs)]map[int]*Cell
	for i := range cells {
		cells[i] = map[int]*Cell{}
	}
	cell := func(view int, running float64) *Cell {
		i := CellOf(int64(running * 1e6))
		for view := range cells { // all views have the same cells
			if cells[view][i] == nil {
				cells[view][i] = &Cell{Index: i}
			}
		}
		return cells[view][i]
	}
	for j, c := range classes {
		var walls []float64
		sampled := 0
		for range c.n {
			running := c.running(rng)
			chance := min(0.92, running/10)
			if running < 2 {
				chance *= 0.8
			}
			up := held.up(rng, running)
			running, t.running, t.held = running+up, t.running+running+up, t.held+up
			wall := running*(1+0.3*rng.ExpFloat64()) + 0.05
			if rng.Float64() < chance {
				cost := cost * (1 + (rng.Float64()-0.5)*2/3)
				running, wall = running+cost, wall+cost
				sampled++
				known[j].add(wall)
				for view, supposed := range costs {
					cell(view, max(running-supposed, running/4)).sample(j)
				}
			} else {
				for view := range cells {
					cell(view, running).Unnamed.add(wall)
				}
			}
			walls = append(walls, wall)
		}
		slices.Sort(walls)
		t.walls, t.sampled = append(t.walls, walls), append(t.sampled, sampled)
	}
	for view := range cells {
		pool := Pool{}
		for _, c := range cells[view] {
			pool.Cells = append(pool.Cells, *c)
		}
		slices.SortFunc(pool.Cells, func(a, b Cell) int { return a.Index - b.Index })
		views = append(views, []Pool{pool})
	}
	return known, views, t
}

func (w *Walls) add(ms float64) {
	ns := int64(ms * 1e6)
	w.N++
	w.Total += ns
	w.Hist.Record(ns)
}

func (c *Cell) sample(class int) {
	for i := range c.Sampled {
		if c.Sampled[i].Class == class {
			c.Sampled[i].N++
			return
		}
	}
	c.Sampled = append(c.Sampled, Count{class, 1})
}

func (iv Interval) holds(x float64) bool { return iv.Low <= x+1 && x-1 <= iv.High }

// rankHolds reports whether the interval of a quantile holds the true one, allowing for
// one in a hundred of the ranks.
func rankHolds(iv Interval, walls []float64, q float64) bool {
	at := func(q float64) float64 {
		return walls[min(max(int(math.Ceil(q*float64(len(walls))))-1, 0), len(walls)-1)] * 1e6
	}
	return iv.Low <= at(min(q+0.01, 1)) && at(q-0.01) <= iv.High
}

// A mix is classes, and how wide the intervals of their counts and means may be. The
// bound is in units of the figure divided by the root of the number of samples; 0 means
// none.
type mix struct {
	name    string
	classes []made
	bound   float64
}

var mixes = []mix{
	{"four that differ by factors of two to twenty", []made{{466, even(8)}, {1033, even(3)}, {1399, even(1.2)}, {1422, even(0.35)}}, 2.5},
	{"five", []made{{900, even(7)}, {900, even(3.5)}, {900, even(1.7)}, {900, even(0.9)}, {900, even(0.45)}}, 2.5},
	// Its last two differ by a half only, where the bound is for factors of two.
	{"five, of which one is rare", []made{{60, even(7)}, {900, even(3.5)}, {3000, even(1.7)}, {900, even(0.9)}, {2000, even(0.6)}}, 3},
	{"wide", []made{{700, wide(5, 0.8)}, {1500, wide(2, 0.8)}, {2000, wide(0.8, 0.8)}}, 0},
	{"two-humped", []made{{1500, humps(0.5, even(0.5), even(8))}, {1000, even(2)}, {2000, humps(0.8, even(0.4), even(3))}}, 0},
	// The bound is for running times that spread by half. Where they spread by less, and the
	// supposed cost is wrong, samples are where there are no other requests.
	{"constant", []made{{466, wide(8, 0.03)}, {1033, wide(3, 0.03)}, {1399, wide(1.2, 0.03)}, {1422, wide(0.35, 0.03)}}, 0},
	{"alike", []made{{1500, even(1)}, {500, even(1)}, {3000, wide(1, 0.2)}}, 0},
	{"steps", []made{{1500, even(2)}, {1500, wide(2.5, 0.1)}, {1500, func(*rand.Rand) float64 { return 1.5 }}}, 0},
}

// A tally counts the intervals that hold the truth.
type tally struct {
	all            int
	held           [4]int // count, mean, p50 and p95
	widest, widths float64
	wide           int
}

// add adds what an estimate says about one class.
func (s *tally) add(f Figure, walls []float64, sampled int) {
	n, sum := float64(len(walls)), 0.0
	for _, w := range walls {
		sum += w * 1e6
	}
	s.all++
	for i, ok := range []bool{f.Requests.holds(n), f.Mean.holds(sum / n), rankHolds(f.P50, walls, 0.5), rankHolds(f.P95, walls, 0.95)} {
		if ok {
			s.held[i]++
		}
	}
	if sampled < 30 {
		return
	}
	for _, w := range []float64{f.Requests.half() / n, f.Mean.half() / (sum / n)} {
		w *= math.Sqrt(float64(sampled))
		s.widest, s.widths, s.wide = max(s.widest, w), s.widths+w, s.wide+1
	}
}

func (iv Interval) half() float64 { return (iv.High - iv.Low) / 2 }

// The truth must lie in the intervals as often as they say, less what chance explains. If
// the tests are long, each mix is tried with each cost, else three with one each.
func TestIntervalsHoldTheTruth(t *testing.T) {
	for i := range 3 * len(mixes) {
		if i%10 != 0 && !tracetest.Long {
			continue
		}
		m, cost := mixes[i/3], []float64{0, 0.01, 0.1}[i%3]
		t.Run(fmt.Sprintf("%s, samples cost %v ms", m.name, cost), func(t *testing.T) {
			s := m.hold(t, cost, hold{}, 50, 91)
			if m.bound > 0 && s.widest > m.bound {
				t.Errorf("an interval is %.2f/root(samples) wide to each side", s.widest)
			}
		})
	}
}

// Where the kernel gives cores to others, requests are sampled less than others that ran as
// long. Requests that were rarely held up, but for long, leave few samples that tell. Unless
// the tests are long, each mix is tried with one way of it.
func TestIntervalsHoldTheTruthWhereCoresAreScarce(t *testing.T) {
	for i, m := range mixes[:2] {
		for j, tt := range []struct {
			hold
			percent int
		}{{hold{0.02, 4}, 70}, {hold{0.1, 4}, 75}, {hold{0.2, 6}, 91}, {hold{1, 0.5}, 91}, {hold{0.1, 0.5}, 91}} {
			if j != i+1 && !tracetest.Long {
				continue
			}
			t.Run(fmt.Sprintf("%s, held up %v times each ms for %v ms", m.name, tt.often, tt.long), func(t *testing.T) {
				m.hold(t, 0.05, tt.hold, 20, tt.percent)
			})
		}
	}
}

// hold counts how many intervals of simulated captures hold the truth, of which there must
// be a share in percent.
func (m *mix) hold(t *testing.T, cost float64, held hold, captures, percent int) (s tally) {
	rng := rand.New(rand.NewPCG(1, 2))
	off := 0.0
	for range captures {
		known, views, truth := simulate(rng, m.classes, cost, held)
		off = max(0, truth.held/truth.running+0.03*rng.NormFloat64()) // samples do not tell it better
		for j, f := range Estimate(known, views, off).Figures {
			s.add(f, truth.walls[j], truth.sampled[j])
		}
	}
	t.Logf("without a core %.2f; of %d intervals, the truth is in %d for the count, %d for the mean, %d for p50, %d for p95; half-widths of %.2f/root(samples), at most %.2f",
		off, s.all, s.held[0], s.held[1], s.held[2], s.held[3], s.widths/float64(s.wide), s.widest)
	for i, what := range []string{"count", "mean", "p50", "p95"} {
		if 100*s.held[i] < percent*s.all {
			t.Errorf("%s: the truth is in %d of %d intervals", what, s.held[i], s.all)
		}
	}
	return s
}
