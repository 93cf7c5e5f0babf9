package infer

import (
	"math"
	"slices"
)

// How far a request's running time may lie from that of the nearest sampled request, in
// cells: a factor of 2, or of 4 if only one class was sampled. Up to a factor of 8 it
// may be farther while so few requests lie between that none of them had to be sampled.
const (
	near      = 1 * perOctave
	nearAlone = 2 * perOctave
	far       = 3 * perOctave
	// fewMissed is the largest number of samples that is expected where there is none:
	// the probability of that is 5%. Where more are expected, the requests run outside
	// of handlers.
	fewMissed = 3
)

// fewest is how many sampled requests a pool with several classes needs.
const fewest = 5

// inReach returns the indexes of the pool's cells that hold sampled requests or are
// near to one that does. It returns nil if the pool has no unnamed request to divide,
// or too few sampled ones. off is the share of the running time that was not CPU time.
func (p *Pool) inReach(off float64) (in []int) {
	sampled, unnamed, classes := int64(0), int64(0), map[int]bool{}
	for i := range p.Cells {
		unnamed += p.Cells[i].Unnamed.N
		for _, c := range p.Cells[i].Sampled {
			sampled += c.N
			classes[c.Class] = true
		}
	}
	limit := near
	switch {
	case unnamed == 0 || sampled == 0 || len(classes) > 1 && sampled < fewest:
		return nil
	case len(classes) == 1:
		limit = nearAlone
	}
	reached := make([]bool, len(p.Cells))
	each := make([]int, len(p.Cells))
	for i := range each {
		each[i] = i
	}
	p.walk(each, limit, off, reached)
	slices.Reverse(each)
	p.walk(each, limit, off, reached)
	for i, ok := range reached {
		if ok {
			in = append(in, i)
		}
	}
	return in
}

// walk marks the cells that are in reach of the last sampled request before them, in
// the given order.
func (p *Pool) walk(order []int, limit int, off float64, reached []bool) {
	last, missed := -1, 0.0
	for _, i := range order {
		c := &p.Cells[i]
		if len(c.Sampled) > 0 {
			last, missed, reached[i] = c.Index, 0, true
			continue
		}
		if last < 0 {
			continue
		}
		distance := max(c.Index-last, last-c.Index)
		if distance > limit {
			missed += float64(c.Unnamed.N) * chance(logOf(c.Index)) * (1 - off)
		}
		if distance <= limit || distance <= far && missed <= fewMissed {
			reached[i] = true
		}
	}
}

// chance returns about how likely a request is sampled, by its log running time.
func chance(at float64) float64 { return 0.8 * math.Exp(min(at-period, 0)) }
