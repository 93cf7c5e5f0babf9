package diagnosis

import (
	"slices"

	"timesink/analyze/breakdown"
)

// channels finds requests that wait for a worker that waits for something itself, and
// those whose message nobody takes. Whoever waits for a message may simply have none to
// expect, as in a long poll: without a worker that stands still that says nothing.
func (s *still) channels() *sum {
	send, receive := s.group(forReceiver, fewestStanding), s.group(forSender, fewestStanding)
	worker := s.worker()
	g := send
	switch {
	case send == nil && (receive == nil || worker == nil):
		return nil
	case send == nil:
		g = receive
	case receive != nil:
		for _, w := range receive.waiters {
			g.add(w)
		}
	}
	if worker == nil {
		var facts breakdown.Facts
		if c := s.caller(); c != nil {
			facts = append(facts, breakdown.Fact{Kind: breakdown.FactBeside, Name: c.awaits(), Place: breakdown.Place(c.Site), Value: float64(c.Count)})
		}
		return s.cause("stuck-requests", s.proven(g, func(o *Stand) bool { return !o.isMain() && o.State != "syscall" }), g, facts)
	}
	what := worker.awaits()
	sure := s.proven(g, func(o *Stand) bool { return o.Site != worker.Site && !o.rests() })
	facts := breakdown.Facts{{Kind: breakdown.FactParty, Name: what, Place: breakdown.Place(worker.Site), Value: float64(worker.Count)}}
	switch what {
	case forReceiver:
		return s.cause("deadlock", sure, g, facts)
	case forLock:
		// The lock is a request's, if one took it before it began to wait for the worker.
		for _, w := range g.waiters {
			if h := s.locked(w.Stand); h != nil {
				return s.cause("deadlock", breakdown.Likely, g, append(facts, breakdown.Fact{Kind: breakdown.FactPartyHolds, Place: breakdown.Place(h.Site)}))
			}
		}
	}
	return s.cause("stuck-requests", sure, g, facts)
}

// proven returns how sure it is that what a group waits for does not come. Goroutines that
// serve no request may work for it, slowly: they make it possible only, unless it is
// overdue.
func (s *still) proven(g *group, may func(o *Stand) bool) breakdown.Confidence {
	if g.longest < longOverdue && slices.ContainsFunc(s.in.Others, func(o Stand) bool { return o.Branches == 0 && may(&o) }) {
		return breakdown.Possible
	}
	return breakdown.Likely
}

// isMain reports whether it is the goroutine that the program began with.
func (s *Stand) isMain() bool {
	return slices.ContainsFunc(s.Stack, func(f breakdown.Frame) bool { return f.Function == "main.main" })
}

// locked returns where others wait for a lock that the requests of a stand hold, nil if
// they seem to hold none.
func (s *still) locked(by *Stand) *Stand {
	for _, g := range s.groups {
		if g.what != forLock {
			continue
		}
		for _, w := range g.waiters {
			if after(by, w.Stand) {
				return w.Stand
			}
		}
	}
	return nil
}

// mostWorkers is the largest number of workers that may be what requests wait for: more
// of them at one place were left behind, one by one.
const mostWorkers = 256

// worker returns the workers that have stood still for the whole window at one place:
// goroutines that serve no request and wait for what another goroutine of the service owes
// them, other than work. It returns nil if there are none, or at several places.
func (s *still) worker() *Stand {
	return s.standingAt(func(what string) bool { return what != forAnswer })
}

// caller is like worker, for those that wait for another system. A goroutine that watches
// another system waits like that as well, so it may have nothing to do with the requests.
func (s *still) caller() *Stand {
	return s.standingAt(func(what string) bool { return what == forAnswer })
}

func (s *still) standingAt(match func(what string) bool) (worker *Stand) {
	for i := range s.in.Others {
		o := &s.in.Others[i]
		what := o.awaits()
		if o.State != "waiting" || o.Branches > 0 || o.Whole < o.Count || o.Count > mostWorkers || what == "" || what == forSender || !match(what) {
			continue
		}
		if worker != nil && worker.Site != o.Site {
			return nil
		}
		worker = o
	}
	return worker
}

// answers finds requests that another system does not answer, or not within the window.
func (s *still) answers() (list []*sum) {
	for _, g := range s.groups {
		if g.what != forAnswer || !s.stands(g, fewestStanding) || s.moved(g) || g.named {
			continue
		}
		if s.overdue(g) {
			list = append(list, s.cause("stuck-requests", breakdown.Likely, g, s.silence()))
		} else if c := s.unlimited(g); c != nil {
			list = append(list, c)
		}
	}
	return list
}

// longWindow is the shortest window, in ns, in which a call that lasts all of it should
// have been ended by a deadline.
const longWindow = 3_000_000_000

// unlimited returns a cause if most of a group's calls have lasted the whole window, so
// that no deadline within it can have been theirs. A longer one may be.
func (s *still) unlimited(g *group) *sum {
	if s.in.Source.Covered < longWindow || g.whole < fewestStanding || 2*g.whole < g.count || 10*g.longest < 9*s.in.Source.Covered {
		return nil
	}
	c := s.cause("no-deadline", breakdown.Possible, g, nil)
	c.Shown = true
	return c
}

// An answer is overdue if requests wait for it for longOverdue, or, where the window is
// too short to show that, if the answers that did come took no more than a tenth of the
// window, or if probes have waited for overdueProbe in vain. Otherwise it may only be
// slow: all requests of a window may be waiting for answers that take a little longer
// than it lasts. Times are in ns.
const (
	longOverdue  = 8_000_000_000
	overdueProbe = 6_500_000_000
	soonAnswered = 0.1
)

func (s *still) overdue(g *group) bool {
	if g.longest >= longOverdue {
		return true
	}
	if u := s.in.Unanswered; u != nil && u.Longest >= overdueProbe && 2*u.Longest >= 3*s.in.Source.Covered {
		return true
	}
	calls, time := 0.0, 0.0
	for _, i := range g.endpoints() {
		e := &s.in.Endpoints[i]
		t := &e.Buckets[g.bucket]
		for _, site := range t.Sites {
			if g.at(site.Frame) {
				calls += site.CallsPerRequest * float64(e.Requests)
				time += float64(site.Total)
			}
		}
	}
	return calls >= fewestStanding && time/calls <= soonAnswered*float64(s.in.Source.Covered)
}

// silence returns the fact of probes that got no answer.
func (s *still) silence() breakdown.Facts {
	u := s.in.Unanswered
	if u == nil || u.Count == 0 || u.Longest < overdueProbe {
		return nil
	}
	return breakdown.Facts{{Kind: breakdown.FactUnanswered, Value: float64(u.Count)}, {Kind: breakdown.FactUnansweredFor, Value: float64(u.Longest)}}
}

// prevails reports whether what stands still is most of an endpoint's time, so that it is
// the conclusion.
func prevails(b *breakdown.Breakdown, list []*sum) *sum {
	for _, s := range list {
		if !s.still || !s.Shown || s.Confidence == breakdown.Possible {
			continue
		}
		for i := range b.Endpoints {
			e := &b.Endpoints[i]
			own := e.Wall.Total + e.IncompleteTime
			if slices.Contains(s.Endpoints, e.Name) && 2*s.explains >= own && 2*own >= mostTime(b, e.Lasts()) {
				return s
			}
		}
	}
	return nil
}

// mostTime returns the most time that the requests of an endpoint take, complete or not.
func mostTime(b *breakdown.Breakdown, lasting bool) (most int64) {
	for i := range b.Endpoints {
		if e := &b.Endpoints[i]; e.Lasts() == lasting {
			most = max(most, e.Wall.Total+e.IncompleteTime)
		}
	}
	return most
}
