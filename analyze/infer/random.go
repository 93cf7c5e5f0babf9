package infer

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"sort"
)

// random returns a generator seeded from the pool, so that the same data gives the same
// draws.
func (p *partition) random() *rand.Rand {
	h := fnv.New64a()
	put := func(x int64) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(x))
		h.Write(b[:])
	}
	for k := range p.at {
		put(int64(p.cells[k]))
		put(p.unnamed[k].N)
		for _, c := range p.sampled[k] {
			put(int64(c.Class))
			put(c.N)
		}
	}
	return rand.New(rand.NewPCG(h.Sum64(), uint64(len(p.at))))
}

// cumulated replaces the logarithms of weights by their cumulated shares.
func cumulated(logs []float64) []float64 {
	sum, total := logSum(logs), 0.0
	for i, x := range logs {
		total += math.Exp(x - sum)
		logs[i] = total
	}
	for i := range logs {
		logs[i] /= total
	}
	return logs
}

// pick returns an index at random, by cumulated shares.
func pick(rng *rand.Rand, shares []float64) int {
	at := rng.Float64()
	return sort.Search(len(shares)-1, func(i int) bool { return shares[i] > at })
}

// gamma returns a gamma variate of the given shape (Marsaglia and Tsang 2000).
func gamma(rng *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(rng, shape+1) * math.Pow(1-rng.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-rng.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// binomial returns how many of n trials succeed that each do so with probability p. It
// is exact where few succeed or few fail, and normal otherwise.
func binomial(rng *rand.Rand, n int64, p float64) int64 {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - binomial(rng, n, 1-p)
	case float64(n)*p > 30:
		mean := float64(n) * p
		return min(max(int64(math.Round(mean+math.Sqrt(mean*(1-p))*rng.NormFloat64())), 0), n)
	}
	// The trials between two successes are geometric.
	done, successes, scale := int64(0), int64(0), math.Log1p(-p)
	for {
		skip := math.Floor(math.Log(1-rng.Float64()) / scale)
		if skip >= float64(n-done) {
			return successes
		}
		if done += int64(skip) + 1; done > n {
			return successes
		}
		successes++
	}
}
