package analyze

import (
	"timesink/analyze/breakdown"
)

// merge adds the requests of o, which must not be used afterwards.
func (e *endpoint) merge(o *endpoint) {
	o.into = e
	e.requests += o.requests
	e.incomplete += o.incomplete
	e.incompleteTime += o.incompleteTime
	e.wall.Merge(&o.wall)
	e.wallTotal += o.wallTotal
	e.seq += o.seq
	e.waited = sumInto(e.waited, o.waited)
	for b := range e.buckets {
		e.buckets[b].merge(&o.buckets[b])
	}
	for leaf, s := range o.samples {
		if e.samples[leaf] == nil {
			e.samples[leaf] = &cpuSum{frame: s.frame}
		}
		e.samples[leaf].n += s.n
	}
	for capture, x := range o.exposed {
		e.exposed = exposedIn(e.exposed, capture)
		e.exposed[capture].ran += x.ran
		e.exposed[capture].briefly += x.briefly
		e.exposed[capture].samples += x.samples
	}
	e.running += o.running
	addAll(e.libraries, o.libraries)
	e.computes = sumInto(e.computes, o.computes)
	e.computing += o.computing
	for b, late := range o.late {
		e.late[b] += late
	}
	for route, n := range o.routes {
		e.routes[route] += n
	}
	e.probes = append(e.probes, o.probes...)
	e.patterns.merge(&o.patterns)
	e.holds.merge(&o.holds)
	e.inferred += o.inferred
	e.edges.merge(&o.edges)
	for capture, s := range o.series {
		if e.series[capture] == nil {
			e.series[capture] = s
		} else {
			e.series[capture].Merge(s)
		}
	}
	e.mergeParts(o)
	if e.tailless = e.tailless || o.tailless; e.tailless {
		e.tails = nil
	} else if o.tails != nil {
		e.tails = e.tails.merge(o.tails)
	}
	e.firsts = mergeFirsts(e.firsts, o.firsts)
	if e.detail != nil {
		e.detail.merge(o.detail)
	}
	e.standing.merge(&o.standing)
}

func (b *bucketSums) merge(o *bucketSums) {
	b.total += o.total
	b.incomplete += o.incomplete
	b.hist.Merge(&o.hist)
	for p := range b.phases {
		b.phases[p] += o.phases[p]
	}
	if b.incompletePhases == nil {
		b.incompletePhases = o.incompletePhases
	} else if o.incompletePhases != nil {
		for p, t := range o.incompletePhases {
			b.incompletePhases[p] += t
		}
	}
	b.causes = spellsInto(b.causes, o.causes)
	b.cut = spellsInto(b.cut, o.cut)
	for site, s := range o.calls {
		if b.calls == nil {
			b.calls = map[breakdown.Frame]*callSums{}
		}
		if b.calls[site] == nil {
			b.calls[site] = &callSums{}
		}
		sum := b.calls[site]
		sum.n, sum.time, sum.union = sum.n+s.n, sum.time+s.time, sum.union+s.union
		sum.asked.merge(&s.asked)
	}
	b.queued += o.queued
	b.shadowed += o.shadowed
	b.callCount += o.callCount
	b.dialCount += o.dialCount
	b.callTimes |= o.callTimes
	b.dialTimes |= o.dialTimes
	for system := range o.systems {
		b.addSystem(system)
	}
	b.holders = sumInto(b.holders, o.holders)
}

func addAll[K comparable](sums, more map[K]int64) {
	for k, n := range more {
		sums[k] += n
	}
}

// spellsInto adds more to sums, of which it may keep the values.
func spellsInto(sums, more map[*breakdown.Cause]*spell) map[*breakdown.Cause]*spell {
	if sums == nil {
		return more
	}
	for c, s := range more {
		if sums[c] == nil {
			sums[c] = &spell{}
		}
		sums[c].ns += s.ns
		sums[c].n += s.n
	}
	return sums
}

func sumInto[K comparable](sums, more map[K]*int64) map[K]*int64 {
	if sums == nil {
		return more
	}
	for k, n := range more {
		if sums[k] == nil {
			sums[k] = new(int64)
		}
		*sums[k] += *n
	}
	return sums
}
