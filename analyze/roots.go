package analyze

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
)

// rootSums are the goroutines' time by root.
type rootSums map[string]*rootSum

type rootSum struct {
	breakdown.Root
	jobs, turns int64
}

// add adds a trace's goroutines.
func (s rootSums) add(roots []timeline.Root) {
	for _, r := range roots {
		name := r.Function
		if name == "" {
			name = "(not seen)"
		}
		sum := s[name]
		if sum == nil {
			sum = &rootSum{Root: breakdown.Root{Function: name}}
			for b := breakdown.Bucket(0); b < breakdown.NumBuckets; b++ {
				sum.Buckets = append(sum.Buckets, breakdown.BucketTime{Bucket: b, Systems: []string{}, Phases: []breakdown.PhaseTime{}, Sites: []breakdown.SiteTime{}})
			}
			s[name] = sum
		}
		sum.Goroutines += r.Goroutines
		sum.Wall += r.Wall()
		sum.jobs += r.Jobs
		sum.turns += r.Turns
		for b, t := range r.Spent {
			sum.Buckets[b].Total += t
		}
	}
}

// render returns the roots, those with the busiest goroutines first.
func (s rootSums) render() []breakdown.Root {
	var out []breakdown.Root
	whole := int64(0)
	for _, r := range s {
		whole += r.AtWork()
	}
	for _, r := range s {
		if r.Wall == 0 {
			continue
		}
		if float64(r.AtWork()) >= worthUnits*float64(whole) {
			r.Units = r.units()
		}
		for i := range r.Buckets {
			b := &r.Buckets[i]
			b.Mean, b.Share = mean(b.Total, r.Goroutines), share(b.Total, r.Wall)
			b.TimeShare = b.Share
		}
		out = append(out, r.Root)
	}
	slices.SortFunc(out, func(a, b breakdown.Root) int {
		return cmp.Or(cmp.Compare(b.AtWork(), a.AtWork()), cmp.Compare(b.Wall, a.Wall), cmp.Compare(a.Function, b.Function))
	})
	return out
}

// worthUnits is the share of all work from which a root's units are offered. A root has
// units from enoughUnits on; if its goroutines are long-lived, each must have several.
const (
	worthUnits  = 0.02
	enoughUnits = 20
	turnsOfEach = 3
)

// units returns the units of work that a root's goroutines seem to do: one each, or one
// after another. It returns nil if they do neither, or if the root says nothing about
// what they do: one of the runtime, of the standard library, or of a package that only
// joins goroutines.
func (r *rootSum) units() *breakdown.RootUnits {
	if !rules.NamesUnits(r.Function) {
		return nil
	}
	out := &breakdown.RootUnits{Root: "^" + regexp.QuoteMeta(r.Function) + "$"}
	switch {
	case r.jobs >= enoughUnits && 2*r.jobs >= r.Goroutines:
		out.Kind, out.Count = breakdown.OneEach, r.jobs
	case r.turns >= enoughUnits && r.turns >= turnsOfEach*r.Goroutines:
		out.Kind, out.Count = breakdown.InTurn, r.turns
	default:
		return nil
	}
	return out
}

// allUnits matches the roots whose units are offered. It is nil if there are none.
func allUnits(roots []breakdown.Root) *regexp.Regexp {
	var all []string
	for i := range roots {
		if u := roots[i].Units; u != nil {
			all = append(all, u.Root)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return regexp.MustCompile(strings.Join(all, "|"))
}
