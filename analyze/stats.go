package analyze

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"timesink/analyze/breakdown"
)

// A quantity is what a comparison tests for a change.
type quantity struct {
	name string
	// q is the quantile of the wall time. If it is 0 the quantity is a mean: of the
	// bucket, or of the wall time if bucket is NumBuckets.
	q      float64
	bucket breakdown.Bucket
}

// wallQuantities are tested for every endpoint.
var wallQuantities = []quantity{
	{name: "mean", bucket: breakdown.NumBuckets},
	{name: "p50", q: 0.50},
	{name: "p95", q: 0.95},
	{name: "p99", q: 0.99},
}

// ofBucket returns the quantity that is the mean of a bucket.
func ofBucket(b breakdown.Bucket) quantity {
	return quantity{name: b.String() + " mean", bucket: b}
}

// resamples is the number of resamples in a bootstrap.
const resamples = 2000

// mostBlocks is the largest number of blocks that a series is resampled in. Consecutive
// requests resemble each other, so blocks are as long as this allows.
const mostBlocks = 30

// A sample is a series prepared for resampling: its blocks, and all wall times in
// ascending order, each with its block.
type sample struct {
	blocks []breakdown.Block
	walls  []wallOf
}

type wallOf struct {
	wall  int64
	block int32
}

func newSample(s *breakdown.Series) *sample {
	out := &sample{}
	each := (len(s.Blocks) + mostBlocks - 1) / mostBlocks
	for i := 0; i < len(s.Blocks); i += each {
		sum := breakdown.Block{}
		for _, b := range s.Blocks[i:min(i+each, len(s.Blocks))] {
			sum.Requests += b.Requests
			sum.Wall += b.Wall
			for k, t := range b.Buckets {
				sum.Buckets[k] += t
			}
			sum.Walls = append(sum.Walls, b.Walls...)
		}
		if sum.Requests > 0 {
			out.blocks = append(out.blocks, sum)
		}
	}
	for i := range out.blocks {
		for _, w := range out.blocks[i].Walls {
			out.walls = append(out.walls, wallOf{w, int32(i)})
		}
	}
	slices.SortFunc(out.walls, func(a, b wallOf) int { return cmp.Compare(a.wall, b.wall) })
	return out
}

// value returns a quantity of the sample, with each block counted as often as it was
// drawn. A nil drawn counts each block once.
func (s *sample) value(q quantity, drawn []int) float64 {
	times := func(i int) int {
		if drawn == nil {
			return 1
		}
		return drawn[i]
	}
	if q.q > 0 {
		n := 0
		for i := range s.blocks {
			n += times(i) * len(s.blocks[i].Walls)
		}
		rank := max(int(math.Ceil(q.q*float64(n))), 1)
		for _, w := range s.walls {
			if rank -= times(int(w.block)); rank <= 0 {
				return float64(w.wall)
			}
		}
		return 0
	}
	sum, n := int64(0), int64(0)
	for i := range s.blocks {
		k := int64(times(i))
		n += k * s.blocks[i].Requests
		sum += k * timeIn(&s.blocks[i], q)
	}
	return float64(sum) / float64(max(n, 1))
}

// timeIn returns the time of a block that a mean is over.
func timeIn(b *breakdown.Block, q quantity) int64 {
	if q.bucket == breakdown.NumBuckets {
		return b.Wall
	}
	return b.Buckets[q.bucket]
}

// seed returns a generator seeded from the data, so that the same captures give the
// same intervals.
func seed(samples ...*sample) *rand.Rand {
	h := fnv.New64a()
	for _, s := range samples {
		for i := range s.blocks {
			var b [16]byte
			binary.LittleEndian.PutUint64(b[:], uint64(s.blocks[i].Requests))
			binary.LittleEndian.PutUint64(b[8:], uint64(s.blocks[i].Wall))
			h.Write(b[:])
		}
	}
	return rand.New(rand.NewPCG(h.Sum64(), uint64(len(samples))))
}

// draw draws len(into) blocks with replacement and sets into to how often each was
// drawn.
func draw(r *rand.Rand, into []int) {
	clear(into)
	for range into {
		into[r.IntN(len(into))]++
	}
}

// withinCaptures returns the interval of a quantity's difference between two captures
// that their requests alone suggest, by a bootstrap over blocks of them, the percentile
// method. It says nothing about other captures of the same builds.
func withinCaptures(before, after *sample, q quantity, alpha float64) (low, high float64) {
	r := seed(before, after)
	a, b := make([]int, len(before.blocks)), make([]int, len(after.blocks))
	deltas := make([]float64, resamples)
	for i := range deltas {
		draw(r, a)
		draw(r, b)
		deltas[i] = after.value(q, b) - before.value(q, a)
	}
	slices.Sort(deltas)
	return quantileOf(deltas, alpha/2), quantileOf(deltas, 1-alpha/2)
}

// resamplesOfOne is the number of resamples for the variance of one capture's quantile,
// which needs fewer than a bound in the tail.
const resamplesOfOne = 200

// variance returns the variance of a quantity of one capture that its requests alone
// suggest, from how its blocks differ: for a mean that of a ratio of sums, for a quantile
// by a bootstrap.
func (s *sample) variance(q quantity) float64 {
	n := float64(len(s.blocks))
	if n < 2 {
		return 0
	}
	var sum, squares float64
	if q.q == 0 {
		mean, requests := s.value(q, nil), float64(s.requests())
		for i := range s.blocks {
			off := float64(timeIn(&s.blocks[i], q)) - mean*float64(s.blocks[i].Requests)
			squares += off * off
		}
		return squares / (requests * requests) * n / (n - 1)
	}
	r, drawn := seed(s), make([]int, len(s.blocks))
	for range resamplesOfOne {
		draw(r, drawn)
		x := s.value(q, drawn)
		sum, squares = sum+x, squares+x*x
	}
	mean := sum / resamplesOfOne
	return max(squares/resamplesOfOne-mean*mean, 0)
}

func (s *sample) requests() (n int64) {
	for i := range s.blocks {
		n += s.blocks[i].Requests
	}
	return n
}

func quantileOf(sorted []float64, q float64) float64 {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
