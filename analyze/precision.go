package analyze

import (
	"math"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/interval"
)

// The figures of a window differ from those of a longer one by chance, which the blocks of
// its requests show (package interval), and because its edges cut the longer requests more
// often. By how much they do follows from how the requests' times vary.

// edgeSums are what shows the effect of the window's edges: the sums of the complete requests'
// squared wall times, and of their wall times times those in each bucket, in ns².
type edgeSums struct {
	squares float64
	spent   [breakdown.NumBuckets]float64
}

// add adds a complete request.
func (s *edgeSums) add(wall int64, spent *[breakdown.NumBuckets]int64) {
	w := float64(wall)
	s.squares += w * w
	for b, t := range spent {
		if t != 0 {
			s.spent[b] += w * float64(t)
		}
	}
}

func (s *edgeSums) merge(o *edgeSums) {
	s.squares += o.squares
	for b, t := range o.spent {
		s.spent[b] += t
	}
}

// A stretched is the requests of one endpoint by stretch of time.
type stretched struct {
	requests, wall []float64
	spent          [breakdown.NumBuckets][]float64
	walls          [][]int64
	edges          edgeSums
	complete       float64 // requests
}

// stretchesOf returns the requests of the parts of one endpoint in one capture, nil if they have
// no series. The stretches of several windows follow one another.
func stretchesOf(parts []*endpoint) *stretched {
	out := &stretched{}
	for _, window := range windowsOf(parts) {
		first, last := int64(math.MaxInt64), int64(math.MinInt64)
		for _, e := range parts {
			if s := e.series[window]; s != nil {
				first, last = min(first, s.First()), max(last, s.First()+int64(len(s.Blocks)))
			}
		}
		base := out.grow(last - first)
		for _, e := range parts {
			if s := e.series[window]; s != nil {
				out.add(s, base+s.First()-first)
			}
		}
	}
	if len(out.requests) == 0 {
		return nil
	}
	for _, e := range parts {
		out.edges.merge(&e.edges)
		out.complete += float64(e.requests)
	}
	return out
}

// windowsOf returns the windows in which the parts of an endpoint have requests, in order.
func windowsOf(parts []*endpoint) (list []int) {
	for _, e := range parts {
		for window := range e.series {
			if !slices.Contains(list, window) {
				list = append(list, window)
			}
		}
	}
	slices.Sort(list)
	return list
}

// grow adds n empty stretches and returns how many there were before.
func (x *stretched) grow(n int64) (before int64) {
	before = int64(len(x.requests))
	x.requests = append(x.requests, make([]float64, n)...)
	x.wall = append(x.wall, make([]float64, n)...)
	x.walls = append(x.walls, make([][]int64, n)...)
	for b := range x.spent {
		x.spent[b] = append(x.spent[b], make([]float64, n)...)
	}
	return before
}

func (x *stretched) add(s *breakdown.Series, at int64) {
	for i := range s.Blocks {
		block, k := &s.Blocks[i], at+int64(i)
		x.requests[k] += float64(block.Requests)
		x.wall[k] += float64(block.Wall)
		for b, t := range block.Buckets {
			x.spent[b][k] += float64(t)
		}
		x.walls[k] = append(x.walls[k], block.Walls...)
	}
}

// fewestStretches is how many stretches of time a precision rests on at least.
const fewestStretches = 8

// precisionOf returns how precise the figures of an endpoint are, which are in e; nil if too
// little is known. The window covers that many ns,
// or each of several does. The percentile's interval is left out
// if brief is set.
func precisionOf(x *stretched, e *breakdown.Endpoint, covered int64, brief bool) *breakdown.Precision {
	if x == nil || len(x.requests) < fewestStretches || covered <= 0 || x.complete < 2 {
		return nil
	}
	wall := 0.0
	for _, t := range x.wall {
		wall += t
	}
	if wall <= 0 {
		return nil
	}
	// A request of wall time x is complete if it begins in all but the last x of the window:
	// it stands for 1 / (1 - x/T) of them, which is 1 + x/T for short ones.
	weight := wall / float64(covered)
	mean := interval.Ratio(x.wall, x.requests)
	long := (wall + x.edges.squares/float64(covered)) / (x.complete + weight)
	out := &breakdown.Precision{Batches: round(mean.Batches, 10)}
	out.MeanCI95 = breakdown.Interval{floor(min(mean.Value, long) - mean.Half), ceil(max(mean.Value, long) + mean.Half)}
	for b := range x.spent {
		share := interval.Ratio(x.spent[b], x.wall)
		spent := share.Value * wall
		whole := (spent + x.edges.spent[b]/float64(covered)) / (wall + x.edges.squares/float64(covered))
		out.SharesCI95 = append(out.SharesCI95, breakdown.ShareInterval{ofOne(min(share.Value, whole) - share.Half), ofOne(max(share.Value, whole) + share.Half)})
	}
	if !brief {
		low, high := interval.Quantile(x.walls, 0.95)
		out.P95CI95 = breakdown.Interval{min(low, e.Wall.P95), max(high, e.Wall.P95)}
	}
	widen(&out.MeanCI95, e.Wall.Mean, e.Wall.MeanCI95)
	widen(&out.P95CI95, e.Wall.P95, e.Wall.P95CI95)
	return out
}

// widen adds to the interval of a figure that of its inference in this window, nil if there is
// none. The two have nothing to do with each other.
func widen(in *breakdown.Interval, x int64, inferred *breakdown.Interval) {
	if inferred == nil || *in == (breakdown.Interval{}) {
		return
	}
	in[0] = floor(float64(x) - math.Hypot(float64(x-in[0]), float64(x-inferred[0])))
	in[1] = ceil(float64(x) + math.Hypot(float64(in[1]-x), float64(inferred[1]-x)))
}

func floor(x float64) int64 { return int64(math.Floor(max(x, 0))) }
func ceil(x float64) int64  { return int64(math.Ceil(x)) }
