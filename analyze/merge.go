package analyze

import (
	"cmp"
	"maps"
	"slices"

	"timesink/analyze/breakdown"
)

// all are the endpoints that were made, in that order.
func (f *fold) all() []*endpoint {
	all := slices.Collect(maps.Values(f.byKey))
	all = append(all, f.sealed...)
	slices.SortFunc(all, func(a, b *endpoint) int { return cmp.Compare(a.nth, b.nth) })
	return all
}

// settle gives the endpoints their names, now that all requests are there, and adds
// up those that are one.
func (f *fold) settle() {
	if f.passages != nil {
		return
	}
	v := f.naming()
	f.passages = v.passages()
	all := f.all()
	f.byKey = map[endpointKey]*endpoint{}
	f.sealed, f.last = nil, nil
	for _, e := range all {
		key := v.keyOf(e)
		if first := f.byKey[key]; first != nil {
			first.merge(e)
			continue
		}
		e.key, e.called = key, nil
		f.byKey[key] = e
	}
	f.tellPolls()
}

// keyOf is the key that an endpoint has when all is known.
func (v *naming) keyOf(e *endpoint) endpointKey {
	return endpointKey{name: v.handler(e), kind: e.key.kind, route: e.key.route}
}

// merge adds the requests of another endpoint, which is not to be used any more.
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
	e.running += o.running
	addAll(e.libraries, o.libraries)
	maps.Copy(e.routes, o.routes)
	e.probes = append(e.probes, o.probes...)
	e.serial += o.serial
	e.onlySampled += o.onlySampled
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

func (d *detail) merge(o *detail) {
	d.bars.Merge(&o.bars)
	if o.most > d.most || o.most == d.most && o.slowest.Compare(d.slowest) < 0 {
		d.slowest, d.most = o.slowest, o.most
	}
	for key, s := range o.stacks {
		if d.stacks[key] == nil {
			d.stacks[key] = &stackSum{}
		}
		d.stacks[key].time += s.time
		d.stacks[key].count += s.count
	}
	addAll(d.samples, o.samples)
	d.probed = append(d.probed, o.probed...)
	slices.SortStableFunc(d.probed, func(a, b breakdown.Probed) int {
		return cmp.Or(cmp.Compare(a.ID.Capture, b.ID.Capture), cmp.Compare(a.View.Start, b.View.Start))
	})
}
