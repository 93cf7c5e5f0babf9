package analyze

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"golang.org/x/perf/benchmath"

	"timesink/analyze/breakdown"
)

// A quantity is what a comparison tests for a change.
type quantity struct {
	name string
	// q is the quantile of the wall time. If it is 0 the quantity is a mean: of the
	// bucket, or of the wall time if bucket is NumBuckets.
	q      float64
	bucket breakdown.Bucket
	// floor is the noise floor: how much two captures of one build may differ under the
	// same load, as a share of the endpoint's mean, or of the quantile itself. Measured
	// on 20 such captures, a fifth of them with a compiler running on the same machine:
	// at most 6 of 40 pairs differ significantly and by more
	// (cmd/internal/falsealarms).
	floor float64
}

// wallQuantities are tested for every endpoint.
var wallQuantities = []quantity{
	{name: "mean", bucket: breakdown.NumBuckets, floor: 0.08},
	{name: "p50", q: 0.50, floor: 0.08},
	{name: "p95", q: 0.95, floor: 0.12},
	{name: "p99", q: 0.99, floor: 0.20},
}

// ofBucket returns the quantity that is the mean of a bucket.
func ofBucket(b breakdown.Bucket) quantity {
	return quantity{name: b.String() + " mean", bucket: b, floor: 0.05}
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
		b, k := &s.blocks[i], int64(times(i))
		n += k * b.Requests
		if q.bucket == breakdown.NumBuckets {
			sum += k * b.Wall
		} else {
			sum += k * b.Buckets[q.bucket]
		}
	}
	return float64(sum) / float64(max(n, 1))
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

// A verdict is the result of a test: the p-value, and the bounds of the difference.
type verdict struct {
	p         float64
	low, high float64
}

// withinCaptures tests the difference of a quantity between two captures by a
// bootstrap over blocks of their requests, the percentile method.
func withinCaptures(before, after *sample, q quantity, alpha float64) verdict {
	r := seed(before, after)
	a, b := make([]int, len(before.blocks)), make([]int, len(after.blocks))
	deltas := make([]float64, resamples)
	below, above := 0, 0
	for i := range deltas {
		draw(r, a)
		draw(r, b)
		deltas[i] = after.value(q, b) - before.value(q, a)
		if deltas[i] <= 0 {
			below++
		}
		if deltas[i] >= 0 {
			above++
		}
	}
	slices.Sort(deltas)
	p := min(1, 2*float64(min(below, above)+1)/float64(resamples+1))
	return verdict{p: p, low: quantileOf(deltas, alpha/2), high: quantileOf(deltas, 1-alpha/2)}
}

// overCaptures tests a quantity with one value per capture: requests of one capture are
// not independent of each other, captures are. Each value is the mean or a quantile of
// many requests and so close to normal. With five captures a side, Welch's t-test found
// a planted change of a tenth in 10 of 10 trials; the rank test, which uses only their
// order, found it in 5. The interval is a bootstrap over captures.
func overCaptures(before, after []float64, alpha float64) verdict {
	t := &benchmath.Thresholds{CompareAlpha: alpha}
	c := benchmath.AssumeNormal.Compare(benchmath.NewSample(slices.Clone(before), t), benchmath.NewSample(slices.Clone(after), t))
	r := rand.New(rand.NewPCG(math.Float64bits(sumOf(before)), math.Float64bits(sumOf(after))))
	deltas := make([]float64, resamples)
	for i := range deltas {
		deltas[i] = meanOfDrawn(r, after) - meanOfDrawn(r, before)
	}
	slices.Sort(deltas)
	return verdict{p: c.P, low: quantileOf(deltas, alpha/2), high: quantileOf(deltas, 1-alpha/2)}
}

func meanOfDrawn(r *rand.Rand, of []float64) (mean float64) {
	for range of {
		mean += of[r.IntN(len(of))]
	}
	return mean / float64(len(of))
}

func sumOf(of []float64) (sum float64) {
	for _, x := range of {
		sum += x
	}
	return sum
}

func quantileOf(sorted []float64, q float64) float64 {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// enoughCaptures is the number of captures a side that the test over captures needs.
// Fewer say too little about how captures of one build differ.
const enoughCaptures = 4
