package timeline

import (
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/trace"
)

// This file decides about waits of a request that a goroutine ended which worked for
// several: a leader among the requests, or a worker that wakes everyone. What the request
// does next shows whether it was among those that the work was for.

// led returns the moment in [since, b] from which a goroutine of another request worked for
// the walk's request too, and whether it did.
func (w *walk) led(iv *interval, leader *goroutine, other *request, since, b int64) (from int64, leads bool) {
	c := iv.wakerClass
	if !c.ended.leads() || !c.toAll && c.ended.shared == 0 && !other.g.waits(iv.class) {
		return b, false
	}
	if other.Start > iv.start { // it came later: it brings news, or completes the batch
		if leader == other.g {
			return b, false
		}
		since = max(since, leader.born)
	}
	for i := len(leader.past) - 1; i >= 0 && leader.past[i].end > since; i-- {
		p := &leader.past[i]
		if p.state == trace.StateWaiting && p.end <= b && followable(p.class, p.reason) && p.waker != nil && !p.waker.isWorker() && w.m.worksFor(p.waker) != other {
			return max(since, p.end), true // its turn had not come
		}
	}
	return since, true
}

// waits reports whether a goroutine waits with a stack, or last waited with it.
func (g *goroutine) waits(c *class) bool {
	if g.state == trace.StateWaiting {
		return g.class == c
	}
	for i := len(g.past) - 1; i >= 0; i-- {
		if iv := &g.past[i]; iv.state == trace.StateWaiting {
			return iv.class == c
		}
	}
	return false
}

// A sharing is a wait of a request that was attributed to what another goroutine did for
// several. It may turn out that it did nothing for this one.
type sharing struct {
	start, end int64
	class      *class // the wait's stack
	reason     trace.Reason
	by         *goroutine
	byClass    *class
	late       bool // it came after the batch had begun
	leads      bool // the goroutine is another request's
}

// mostShared bounds how many waits of a request are kept that other requests ended.
const mostShared = 8

// noteShared records a wait of the request's own goroutine that another one ended.
func (w *walk) noteShared(g *goroutine, iv *interval, by *goroutine, a, since int64, leads bool) {
	r := w.r
	if r == nil || g != r.g || w.out != &r.Path {
		return
	}
	r.shared = sharing{start: a, end: iv.end, class: iv.class, reason: iv.reason, by: by, byClass: iv.wakerClass, leads: leads}
	if since == a {
		r.shared.late = leads || by.wasLate(w.handedIn(g, iv, by), iv.reason)
	}
	if leads && len(r.led) < mostShared {
		r.led = append(r.led, r.shared)
	}
	if r.gaveTo == by {
		r.gaveTo = nil
	}
}

// wasLate reports whether what was handed to a worker at a moment, after it had last
// released anyone, came too late for its next batch. While the worker runs, only those who
// wait for a Cond may be too late: others would not be woken.
func (g *goroutine) wasLate(at int64, reason trace.Reason) bool {
	switch g.workAt(at) {
	case heldUp, ranWork, helpedWork:
		return reason == trace.ReasonCond
	case awaitedWork:
		return false
	}
	return true
}

// waitsAgain handles a request's goroutine that waits with the same stack as before. If it
// had come too late for the batch that woke it, it had queued behind that one.
func (m *machine) waitsAgain(r *request) {
	s := &r.shared
	if s.late && s.by.releasedOthers(r.g, s.end) {
		m.requeue(r, s)
		r.led = slices.DeleteFunc(r.led, func(o sharing) bool { return o.start == s.start })
	}
	s.class = nil
}

// releasedOthers reports whether a goroutine released others together with g.
func (by *goroutine) releasedOthers(g *goroutine, at int64) bool {
	i := by.releaseOf(g, nil, at)
	return i >= 0 && (by.handed[i].nth > 0 || i+1 < len(by.handed) && by.handed[i+1].nth > 0)
}

// requeue turns a part of the path into queueing behind what it was attributed to.
func (m *machine) requeue(r *request, s *sharing) {
	from := slices.IndexFunc(r.Path, func(p breakdown.Segment) bool { return p.Start >= s.start })
	to := slices.IndexFunc(r.Path, func(p breakdown.Segment) bool { return p.End >= s.end })
	if r.Condensed > s.start || from < 0 || to < from || r.Path[from].Start != s.start || r.Path[to].End != s.end {
		return
	}
	var spent [breakdown.NumBuckets]int64
	for _, p := range r.Path[from : to+1] {
		rest := p.End - p.Start // beside what holders are known to have done meanwhile
		for _, b := range p.Behind {
			spent[b.Bucket] += b.Time
			rest -= b.Time
		}
		if p.Bucket != breakdown.Wait {
			spent[p.Bucket] += rest
		}
	}
	r.Path = slices.Replace(r.Path, from, to+1, breakdown.Segment{Start: s.start, End: s.end, Goroutine: r.Goroutine, Bucket: breakdown.Wait,
		Cause: m.causeOf(s.class, trace.StateWaiting, s.reason, nil), Behind: m.spentBehind(s.by, s.byClass, &spent)})
	r.weighed, r.behinds = 0, 0
	m.weigh(r)
}

// settleLed looks at what a request that is over did after others had worked for it. If it
// did the same itself, it had only waited for its turn.
func (m *machine) settleLed(r *request) {
	for i := range r.led {
		s := &r.led[i]
		if r.repeats(s) {
			s.byClass.ended.alone++
			m.requeue(r, s)
		} else {
			s.byClass.ended.led++
		}
	}
}

// repeats reports whether the request itself did again what others had done in a part of
// its path.
func (r *request) repeats(s *sharing) bool {
	for i := range r.Path {
		did := &r.Path[i]
		if did.Start < s.start || did.End > s.end || !did.Bucket.External() && did.Bucket != breakdown.File && did.Bucket != breakdown.Sleep {
			continue
		}
		if slices.ContainsFunc(r.Path[i:], func(p breakdown.Segment) bool {
			return p.Start >= s.end && p.Bucket == did.Bucket && sameWork(p.Cause, did.Cause)
		}) {
			return true
		}
	}
	return false
}

// sameWork reports whether two causes are the same call: from one place in the service,
// and for the same caller.
func sameWork(a, b *breakdown.Cause) bool {
	if a == b {
		return true
	}
	i, j := slices.Index(a.Stack, a.Site), slices.Index(b.Stack, b.Site)
	const site = 2 // and its caller
	return i >= 0 && j >= 0 && slices.Equal(a.Stack[i:min(i+site, len(a.Stack))], b.Stack[j:min(j+site, len(b.Stack))])
}
