package infer

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"timesink/analyze/breakdown"
)

// Cells is the number of cells that there may be.
const Cells = 64 * perOctave

// perOctave is the number of cells for each doubling of the running time. They are
// equally wide in running time, and width is their mean width in log running time.
const (
	perOctave = 8
	width     = math.Ln2 / perOctave
)

// CellOf returns the index of the cell of a running time in ns, from 0 to Cells-1.
func CellOf(running int64) int {
	x := uint64(max(running, perOctave))
	octave := bits.Len64(x) - 1
	return octave*perOctave + int(x>>(octave-3))&(perOctave-1)
}

// logOf returns the log running time in the middle of a cell.
func logOf(index int) float64 {
	return float64(index/perOctave)*math.Ln2 + math.Log1p((float64(index%perOctave)+0.5)/perOctave)
}

// A Pool is requests that differ in their running time and in nothing else that is
// known about their class. Its cells are in the order of their index.
type Pool struct{ Cells []Cell }

// A Cell is the requests of a pool with about the same running time.
type Cell struct {
	Index   int     // from CellOf
	Sampled []Count // by class, each once
	Unnamed Walls
}

// A Count is a number of requests of one class. Classes are numbered from 0.
type Count struct {
	Class int
	N     int64
}

// Walls are the wall times of requests, in ns.
type Walls struct {
	N, Total int64
	Hist     breakdown.Histogram
}

// squares returns the sum of their squares.
func (w *Walls) squares() (sum float64) {
	w.Hist.Each(func(lo, hi, n int64) {
		wall := float64(lo) + float64(hi-lo)/2
		sum += float64(n) * wall * wall
	})
	return sum
}

// A Share is a class's share of the unnamed requests of a cell.
type Share struct {
	Class int
	Part  float64
}

// An Interval holds a figure with a probability of 95%.
type Interval struct{ Low, High float64 }

// A Figure is the intervals of a class: of its requests, and of their wall time in ns.
type Figure struct{ Requests, Mean, P50, P95 Interval }

// A Result says how the unnamed requests divide among the classes.
type Result struct {
	// Shares are those of each cell of each pool, by class. They sum to 1, or are nil if
	// the cell's requests stay unnamed.
	Shares [][][]Share
	// Figures are those of each class. A class without inferred requests has exact ones.
	Figures []Figure
}

// Of how many draws an interval is made, at least.
const draws = 400

// fewHeldUp is the share of the running time without a core from which it is allowed for
// that requests were held up.
const fewHeldUp = 0.02

// byChance is the share of the running time that samples may not account for though all of it
// had a core. What is beyond makes intervals wider, because which requests were held up, and
// for how long, is not known.
const byChance = 0.05

// Estimate estimates the classes of the unnamed requests. known are the requests of
// each class whose class is known, including the sampled ones in the pools. off is the
// share of the running time that was not CPU time, from 0 to 1.
//
// Each of the views is the same pools, as they are if something that is not known has
// one of several values, each as likely: the same cells, with the same unnamed requests,
// but with the sampled ones elsewhere. The intervals are those of draws from all views.
// Requests out of reach in the first view stay unnamed.
func Estimate(known []Walls, views [][]Pool, off float64) *Result {
	r := &Result{Shares: make([][][]Share, len(views[0]))}
	reach := make([][]int, len(views[0]))
	for i := range views[0] {
		r.Shares[i] = make([][]Share, len(views[0][i].Cells))
		reach[i] = views[0][i].inReach(off)
	}
	all := newOutcomes(len(known))
	for _, pools := range views {
		parts := make([]*partition, len(pools))
		for i := range pools {
			parts[i] = newPartition(pools[i].within(reach[i]), off)
		}
		r.look(known, pools, parts, reach, (draws+len(views)-1)/len(views), all)
		if off >= fewHeldUp {
			for i, p := range parts {
				parts[i] = p.heldUp(off)
			}
			r.look(known, pools, parts, reach, (draws+len(views)-1)/len(views), all)
		}
	}
	for _, cells := range r.Shares {
		for _, shares := range cells {
			normalize(shares)
		}
	}
	r.Figures = all.figures(known, 1+max(0, off-byChance))
	return r
}

// look adds what the partitions of some pools, nil for those that stay unnamed, expect and
// draw. Only cells in reach count.
func (r *Result) look(known []Walls, pools []Pool, parts []*partition, reach [][]int, times int, all *outcomes) {
	d := newDrawing(known, pools)
	for i, p := range parts {
		if p == nil {
			continue
		}
		d.add(p)
		for k, shares := range p.shares() {
			if _, ok := slices.BinarySearch(reach[i], p.cells[k]); ok {
				at := &r.Shares[i][p.cells[k]]
				*at = blend(*at, shares)
			}
		}
	}
	d.repeat(times, all)
}

// within returns the pool without the unnamed requests of other cells than those with
// the given indexes, which ascend.
func (p *Pool) within(cells []int) *Pool {
	out := &Pool{Cells: slices.Clone(p.Cells)}
	for i := range out.Cells {
		if _, ok := slices.BinarySearch(cells, i); !ok {
			out.Cells[i].Unnamed = Walls{}
		}
	}
	return out
}

// blend adds the shares of another view to those of a cell.
func blend(sum, more []Share) []Share {
	for _, s := range more {
		i := slices.IndexFunc(sum, func(o Share) bool { return o.Class == s.Class })
		if i < 0 {
			i, sum = len(sum), append(sum, Share{Class: s.Class})
		}
		sum[i].Part += s.Part
	}
	return sum
}

// normalize makes shares sum to 1, in the order of their class.
func normalize(shares []Share) {
	sum := 0.0
	for _, s := range shares {
		sum += s.Part
	}
	for i := range shares {
		shares[i].Part /= sum
	}
	slices.SortFunc(shares, func(a, b Share) int { return cmp.Compare(a.Class, b.Class) })
}
