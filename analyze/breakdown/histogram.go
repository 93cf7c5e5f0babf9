package breakdown

import (
	"math"
	"math/bits"
)

// A Histogram counts durations on a scale that is linear up to 2^histBits ns
// and logarithmic beyond, so that a quantile is off by at most half a step,
// 0.4%, whatever its size. Histograms merge by adding integers: the result does
// not depend on the order. The zero value is empty.
type Histogram struct {
	counts []int64 // by step, grown as needed
	n      int64
	max    int64
}

// histBits is the number of bits of a duration that a step keeps: 2^7 steps for
// each power of two.
const histBits = 7

// Record counts one duration, in nanoseconds. Negative ones count as zero.
func (h *Histogram) Record(ns int64) { h.RecordN(ns, 1) }

// RecordN counts one duration n times.
func (h *Histogram) RecordN(ns, n int64) {
	ns = max(ns, 0)
	i := histStep(ns)
	if i >= len(h.counts) {
		h.counts = append(h.counts, make([]int64, i+1-len(h.counts))...)
	}
	h.counts[i] += n
	h.n += n
	h.max = max(h.max, ns)
}

// Merge adds what o has counted.
func (h *Histogram) Merge(o *Histogram) {
	if len(o.counts) > len(h.counts) {
		h.counts = append(h.counts, make([]int64, len(o.counts)-len(h.counts))...)
	}
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// N is the number of durations counted.
func (h *Histogram) N() int64 { return h.n }

// Max is the largest duration counted, exactly.
func (h *Histogram) Max() int64 { return h.max }

// Quantile is the smallest duration, to within 0.4%, that at least a share q of
// those counted do not exceed; 0 for an empty histogram.
func (h *Histogram) Quantile(q float64) int64 {
	if h.n == 0 {
		return 0
	}
	rank := max(int64(math.Ceil(q*float64(h.n))), 1)
	for i, c := range h.counts {
		rank -= c
		if rank <= 0 {
			lo, hi := histRange(i)
			return min(lo+(hi-lo)/2, h.max)
		}
	}
	return h.max
}

// Each calls f for each step that counted something, the smallest first, with
// the step's range [lo, hi] in nanoseconds.
func (h *Histogram) Each(f func(lo, hi, count int64)) {
	for i, c := range h.counts {
		if c != 0 {
			lo, hi := histRange(i)
			f(lo, hi, c)
		}
	}
}

func histStep(ns int64) int {
	shift := max(bits.Len64(uint64(ns))-histBits-1, 0)
	return shift<<histBits + int(ns>>shift)
}

func histRange(i int) (lo, hi int64) {
	if i < 2<<histBits {
		return int64(i), int64(i)
	}
	shift := i>>histBits - 1
	lo = int64(i-shift<<histBits) << shift
	return lo, lo + 1<<shift - 1
}
