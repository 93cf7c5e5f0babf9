package analyze

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
)

// rootSums are the goroutines' time by root, for captures without requests.
type rootSums map[string]*breakdown.Root

// add adds a trace's goroutines.
func (s rootSums) add(roots []timeline.Root) {
	for _, r := range roots {
		name := r.Function
		if name == "" {
			name = "(not seen)"
		}
		sum := s[name]
		if sum == nil {
			sum = &breakdown.Root{Function: name}
			for b := breakdown.Bucket(0); b < breakdown.NumBuckets; b++ {
				sum.Buckets = append(sum.Buckets, breakdown.BucketTime{Bucket: b, Systems: []string{}, Phases: []breakdown.PhaseTime{}, Sites: []breakdown.SiteTime{}})
			}
			s[name] = sum
		}
		sum.Goroutines += r.Goroutines
		sum.Wall += r.Wall()
		for b, t := range r.Spent {
			sum.Buckets[b].Total += t
		}
	}
}

// render returns the roots, those with the busiest goroutines first.
func (s rootSums) render() []breakdown.Root {
	var out []breakdown.Root
	for _, r := range s {
		if r.Wall == 0 {
			continue
		}
		for i := range r.Buckets {
			b := &r.Buckets[i]
			b.Mean, b.Share = mean(b.Total, r.Goroutines), share(b.Total, r.Wall)
			b.TimeShare = b.Share
		}
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b breakdown.Root) int {
		return cmp.Or(cmp.Compare(b.AtWork(), a.AtWork()), cmp.Compare(b.Wall, a.Wall), cmp.Compare(a.Function, b.Function))
	})
	return out
}
