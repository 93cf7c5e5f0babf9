package analyze

import (
	"maps"

	"timesink/analyze/breakdown"
)

// merge adds the requests of o, which must not be used afterwards.
func (e *endpoint) merge(o *endpoint) {
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
	maps.Copy(e.routes, o.routes)
	e.probes = append(e.probes, o.probes...)
	e.serial += o.serial
	e.inferred += o.inferred
	for capture, s := range o.series {
		if e.series[capture] == nil {
			e.series[capture] = s
		} else {
			e.series[capture].Merge(s)
		}
	}
	if e.detail != nil {
		e.detail.merge(o.detail)
	}
}

func (b *bucketSums) merge(o *bucketSums) {
	b.total += o.total
	b.incomplete += o.incomplete
	b.hist.Merge(&o.hist)
	for p := range b.phases {
		b.phases[p] += o.phases[p]
		b.incompletePhases[p] += o.incompletePhases[p]
	}
	b.causes = sumInto(b.causes, o.causes)
	for site, s := range o.calls {
		if b.calls == nil {
			b.calls = map[breakdown.Frame]*callSums{}
		}
		if b.calls[site] == nil {
			b.calls[site] = &callSums{}
		}
		sum := b.calls[site]
		sum.n, sum.time, sum.union = sum.n+s.n, sum.time+s.time, sum.union+s.union
	}
	b.queued += o.queued
	b.shadowed += o.shadowed
	b.callCount += o.callCount
	b.dialCount += o.dialCount
	for system := range o.systems {
		b.addSystem(system)
	}
	if b.holders == nil {
		b.holders = o.holders
	} else {
		addAll(b.holders, o.holders)
	}
}

func addAll[K comparable](sums, more map[K]int64) {
	for k, n := range more {
		sums[k] += n
	}
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
