package analyze

import (
	"cmp"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// A shield is what requests do that read a cache at one site, and may then ask the
// database for what it did not have.
type shield struct {
	reads, missed, filled int64          // requests: that read it, then asked the database, then wrote to the cache
	way                   *breakdown.Way // of a database call
	fork                  int            // how many of its frames lie outside of the function that does both
	read, asked           int64          // ns: the calls to the cache before the database is asked, and those to the database
	path                  int64          // ns of all that on the path, of the requests that missed
	cached                int64          // the part of path in the cache
	calls, queries        int64
	database              breakdown.Frame // the site of a database call
}

func (s *shield) merge(o *shield) {
	s.reads, s.missed, s.filled = s.reads+o.reads, s.missed+o.missed, s.filled+o.filled
	s.read, s.asked, s.path, s.cached = s.read+o.read, s.asked+o.asked, s.path+o.path, s.cached+o.cached
	s.calls, s.queries = s.calls+o.calls, s.queries+o.queries
	if s.database.Function == "" {
		s.database, s.way, s.fork = o.database, o.way, o.fork
	}
}

// addShield adds a request that reads a cache before it asks the database, if it does
// either. One that has asked the database before reads the cache for something else.
func (e *endpoint) addShield(r *breakdown.Request) {
	read := 0
	for read < len(r.Calls) && r.Calls[read].Bucket != breakdown.Cache && r.Calls[read].Bucket != breakdown.DB {
		read++
	}
	if read == len(r.Calls) || r.Calls[read].Bucket == breakdown.DB {
		return
	}
	first := &r.Calls[read]
	s := e.shieldAt(first.Site)
	if s == nil {
		return
	}
	asked := read
	for asked < len(r.Calls) && r.Calls[asked].Bucket != breakdown.DB {
		asked++
	}
	if asked == len(r.Calls) {
		s.reads++
		s.addReads(r.Calls[read:])
		return
	}
	function, depth := first.Way.Fork(r.Calls[asked].Way)
	if function == "" || r.Calls[asked].Start < first.End {
		return
	}
	s.reads++
	s.missed++
	s.addReads(r.Calls[read:asked])
	if s.database.Function == "" {
		s.database, s.way, s.fork = r.Calls[asked].Site, r.Calls[asked].Way, depth
	}
	s.addQueries(r.Calls[read:], first.Way, function)
}

// addReads adds the calls to the cache.
func (s *shield) addReads(calls []breakdown.Call) {
	for i := range calls {
		if c := &calls[i]; c.Bucket == breakdown.Cache {
			s.read += c.Time()
			s.calls++
		}
	}
}

// addQueries adds the calls of a request that missed: those to the database, and those to
// the cache that the same function makes after them.
func (s *shield) addQueries(calls []breakdown.Call, read *breakdown.Way, function string) {
	queried, filled := false, false
	for i := range calls {
		switch c := &calls[i]; c.Bucket {
		case breakdown.DB:
			queried = true
			s.asked += c.Time()
			s.path += c.OnPath
			s.queries++
		case breakdown.Cache:
			s.path += c.OnPath
			s.cached += c.OnPath
			if by, _ := read.Fork(c.Way); queried && !filled && by == function && c.Site != calls[0].Site {
				s.filled++
				filled = true
			}
		}
	}
}

// shieldAt returns the sums for a cache that is read at a site, nil if there is no room.
func (e *endpoint) shieldAt(site breakdown.Frame) *shield {
	s := e.shields[site]
	if s == nil && e.spend(sumSize) {
		if e.shields == nil {
			e.shields = map[breakdown.Frame]*shield{}
		}
		s = &shield{}
		e.shields[site] = s
	}
	return s
}

// shield returns the cache that most requests read before they ask the database, nil if
// none does. The function that does both must be the handler or lie within: one around it
// reads the cache for something else, such as a session.
func (e *endpoint) shield(handler string) *diagnosis.Shield {
	var site breakdown.Frame
	var most *shield
	for at, s := range e.shields {
		if most == nil || cmp.Or(cmp.Compare(most.missed, s.missed), compareFrames(at, site)) < 0 {
			site, most = at, s
		}
	}
	if most == nil || most.missed == 0 {
		return nil
	}
	if depth, ok := most.way.Depth(handler); ok && most.fork < depth {
		return nil
	}
	return &diagnosis.Shield{
		Cache: site, Database: most.database,
		Reads: most.reads, Missed: most.missed, Filled: most.filled,
		Read: mean(most.read, most.calls), Asked: mean(most.asked, most.missed),
		CacheTime: mean(most.cached, e.requests), DatabaseTime: mean(most.path-most.cached, e.requests),
	}
}
