package breakdown

import (
	"math"
	"math/bits"
)

// A Histogram counts durations on a scale that is linear up to 2^histBits ns and
// logarithmic beyond, so that a quantile is off by at most half a step, 0.4%, whatever
// its size. Histograms merge by integer addition, so the order does not matter. The
// zero value is empty and ready to use.
type Histogram struct {
	// rows each hold the steps of one power of two. They are allocated as needed:
	// durations of milliseconds need no steps for nanoseconds.
	rows []*row
	made int
	n    int64
	max  int64
	near *row // the last one counted in: often the next duration is there too
	at   int  // its index
}

type row [1 << histBits]int64

// histBits is the number of bits of a duration that a step keeps: 2^7 steps for
// each power of two.
const histBits = 7

// Record counts one duration, in nanoseconds. Negative durations count as zero.
func (h *Histogram) Record(ns int64) { h.RecordN(ns, 1) }

// RecordN counts one duration n times. It does nothing if n is 0.
func (h *Histogram) RecordN(ns, n int64) {
	ns = max(ns, 0)
	if n == 0 {
		return
	}
	i := histStep(ns)
	if h.near == nil || h.at != i>>histBits {
		h.at = i >> histBits
		h.near = h.row(h.at)
	}
	h.near[i&(1<<histBits-1)] += n
	h.n += n
	h.max = max(h.max, ns)
}

func (h *Histogram) row(i int) *row {
	if i >= len(h.rows) {
		h.rows = append(h.rows, make([]*row, i+1-len(h.rows))...)
	}
	if h.rows[i] == nil {
		h.rows[i] = new(row)
		h.made++
	}
	return h.rows[i]
}

// Size returns the memory of the counts, in bytes.
func (h *Histogram) Size() int64 { return int64(h.made) << histBits * 8 }

// Merge adds the counts of o, which it does not change.
func (h *Histogram) Merge(o *Histogram) {
	for i, from := range o.rows {
		if from == nil {
			continue
		}
		to := h.row(i)
		for j, c := range from {
			to[j] += c
		}
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// N returns the number of durations counted.
func (h *Histogram) N() int64 { return h.n }

// Max returns the exact largest duration counted, 0 for an empty histogram.
func (h *Histogram) Max() int64 { return h.max }

// Quantile returns the smallest duration, to within 0.4%, that at least a share q of
// those counted do not exceed. It returns 0 for an empty histogram.
func (h *Histogram) Quantile(q float64) int64 {
	if h.n == 0 {
		return 0
	}
	rank := max(int64(math.Ceil(q*float64(h.n))), 1)
	for r, row := range h.rows {
		if row == nil {
			continue
		}
		for j, c := range row {
			if rank -= c; rank <= 0 {
				lo, hi := histRange(r<<histBits + j)
				return min(lo+(hi-lo)/2, h.max)
			}
		}
	}
	return h.max
}

// Each calls f for each step with a count, the smallest first. The step's range is [lo,
// hi], in nanoseconds.
func (h *Histogram) Each(f func(lo, hi, count int64)) {
	for r, row := range h.rows {
		if row == nil {
			continue
		}
		for j, c := range row {
			if c != 0 {
				lo, hi := histRange(r<<histBits + j)
				f(lo, hi, c)
			}
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
