package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// A stepKind is what the time of a step is: steps of one kind differ in nothing that a
// waterfall shows.
type stepKind struct {
	bucket breakdown.Bucket
	phase  breakdown.Phase
	site   breakdown.Frame
}

// String returns the names of the bucket and the phase, as in JSON.
func (k stepKind) String() string {
	return strings.TrimSpace(k.bucket.String() + " " + k.phase.String())
}

func kindOf(s *breakdown.Segment) stepKind {
	k := stepKind{bucket: s.Bucket, phase: s.Phase}
	if s.Cause != nil {
		k.site = s.Cause.Site
	}
	return k
}

// A stretch is a part of a request's path that is one row. Its parts sum to its length,
// the longest first.
type stretch struct {
	start, end int64
	parts      []stepPart
}

// A stepPart is the steps of one kind in a stretch.
type stepPart struct {
	kind  stepKind
	ns    int64
	steps int
}

func (s *stretch) main() *stepPart { return &s.parts[0] }

// name returns what the stretch is. If a third of it or more is something else, the name
// has the two largest buckets.
func (s *stretch) name() string {
	m := s.main()
	if 3*m.ns <= 2*s.length() {
		for _, p := range s.parts {
			if p.kind.bucket != m.kind.bucket {
				return m.kind.bucket.String() + " + " + p.kind.bucket.String()
			}
		}
	}
	return m.kind.String()
}

func (s *stretch) length() int64 { return s.end - s.start }

// add appends the stretch that follows.
func (s *stretch) add(o *stretch) {
	s.end = o.end
	s.parts = addedParts(s.parts, o.parts)
}

// addedParts returns the sum of two lists of parts, in the order of a stretch.
func addedParts(to, from []stepPart) []stepPart {
	to = slices.Clone(to)
	for _, p := range from {
		if i := slices.IndexFunc(to, func(q stepPart) bool { return q.kind == p.kind }); i >= 0 {
			to[i].ns += p.ns
			to[i].steps += p.steps
		} else {
			to = append(to, p)
		}
	}
	slices.SortStableFunc(to, func(a, b stepPart) int { return cmp.Compare(b.ns, a.ns) })
	return to
}

// stretchesOf returns a request's path with neighbors of one kind joined.
func stretchesOf(r *breakdown.Request) (rows []stretch) {
	for i := range r.Path {
		s := &r.Path[i]
		if s.End == s.Start {
			continue
		}
		k := kindOf(s)
		if n := len(rows); n > 0 && rows[n-1].main().kind == k {
			rows[n-1].end = s.End - r.Start
			rows[n-1].main().ns += s.End - s.Start
			continue
		}
		rows = append(rows, stretch{s.Start - r.Start, s.End - r.Start, []stepPart{{k, s.End - s.Start, 1}}})
	}
	return rows
}

// folded returns at most limit stretches. It adds the shortest ones to their neighbors;
// only if too many that are not short are left, it joins neighbors of one kind.
func folded(rows []stretch, limit int) []stretch {
	if len(rows) == 0 {
		return nil
	}
	whole := rows[len(rows)-1].end - rows[0].start
	for least := max(whole/2000, 1); len(rows) > limit && least < whole/50; least += least/2 + 1 {
		rows = absorbed(rows, least, false)
	}
	for least := max(whole/2000, 1); len(rows) > max(limit, 1); least += least/2 + 1 {
		rows = absorbed(rows, least, true)
	}
	return rows
}

// absorbed adds stretches shorter than least to the one before, or the one after to
// them. One that is not much shorter than its neighbor stays, so that many stretches of
// about the same length end up as a few, and not as one. If join is set, it also joins
// neighbors that are mostly of one kind.
func absorbed(rows []stretch, least int64, join bool) (out []stretch) {
	for i := range rows {
		r := &rows[i]
		if n := len(out); n > 0 {
			before := &out[n-1]
			small := r.length() < least && (8*r.length() < before.length() || before.length() < least)
			leading := before.length() < least && 8*before.length() < r.length()
			if small || leading || join && before.main().kind == r.main().kind {
				before.add(r)
				continue
			}
		}
		out = append(out, *r)
	}
	return out
}

// sumOf returns the kind with the most time, nil if there is no time.
func sumOf(rows []stretch) *stepPart {
	sums, order := map[stepKind]*stepPart{}, []*stepPart{}
	for i := range rows {
		for _, p := range rows[i].parts {
			s := sums[p.kind]
			if s == nil {
				s = &stepPart{kind: p.kind}
				sums[p.kind] = s
				order = append(order, s)
			}
			s.ns += p.ns
			s.steps += p.steps
		}
	}
	if len(order) == 0 {
		return nil
	}
	return slices.MaxFunc(order, func(a, b *stepPart) int { return cmp.Compare(a.ns, b.ns) })
}

// A callRow is one call, or several similar ones, beside others.
type callRow struct {
	start, end   int64 // from the first one's start to the last one's end
	bucket       breakdown.Bucket
	system       string
	site         breakdown.Frame
	count        int
	time, waited int64 // of all of them: how long they took, and how long the request waited
}

func (c *callRow) what() string {
	t := breakdown.BucketTime{Bucket: c.bucket, Systems: []string{c.system}}
	return strings.TrimSpace(c.bucket.String() + " " + systems(&t))
}

// besideEachOther returns the calls that overlap others, and those that the request did
// not wait for at all, in the order of time. The path shows the rest.
func besideEachOther(r *breakdown.Request) (rows []callRow) {
	calls := slices.Clone(r.Calls)
	slices.SortStableFunc(calls, func(a, b breakdown.Call) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End)) })
	latest := int64(0)
	for i := range calls {
		c := &calls[i]
		beside := c.OnPath == 0 || i > 0 && c.Start < latest || i+1 < len(calls) && calls[i+1].Start < c.End
		latest = max(latest, c.End)
		if beside && c.End > c.Start {
			rows = append(rows, callRow{c.Start - r.Start, c.End - r.Start, c.Bucket, c.System, c.Site, 1, c.Time(), c.OnPath})
		}
	}
	return rows
}

// groupedTo returns at most limit rows: if there are more calls, those of one call site
// share a row, and the shortest of these are left out.
func groupedTo(rows []callRow, limit int) []callRow {
	if len(rows) <= limit {
		return rows
	}
	var out []callRow
	for _, c := range rows {
		i := slices.IndexFunc(out, func(o callRow) bool { return o.bucket == c.bucket && o.system == c.system && o.site == c.site })
		if i < 0 {
			out = append(out, c)
			continue
		}
		o := &out[i]
		o.start, o.end = min(o.start, c.start), max(o.end, c.end)
		o.count, o.time, o.waited = o.count+c.count, o.time+c.time, o.waited+c.waited
	}
	return longest(out, limit, func(c callRow) int64 { return c.time })
}

// callRows draws the calls that ran side by side.
func (f *waterfall) callRows() {
	if len(f.calls) == 0 {
		return
	}
	f.line(dim, spaces(gutter)+"calls that overlap, or that the request did not wait for")
	for i := range f.calls {
		c := &f.calls[i]
		f.row(c.start, min(c.end, f.r.Wall()), c.what(), f.site(c.site, c.count), breakdown.NoPhase)
	}
}

// overlap says how long the calls beside each other took, and which are not drawn.
func (f *waterfall) overlap() string {
	all := besideEachOther(f.r)
	if len(all) == 0 {
		return ""
	}
	drawn, time, waited := 0, int64(0), int64(0)
	for i := range f.calls {
		drawn += f.calls[i].count
	}
	for i := range all {
		time += all[i].time
		waited += all[i].waited
	}
	text := fmt.Sprintf("these %s calls took %s together, and the request waited for %s of it", count(int64(len(all))), f.scale.short(time), f.scale.short(waited))
	if n := len(all) - drawn; n > 0 {
		text += fmt.Sprintf("; %s not drawn", counted(int64(n), "is", "are"))
	}
	return text
}
