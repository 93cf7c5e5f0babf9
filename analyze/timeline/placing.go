package timeline

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
)

// This file finds out how much of each call of an ended request lies on its path.

// placeCalls orders the calls and sets how much of each lies on the path.
func (m *machine) placeCalls(r *request) {
	if len(r.Calls) == 0 {
		return
	}
	sortCalls(r.Calls)
	for i := range r.Calls {
		c := &r.Calls[i]
		c.Start = min(max(c.Start, r.Start), r.End)
		c.End = max(min(c.End, r.End), c.Start)
		c.Between = min(c.Between, c.End-c.Start)
	}
	r.placeCalls(r.Path[r.inOrder():])
}

// sortCalls orders calls by their start. Nearly always they are in order already: sorting
// would copy each of them several times to find that out.
func sortCalls(calls []breakdown.Call) {
	for i := 1; i < len(calls); i++ {
		if a, b := &calls[i-1], &calls[i]; a.Start > b.Start || a.Start == b.Start && a.Goroutine > b.Goroutine {
			slices.SortStableFunc(calls, func(a, b breakdown.Call) int {
				return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Goroutine, b.Goroutine))
			})
			return
		}
	}
}

// placeCalls adds to each call how much of it lies on a part of the path.
func (r *request) placeCalls(path []breakdown.Segment) {
	for i := range r.Calls {
		c := &r.Calls[i]
		c.OnPath += onPath(path, c, c.Start, c.End)
	}
	if len(r.listening) > 0 {
		r.unweave(path)
	}
}

// unweave subtracts from each call what lies in a later one of the same goroutine and
// bucket: calls made between two messages of a stream.
func (r *request) unweave(path []breakdown.Segment) {
	order := make([]*breakdown.Call, len(r.Calls))
	for i := range r.Calls {
		order[i] = &r.Calls[i]
	}
	slices.SortStableFunc(order, func(a, b *breakdown.Call) int { return cmp.Compare(a.Start, b.Start) })
	for i, c := range order {
		until := c.Start
		for _, in := range order[i+1:] {
			if in.Start >= c.End {
				break
			}
			if in.Goroutine != c.Goroutine || in.Bucket != c.Bucket {
				continue
			}
			from, to := max(in.Start, until), min(in.End, c.End)
			if from < to {
				c.OnPath -= onPath(path, c, from, to)
				until = to
			}
		}
	}
}

// onPath returns how much of a part of the path a call waits for between two moments.
func onPath(path []breakdown.Segment, c *breakdown.Call, from, to int64) (sum int64) {
	i, end := 0, len(path)
	for i < end { // the first that ends after from
		if mid := int(uint(i+end) / 2); path[mid].End <= from {
			i = mid + 1
		} else {
			end = mid
		}
	}
	for ; i < len(path) && path[i].Start < to; i++ {
		if s := &path[i]; s.Goroutine == c.Goroutine && s.Bucket == c.Bucket {
			sum += min(s.End, to) - max(s.Start, from)
		}
	}
	return sum
}
