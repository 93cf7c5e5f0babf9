package timeline

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// This file finds out what requests wait for when the window closes. Nothing has ended
// these waits, so there is no waker to follow. Instead, the following are tried in order:
//
//   - the request's only branch that is still at work,
//   - the worker that took something from the request and has not given it back,
//   - the workers that ended earlier waits with this stack, if they ended them in the
//     order in which they began: the first of them is working on the oldest wait,
//   - what earlier waits with this stack were, if they were mostly of one kind,
//   - the goroutine at work that a request started where it starts those that end such
//     waits: a batch that its first request starts.
//
// If none of these applies, the time remains unknown.

// mostEnders bounds how many workers are kept that end waits with a stack.
const mostEnders = 8

// waits hold what the ended waits of requests with a stack were.
type waits struct {
	spent    [breakdown.NumBuckets]int64
	phase    [breakdown.NumBuckets]breakdown.Phase // the last one seen
	enders   []*goroutine                          // the ones that serve no request
	by       *class                                // the stack with which one last did
	others   int32                                 // ended by one that serves requests
	started  *class                                // where the service started the last of these
	alike    int32                                 // how many of them it has started there
	crowd    bool                                  // there were more workers than are kept
	latest   []int64                               // starts of ended waits, the latest first
	n        int32                                 // ended by workers
	disorder int32                                 // of these, ended after too many that had begun later
	open     int32                                 // counted when the window closes
}

// few reports whether so many of the waits that workers ended are too few to matter. A
// goroutine that is held up between handing over its work and waiting for it seems to have
// come later than it did.
func (e *waits) few(some int32) bool { return 16*some <= e.n }

// oneWay reports whether the same workers have ended nearly all waits.
func (e *waits) oneWay() bool { return e.n >= 2*mostEnders && !e.crowd && e.few(e.others) }

// endedWait records a request's wait that ended, and how it was attributed.
func (m *machine) endedWait(iv *interval, path []breakdown.Segment) {
	c := iv.class
	if c.waits == nil {
		m.file(c)
		c.waits = &waits{}
	}
	e := c.waits
	for i := len(path) - 1; i >= 0 && path[i].End > iv.start; i-- {
		s := &path[i]
		e.spent[s.Bucket] += s.End - max(s.Start, iv.start)
		e.phase[s.Bucket] = s.Phase
	}
	if iv.waker == nil || e.crowd {
		return
	}
	if r := m.worksFor(iv.waker); !iv.waker.isWorker() || r != nil && !iv.waker.borrowed {
		e.others++
		e.startedAt(iv.waker.created)
		return
	}
	if !slices.Contains(e.enders, iv.waker) {
		if e.enders = slices.DeleteFunc(e.enders, func(g *goroutine) bool { return g.dead }); len(e.enders) == mostEnders {
			e.crowd = true
			return
		}
		e.enders = append(e.enders, iv.waker)
	}
	e.by = iv.wakerClass
	e.inOrder(iv.start)
}

// startedAt records where the service started a goroutine that ended a wait.
func (e *waits) startedAt(c *class) {
	if c == nil || !c.InService {
		return
	}
	if e.started != c {
		e.started, e.alike, c.starts = c, 0, true
	}
	e.alike++
}

// begun reports whether requests start the goroutines that end nearly all waits.
func (e *waits) begun() bool {
	return e.alike >= 2*mostEnders && 16*(e.others-e.alike) <= e.others && 16*e.n <= e.others
}

// inOrder counts a wait that a worker ended, and in disorder whether it ended after more
// waits that began later than can be in progress at once.
func (e *waits) inOrder(start int64) {
	e.n++
	i := 0
	for i < len(e.latest) && e.latest[i] > start {
		i++
	}
	if i >= max(1, len(e.enders)) && e.n > mostEnders {
		e.disorder++
	}
	if i < mostEnders {
		e.latest = slices.Insert(e.latest[:min(len(e.latest), mostEnders-1)], min(i, len(e.latest), mostEnders-1), start)
	}
}

// only returns the bucket that holds at least four fifths of the waits' time, not
// counting time spent waiting for a processor. It reports false if there is none.
func (e *waits) only() (breakdown.Bucket, bool) {
	sum, most := int64(0), breakdown.Unknown
	for b, t := range e.spent {
		if k := breakdown.Bucket(b).Kind(); k == breakdown.Processor || k == breakdown.Unexplained {
			continue
		}
		sum += t
		if t > e.spent[most] || most == breakdown.Unknown {
			most = breakdown.Bucket(b)
		}
	}
	return most, sum > 0 && e.spent[most] > sum/5*4
}

// closing prepares the attribution of what is open at the end of the window: how many
// waits with the same stack are older than each, and which worker is working on each
// request.
func (m *machine) closing(gs []*goroutine) {
	for g := m.oldest; g != nil; g = g.newer {
		if m.served(g) != nil && g.class != nil && g.class.waits != nil {
			g.ensureRare().rank = g.class.waits.open
			g.class.waits.open++
		}
	}
	m.started = nil
	for _, g := range gs {
		if r := m.worksFor(g); r != nil && g.borrowed && g.busy() {
			r.worker = g
		}
		if c := g.created; c != nil && c.starts && !g.dead {
			if m.started == nil {
				m.started = map[*class][]*goroutine{}
			}
			m.started[c] = append(m.started[c], g)
		}
	}
	m.pairDialers(gs)
}

// pairDialers gives each goroutine that has waited for a connection since before the window
// one of those that have been making one since then. The trace does not show which is whose.
// Both began in the same order, so they are paired by their numbers, for each kind of system.
func (m *machine) pairDialers(gs []*goroutine) {
	dialers := map[breakdown.Bucket][]*goroutine{}
	for _, g := range gs {
		if g.dials && !g.fresh && !g.dead && g.class != nil && g.class.Own != nil {
			b := g.class.Own.Bucket
			dialers[b] = append(dialers[b], g)
		}
	}
	if len(dialers) == 0 {
		return
	}
	for _, g := range gs {
		if g.fresh || g.since != g.born || g.state != trace.StateWaiting || g.class == nil || g.class.Phase != breakdown.PoolWait || g.aide != nil {
			continue
		}
		if own := dialers[g.class.Own.Bucket]; len(own) > 0 {
			g.ensureRare().aide, dialers[g.class.Own.Bucket] = own[0], own[1:]
		}
	}
}

// startedBefore returns the goroutine at work that was last started at a place until a
// moment, nil if there is none.
func (m *machine) startedBefore(c *class, at int64) (last *goroutine) {
	for _, g := range m.started[c] {
		if g.fresh && g.born <= at && (last == nil || g.born > last.born) {
			last = g
		}
	}
	return last
}

// busy reports whether a worker has work: it does not wait for any, or it waits for a
// timer again, which is part of its work.
func (g *goroutine) busy() bool {
	if g.state != trace.StateWaiting || g.class == nil || g.class.Own != nil || !awaits(g.reason) {
		return true
	}
	for i := len(g.past) - 1; i >= 0; i-- {
		if iv := &g.past[i]; iv.state == trace.StateWaiting && iv.class == g.class {
			return iv.waker == nil
		}
	}
	return false
}

// unended attributes a wait of the request's own goroutine that is still open when
// the window closes.
func (w *walk) unended(g *goroutine, iv *interval, a, b int64, depth int) {
	r, e := w.r, iv.class.waits
	alive := w.alive(b)
	if len(alive) == 1 {
		w.stretch(alive[0], a, b, depth+1)
		return
	}
	if len(alive) > 1 {
		w.timer(g, iv, a, b, depth)
		return
	}
	if r.worker != nil {
		w.follow(g, iv, r.worker, a, b, depth+1)
		return
	}
	if e == nil {
		w.timer(g, iv, a, b, depth)
		return
	}
	bucket, only := e.only()
	var worker *goroutine
	var passes, any bool
	if idle := only && bucket.Idle(); !idle && e.oneWay() {
		switch {
		case e.by != nil && e.by.ended.batches():
			worker, passes, any = e.worker(0) // it works on all that came before
			if worker != nil && worker.lastHanded() <= iv.start && worker.wasBusy(iv.start) {
				worker = nil
			}
		case e.few(e.disorder):
			worker, passes, any = e.worker(g.rank)
		}
	}
	var begun *goroutine
	if !any && e.begun() {
		begun = w.m.startedBefore(e.started, iv.start)
	}
	switch {
	case begun != nil && depth < maxDepth:
		inner := *w
		inner.whole = true
		inner.worked(begun, a, b, depth+1)
	case !any && only:
		w.add(g, bucket, e.phase[bucket], w.cause(iv), a, b, nil)
	case !any:
		w.timer(g, iv, a, b, depth)
	case worker == nil:
		w.add(g, breakdown.Wait, breakdown.NoPhase, w.cause(iv), a, b, nil)
	case passes:
		from := w.carriedSince(worker, a, b)
		w.add(g, breakdown.Wait, breakdown.NoPhase, w.cause(iv), a, from, nil)
		w.worked(worker, from, b, depth+1)
	default:
		w.follow(g, iv, worker, a, b, depth+1)
	}
}

// worker returns the worker that is working on the wait that only rank others are
// older than, or nil if there is none. Workers that end such waits come first, in the
// order in which they last ended one, then those that pass something to them. any
// reports whether any worker is at work.
func (e *waits) worker(rank int32) (worker *goroutine, passes, any bool) {
	stage := slices.Clone(e.enders)
	var seen []*goroutine
	for len(stage) > 0 && len(seen) <= mostEnders {
		seen = append(seen, stage...)
		atWork := slices.DeleteFunc(slices.Clone(stage), func(g *goroutine) bool { return g.dead || !g.busy() })
		slices.SortStableFunc(atWork, func(x, y *goroutine) int { return cmp.Compare(x.lastHanded(), y.lastHanded()) })
		any = any || len(atWork) > 0
		if rank < int32(len(atWork)) {
			return atWork[rank], passes, true
		}
		rank -= int32(len(atWork))
		passes = true
		var before []*goroutine
		for _, g := range stage {
			for i := range g.passes {
				if p := &g.passes[i]; p.took && p.with.isWorker() && p.with.req == nil && !slices.Contains(seen, p.with) && !slices.Contains(before, p.with) {
					before = append(before, p.with)
				}
			}
		}
		stage = before
	}
	return nil, false, any
}

// lastHanded returns when a worker last woke a request or passed something on.
func (g *goroutine) lastHanded() (at int64) {
	if n := len(g.handed); n > 0 {
		at = g.handed[n-1].at
	}
	for i := len(g.passes) - 1; i >= 0; i-- {
		if p := &g.passes[i]; !p.took {
			return max(at, p.at)
		}
	}
	return at
}

// mostAlive bounds how many branches are looked at.
const mostAlive = 2

// started reports whether a goroutine began in a function with the role r.
func (g *goroutine) started(r rules.Role) bool { return g.start != nil && g.start.Role == r }

// alive returns branches of the request that are at work: they have not ended and
// wait for no other goroutine. Either the service started them or they are a nested
// server.
func (w *walk) alive(b int64) (alive []*goroutine) {
	for i := len(w.r.branches) - 1; i >= 0 && len(alive) < mostAlive; i-- {
		g := w.r.branches[i]
		if g != w.r.g && !g.dead && g.born < b && !(g.state == trace.StateWaiting && followable(g.class, g.reason)) && (g.started(rules.Stream) || g.ofHandlers()) {
			alive = append(alive, g)
		}
	}
	return alive
}
