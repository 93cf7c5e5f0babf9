package infer_test

import (
	"fmt"

	"timesink/analyze/infer"
)

// A capture has 40 requests that a CPU sample hit and 760 that it did not. All ran for
// about a millisecond, and three in four of the sampled ones are of the first class.
func Example() {
	of := func(n int64) (w infer.Walls) {
		w.N, w.Total = n, n*1_200_000
		w.Hist.RecordN(1_200_000, n)
		return w
	}
	pool := infer.Pool{Cells: []infer.Cell{{
		Index:   infer.CellOf(1_000_000),
		Sampled: []infer.Count{{Class: 0, N: 30}, {Class: 1, N: 10}},
		Unnamed: of(760),
	}}}
	r := infer.Estimate([]infer.Walls{of(30), of(10)}, [][]infer.Pool{{pool}}, 0)
	for _, s := range r.Shares[0][0] {
		in := r.Figures[s.Class].Requests
		fmt.Printf("class %d: about %.0f of 800; fewer than 450 are possible: %v\n", s.Class, 800*s.Part, in.Low < 450)
	}
	// Output:
	// class 0: about 600 of 800; fewer than 450 are possible: false
	// class 1: about 200 of 800; fewer than 450 are possible: true
}
