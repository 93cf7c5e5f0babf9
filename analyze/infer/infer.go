package infer

import (
	"math"
	"math/bits"

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

// Of how many draws an interval is made.
const draws = 400

// Estimate estimates the classes of the unnamed requests. known are the requests of
// each class whose class is known, including the sampled ones in the pools. off is the
// share of the running time that was not CPU time, from 0 to 1.
func Estimate(known []Walls, pools []Pool, off float64) *Result {
	r := &Result{Shares: make([][][]Share, len(pools))}
	d := newDrawing(known, pools)
	for i := range pools {
		p := newPartition(&pools[i], off)
		r.Shares[i] = make([][]Share, len(pools[i].Cells))
		if p == nil {
			continue
		}
		d.add(p)
		for k, shares := range p.shares() {
			r.Shares[i][p.cells[k]] = shares
		}
	}
	r.Figures = d.figures(1 + off)
	return r
}
