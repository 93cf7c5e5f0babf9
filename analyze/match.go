package analyze

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// A match is one thing on both sides, as indexes.
type match struct{ before, after int }

// matches returns the pairs that are alike, if each is like exactly one of the other
// side. It ignores nil elements.
func matches[T any](before, after []*T, alike func(b, a *T) bool) (out []match) {
	const none, several = -1, -2
	one := func(n int, like func(int) bool) int {
		found := none
		for i := range n {
			if like(i) {
				if found != none {
					return several
				}
				found = i
			}
		}
		return found
	}
	for i, b := range before {
		if b == nil {
			continue
		}
		j := one(len(after), func(j int) bool { return after[j] != nil && alike(b, after[j]) })
		if j >= 0 && one(len(before), func(i int) bool { return before[i] != nil && alike(before[i], after[j]) }) == i {
			out = append(out, match{i, j})
		}
	}
	return out
}

// A siteTime is a bucket's time at all lines of one function.
type siteTime struct {
	breakdown.Frame // of the first line
	total           int64
}

func siteTimes(sites []breakdown.SiteTime) (out []*siteTime) {
	for _, s := range sites {
		if s.Samples > 0 {
			s.Frame = breakdown.Frame{Function: breakdown.Other} // too rough to compare
		}
		i := slices.IndexFunc(out, func(o *siteTime) bool { return o.Function == s.Function && o.File == s.File })
		if i < 0 {
			i, out = len(out), append(out, &siteTime{Frame: s.Frame})
		}
		out[i].total += s.Total
	}
	return out
}

// siteChanges matches call sites by their function. Lines differ between builds,
// folders between machines, and the names of closures between versions of Go.
func siteChanges(p pair, b breakdown.Bucket, delta int64) []breakdown.SiteChange {
	before, after := siteTimes(p.before.Buckets[b].Sites), siteTimes(p.after.Buckets[b].Sites)
	type change struct {
		breakdown.SiteChange
		part ratio
	}
	var changes []change
	add := func(f breakdown.Frame, before, after int64) {
		changes = append(changes, change{breakdown.SiteChange{Frame: f}, p.difference(before, after)})
	}
	for _, alike := range []func(b, a *siteTime) bool{
		func(b, a *siteTime) bool { return b.Function == a.Function && b.File == a.File },
		func(b, a *siteTime) bool { return b.Function == a.Function },
		func(b, a *siteTime) bool {
			return rules.Alike(b.Function, a.Function) && (!rules.IsClosure(b.Function) || baseOf(b.File) == baseOf(a.File))
		},
	} {
		for _, m := range matches(before, after, alike) {
			add(after[m.after].Frame, before[m.before].total, after[m.after].total)
			before[m.before], after[m.after] = nil, nil
		}
	}
	for _, s := range before {
		if s != nil {
			add(s.Frame, s.total, 0)
		}
	}
	for _, s := range after {
		if s != nil {
			add(s.Frame, 0, s.total)
		}
	}
	slices.SortStableFunc(changes, func(x, y change) int { return compareFrames(x.Frame, y.Frame) })
	out, parts := []breakdown.SiteChange{}, []ratio(nil)
	for _, c := range changes {
		out, parts = append(out, c.SiteChange), append(parts, c.part)
	}
	if len(out) == 0 {
		return out
	}
	for i, d := range apportion(parts, delta) {
		out[i].Delta = d
	}
	slices.SortStableFunc(out, func(x, y breakdown.SiteChange) int { return cmp.Compare(abs(y.Delta), abs(x.Delta)) })
	return out
}

// baseOf returns a file's name without its folders. It accepts Windows paths too.
func baseOf(file string) string { return path.Base(strings.ReplaceAll(file, `\`, "/")) }
