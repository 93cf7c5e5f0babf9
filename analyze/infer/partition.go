package infer

import (
	"math"
	"math/rand/v2"
	"slices"
)

// kappas are the values of κ that are considered, each as likely: the number of
// boundaries for each factor of e in running time.
var kappas = [...]float64{0.5, 1, 2, 4, 8, 16}

// A partition knows how likely each way of dividing a pool's cells into stretches is.
// Cells out of reach are left out; its others are numbered from 0.
type partition struct {
	cells   []int     // their indexes in the pool
	at      []float64 // their log running time
	sampled [][]Count
	unnamed []*Walls
	classes []int // the sampled ones, ascending
	// longest is the logarithm of how long each class's requests have a core at most, nil
	// if they are taken to have had one for as long as they ran: see holdUp.
	longest []float64
	// likely is the log likelihood of the stretch of cells i to k, at [i][k-i].
	likely [][]float64
	// forward is the log likelihood of all cells up to k over all their partitions, for
	// each of the kappas. The last one is the evidence for that κ.
	forward [len(kappas)][]float64
	// beginnings are the cumulated probabilities of where the stretch that ends with a
	// cell begins, for each of the kappas; nil until needed.
	beginnings [len(kappas)][][]float64
	evidence   []float64 // the cumulated probabilities of the kappas
}

// newPartition returns the partition of a pool, nil if all its requests stay unnamed.
// off is the share of the running time that was not CPU time.
func newPartition(pool *Pool, off float64) *partition {
	p := &partition{cells: pool.inReach(off)}
	if p.cells == nil {
		return nil
	}
	for _, i := range p.cells {
		c := &pool.Cells[i]
		p.at = append(p.at, logOf(c.Index))
		p.sampled = append(p.sampled, c.Sampled)
		p.unnamed = append(p.unnamed, &c.Unnamed)
		for _, s := range c.Sampled {
			if j, found := slices.BinarySearch(p.classes, s.Class); !found {
				p.classes = slices.Insert(p.classes, j, s.Class)
			}
		}
	}
	if len(p.classes) > 1 {
		p.weigh()
		logs := make([]float64, len(kappas))
		for i := range kappas {
			p.forward[i] = p.sumForward(kappas[i])
			p.beginnings[i] = make([][]float64, len(p.at))
			logs[i] = p.forward[i][len(p.at)-1]
		}
		p.evidence = cumulated(logs)
	}
	return p
}

// weigh computes the likelihood of every stretch.
func (p *partition) weigh() {
	counts := make([]float64, p.classes[len(p.classes)-1]+1)
	choose := logChoose(len(p.classes))
	for i := range p.at {
		clear(counts)
		n, seen, sum := 0.0, 0, 0.0
		row := make([]float64, 0, len(p.at)-i)
		for k := i; k < len(p.at); k++ {
			for _, c := range p.sampled[k] {
				had := counts[c.Class]
				if had == 0 {
					seen++
				}
				counts[c.Class] += float64(c.N)
				sum += lgamma(counts[c.Class]+0.5) - lgamma(had+0.5)
				n += float64(c.N)
			}
			if seen == 0 {
				row = append(row, math.Inf(-1)) // nothing would say whose these are
				continue
			}
			s := float64(seen)
			row = append(row, sum-s*math.Ln2-choose[seen]+lgamma(s/2)-lgamma(n+s/2))
		}
		p.likely = append(p.likely, row)
	}
}

// sumForward returns the log likelihood of the cells up to each.
func (p *partition) sumForward(kappa float64) []float64 {
	out := make([]float64, len(p.at))
	for k := range out {
		out[k] = logSum(p.lasts(kappa, k, out))
	}
	return out
}

// lasts returns the log likelihood of the cells up to k for each beginning of the last
// stretch, given those up to each earlier cell.
func (p *partition) lasts(kappa float64, k int, forward []float64) []float64 {
	out := make([]float64, k+1)
	for i := range out {
		out[i] = p.likely[i][k-i] - kappa*(p.at[k]-p.at[i])
		if i > 0 {
			out[i] += forward[i-1] + math.Log(-math.Expm1(-kappa*(p.at[i]-p.at[i-1])))
		}
	}
	return out
}

// draw returns the beginnings of the stretches of a partition at random, by their
// likelihood, the last one first.
func (p *partition) draw(rng *rand.Rand, into []int) []int {
	into = into[:0]
	last := len(p.at) - 1
	if len(p.classes) == 1 {
		return append(into, 0)
	}
	i := pick(rng, p.evidence)
	for last >= 0 {
		if p.beginnings[i][last] == nil {
			p.beginnings[i][last] = cumulated(p.lasts(kappas[i], last, p.forward[i]))
		}
		begin := pick(rng, p.beginnings[i][last])
		into = append(into, begin)
		last = begin - 1
	}
	return into
}

// shares returns each class's expected share of each cell.
func (p *partition) shares() [][]Share {
	out := make([][]Share, len(p.at))
	if len(p.classes) == 1 {
		for k := range out {
			out[k] = []Share{{p.classes[0], 1}}
		}
		return out
	}
	sums := make([][]float64, len(p.at))
	for k := range sums {
		sums[k] = make([]float64, len(p.classes))
	}
	rng := p.random()
	var begins []int
	parts := make([]found, len(p.classes))
	for range draws {
		begins = p.draw(rng, begins)
		end := len(p.at)
		for _, begin := range begins {
			n := p.find(begin, end, parts)
			for k := begin; k < end; k++ {
				for j, part := range parts {
					sums[k][j] += part.n / n
				}
			}
			end = begin
		}
	}
	for k := range out {
		for j, sum := range sums[k] {
			if sum > 0 {
				out[k] = append(out[k], Share{p.classes[j], sum / draws})
			}
		}
	}
	return out
}

// A found is what the sampled requests of a class say about a stretch.
type found struct {
	n  float64 // their number
	at float64 // their mean log running time, from that of all sampled requests
}

// find sets into to what was found of each class in cells [begin, end), and returns the
// number of all. Each request weighs by the inverse of its chance to be sampled,
// relative to that of the others in these cells. Unequal weights are worth fewer
// requests (Kish).
func (p *partition) find(begin, end int, into []found) (n float64) {
	clear(into)
	squares, at := 0.0, 0.0
	for k := begin; k < end; k++ {
		for _, c := range p.sampled[k] {
			j, _ := slices.BinarySearch(p.classes, c.Class)
			weight := p.weight(j, k)
			w := float64(c.N) * weight
			into[j].n += w
			into[j].at += w * p.at[k]
			n, at, squares = n+w, at+w*p.at[k], squares+w*weight
		}
	}
	scale := n / squares
	for j := range into {
		if f := &into[j]; f.n > 0 {
			f.n, f.at = f.n*scale, f.at/f.n-at/n
		}
	}
	return n * scale
}

// period is the logarithm of the CPU time in ns that brings about one sample.
var period = math.Log(10e6)

// logChoose returns the logarithms of the binomial coefficients of n.
func logChoose(n int) []float64 {
	out := make([]float64, n+1)
	for k := range out {
		out[k] = lgamma(float64(n+1)) - lgamma(float64(k+1)) - lgamma(float64(n-k+1))
	}
	return out
}

func lgamma(x float64) float64 {
	y, _ := math.Lgamma(x)
	return y
}

// logSum returns the logarithm of the sum of what logs are the logarithms of.
func logSum(logs []float64) float64 {
	most := slices.Max(logs)
	if math.IsInf(most, -1) {
		return most
	}
	sum := 0.0
	for _, x := range logs {
		sum += math.Exp(x - most)
	}
	return most + math.Log(sum)
}
