package infer

import (
	"math"
	"math/rand/v2"
	"slices"
)

// A drawing draws what the unnamed requests of all pools may be.
type drawing struct {
	known []Walls
	pools []*pooled
	grid  grid
}

// A pooled is a partition with the sums of its unnamed requests over the cells before
// each, to sum up any stretch.
type pooled struct {
	*partition
	n, total, squares []float64
	// ran are the sums of the running times, log and log2 those of their logarithms and
	// of the logarithms' squares.
	ran, log, log2 []float64
	steps          [][]float64 // by step of the grid
	rng            *rand.Rand
}

func newDrawing(known []Walls, pools []Pool) *drawing {
	d := &drawing{known: known}
	for i := range known {
		d.grid.cover(&known[i])
	}
	for i := range pools {
		for k := range pools[i].Cells {
			d.grid.cover(&pools[i].Cells[k].Unnamed)
		}
	}
	return d
}

func (d *drawing) add(p *partition) {
	q := &pooled{partition: p, rng: p.random()}
	n, total, squares, ran, log, log2, steps := 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, make([]float64, d.grid.size())
	for k := 0; ; k++ {
		q.n, q.total, q.squares, q.steps = append(q.n, n), append(q.total, total), append(q.squares, squares), append(q.steps, steps)
		q.ran, q.log, q.log2 = append(q.ran, ran), append(q.log, log), append(q.log2, log2)
		if k == len(p.unnamed) {
			break
		}
		u := p.unnamed[k]
		n, total, squares = n+float64(u.N), total+float64(u.Total), squares+u.squares()
		ran += float64(u.N) * math.Exp(p.at[k])
		log, log2 = log+float64(u.N)*p.at[k], log2+float64(u.N)*p.at[k]*p.at[k]
		steps = slices.Clone(steps)
		d.grid.spread(u, steps)
	}
	d.pools = append(d.pools, q)
}

// A drawn is what a draw gives a class.
type drawn struct {
	n, total float64
	steps    []float64
	// free is the number of inferred requests that another draw of the same stretches
	// could have replaced.
	free float64
}

// outcomes are what draws gave each class: by figure, class and draw. All were made with
// the same grid, since all views have the same wall times.
type outcomes struct {
	by   [4][][]float64
	grid grid
}

func newOutcomes(classes int) *outcomes {
	all := &outcomes{}
	for f := range all.by {
		all.by[f] = make([][]float64, classes)
	}
	return all
}

// repeat adds that many draws, or one if all would be the same because each pool has a
// single class.
func (d *drawing) repeat(times int, all *outcomes) {
	all.grid = d.grid
	base := make([]drawn, len(d.known))
	for j := range base {
		w := &d.known[j]
		base[j] = drawn{n: float64(w.N), total: float64(w.Total), steps: make([]float64, d.grid.size())}
		d.grid.spread(w, base[j].steps)
	}
	if !slices.ContainsFunc(d.pools, func(p *pooled) bool { return len(p.classes) > 1 }) {
		times = 1
	}
	rng := rand.New(rand.NewPCG(uint64(len(d.known)), uint64(times)))
	now := make([]drawn, len(base))
	for range times {
		for j := range now {
			now[j].n, now[j].total, now[j].free = base[j].n, base[j].total, 0
			now[j].steps = append(now[j].steps[:0], base[j].steps...)
		}
		for _, p := range d.pools {
			p.drawInto(now)
		}
		for j := range now {
			for f, x := range now[j].figures(rng, &d.grid) {
				all.by[f][j] = append(all.by[f][j], x)
			}
		}
	}
}

// figures returns the intervals of the classes, wider than the draws by a factor.
func (all *outcomes) figures(known []Walls, wider float64) []Figure {
	out := make([]Figure, len(known))
	for j := range out {
		least := float64(known[j].N)
		out[j] = Figure{central(all.by[0][j], wider, least), central(all.by[1][j], wider, 0), central(all.by[2][j], wider, 0), central(all.by[3][j], wider, 0)}
		out[j].P50, out[j].P95 = all.grid.outwards(out[j].P50), all.grid.outwards(out[j].P95)
	}
	return out
}

// figures returns the number of requests, their mean, and their quantiles as steps.
func (w *drawn) figures(rng *rand.Rand, g *grid) [4]float64 {
	if w.n <= 0 {
		return [4]float64{}
	}
	return [4]float64{w.n, w.total / w.n, w.quantile(0.5, rng, g), w.quantile(0.95, rng, g)}
}

// quantile returns the step of a quantile. Which requests of a stretch are the class's
// is random, so its rank is, too.
func (w *drawn) quantile(q float64, rng *rand.Rand, g *grid) float64 {
	rank := q * w.n
	if w.free > 0 {
		rank += rng.NormFloat64() * math.Sqrt(q*(1-q)*w.free)
	}
	rank = min(max(rank, 1), w.n)
	for i, n := range w.steps {
		if rank -= n; rank <= 1e-9*w.n {
			return float64(i)
		}
	}
	return float64(g.size() - 1)
}

// drawInto draws the stretches, their shares and the classes of their unnamed requests,
// and adds them.
func (p *pooled) drawInto(into []drawn) {
	all, parts := make([]found, len(p.classes)), make([]float64, len(p.classes))
	end := len(p.at)
	for _, begin := range p.draw(p.rng, nil) {
		n := p.find(begin, end, all)
		if m := p.n[end] - p.n[begin]; m > 0 {
			if p.longest == nil {
				p.drawShares(n, all, parts)
			} else {
				p.drawHeld(begin, end, parts)
			}
			left, whole := int64(m), 1.0
			for j, part := range parts {
				if part == 0 || left == 0 {
					continue
				}
				k := binomial(p.rng, left, part/whole)
				left, whole = left-k, whole-part
				if k > 0 {
					p.give(&into[p.classes[j]], begin, end, float64(k), all[j])
				}
			}
		}
		end = begin
	}
}

// drawShares draws the share of each class by what was found of it. n is the number of
// requests found of all.
func (p *pooled) drawShares(n float64, all []found, into []float64) {
	if len(all) == 1 {
		into[0] = 1
		return
	}
	seen := 0
	for _, f := range all {
		if f.n > 0 {
			seen++
		}
	}
	more := -1 // the unseen class that is there, too
	if unseen := len(all) - seen; unseen > 0 {
		s := float64(seen)
		odds := (s + 1) / 2 * math.Exp(lgamma((s+1)/2)-lgamma(s/2)+lgamma(n+s/2)-lgamma(n+(s+1)/2))
		if p.rng.Float64() < odds/(1+odds) {
			more = p.rng.IntN(unseen)
		}
	}
	sum := 0.0
	for j, f := range all {
		into[j] = 0
		there := f.n > 0
		if !there {
			there = more == 0
			more--
		}
		if there {
			into[j] = gamma(p.rng, f.n+0.5)
			sum += into[j]
		}
	}
	for j := range into {
		into[j] /= sum
	}
}

// give adds k of the unnamed requests of cells [begin, end). They are a random subset,
// but for their running times: where among them the class lies is known from what was
// found of it, and no better than to a part of a cell.
func (p *pooled) give(w *drawn, begin, end int, k float64, f found) {
	m := p.n[end] - p.n[begin]
	mean := (p.total[end] - p.total[begin]) / m
	variance := max((p.squares[end]-p.squares[begin])/m-mean*mean, 0)
	at := (p.log[end] - p.log[begin]) / m
	spread := max((p.log2[end]-p.log2[begin])/m-at*at, 0) + width*width/12
	deviation := math.Sqrt((1-k/m)*spread/(f.n+1)+(1-k/m)*(1-k/m)*width*width/12) * p.rng.NormFloat64()
	w.n += k
	total := k*mean + math.Sqrt(k*(1-k/m)*variance)*p.rng.NormFloat64()
	total += k * (p.ran[end] - p.ran[begin]) / m * (f.at + deviation)
	w.total += max(total, 0)
	w.free += k * (1 - k/m)
	from, to := p.steps[begin], p.steps[end]
	for i := range to {
		if d := to[i] - from[i]; d != 0 {
			w.steps[i] += k / m * d
		}
	}
}

// central returns the central 95% of draws, wider than that by a factor, but not below
// least. It sorts the draws.
func central(draws []float64, wider, least float64) Interval {
	slices.Sort(draws)
	tail, median := len(draws)/40, draws[len(draws)/2]
	low, high := draws[tail], draws[len(draws)-1-tail]
	return Interval{max(median-wider*(median-low), least), median + wider*(high-median)}
}

// A grid is steps of wall time, 16 for each doubling, from the shortest to the longest.
type grid struct{ low, high int } // high is 0 for none

func (g *grid) size() int { return g.high - g.low }

func stepOf(ns int64) int { return int(math.Floor(16 * math.Log2(float64(max(ns, 1))))) }

// cover extends the grid to some wall times.
func (g *grid) cover(w *Walls) {
	w.Hist.Each(func(lo, hi, _ int64) {
		step := stepOf(lo + (hi-lo)/2)
		if g.size() == 0 {
			g.low, g.high = step, step+1
		}
		g.low, g.high = min(g.low, step), max(g.high, step+1)
	})
}

// spread adds the number of wall times in each step.
func (g *grid) spread(w *Walls, into []float64) {
	w.Hist.Each(func(lo, hi, n int64) { into[stepOf(lo+(hi-lo)/2)-g.low] += float64(n) })
}

// outwards returns the wall times between the lower bound of the first step and the
// upper bound of the second.
func (g *grid) outwards(steps Interval) Interval {
	return Interval{math.Exp2((steps.Low + float64(g.low)) / 16), math.Exp2((steps.High + float64(g.low+1)) / 16)}
}
