package analyze

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
)

// snapshot returns what the fold amounts to so far. It reads each endpoint's sums and
// one endpoint's histograms, and changes nothing.
func (f *fold) snapshot(covered int64) breakdown.Snapshot {
	s := breakdown.Snapshot{Covered: covered, Requests: f.requests}
	whole, parts := int64(0), map[endpointKey][]*endpoint{}
	v := newNaming(f.routing, f.all())
	for _, e := range f.all() {
		if e.requests > 0 {
			key := v.keyOf(e)
			parts[key] = append(parts[key], e)
			whole += e.wallTotal
		}
	}
	if s.Endpoints = len(parts); s.Endpoints == 0 {
		return s
	}
	var top breakdown.Endpoint
	var of []*endpoint
	for key, list := range parts {
		e := breakdown.Endpoint{Name: key.name, Kind: key.kind, Route: key.route}
		for _, part := range list {
			e.Requests += part.requests
			e.Wall.Total += part.wallTotal
		}
		if of == nil || before(&e, &top) {
			top, of = e, list
		}
	}
	s.TopShare = share(top.Wall.Total, whole)
	top.Wall.Mean = mean(top.Wall.Total, top.Requests)
	walls := &breakdown.Histogram{}
	for _, part := range of {
		walls.Merge(&part.wall)
	}
	top.Wall.P50, top.Wall.Max = walls.Quantile(0.5), walls.Max()
	for b := breakdown.Bucket(0); b < breakdown.NumBuckets; b++ {
		t := breakdown.BucketTime{Bucket: b}
		var names []string
		for _, part := range of {
			t.Total += part.buckets[b].total
			names = append(names, systems(part.buckets[b].systems)...)
		}
		slices.Sort(names)
		t.Mean, t.Share, t.Systems = mean(t.Total, top.Requests), share(t.Total, top.Wall.Total), slices.Compact(names)
		top.Buckets = append(top.Buckets, t)
	}
	if f.keepSeries {
		top.Precision = precisionOf(stretchesOf(of), &top, covered, true)
	}
	s.Top = top
	return s
}

// before reports whether a has more request time than b. Names break ties.
func before(a, b *breakdown.Endpoint) bool {
	return cmp.Or(cmp.Compare(b.Wall.Total, a.Wall.Total), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Kind, b.Kind)) < 0
}
