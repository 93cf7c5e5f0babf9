package diagnosis

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
)

// The first requests after a stretch without any: they find no connections, empty caches,
// and nothing prepared.

// A ColdStart is how an endpoint's first requests differ from the others. Times are means
// per request, in nanoseconds.
type ColdStart struct {
	Requests         int64 // the first ones
	Quiet            int64 // how long the window had been open before them
	Mean, OthersMean int64
	// Longer is how much longer the first requests are in each bucket, and Dialing the part
	// of it in which they make connections. Sites are the places with most of it, the zero
	// Frame where there is none.
	Longer, Dialing [breakdown.NumBuckets]int64
	Sites           [breakdown.NumBuckets]breakdown.Frame
}

// coldStart finds first requests that are unlike the rest.
func coldStart(s *subject) *found {
	c := s.ColdStart
	if c == nil {
		return nil
	}
	f := &found{sure: breakdown.Likely, saves: -1, stands: true, key: s.Name, facts: breakdown.Facts{
		{Kind: breakdown.FactFirst, Value: float64(c.Requests)}, {Kind: breakdown.FactFirstMean, Value: float64(c.Mean)},
		{Kind: breakdown.FactOthersMean, Value: float64(c.OthersMean)}, {Kind: breakdown.FactQuiet, Value: float64(c.Quiet)}}}
	dialing := int64(0)
	for b := range breakdown.NumBuckets {
		dialing += c.Dialing[b]
		if d := s.claimed(b, breakdown.Dialing); d.ns > 0 && c.Dialing[b] > 0 {
			d.ns = c.perRequest(s, c.Dialing[b])
			f.claims = append(f.claims, d)
		}
		if rest := c.Longer[b] - c.Dialing[b]; rest > 0 {
			f.claims = append(f.claims, claim{bucket: b, ns: c.perRequest(s, rest)})
		}
	}
	if dialing > 0 {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactFirstDialing, Value: float64(dialing)})
	}
	for _, b := range c.most() {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactFirstIn, Name: b.String(), Value: float64(c.Longer[b]), Place: breakdown.Place(c.Sites[b])})
	}
	return f
}

// perRequest spreads a time of the first requests over all.
func (c *ColdStart) perRequest(s *subject, ns int64) int64 { return mean(ns*c.Requests, s.Requests) }

// most returns the buckets with a notable part of what the first requests take longer.
func (c *ColdStart) most() (list []breakdown.Bucket) {
	for b, ns := range c.Longer {
		if float64(ns) >= notable*float64(c.Mean-c.OthersMean) {
			list = append(list, breakdown.Bucket(b))
		}
	}
	slices.SortStableFunc(list, func(x, y breakdown.Bucket) int { return cmp.Compare(c.Longer[y], c.Longer[x]) })
	return list
}

// explains reports whether the slowest requests are the first ones.
func (c *ColdStart) explains(t *breakdown.Slowest) bool {
	return c != nil && t.Burst != nil && t.Burst.Times == 1 && t.Requests <= c.Requests+c.Requests/4
}
