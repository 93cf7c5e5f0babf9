package analyze

import (
	"cmp"
	"math"
	"slices"

	"timesink/analyze/breakdown"
)

// The parts of a bucket's change: phases, and how its calls are made.

// A ratio is a number split into a whole part and a fraction in [0, 1).
type ratio struct {
	whole int64
	frac  float64
}

// difference returns by how much a total changed per request.
func (p pair) difference(before, after int64) ratio {
	nb, na := p.before.Requests, p.after.Requests
	r := ratio{whole: after/na - before/nb, frac: float64(after%na)/float64(na) - float64(before%nb)/float64(nb)}
	if r.frac < 0 {
		r.whole, r.frac = r.whole-1, r.frac+1
	}
	return r
}

// apportion rounds parts so that they sum to the whole exactly: what is left after
// rounding down goes to those with the largest fractions.
func apportion(parts []ratio, whole int64) []int64 {
	out := make([]int64, len(parts))
	order := make([]int, len(parts))
	for i, p := range parts {
		out[i], order[i] = p.whole, i
		whole -= p.whole
	}
	if len(parts) == 0 {
		return out
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(parts[b].frac, parts[a].frac) })
	for i := 0; whole != 0; i++ {
		step := int64(1)
		at := order[i%len(order)]
		if whole < 0 {
			step, at = -1, order[len(order)-1-i%len(order)]
		}
		out[at] += step
		whole -= step
	}
	return out
}

func phaseChanges(p pair, b breakdown.Bucket, delta int64) []breakdown.PartChange {
	out, parts := []breakdown.PartChange{}, []ratio(nil)
	if b == breakdown.CPU && phaseTotal(&p.before.Buckets[b], breakdown.OffCPU)+phaseTotal(&p.after.Buckets[b], breakdown.OffCPU) == 0 {
		return out // all of it on a core, as far as anything shows
	}
	for phase := breakdown.NoPhase + 1; phase < breakdown.NumPhases; phase++ {
		before, after := phaseTotal(&p.before.Buckets[b], phase), phaseTotal(&p.after.Buckets[b], phase)
		if before != 0 || after != 0 {
			out, parts = append(out, breakdown.PartChange{Part: phase.String()}), append(parts, p.difference(before, after))
		}
	}
	if len(out) == 0 {
		return out
	}
	for i, d := range apportion(parts, delta) {
		out[i].Delta = d
	}
	return out
}

func phaseTotal(t *breakdown.BucketTime, phase breakdown.Phase) int64 {
	for _, p := range t.Phases {
		if p.Phase == phase {
			return p.Total
		}
	}
	return 0
}

// partChanges explains why the time of another system's bucket changed, in parts that
// sum to the change: making connections, waiting for a pool, the number of calls, how
// long each takes, and how much they overlap. With P the time on the path, C the waits
// for connections and S the sum of all calls, the calls themselves take S - C, and S -
// P of that is hidden because they overlap.
func partChanges(p pair, b breakdown.Bucket, delta int64) []breakdown.PartChange {
	out := []breakdown.PartChange{}
	if !b.External() {
		return out
	}
	x, y := callsOf(p.before, b), callsOf(p.after, b)
	if x.calls == 0 && y.calls == 0 {
		return out
	}
	each := func(f func(callMeans) float64) float64 { return f(y) - f(x) }
	count, length := 0.0, 0.0
	if x.calls > 0 && y.calls > 0 {
		// The Shapley values of a product's change: each factor's change times the
		// other's mean.
		count = (y.calls - x.calls) * (x.work/x.calls + y.work/y.calls) / 2
		length = (y.work/y.calls - x.work/x.calls) * (x.calls + y.calls) / 2
	} else {
		count = y.work - x.work
	}
	named := []struct {
		name  string
		delta float64
	}{
		{connecting(x, y), each(func(c callMeans) float64 { return c.connect })},
		{"waiting for a connection from the pool", each(func(c callMeans) float64 { return c.pool })},
		{counted(x, y), count},
		{"each call takes " + longer(length), length},
		{overlapping(x, y), -each(func(c callMeans) float64 { return c.hidden })},
	}
	var parts []ratio
	for _, n := range named {
		out = append(out, breakdown.PartChange{Part: n.name})
		whole := math.Floor(n.delta)
		parts = append(parts, ratio{int64(whole), n.delta - whole})
	}
	for i, d := range apportion(parts, delta) {
		out[i].Delta = d
	}
	return slices.DeleteFunc(out, func(c breakdown.PartChange) bool { return c.Delta == 0 })
}

// callMeans are an endpoint's calls per request: their number, and their times in ns.
type callMeans struct {
	calls, dials         float64
	connect, pool        float64 // on the path
	work, hidden, onPath float64
}

func callsOf(e *breakdown.Endpoint, b breakdown.Bucket) callMeans {
	t, n := &e.Buckets[b], float64(max(e.Requests, 1))
	c := callMeans{calls: t.CallsPerRequest, dials: float64(t.Dials) / n, onPath: float64(t.Total) / n}
	for _, p := range t.Phases {
		switch p.Phase.Stage() {
		case breakdown.Dialing:
			c.connect += float64(p.Total) / n
		case breakdown.Pooling:
			c.pool += float64(p.Total) / n
		}
	}
	c.hidden = float64(t.CallTime)/n - c.onPath
	c.work = float64(t.CallTime)/n - c.connect - c.pool
	return c
}

func connecting(before, after callMeans) string {
	switch reused := func(c callMeans) bool { return c.calls > 0 && c.dials < 0.1*c.calls }; {
	case !reused(before) && reused(after):
		return "connections are reused"
	case reused(before) && !reused(after):
		return "connections are no longer reused"
	}
	return "making connections"
}

func counted(before, after callMeans) string {
	switch {
	case after.calls > before.calls:
		return "more calls"
	case after.calls < before.calls:
		return "fewer calls"
	}
	return "number of calls"
}

func longer(delta float64) string {
	if delta > 0 {
		return "longer"
	}
	return "less time"
}

func overlapping(before, after callMeans) string {
	if after.hidden > before.hidden {
		return "more of the calls overlap"
	}
	return "fewer of the calls overlap"
}
