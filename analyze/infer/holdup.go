package infer

import "math"

// Requests that the kernel held up: they ran for longer than they had a core, and are
// sampled as rarely as if they had run for no longer.

// The range and the precision of the logarithm of how much longer than usual a class's
// requests may run on a core.
const (
	leastBeyond, mostBeyond = -2.0, 6.0
	beyondSteps             = 24
)

// heldUp returns a partition, which may be nil, as it is if requests that ran for much longer
// than is usual for their class were held up: no class's requests have a core for longer than
// some multiple of their usual running time, the same for all classes. It is the multiple for
// which the share of the running time without a core is off, as it is of the whole process.
func (p *partition) heldUp(off float64) *partition {
	if p == nil || len(p.classes) < 2 {
		return p
	}
	held := *p
	held.longest = make([]float64, len(p.classes))
	held.spread(off)
	return &held
}

// spread sets the longest times so that the share of the running time without a core is off.
func (p *partition) spread(off float64) {
	usual := p.usual()
	low, high := leastBeyond, mostBeyond
	for range beyondSteps {
		beyond := (low + high) / 2
		for j, at := range usual {
			p.longest[j] = at + beyond
		}
		if p.without() > off {
			low = beyond
		} else {
			high = beyond
		}
	}
}

// usual returns the log running time of each class that half of its requests do not exceed,
// each sampled one weighed by the inverse of its chance to be sampled.
func (p *partition) usual() []float64 {
	out := make([]float64, len(p.classes))
	for j := range p.classes {
		half := 0.0
		p.each(j, func(k int, n float64) { half += n / chance(p.at[k]) / 2 })
		sum, found := 0.0, false
		p.each(j, func(k int, n float64) {
			if sum += n / chance(p.at[k]); sum >= half && !found {
				out[j], found = p.at[k], true
			}
		})
	}
	return out
}

// each calls f with each cell that holds sampled requests of a class, ascending, and their
// number.
func (p *partition) each(j int, f func(k int, n float64)) {
	for k := range p.at {
		for _, c := range p.sampled[k] {
			if c.Class == p.classes[j] {
				f(k, float64(c.N))
			}
		}
	}
}

// without returns the share of the running time of the requests that the sampled ones stand
// for in which they had no core.
func (p *partition) without() float64 {
	lost, all := 0.0, 0.0
	for j := range p.classes {
		p.each(j, func(k int, n float64) {
			n *= p.weight(j, k)
			ran := math.Exp(p.at[k])
			lost, all = lost+n*(ran-math.Exp(p.cored(j, k))), all+n*ran
		})
	}
	return lost / all
}

// cored returns the logarithm of how long a class's requests in a cell had a core.
func (p *partition) cored(j, k int) float64 {
	if p.longest == nil {
		return p.at[k]
	}
	return min(p.at[k], p.longest[j])
}

// weight returns how many requests a sampled one of a class in a cell stands for, relative to
// others.
func (p *partition) weight(j, k int) float64 { return 1 / chance(p.cored(j, k)) }

// drawHeld draws the share of each class in cells [begin, end). A class whose requests run for
// longer than they have a core is there in any case, because the kernel holds up all alike.
func (p *pooled) drawHeld(begin, end int, into []float64) {
	sum := 0.0
	for j := range p.classes {
		weights, squares := 0.0, 0.0
		for k := begin; k < end; k++ {
			for _, c := range p.sampled[k] {
				if c.Class == p.classes[j] {
					w := p.weight(j, k)
					weights, squares = weights+float64(c.N)*w, squares+float64(c.N)*w*w
				}
			}
		}
		into[j] = 0
		switch last := end - 1; {
		case weights > 0: // worth n requests, each of which stands for as many (Kish)
			n := weights * weights / squares
			into[j] = gamma(p.rng, n+0.5) * weights / n
		case p.longest[j] < p.at[last]:
			into[j] = gamma(p.rng, 0.5) * p.weight(j, last)
		}
		sum += into[j]
	}
	for j := range into {
		into[j] /= sum
	}
}
