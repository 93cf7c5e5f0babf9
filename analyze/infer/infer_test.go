package infer

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
)

// cell returns a cell of requests that ran for so many ms, with that many sampled of
// each class.
func cell(ms float64, unnamed int64, sampled ...int64) Cell {
	c := Cell{Index: CellOf(int64(ms * 1e6))}
	for class, n := range sampled {
		if n > 0 {
			c.Sampled = append(c.Sampled, Count{class, n})
		}
	}
	for range unnamed {
		c.Unnamed.add(ms)
	}
	return c
}

// walls returns the wall times of that many requests of so many ms.
func walls(ms float64, n int64) (w Walls) {
	for range n {
		w.add(ms)
	}
	return w
}

func TestASingleClassGetsAllRequestsNearIt(t *testing.T) {
	pool := Pool{Cells: []Cell{cell(0.1, 1000), cell(0.6, 50), cell(1, 900, 100), cell(3, 20)}}
	r := Estimate([]Walls{walls(1, 100)}, [][]Pool{{pool}}, 0)
	for k, want := range [][]Share{nil, {{0, 1}}, {{0, 1}}, {{0, 1}}} {
		if !reflect.DeepEqual(r.Shares[0][k], want) {
			t.Errorf("cell %d: %v, not %v", k, r.Shares[0][k], want)
		}
	}
	if f := r.Figures[0]; f.Requests != (Interval{1070, 1070}) || math.Abs(f.Mean.Low-(30+1000+60)*1e6/1070) > 1 || f.Mean.Low != f.Mean.High {
		t.Errorf("the figures are %+v", f)
	}
}

// Far from all sampled requests a few may be of a class that was sampled. Of many, some
// would have been sampled.
func TestFarRequestsAreNamedIfTheyAreFew(t *testing.T) {
	for unnamed, named := range map[int64]bool{20: true, 5000: false} {
		pool := Pool{Cells: []Cell{cell(0.3, unnamed), cell(1, 100, 10, 10)}}
		if r := Estimate(make([]Walls, 2), [][]Pool{{pool}}, 0); (r.Shares[0][0] != nil) != named {
			t.Errorf("%d requests far away have the shares %v", unnamed, r.Shares[0][0])
		}
	}
}

func TestClassesApartInRunningTimeAreToldApart(t *testing.T) {
	pool := Pool{Cells: []Cell{cell(0.5, 800, 40), cell(4, 60, 0, 40)}}
	r := Estimate([]Walls{walls(0.5, 40), walls(4, 40)}, [][]Pool{{pool}}, 0)
	for class, want := range []float64{840, 100} {
		if in := r.Figures[class].Requests; in.Low > want || in.High < want || in.High-in.Low > 0.2*want {
			t.Errorf("class %d has %v requests, not %v", class, in, want)
		}
	}
}

func TestClassesWithTheSameRunningTimeShareIt(t *testing.T) {
	pool := Pool{Cells: []Cell{cell(1, 900, 75, 25)}}
	r := Estimate([]Walls{walls(1, 75), walls(1, 25)}, [][]Pool{{pool}}, 0)
	if s := r.Shares[0][0]; len(s) != 2 || math.Abs(s[0].Part-0.75) > 1e-9 {
		t.Errorf("the shares are %v", s)
	}
	if in := r.Figures[1].Requests; in.Low > 220 || in.Low < 150 || in.High < 280 || in.High > 400 {
		t.Errorf("the second class has %v requests", in)
	}
}

func TestTooFewSamplesNameNobody(t *testing.T) {
	pool := Pool{Cells: []Cell{cell(1, 900, 2, 1)}}
	r := Estimate([]Walls{walls(1, 2), walls(1, 1)}, [][]Pool{{pool}}, 0)
	if r.Shares[0][0] != nil || r.Figures[0].Requests != (Interval{2, 2}) {
		t.Errorf("the shares are %v, the requests %v", r.Shares[0][0], r.Figures[0].Requests)
	}
	if r := Estimate(nil, [][]Pool{{{Cells: []Cell{cell(1, 5)}}}}, 0); r.Shares[0][0] != nil || len(r.Figures) != 0 {
		t.Errorf("without classes: %+v", r)
	}
}

// Requests that only a supposition brings within reach stay unnamed, and count for no one.
func TestSuppositionsBringNothingWithinReach(t *testing.T) {
	views := [][]Pool{
		{{Cells: []Cell{cell(0.1, 1000), cell(0.3, 0), cell(4, 100, 10)}}},
		{{Cells: []Cell{cell(0.1, 1000), cell(0.3, 0, 10), cell(4, 100)}}},
	}
	r := Estimate([]Walls{walls(4, 10)}, views, 0)
	if r.Shares[0][0] != nil || !reflect.DeepEqual(r.Shares[0][2], []Share{{0, 1}}) {
		t.Errorf("the shares are %v", r.Shares[0])
	}
	if in := r.Figures[0].Requests; in.High > 110 {
		t.Errorf("as many requests as %v", in)
	}
}

// The same data must have the same answer.
func TestEstimatesAreReproducible(t *testing.T) {
	known, pools, _ := simulate(rand.New(rand.NewPCG(3, 4)), mixes[1].classes, 0, hold{})
	if a, b := Estimate(known, pools, 0), Estimate(known, pools, 0); !reflect.DeepEqual(a, b) {
		t.Error("two estimates of the same differ")
	}
}

func TestDealingKeepsToTheShares(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	shares := []Share{{0, 0.61}, {1, 0.27}, {2, 0.12}}
	d, got, all := NewDealer(3), [3]int64{}, int64(0)
	for range 40 {
		sizes := make([]int64, Slots)
		for range 500 {
			sizes[SlotOf(rng.Int64N(1000), rng.Int64())]++
		}
		for i, class := range d.Deal(sizes, shares) {
			got[class] += sizes[i]
			all += sizes[i]
		}
	}
	for _, s := range shares {
		if off := float64(got[s.Class]) - s.Part*float64(all); math.Abs(off) > 20 {
			t.Errorf("class %d has %d of %d requests, not %v of them", s.Class, got[s.Class], all, s.Part)
		}
	}
}

func TestSlotsAreOfManySizes(t *testing.T) {
	var n [Slots]float64
	const all = 1 << 16
	for i := range int64(all) {
		n[SlotOf(7, 1000*i)]++
	}
	for slot, got := range n {
		want := all / math.Pow(4, float64(min(slot/3, 2)+1))
		if math.Abs(got-want) > 5*math.Sqrt(want) {
			t.Errorf("slot %d has %v requests, not about %v", slot, got, want)
		}
	}
}
