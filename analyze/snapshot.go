package analyze

import (
	"cmp"

	"timesink/analyze/breakdown"
)

// snapshot is what the fold amounts to so far. It looks at each endpoint's sums
// and at one endpoint's histograms, and changes nothing.
func (f *fold) snapshot(covered int64) breakdown.Snapshot {
	s := breakdown.Snapshot{Covered: covered, Requests: f.requests}
	whole := int64(0)
	var top *endpoint
	for _, e := range f.byKey {
		if e.requests == 0 {
			continue
		}
		s.Endpoints++
		whole += e.wallTotal
		if top == nil || before(e, top) {
			top = e
		}
	}
	if top == nil {
		return s
	}
	s.TopShare = share(top.wallTotal, whole)
	s.Top = breakdown.Endpoint{Name: top.key.name, Kind: top.key.kind, Requests: top.requests,
		Wall: breakdown.Stats{Total: top.wallTotal, Mean: mean(top.wallTotal, top.requests), P50: top.wall.Quantile(0.5), Max: top.wall.Max()}}
	for b := range top.buckets {
		sums := &top.buckets[b]
		s.Top.Buckets = append(s.Top.Buckets, breakdown.BucketTime{Bucket: breakdown.Bucket(b), Total: sums.total,
			Mean: mean(sums.total, top.requests), Share: share(sums.total, top.wallTotal), Systems: systems(sums.systems)})
	}
	return s
}

// before tells which of two endpoints has more request time, by name if equal.
func before(a, b *endpoint) bool {
	return cmp.Or(cmp.Compare(b.wallTotal, a.wallTotal), cmp.Compare(a.key.name, b.key.name), cmp.Compare(a.key.route, b.key.route),
		cmp.Compare(a.key.kind, b.key.kind)) < 0
}
