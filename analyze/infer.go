package analyze

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/infer"
)

// fewestInPool is the number of sampled requests from which the connections that served
// a single endpoint are a pool of their own.
const fewestInPool = 10

// An inference divides the requests of one kind that have no name among the endpoints
// that were sampled.
type inference struct {
	settled *settled
	kind    string
	classes []*endpoint
	strata  []*stratum
}

// A stratum is the requests of which the same is known but for their running time.
type stratum struct {
	cells map[int]*lots
	views [len(costs)]infer.Pool
	order []*lots // of the cells of each view
}

// lots are the requests of one cell.
type lots struct {
	sampled [len(costs)]map[int]int64 // by class, for each cost of a sample
	unnamed []lot
}

// A lot is requests of one cell that go to one endpoint.
type lot struct {
	key lotKey
	*endpoint
}

// lotsOf returns the lots of a fold.
func lotsOf(f *fold) (out []lot) {
	for key, e := range f.lots {
		out = append(out, lot{key, e})
	}
	return out
}

// sampledIn counts requests of the endpoint that only a CPU sample or a probe names.
func (e *endpoint) sampledIn(key cellKey, n int64) {
	if e.sampled == nil {
		e.sampled = map[cellKey]int64{}
	}
	e.sampled[key] += n
}

// infer adds each lot to the endpoint that it goes to. final holds the endpoints of the
// answer by the ids of all that were merged into each.
func (s *settled) infer(all []lot, final map[int]*endpoint) {
	byKind := map[string][]lot{}
	for _, l := range all {
		byKind[l.key.kind] = append(byKind[l.key.kind], l)
	}
	for _, e := range s.byKey {
		if e.key.route != "" && byKind[e.key.kind] == nil {
			byKind[e.key.kind] = []lot{} // a route may find its endpoint
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(byKind)) {
		in := &inference{settled: s, kind: kind, classes: s.sampled(kind)}
		in.gather(byKind[kind], final)
		if len(in.classes) == 1 && s.sole(kind) != nil {
			in.resemble()
		}
		for _, p := range in.strata {
			p.complete()
		}
		in.divide()
	}
}

// sampled returns the endpoints of a kind of which requests have their name from a CPU
// sample.
func (s *settled) sampled(kind string) (out []*endpoint) {
	for _, e := range s.byKey {
		if e.key.kind == kind && e.key.name != breakdown.Unnamed && len(e.sampled) > 0 {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *endpoint) int { return cmp.Compare(a.nth, b.nth) })
	return out
}

// gather sorts the lots and the sampled requests into pools and cells. The first pool
// has those of which nothing is known but their running time.
func (in *inference) gather(unnamed []lot, final map[int]*endpoint) {
	sampled := map[*endpoint]int64{} // by the endpoint of their connection
	for _, e := range in.classes {
		for key, n := range e.sampled {
			sampled[final[key.of]] += n
		}
	}
	in.strata = []*stratum{{cells: map[int]*lots{}}}
	own := map[*endpoint]*stratum{}
	for _, e := range slices.SortedFunc(maps.Keys(sampled), byCreation) {
		if e != nil && sampled[e] >= fewestInPool {
			own[e] = &stratum{cells: map[int]*lots{}}
			in.strata = append(in.strata, own[e])
		}
	}
	of := func(key *cellKey) *stratum {
		if p := own[final[key.of]]; p != nil {
			return p
		}
		return in.strata[0]
	}
	for class, e := range in.classes {
		for key, n := range e.sampled {
			for i := range costs {
				of(&key).cell(key.at(i)).sampled[i][class] += n
			}
		}
	}
	for _, u := range unnamed {
		c := of(&u.key.cellKey).cell(u.key.cell)
		c.unnamed = append(c.unnamed, u)
	}
}

// cell returns the lots of a cell.
func (p *stratum) cell(at int) *lots {
	l := p.cells[at]
	if l == nil {
		l = &lots{}
		for i := range l.sampled {
			l.sampled[i] = map[int]int64{}
		}
		p.cells[at] = l
	}
	return l
}

// sole returns the only endpoint of a kind that has a name, nil if there are several.
func (s *settled) sole(kind string) (only *endpoint) {
	for _, e := range s.byKey {
		if e.key.kind != kind || e.key.name == breakdown.Unnamed || e.requests == 0 {
			continue
		}
		if only != nil {
			return nil
		}
		only = e
	}
	return only
}

// resemble adds the requests of the only endpoint that blocked to those that were
// sampled. Whether a request blocks depends on its endpoint, so that they would say
// nothing about the shares of several, or about one that always blocks. Of one that
// does not they say which running times it has.
func (in *inference) resemble() {
	in.classes[0].buckets[breakdown.CPU].hist.Each(func(lo, hi, n int64) {
		c := in.strata[0].cell(infer.CellOf(lo + (hi-lo)/2))
		for i := range c.sampled {
			c.sampled[i][0] += n
		}
	})
}

// byCreation orders endpoints, nil first.
func byCreation(a, b *endpoint) int {
	nth := func(e *endpoint) int {
		if e == nil {
			return 0
		}
		return e.nth
	}
	return cmp.Compare(nth(a), nth(b))
}

// complete puts everything in order.
func (p *stratum) complete() {
	for _, at := range slices.Sorted(maps.Keys(p.cells)) {
		l := p.cells[at]
		slices.SortFunc(l.unnamed, func(a, b lot) int {
			return cmp.Or(cmp.Compare(a.key.slot, b.key.slot), cmp.Compare(a.nth, b.nth))
		})
		c := infer.Cell{Index: at}
		for _, e := range l.unnamed {
			c.Unnamed.N += e.requests
			c.Unnamed.Total += e.wallTotal
			c.Unnamed.Hist.Merge(&e.wall)
		}
		for i := range p.views {
			c.Sampled = nil
			for _, class := range slices.Sorted(maps.Keys(l.sampled[i])) {
				c.Sampled = append(c.Sampled, infer.Count{Class: class, N: l.sampled[i][class]})
			}
			p.views[i].Cells = append(p.views[i].Cells, c)
		}
		p.order = append(p.order, l)
	}
}

// divide adds the lots to their endpoints.
func (in *inference) divide() {
	known, views := make([]infer.Walls, len(in.classes)), make([][]infer.Pool, len(costs))
	for i, e := range in.classes {
		known[i] = infer.Walls{N: e.requests, Total: e.wallTotal, Hist: e.wall}
	}
	for i := range views {
		for _, p := range in.strata {
			views[i] = append(views[i], p.views[i])
		}
	}
	result := infer.Estimate(known, views, in.settled.offCPU)
	in.placeRouted(result.Shares[0])
	dealer := infer.NewDealer(len(in.classes))
	for i, p := range in.strata {
		for k, l := range p.order {
			in.deal(dealer, l.unnamed, result.Shares[i][k])
		}
	}
	for i, e := range in.classes {
		if e.inferred > 0 {
			e.figures = &result.Figures[i]
		}
	}
}

// deal adds the lots of a cell to the endpoints that they go to.
func (in *inference) deal(dealer *infer.Dealer, unnamed []lot, shares []infer.Share) {
	if len(shares) == 0 {
		for _, e := range unnamed {
			if e.requests == 0 && len(in.classes) == 1 { // cut, so that it would have run for longer
				in.classes[0].merge(e.endpoint)
				continue
			}
			in.settled.put(e.endpoint)
		}
		return
	}
	sizes := make([]int64, len(unnamed))
	for i, e := range unnamed {
		sizes[i] = e.requests
	}
	for i, class := range dealer.Deal(sizes, shares) {
		to := in.classes[class]
		to.inferred += unnamed[i].requests
		unnamed[i].dealt = true
		to.merge(unnamed[i].endpoint)
	}
}

// placeRouted adds the requests that answered a probe and have no name to the endpoint
// that has the probe's route, or else to the one that by far most likely has it. shares
// are those of the cells of the first pool.
func (in *inference) placeRouted(shares [][]infer.Share) {
	var routed []*endpoint
	for _, e := range in.settled.byKey {
		if e.key.name == breakdown.Unnamed && e.key.kind == in.kind && e.key.route != "" {
			routed = append(routed, e)
		}
	}
	slices.SortFunc(routed, byCreation)
	for _, e := range routed {
		to := in.settled.withRoute(e.key)
		if to == nil {
			to = in.likeliest(e, shares)
		}
		if to != nil {
			delete(in.settled.byKey, e.key)
			to.merge(e)
		}
	}
}

// withRoute returns the one endpoint with a name of which a probe showed a route, nil if
// there is none or there are several.
func (s *settled) withRoute(key endpointKey) (found *endpoint) {
	for _, e := range s.byKey {
		if e.key.kind != key.kind || e.key.name == breakdown.Unnamed || !slices.Contains(e.shown(), key.route) {
			continue
		}
		if found != nil {
			return nil
		}
		found = e
	}
	return found
}

// certain is the probability from which all requests of a route go to one endpoint.
const certain = 0.99

// likeliest returns the sampled endpoint that served the requests of a route, by their
// running times, nil if that is not certain. An endpoint with another route did not.
func (in *inference) likeliest(e *endpoint, shares [][]infer.Share) *endpoint {
	logs := make([]float64, len(in.classes))
	sampled := map[int]int64{} // by cell
	for key, n := range e.sampled {
		if key.of == 0 {
			sampled[key.cell] += n
		}
	}
	found := int64(0)
	for k, c := range in.strata[0].views[0].Cells {
		n := sampled[c.Index]
		if n == 0 || shares[k] == nil {
			continue
		}
		found += n
		parts := make([]float64, len(in.classes))
		for _, s := range shares[k] {
			parts[s.Class] = s.Part
		}
		for i := range logs {
			logs[i] += float64(n) * math.Log(max(parts[i], 1e-3))
		}
	}
	if 2*found < e.requests || found == 0 {
		return nil
	}
	sum, best := 0.0, 0
	for i := range logs {
		if len(in.classes[i].routes) > 0 {
			logs[i] = math.Inf(-1)
		}
		if logs[i] > logs[best] {
			best = i
		}
	}
	for i := range logs {
		sum += math.Exp(logs[i] - logs[best])
	}
	if math.IsInf(logs[best], -1) || 1/sum < certain {
		return nil
	}
	return in.classes[best]
}
