package timeline

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/trace"
)

// This file finds out which requests share the work of a goroutine that releases several
// of them: a writer that syncs once for all, a loader that queries once for many keys, a
// leader that commits for its followers.
//
// A trace shows no queue in memory, so what a batch holds follows from the order of
// events. Requests that are released in a run, with next to no work between two of them,
// were in one batch. It began after the run before: that is when the goroutine was free
// to take more. What a request waited before that is queueing.
//
// Workers that serve requests one by one must not look like that:
//
//   - Their work lies between two releases, which ends the run. So does taking more work.
//   - If one job takes long and the next takes no time, the two are released in a run. But
//     such a worker leaves requests behind that were already waiting when it took the
//     long job, and it takes requests that came in the middle of it.
//
// A goroutine that wakes all who wait, as by Cond.Broadcast, wakes those as well that it
// has done nothing for. These wait again at once, or do the same work themselves.

// A toil is what a goroutine did in a stretch of time: how long it ran, how long its work
// blocked it, and the stack with which one piece of work blocked it longest.
type toil struct {
	ran, blocked int64
	longest      int64
	most         *class
}

// Between two releases in a run, a goroutine may run for a fraction of what its work
// took, as to encode each answer, and may be blocked for less, as to log each answer.
// Running is compared less strictly with time in which its work blocked it: the two are
// not the same work. Of work that was under way when the window opened, nothing tells what it
// was, so what comes after it may be the same again, as quick as it may be: a disk syncs in
// 2 ms what took it 60 the time before.
const (
	runsPerBlocked    = 2
	runsPerRan        = 16
	blockedPerBlocked = 16
	blockedPerOpening = 256
)

// stillReleases reports whether a goroutine that wakes a request at a moment has done
// next to nothing since it last woke one.
func (g *goroutine) stillReleases(at int64) bool {
	n := len(g.handed) - 1
	if n < 0 || g.handed[n].nth == tookNth || g.handed[n].unclear {
		return false
	}
	last := &g.handed[n]
	gap, free := g.toiled(last.at, at)
	if free || g.tookUnasked(last.at) {
		return false
	}
	if last.nth == 0 {
		before := g.born
		if i := g.runBefore(n); i >= 0 {
			before = g.handed[i].at
		}
		g.rare.batch, _ = g.toiled(before, last.at)
	}
	work := &g.rare.batch
	if gap.ran > work.blocked/runsPerBlocked+work.ran/runsPerRan {
		return false
	}
	if work.most != nil && work.most.opening != nil {
		return gap.blocked <= work.blocked/blockedPerOpening
	}
	return gap.blocked <= work.blocked/blockedPerBlocked && !g.didAgain(work, last.at, at)
}

// didAgain reports whether in [from, to) a goroutine did again what most of its work for a
// batch was: then that is for the next one, however short.
func (g *goroutine) didAgain(work *toil, from, to int64) bool {
	if work.most == nil || work.longest < work.blocked/2 {
		return false
	}
	for i := len(g.past) - 1; i >= 0 && g.past[i].end > from; i-- {
		if iv := &g.past[i]; iv.class == work.most && iv.start < to && iv.work() != ranWork {
			return true
		}
	}
	return false
}

// tookUnasked reports whether a goroutine has taken something since a moment from one
// that it had given nothing since: more work, rather than an answer.
func (g *goroutine) tookUnasked(since int64) bool {
	first := len(g.passes)
	for first > 0 && g.passes[first-1].at > since {
		first--
	}
	for i := first; i < len(g.passes); i++ {
		p := &g.passes[i]
		if p.took && !slices.ContainsFunc(g.passes[first:i], func(q pass) bool { return !q.took && q.with == p.with }) {
			return true
		}
	}
	return false
}

// toiled returns what a goroutine did in [from, to). free reports whether it waited for
// work, or was in a call, so that it may have begun something else.
func (g *goroutine) toiled(from, to int64) (t toil, free bool) {
	if g.state == trace.StateRunning && g.since < to {
		t.ran = to - max(g.since, from)
	}
	for i := len(g.past) - 1; i >= 0 && g.past[i].end > from; i-- {
		iv := &g.past[i]
		d := min(iv.end, to) - max(iv.start, from)
		if d <= 0 {
			continue
		}
		switch iv.work() {
		case ranWork:
			t.ran += d
		case blockedWork, helpedWork:
			t.block(iv, d)
		case calledWork:
			t.block(iv, d)
			free = true
		case awaitedWork:
			free = true
		}
	}
	return t, free
}

// block adds a part of an interval in which work blocked the goroutine.
func (t *toil) block(iv *interval, d int64) {
	t.blocked += d
	if d > t.longest {
		t.longest, t.most = d, iv.class
	}
}

// A work is what an interval of a worker means for its batches.
type work uint8

const (
	heldUp      work = iota // by the scheduler, the collector or a lock
	ranWork                 // it ran
	blockedWork             // in a system call
	helpedWork              // until another worker had done something
	calledWork              // in a call to another system, or asleep
	awaitedWork             // it waited for a request, for a timer, or for the network
)

// work returns what the interval means for its worker's batches.
func (iv *interval) work() work {
	switch c := iv.class; {
	case iv.state == trace.StateRunning:
		return ranWork
	case iv.state == trace.StateSyscall:
		return blockedWork
	case iv.state != trace.StateWaiting, iv.reason == trace.ReasonGC, c != nil && (c.GC || c.Own != nil && c.Own.Bucket == breakdown.Lock):
		return heldUp
	case c != nil && c.opening != nil && c.opening.reads() && c.opening.next.Own != nil:
		return calledWork
	case c != nil && c.Own != nil && c.Own.Bucket == breakdown.File:
		return blockedWork
	case c != nil && c.Own != nil, iv.reason == trace.ReasonSleep:
		return calledWork
	case iv.reason == trace.ReasonNetwork, iv.waker == nil, !iv.waker.isWorker():
		return awaitedWork
	}
	return helpedWork
}

// releases counts what a stack released that ended waits of requests, and how.
type releases struct {
	shared  int32 // in a run, after another one
	over    int32 // that had waited while another run ended
	left    int32 // that had waited while another run began and ended, which was no full one
	longest int32 // the longest run
	led     int32 // by requests for others, which then did not do the same work
	alone   int32 // by requests for others, which then did
}

// count counts the last release of a goroutine, of a request that waited since a moment.
func (n *releases) count(by *goroutine, since int64) {
	h := by.handed
	last := &h[len(h)-1]
	if last.nth > 0 {
		n.shared++
	}
	n.longest = max(n.longest, int32(last.nth)+1)
	before := by.runBefore(len(h) - 1)
	if before < 0 || h[before].at <= since {
		return
	}
	n.over++
	if first := by.runBefore(before); first >= 0 && h[first].at > since && int32(h[before].nth)+1 < n.longest {
		n.left++
	}
}

// noteRelease records that a goroutine ended a wait of g, which works for r, unless they work
// for the same request.
func (m *machine) noteRelease(by *goroutine, c *class, at int64, g *goroutine, r *request) {
	if r != nil && m.worksFor(by) == r && !by.borrowed {
		return
	}
	gave := !received(g.reason, c)
	// Of a wait that was under way when the window opened, only who ended it shows.
	unclear := g.reason == trace.ReasonNone && c != nil && c.selects
	m.handOver(by, at, g, r, !gave, unclear)
	if c != nil && gave && !unclear {
		c.ended.count(by, g.since)
		by.learnTaking(g.since)
	}
	if r != nil && by.borrowed && !g.borrowed && gave {
		by.req, by.borrowed = nil, false // the work is done
	}
}

// relays reports whether a worker has created the goroutine and nothing has blocked it
// since: what it wakes, the worker wakes.
func (g *goroutine) relays() bool {
	if !g.fresh || g.creator == nil || g.creator.dead || !g.creator.isWorker() {
		return false
	}
	for i := range g.past {
		if g.past[i].work() > ranWork {
			return false
		}
	}
	return true
}

// runBefore returns the index of the last handover of the run before that of i, or a
// negative number.
func (g *goroutine) runBefore(i int) int {
	i -= int(g.handed[i].nth) + 1
	for i >= 0 && g.handed[i].nth == tookNth {
		i--
	}
	return i
}

// batches reports whether requests that are released in a run share the work before it.
// A worker that serves them one by one leaves others behind.
func (n *releases) batches() bool { return n.shared > 0 && 2*n.left <= n.shared }

// queues reports whether requests have waited while others were served. Where none have,
// a request that comes in the middle of the work waits for that work.
func (n *releases) queues() bool { return n.over > n.shared/16 }

// leads reports whether requests that release others do so after work that these need.
// Where the others then do the same work, they had waited for their turn.
func (n *releases) leads() bool { return n.alone < 8 || 4*n.led >= n.alone }

// endsBatches reports whether a goroutine that releases requests with the stack serves
// several of them at once.
func (c *class) endsBatches(g *goroutine) bool {
	switch {
	case c == nil:
		return false
	case g.isWorker():
		return c.ended.batches()
	}
	return c.ended.led > 0 && c.ended.leads()
}

// releaseOf returns the index of the handover with which a goroutine ended a wait of g, or
// of another goroutine of its request, at a moment; or -1.
func (by *goroutine) releaseOf(g *goroutine, r *request, at int64) int {
	i, _ := slices.BinarySearchFunc(by.handed, at, func(h handover, t int64) int { return cmp.Compare(h.at, t) })
	for ; i < len(by.handed) && by.handed[i].at == at; i++ {
		if h := &by.handed[i]; h.to == g || r != nil && h.req == r && h.reqSeq == r.seq {
			return i
		}
	}
	return -1
}

// batched returns the moment in [a, b] from which a goroutine that ended a wait of g at b
// worked on a batch that the walk's request was in. Since from it has worked for no other
// request, or not at all for this one if it is another request's own. leads reports
// whether it is, and leads this one.
func (w *walk) batched(g *goroutine, iv *interval, by *goroutine, a, from, b int64) (since int64, leads bool) {
	c, other := iv.wakerClass, w.m.worksFor(by)
	leads = other != nil && !by.borrowed
	at := -1
	if c != nil && !(leads && other == w.r) {
		at = by.releaseOf(g, w.r, b)
	}
	if at < 0 || by.handed[at].nth == tookNth {
		return from, false
	}
	since = w.freeSince(by, at, a)
	if leads {
		return w.led(iv, by, other, since, b)
	}
	first := by.handed[max(0, at-int(by.handed[at].nth))].at
	if since < from && (!c.ended.batches() || by.servesSingly(since, first)) {
		return from, false
	}
	if since == a && iv.reason != trace.ReasonCond && c.ended.queues() {
		since = max(since, by.busyUntil(w.handedIn(g, iv, by)))
	}
	return min(max(since, by.tookSince(since, first)), max(from, first)), false
}

// freeSince returns the moment in [a, at] from which a goroutine could take what it
// released with the handover at: when it had last released others, or took something after
// that without having waited for it. at is an index.
func (w *walk) freeSince(by *goroutine, at int, a int64) int64 {
	since, taken := a, int64(0)
	for i := at - int(by.handed[at].nth) - 1; i >= 0 && by.handed[i].at > a; i-- {
		h := &by.handed[i]
		switch {
		case !h.isOthers(w.r) || w.news != 0 && h.at >= w.news:
		case h.nth == tookNth:
			taken = h.at
		default:
			since = h.at
		}
		if since > a {
			break
		}
	}
	if taken == 0 {
		return since
	}
	for i := len(by.past) - 1; i >= 0 && by.past[i].end > since; i-- {
		if iv := &by.past[i]; iv.end < taken && iv.work() == awaitedWork {
			return since // it had taken something before
		}
	}
	return taken
}

// handedIn returns when a request's goroutine handed its work to a worker, before a wait:
// when the trace shows the worker taking it, else when the wait began.
func (w *walk) handedIn(g *goroutine, iv *interval, worker *goroutine) int64 {
	if r := w.r; g == r.g && r.gaveTo == worker && r.gaveAt <= iv.start {
		return r.gaveAt
	}
	return iv.start
}

// workAt returns what a goroutine did at a moment; heldUp if that is not known.
func (g *goroutine) workAt(at int64) work {
	if g.since <= at && !g.dead {
		iv := interval{class: g.class, state: g.state, reason: g.reason}
		return iv.work()
	}
	if i := g.pastAt(at); i >= 0 {
		return g.past[i].work()
	}
	return heldUp
}

// pastAt returns the index of the past interval at a moment, or -1.
func (g *goroutine) pastAt(at int64) int {
	i := endingAfter(g.past, at)
	if i == len(g.past) || g.past[i].start > at {
		return -1
	}
	return i
}

// A taking counts the requests that came while a worker was blocked with a stack: those
// that were in the next batch that it released, and those that were not.
type taking struct{ in, out int32 }

// learnTaking counts a request that a goroutine has just released, which had waited since
// a moment.
func (g *goroutine) learnTaking(since int64) {
	i := g.pastAt(since)
	if i < 0 || g.past[i].class == nil {
		return
	}
	if !g.past[i].work().isBusy() {
		return
	}
	taking := &g.past[i].class.taking
	if before := g.runBefore(len(g.handed) - 1); before >= 0 && g.handed[before].at > since {
		taking.out++
	} else if c := g.past[i].class; !slices.ContainsFunc(g.past[i+1:], func(iv interval) bool { return iv.class == c }) {
		taking.in++ // else it has done the same again since, perhaps for a batch that nobody waited for
	}
}

// Few requests, and any mixture of the two, say nothing.
const (
	fewTaken = 4
	mixTaken = 4
)

// before reports whether a worker takes requests after it was blocked with the stack, and
// after whether it has taken them before.
func (t taking) before() bool { return t.in >= fewTaken && t.in >= mixTaken*t.out }
func (t taking) after() bool  { return t.out >= fewTaken && t.out >= mixTaken*t.in }

// mixed reports whether a worker takes some of the requests that come meanwhile right
// after it, and others later: it serves them one by one, and some of them take no time.
func (t taking) mixed() bool {
	return t.in >= fewTaken && t.out >= fewTaken && !t.before() && !t.after()
}

// servesSingly reports whether a worker did anything in [since, until] that it does for
// one request only.
func (g *goroutine) servesSingly(since, until int64) bool {
	i := endingAfter(g.past, since)
	for ; i < len(g.past) && g.past[i].end <= until; i++ {
		if iv := &g.past[i]; iv.class != nil && iv.class.taking.mixed() && iv.work().isBusy() {
			return true
		}
	}
	return false
}

// tookSince returns the moment in [since, until] from which a worker may have worked on a
// batch that it released then. What it does after a batch and before it takes the next one
// belongs to neither.
func (g *goroutine) tookSince(since, until int64) int64 {
	at := since
	i := endingAfter(g.past, since)
	for ; i < len(g.past) && g.past[i].end <= until; i++ {
		iv := &g.past[i]
		switch work := iv.work(); {
		case work == heldUp || work == ranWork || iv.class == nil:
		case work == awaitedWork, iv.class.taking.after():
			return at
		case iv.class.taking.before():
			at = iv.end
		}
	}
	return since
}

// wasBusy reports whether a goroutine could not take any work at a moment.
func (g *goroutine) wasBusy(at int64) bool { return g.workAt(at).isBusy() }

func (w work) isBusy() bool { return w == blockedWork || w == calledWork }

// busyUntil returns when a goroutine that could not take any work at a moment could do so
// again, or that moment.
func (g *goroutine) busyUntil(at int64) int64 {
	if i := g.pastAt(at); i >= 0 && g.past[i].work().isBusy() {
		return g.past[i].end
	}
	return at
}

// gathers reports whether a worker's wait was for more requests to fill a batch: another
// request ended it, where otherwise a timer does.
func (w *walk) gathers(g *goroutine, iv *interval) bool {
	if w.whole || iv.class == nil || !iv.class.expires || iv.waker == nil || !g.isWorker() || received(iv.reason, iv.wakerClass) {
		return false
	}
	r := w.m.worksFor(iv.waker)
	return r != nil && r != w.r && !iv.waker.borrowed || r == nil && !iv.waker.isWorker()
}
