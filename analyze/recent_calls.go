package analyze

import "timesink/analyze/breakdown"

// This file finds the sums of calls without hashing their places: the requests of an
// endpoint make the same few calls again and again, one after another.

// A recentCall is where calls that are made alike are summed: by site and by way.
type recentCall struct {
	way    *breakdown.Way
	bucket breakdown.Bucket
	site   breakdown.Frame
	calls  *callSums
	ways   *waySums
}

// recentCalls are those looked up last. The next one to be replaced is at next.
type recentCalls struct {
	list [8]recentCall
	next int
}

// sumsOf returns the sums for a call: those of its site and those of its way, nil if there
// is no room for them. Without room for those of its site, nothing keeps what it returns.
func (e *endpoint) sumsOf(c *breakdown.Call) (*callSums, *waySums) {
	if e.recentCalls == nil {
		e.recentCalls = &recentCalls{}
	}
	for i := range e.recentCalls.list {
		if k := &e.recentCalls.list[i]; k.way == c.Way && k.bucket == c.Bucket && k.calls != nil && k.site == c.Site {
			return k.calls, k.ways
		}
	}
	calls, ways := e.callsAt(c), e.waysAt(c)
	if calls == nil {
		return &callSums{}, ways
	}
	if ways != nil {
		at := &e.recentCalls.next
		e.recentCalls.list[*at] = recentCall{c.Way, c.Bucket, c.Site, calls, ways}
		*at = (*at + 1) % len(e.recentCalls.list)
	}
	return calls, ways
}

// callsAt returns the sums for a call's bucket and site, nil if there is no room for them.
func (e *endpoint) callsAt(c *breakdown.Call) *callSums {
	b := &e.buckets[c.Bucket]
	s := b.calls[c.Site]
	if s == nil && e.spend(sumSize) {
		if b.calls == nil {
			b.calls = map[breakdown.Frame]*callSums{}
		}
		s = &callSums{}
		b.calls[c.Site] = s
	}
	return s
}

// waysAt returns the sums for a call's way, nil if there is no room for them.
func (e *endpoint) waysAt(c *breakdown.Call) *waySums {
	key := wayKey{c.Bucket, c.Site, c.Way.ID()}
	s := e.ways[key]
	if s == nil && e.spend(sumSize) {
		if e.ways == nil {
			e.ways = map[wayKey]*waySums{}
		}
		s = &waySums{system: c.System}
		e.ways[key] = s
	}
	return s
}
