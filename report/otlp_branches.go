package report

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
)

// branchesOf splits a request by goroutine: first its own, then the others in order of
// their start, each with its calls and the parts of the path outside of them. It merges
// parts of the path shorter than short.
func branchesOf(r *breakdown.Request, short int64) []*branch {
	own := &branch{goroutine: r.Goroutine, start: r.Start, end: r.End}
	list := []*branch{own}
	by := map[int64]*branch{r.Goroutine: own}
	of := func(g, start, end int64, site breakdown.Frame) *branch {
		br := by[g]
		if br == nil {
			br = &branch{goroutine: g, start: start, end: end, site: site}
			by[g] = br
			list = append(list, br)
		}
		br.start, br.end = min(br.start, start), max(br.end, end)
		return br
	}
	for i := range r.Calls {
		c := &r.Calls[i]
		br := of(c.Goroutine, c.Start, c.End, c.Site)
		br.calls = append(br.calls, &callPart{Call: c})
	}
	for _, br := range list {
		slices.SortStableFunc(br.calls, func(x, y *callPart) int { return cmp.Compare(x.Start, y.Start) })
		until := int64(0)
		for _, c := range br.calls {
			until = max(until, c.End)
			c.until = until
		}
	}
	for i := range r.Path {
		s := &r.Path[i]
		if s.End == s.Start {
			continue
		}
		br := of(s.Goroutine, s.Start, s.End, siteOf(s))
		br.held += s.End - s.Start
		parts := &br.parts
		if c := br.callAt(s); c != nil {
			parts = &c.parts
			if s.Bucket == c.Bucket {
				c.phases[s.Phase] += s.End - s.Start
			}
		}
		*parts = extend(*parts, s)
	}
	for _, br := range list {
		br.parts = mergeShort(br.parts, short)
		for _, c := range br.calls {
			c.parts = mergeShort(c.parts, short)
		}
	}
	slices.SortStableFunc(list[1:], func(x, y *branch) int {
		return cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(x.goroutine, y.goroutine))
	})
	return list
}

func siteOf(s *breakdown.Segment) breakdown.Frame {
	if s.Cause == nil {
		return breakdown.Frame{}
	}
	return s.Cause.Site
}

// callAt returns the branch's call that a segment lies in, the latest to start, or nil.
// An earlier call may continue after a later one has ended.
func (br *branch) callAt(s *breakdown.Segment) *callPart {
	i, _ := slices.BinarySearchFunc(br.calls, s.Start, func(c *callPart, at int64) int {
		if c.Start <= at {
			return -1
		}
		return 1
	})
	for i--; i >= 0 && br.calls[i].until >= s.End; i-- {
		if br.calls[i].End >= s.End {
			return br.calls[i]
		}
	}
	return nil
}

// extend adds a segment to pieces. It extends the last piece if that continues with the
// same step.
func extend(parts []piece, s *breakdown.Segment) []piece {
	p := piece{start: s.Start, end: s.End, segment: s, n: 1}
	p.spent[s.Bucket] = s.End - s.Start
	if n := len(parts); n > 0 && parts[n-1].end == s.Start && sameStep(parts[n-1].segment, s) {
		parts[n-1].add(p)
		return parts
	}
	return append(parts, p)
}

func sameStep(a, b *breakdown.Segment) bool {
	return a.Bucket == b.Bucket && a.Phase == b.Phase && siteOf(a) == siteOf(b)
}

// mergeShort merges consecutive pieces shorter than short.
func mergeShort(parts []piece, short int64) []piece {
	out := parts[:0]
	for _, p := range parts {
		if n := len(out); n > 0 && p.length() < short && (out[n-1].mixed || out[n-1].length() < short) && out[n-1].end == p.start {
			out[n-1].add(p)
			out[n-1].mixed = true
			continue
		}
		out = append(out, p)
	}
	return out
}

func (p *piece) add(o piece) {
	p.end = o.end
	p.n += o.n
	for b, ns := range o.spent {
		p.spent[b] += ns
	}
}
