package timeline

import (
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// This file finds out what goroutines waited for when the window opened. A trace has no
// stack of a wait that began before the window and ended within the first generation.
// How the wait ended and what the goroutine did next show what it was:
//
//   - If another goroutine ended it, it waited for what that goroutine did, as in any
//     wait, or for what that goroutine released: a lock, a place in a pool.
//   - If the network ended it, the goroutine reads as soon as it runs again.
//   - If neither did, and the goroutine neither reads nor writes next, it was a timer.
//   - A program repeats itself. If nearly all waits in the window that ended with the
//     same stack, or were followed by it, were of one kind, so was this one. That also
//     shows where in the service it was.
//   - If all requests that wait in the same way when the window closes are of one
//     handler, so was the request.
//
// So requests with such a wait are held back until the trace ends. If these rules do
// not agree, the time remains unknown.

// historyAtOpening is how long the history of all goroutines is kept from the opening
// of the window, in ns. By then each goroutine that was waiting has gone on, or its
// stack has been recorded, as the first generation does at its end.
const historyAtOpening = 1_500_000_000

// An opening is the state that a goroutine was in when the window opened. It has no
// stack.
type opening struct {
	class  class       // stands in for its stack
	state  trace.State // waiting, or in a system call
	by     *class      // the stack with which another goroutine ended it, nil if none did
	next   *class      // the first stack after it, nil until there is one
	called bool        // the goroutine has opened a call since
	causes []openingCause
}

// An openingCause is a placeholder on a path for the cause of an opening, at a stack
// with which the request waits.
type openingCause struct {
	*opening
	at    *class
	cause *breakdown.Cause
}

// openingSize is the cost of an opening in bytes.
const openingSize = 600

// A handedOpening is a part of a path that was attributed to what the waker of an
// opening did. The opening may instead have been a wait for something that the waker
// released.
type handedOpening struct {
	*opening
	start, end int64
}

var noRules rules.Class

// opened handles the end of a goroutine's opening at a moment.
func (m *machine) opened(g *goroutine, at int64, wakerClass *class) {
	if g.opening != nil || g.since != g.born || m.openingsLeft == 0 {
		return
	}
	m.openingsLeft--
	m.openingsEnd = max(m.openingsEnd, at)
	o := &opening{state: g.state, by: wakerClass}
	o.class = class{Class: &noRules, opening: o}
	o.class.past = true
	if wakerClass != nil && wakerClass.ends == nil {
		m.file(wakerClass)
		wakerClass.ends = &evidence{}
	}
	g.ensureRare().opening = o
	g.class = &o.class
}

// shows handles the first stack after an opening.
func (m *machine) shows(o *opening, c *class) {
	if o == nil || o.next != nil {
		return
	}
	o.next = c
	if c.before == nil {
		m.file(c)
		c.before = &evidence{}
	}
}

// file records that a stack is about to get evidence.
func (m *machine) file(c *class) {
	if c.ends == nil && c.before == nil && c.waits == nil {
		m.evident = append(m.evident, c)
	}
}

// forgetEvidence drops the evidence of all stacks. After a gap it is collected again.
func (m *machine) forgetEvidence() {
	for _, c := range m.evident {
		c.ends, c.before, c.waits = nil, nil, nil
	}
	m.evident, m.openings = nil, nil
	m.openingsLeft = m.mostOpenings
}

// hasNoStack reports whether an interval has no stack.
func (iv *interval) hasNoStack() bool { return iv.class == nil || iv.class.opening != nil }

// mostMeanings bounds how many different meanings are kept for states that ended
// alike.
const mostMeanings = 16

// Evidence holds the meanings of states that ended in one way.
type evidence struct {
	seen []meant
	// The spell learned last, and its index in seen, -1 if it is not kept: often the next
	// one is the same.
	last   spell
	lastAt int
}

// A meant counts states with the same meaning.
type meant struct {
	spell // one of them
	meaning
	n      int
	stacks []*class // theirs, at most mostMeanings
}

func (s *meant) many() bool { return len(s.stacks) > 1 }

// A spell is a state with its stack.
type spell struct {
	class  *class
	state  trace.State
	reason trace.Reason
}

// A meaning is what the stack of a state says about it. known is false if it says
// nothing.
type meaning struct {
	bucket breakdown.Bucket
	phase  breakdown.Phase
	known  bool
}

func (s spell) meaning() meaning {
	switch c := s.class; {
	case c.GC:
		return meaning{breakdown.GC, breakdown.NoPhase, true}
	case c.Own != nil:
		return meaning{c.Own.Bucket, c.Phase, true}
	case s.state == trace.StateSyscall || s.reason == trace.ReasonNetwork:
		return meaning{breakdown.Unknown, breakdown.NoPhase, true}
	case s.reason == trace.ReasonSleep:
		return meaning{breakdown.Sleep, breakdown.NoPhase, true}
	}
	return meaning{}
}

func (e *evidence) learn(s spell) {
	if s != e.last {
		e.last, e.lastAt = s, e.place(s)
	}
	if e.lastAt >= 0 {
		e.seen[e.lastAt].n++
	}
}

// place returns the index in seen of the states with the same meaning, to which it adds the
// spell's stack. It returns -1 if there are too many meanings.
func (e *evidence) place(s spell) int {
	m := s.meaning()
	for i := range e.seen {
		if have := &e.seen[i]; have.meaning == m && have.state == s.state {
			if len(have.stacks) < mostMeanings && !slices.Contains(have.stacks, s.class) {
				have.stacks = append(have.stacks, s.class)
			}
			return i
		}
	}
	if len(e.seen) == mostMeanings {
		return -1
	}
	e.seen = append(e.seen, meant{s, m, 0, []*class{s.class}})
	return len(e.seen) - 1
}

// most returns what nearly all states were that ended as an opening did: at least
// nine of ten are in one bucket. It returns nil if there is no such majority.
func (e *evidence) most(state trace.State) (most *meant) {
	all, same := 0, 0
	for i := range e.seen {
		if s := &e.seen[i]; s.state == state {
			all += s.n
			if most == nil || s.n > most.n {
				most = s
			}
		}
	}
	for i := range e.seen {
		if s := &e.seen[i]; s.state == state && s.bucket == most.bucket && s.known == most.known {
			same += s.n
		}
	}
	if 10*same < 9*all {
		return nil
	}
	return most
}

// like returns the states that an opening was like, by the evidence in the window, or
// nil if that is not conclusive.
func (o *opening) like() *meant {
	switch {
	case o.by != nil:
		return o.by.ends.most(o.state)
	case o.next != nil:
		return o.next.before.most(o.state)
	}
	return nil
}

// learn records a goroutine's first stack after a state that no goroutine ended.
func (m *machine) learn(g *goroutine, c *class) {
	if g.was != nil && g.was.opening == nil && g.wasReason != trace.ReasonGC {
		c.before.learn(spell{g.was, g.wasState, g.wasReason})
	}
}

// reads reports whether an opening was a wait for the network, judging by what came
// next.
func (o *opening) reads() bool {
	n := o.next
	return o.state == trace.StateWaiting && o.by == nil && n != nil && n.reads && !n.NoCall && (n.Own == nil || n.Own.Bucket != breakdown.File)
}

// timed reports whether an opening was a wait for a timer, judging by what came next.
// A goroutine that writes may have waited to write more, and a client's own code may
// have waited for an answer until a deadline.
func (o *opening) timed() bool {
	n := o.next
	return o.state == trace.StateWaiting && o.by == nil && n != nil && !n.reads && !n.writes && (n.Own == nil || !n.Own.Bucket.External())
}

// opening attributes a part of an opening provisionally.
func (w *walk) opening(g *goroutine, iv *interval, a, b int64, depth int) {
	o := iv.class.opening
	cause := w.cause(iv)
	switch {
	case iv.waker != nil && o.by != nil && o.by.unlocks && !followsWhole(o.by) && w.tally != nil && depth < maxHolders:
		w.chain(iv, iv.waker, a, b, depth)
	case iv.waker != nil && o.by != nil && o.by.unlocks && !followsWhole(o.by):
		w.add(g, breakdown.Lock, breakdown.NoPhase, cause, a, b, w.m.behind(iv.waker, iv.wakerClass, a, b, depth))
	case iv.waker != nil:
		within := o.within(w.m, iv.waker)
		if other := w.m.worksFor(iv.waker); other != nil && other != w.r && !iv.waker.borrowed && !w.whole && !w.holder && !within && !followsWhole(iv.wakerClass) {
			w.add(g, breakdown.Unknown, breakdown.NoPhase, cause, a, b, nil)
			break
		}
		if w.r != nil && g == w.r.g && w.out == &w.r.Path {
			w.r.handed = handedOpening{o, a, b}
		}
		inner := *w
		inner.whole = w.whole || within || followsWhole(iv.wakerClass)
		inner.follow(g, iv, iv.waker, a, b, depth+1)
	case o.reads() && o.next.Own != nil:
		w.add(g, o.next.Own.Bucket, o.next.Phase, cause, a, b, nil)
	case o.timed():
		w.timer(g, iv, a, b, depth)
	default:
		w.add(g, breakdown.Unknown, breakdown.NoPhase, cause, a, b, nil)
	}
}

// within reports whether the waker of an opening serves the same request in a nested
// server. What looked like a separate request is then none.
func (o *opening) within(m *machine, waker *goroutine) bool {
	r := m.served(waker)
	if r == nil || !r.Incomplete || waker.fresh || o.by.Role != rules.Stream || o.next == nil || !o.next.Served || o.next.Kind == r.Kind {
		return false
	}
	r.proof = unproven
	return true
}

// causeOf returns the placeholder cause of an opening.
func (o *opening) causeOf(m *machine, at *class) *breakdown.Cause {
	if at == &o.class {
		at = nil
	}
	for i := range o.causes {
		if o.causes[i].at == at {
			return o.causes[i].cause
		}
	}
	c := openingCause{o, at, &breakdown.Cause{State: o.state.String()}}
	o.causes = append(o.causes, c)
	if m.openings == nil {
		m.openings = map[*breakdown.Cause]openingCause{}
	}
	m.openings[c.cause] = c
	return c.cause
}

// mayTurnOut reports whether the request's path may still change when openings are
// settled.
func (m *machine) mayTurnOut(r *request) bool {
	if r.Start >= m.openingsEnd {
		return false // no opening is on its path
	}
	return r.handed.opening != nil || slices.ContainsFunc(r.Path, func(s breakdown.Segment) bool {
		_, ok := m.openings[s.Cause]
		return ok
	})
}

// deliverHeld delivers the requests that were held back.
func (m *machine) deliverHeld() {
	for _, r := range m.held {
		m.settle(r)
		m.placeCalls(r)
		m.deliver(r)
		r.life = over
		m.reuse(r)
	}
	clear(m.held)
	m.held = m.held[:0]
}

// settle replaces the openings in a request's path by what they turned out to be.
func (m *machine) settle(r *request) {
	longest := -1 // the part of an opening with the most time, unless that was like other states
	for i := range r.Path {
		s := &r.Path[i]
		o, ok := m.openings[s.Cause]
		handed := r.handed.opening != nil && s.Start >= r.handed.start && s.End <= r.handed.end
		var like *meant
		if ok {
			like = o.like()
		}
		if (ok || handed) && like == nil && (longest < 0 || s.End-s.Start > r.Path[longest].End-r.Path[longest].Start) {
			longest = i
		}
		if !ok {
			continue
		}
		switch {
		case like != nil && like.known:
			s.Bucket, s.Phase = like.bucket, like.phase
		case like != nil && o.state == trace.StateWaiting && (s.Bucket == breakdown.Unknown || o.by == nil):
			s.Bucket, s.Phase = like.usual(o)
		}
		if like != nil {
			s.Cause = m.likeCause(o, like)
			if r.Endpoint == "" && o.at == nil && !like.many() {
				r.Endpoint = like.class.Handler
			}
		} else if o.reads() {
			s.Cause = m.causeOf(o.next, trace.StateWaiting, trace.ReasonNetwork, o.at)
		} else {
			s.Cause = m.causeOf(nil, o.state, trace.ReasonNone, o.at)
		}
	}
	if longest >= 0 && r.Endpoint == "" && r.Incomplete {
		m.likeStanding(r, &r.Path[longest])
	}
	m.settleHanded(r)
}

// usual returns what waits usually were whose stack does not explain them.
func (s *meant) usual(o openingCause) (breakdown.Bucket, breakdown.Phase) {
	if b, p, ok := s.only(); ok {
		return b, p
	}
	switch {
	case o.by == nil:
		return breakdown.Sleep, breakdown.NoPhase // all of them were for a timer
	case s.class.waits != nil || s.many() || followsWhole(s.class) || followsWhole(o.by):
		return breakdown.Unknown, breakdown.NoPhase
	}
	return breakdown.Wait, breakdown.NoPhase // for a goroutine that serves no request, until others handed it something
}

// only returns the bucket that nearly all request waits with each of the stacks were
// in. It reports false if there is no such bucket.
func (s *meant) only() (bucket breakdown.Bucket, phase breakdown.Phase, ok bool) {
	for _, c := range s.stacks {
		if c.waits == nil {
			return breakdown.Unknown, breakdown.NoPhase, false
		}
		b, one := c.waits.only()
		if !one || ok && b != bucket {
			return breakdown.Unknown, breakdown.NoPhase, false
		}
		bucket, phase, ok = b, c.waits.phase[b], true
	}
	return bucket, phase, ok
}

// served reports whether the same workers end nearly all request waits with each of the
// stacks. What such a worker did before, for others, is queueing.
func (s *meant) served() bool {
	return !slices.ContainsFunc(s.stacks, func(c *class) bool { return c.waits == nil || !c.waits.oneWay() })
}

// settleHanded replaces what the waker did by the wait for what it released. If the
// waker did nothing for the request, it uses what such waits usually were.
func (m *machine) settleHanded(r *request) {
	h := r.handed
	if h.opening == nil || r.Condensed > h.start {
		return
	}
	like := h.like()
	if like == nil || like.known && like.bucket == breakdown.Unknown {
		return
	}
	from := slices.IndexFunc(r.Path, func(s breakdown.Segment) bool { return s.Start >= h.start })
	to := slices.IndexFunc(r.Path, func(s breakdown.Segment) bool { return s.End >= h.end })
	if from < 0 || to < from || r.Path[from].Start != h.start || r.Path[to].End != h.end {
		return
	}
	bucket, phase := like.bucket, like.phase
	if !like.known {
		if worked(r.Path[from:to+1]) > (h.end-h.start)/10 || like.served() {
			return
		}
		bucket, phase = like.usual(openingCause{opening: h.opening})
	}
	r.Path = slices.Replace(r.Path, from, to+1, breakdown.Segment{Start: h.start, End: h.end, Goroutine: r.Goroutine, Bucket: bucket, Phase: phase,
		Cause: m.likeCause(openingCause{opening: h.opening}, like)})
	if r.Endpoint == "" && !like.many() {
		r.Endpoint = like.class.Handler
	}
}

// worked returns how much of a part of a path is neither wait nor unknown.
func worked(path []breakdown.Segment) (sum int64) {
	for i := range path {
		if s := &path[i]; s.Bucket != breakdown.Wait && s.Bucket != breakdown.Unknown {
			sum += s.End - s.Start
		}
	}
	return sum
}

// likeCause returns the evidence that an opening was like other states. It names no
// stack if they have several.
func (m *machine) likeCause(o openingCause, like *meant) *breakdown.Cause {
	if like.many() {
		return m.causeOf(nil, o.state, like.reason, o.at)
	}
	return m.causeOf(like.class, o.state, like.reason, o.at)
}
