package diagnosis

import "timesink/analyze/breakdown"

// A Shield is a cache that requests read before they ask the database.
type Shield struct {
	Cache, Database breakdown.Frame // the call sites
	// Reads counts the requests that read the cache, Missed those of them that then asked
	// the database, and Filled those of these that wrote to the cache after that.
	Reads, Missed, Filled int64
	Read                  int64 // ns, a call that reads the cache
	Asked                 int64 // ns, the calls to the database of a request that missed
	// CacheTime and DatabaseTime are what requests that missed spent in both, in ns per
	// request of the endpoint.
	CacheTime, DatabaseTime int64
}

// shields reports whether the cache is there for the sake of the database: some reads
// spare the database, or what the database answers is written to the cache. Otherwise
// requests may read the cache for something else, such as a session or a limit.
func (c *Shield) shields() bool {
	return c.Missed < c.Reads || 2*c.Filled > c.Missed
}

// Most reads miss from this share of them on. There are enough requests to tell from these
// numbers.
const (
	mostMiss     = 0.75
	enoughReads  = 10
	enoughMisses = 5
)

// cacheThenDatabase finds a cache that spares the database next to nothing.
func cacheThenDatabase(s *subject) *found {
	c := s.Shield
	if c == nil || c.Reads < enoughReads || float64(c.Missed) < mostMiss*float64(c.Reads) || !c.shields() || !s.worth(c.CacheTime+c.DatabaseTime) {
		return nil
	}
	return &found{sure: breakdown.Likely, claims: []claim{{bucket: breakdown.Cache, ns: c.CacheTime}, {bucket: breakdown.DB, ns: c.DatabaseTime}},
		saves: c.CacheTime + c.DatabaseTime, key: c.Cache.Function, facts: c.facts()}
}

// slowCache finds a cache that takes as long as the database that it shields.
func slowCache(s *subject) *found {
	c := s.Shield
	if c == nil || c.Reads < enoughReads || c.Missed < enoughMisses || !c.shields() || c.Read < c.Asked {
		return nil
	}
	t := s.whole(breakdown.Cache)
	if !s.worth(t.ns) {
		return nil
	}
	return &found{sure: breakdown.Likely, claims: []claim{t}, saves: t.ns, key: c.Cache.Function, facts: c.facts()}
}

func (c *Shield) facts() breakdown.Facts {
	missed := 100 * float64(c.Missed) / float64(c.Reads)
	f := breakdown.Facts{
		spent(c.CacheTime + c.DatabaseTime),
		{Kind: breakdown.FactReads, Value: float64(c.Reads)}, {Kind: breakdown.FactMissed, Value: missed},
		{Kind: breakdown.FactFilled, Value: 100 * float64(c.Filled) / float64(max(c.Missed, 1))},
		{Kind: breakdown.FactCacheCall, Place: breakdown.Place(c.Cache), Value: float64(c.Read)},
		{Kind: breakdown.FactDatabaseCall, Place: breakdown.Place(c.Database), Value: float64(c.Asked)},
	}
	return append(f, at(c.Cache)...)
}
