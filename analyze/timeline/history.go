package timeline

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"timesink/analyze/trace"
)

// A history holds what goroutines did, back to the earliest moment that may still be
// needed: the start of the oldest wait that may have to be followed or, at first, the
// opening of the window. It stays within a budget by dropping the oldest intervals.
// It attributes nothing and knows only that requests have open waits. The intervals
// themselves are stored in the goroutines.
type history struct {
	now   int64 // up to which records have been read
	known int64 // when goroutines not yet known are assumed to exist

	oldest, newest *goroutine   // the open waits, ordered by start
	dead           []*goroutine // ended goroutines that still hold intervals, ordered by end
	spare          [][]interval // of those that are forgotten, to use again
	spareCalls     []*asking    // the same
	spareRare      []*rare      // the same

	kept, most int   // intervals and their equivalents, and the maximum
	limit      int   // the current maximum
	floor      int64 // intervals that ended before it were dropped for lack of room
	holdUntil  int64 // from known until then, everything is kept
}

// An interval is a stretch of time in one state.
type interval struct {
	start, end int64
	class      *class
	// The goroutine that ended a wait, and its stack; nil if a timer, the network or
	// the end of the window did.
	waker      *goroutine
	wakerClass *class
	aide       *goroutine // dials the connection, or writes the request, in the meantime
	state      trace.State
	reason     trace.Reason
	assist     bool
	open       bool  // still open at the end of the window
	expired    bool  // a deadline ended it
	late       int32 // how much longer a wait seems because its end was noticed late, ns
}

// A handover records that a goroutine ended the wait of another request. req is nil
// if it was not yet known which request the woken goroutine belongs to. nth is its
// position in a run of handovers, with no work between them, or tookNth.
type handover struct {
	at     int64
	to     *goroutine
	req    *request
	reqSeq uint32
	nth    int32
	// unclear is set if it is not known whether the other one was waiting to give something.
	unclear bool
}

// tookNth is the position of a handover where the goroutine took what the other one was
// waiting to give. It is in no run.
const tookNth = -1

// A pass records that a goroutine gave something to another one that waited for it,
// or took it from one that waited to give it.
type pass struct {
	at   int64
	with *goroutine
	took bool
}

// isOthers reports whether the handover was to another request than r. A goroutine
// from before the window shows what it is only after it was woken.
func (h *handover) isOthers(r *request) bool {
	if h.req == nil {
		return h.to.claim != unseen && !h.to.isWorker()
	}
	return h.req != r || h.reqSeq != r.seq
}

// pass records that a goroutine gave something to another one, or took it.
func (h *history) pass(g *goroutine, at int64, with *goroutine, took bool) {
	rare := g.ensureRare()
	if n := len(rare.passes); n > 0 {
		at = max(at, rare.passes[n-1].at)
	}
	rare.passes = append(rare.passes, pass{at, with, took})
	h.kept++
}

// handOver records that a goroutine woke another one, which works for r; took is set if
// that one was waiting to give it something, and unclear if that is not known. r is nil if
// the request is not yet known.
func (h *history) handOver(g *goroutine, at int64, to *goroutine, r *request, took, unclear bool) {
	rare, nth := g.ensureRare(), int32(0)
	if n := len(rare.handed); n > 0 {
		at = max(at, rare.handed[n-1].at)
	}
	if took {
		nth = tookNth
	} else if !unclear && g.stillReleases(at) {
		nth = rare.handed[len(rare.handed)-1].nth + 1
	}
	rare.handed = append(rare.handed, handover{at, to, r, to.reqSeq, nth, unclear})
	h.kept++
}

// horizon returns the earliest moment for which the past may be needed.
func (h *history) horizon() int64 {
	if h.holding() {
		return max(h.known, h.floor)
	}
	return h.waitHorizon()
}

// waitHorizon returns the earliest moment for which open waits may need the past.
func (h *history) waitHorizon() int64 {
	if h.oldest == nil {
		return h.now
	}
	return max(h.oldest.since, h.floor)
}

// remembers reports whether the past may be needed at all.
func (h *history) remembers() bool { return h.oldest != nil || h.holding() }

// forgetDead drops the past of goroutines that ended before the horizon.
func (h *history) forgetDead(horizon int64) {
	n := len(h.dead)
	if n == 0 || h.dead[0].died() > horizon || n > 16 && h.dead[n/2].died() > horizon {
		return // not yet worth moving the rest
	}
	i := 0
	for ; i < n && h.dead[i].died() <= horizon; i++ {
		g := h.dead[i]
		h.kept -= g.holds()
		g.creator = nil
		h.recycle(g)
		if g.rare != &nothing {
			g.handed, g.passes = nil, nil
		}
	}
	h.dead = slices.Delete(h.dead, 0, i)
}

// remember keeps an interval while an open wait may lead to it.
func (h *history) remember(g *goroutine, iv *interval) {
	if to := h.keep(g, iv.start); to != nil {
		*to = *iv
	}
}

// keep returns where an interval that began at start is to be kept, with its fields zero,
// or nil if it need not be.
func (h *history) keep(g *goroutine, start int64) *interval {
	if g.call != nil {
		h.forgetCalls(g, min(h.waitHorizon(), start))
	}
	if !h.remembers() {
		if len(g.past) > 0 {
			h.kept -= len(g.past)
			g.past = g.past[:0]
		}
		if g.rare != &nothing {
			h.kept -= len(g.handed) + len(g.passes)
			g.handed, g.passes = g.handed[:0], g.passes[:0]
		}
		if g.creator != nil {
			g.creator = nil
		}
		return nil
	}
	horizon := h.horizon()
	if n := len(g.past); n > 0 && g.past[0].end <= horizon && (n < 16 || g.past[n/2].end <= horizon) {
		h.forget(g, horizon)
	}
	if g.born <= horizon {
		g.creator = nil
	}
	if n := len(h.spare); g.past == nil && n > 0 {
		g.past, h.spare = h.spare[n-1], h.spare[:n-1]
	}
	g.past = append(g.past, interval{})
	h.kept++
	return &g.past[len(g.past)-1]
}

// The parts of ended goroutines are used again: a busy service starts one for each
// request, and their slices took more memory than all else.
const (
	mostSpare    = 256
	longestSpare = 32 // intervals
)

// recycle takes the intervals of an ended goroutine, which nothing needs any more.
func (h *history) recycle(g *goroutine) {
	if n := cap(g.past); n > 0 && n <= longestSpare && len(h.spare) < mostSpare {
		clear(g.past)
		h.spare = append(h.spare, g.past[:0])
	}
	g.past = nil
	if a := g.call; a != nil {
		if len(h.spareCalls) < mostSpare && cap(a.calls) <= longestSpare && cap(a.loose) == 0 {
			a.forget()
			h.spareCalls = append(h.spareCalls, a)
		}
		g.call = nil
	}
	if r := g.rare; r != &nothing && g.opening == nil && len(h.spareRare) < mostSpare {
		*r = rare{}
		g.rare, h.spareRare = &nothing, append(h.spareRare, r)
	}
}

// lend gives a goroutine the rare part of one that is forgotten, if there is one.
func (h *history) lend(g *goroutine) {
	if n := len(h.spareRare); n > 0 && g.rare == &nothing {
		g.rare, h.spareRare = h.spareRare[n-1], h.spareRare[:n-1]
	}
}

// forget drops what a goroutine did before the horizon.
func (h *history) forget(g *goroutine, horizon int64) {
	i := endingAfter(g.past, horizon)
	h.kept -= i
	g.past = slices.Delete(g.past, 0, i)
	if len(g.handed) > 0 && g.handed[0].at < horizon {
		i, _ := slices.BinarySearchFunc(g.handed, horizon, func(h handover, t int64) int { return cmp.Compare(h.at, t) })
		h.kept -= i
		g.handed = slices.Delete(g.handed, 0, i)
	}
	if len(g.passes) > 0 && g.passes[0].at < horizon {
		i, _ := slices.BinarySearchFunc(g.passes, horizon, func(p pass, t int64) int { return cmp.Compare(p.at, t) })
		h.kept -= i
		g.passes = slices.Delete(g.passes, 0, i)
	}
}

// endingAfter returns the index of the first interval that ends after a moment. The
// intervals are ordered.
func endingAfter(past []interval, moment int64) int {
	lo, hi := 0, len(past)
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); past[mid].end <= moment {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// makeRoom drops what is kept since the opening of the window. If that is not enough,
// it also drops the older half of the rest, however old the open waits are; their
// early parts then remain unknown. It reports whether it had to do the latter.
func (h *history) makeRoom(live iter.Seq2[int64, *goroutine]) (forgot bool) {
	if h.holding() {
		h.letGo(live)
	}
	if h.kept <= h.most {
		return false
	}
	horizon := h.horizon()
	for h.kept > h.most/2 && horizon < h.now {
		horizon += max(1, (h.now-horizon)/2)
		h.floor = horizon
		h.forgetDead(horizon)
		for _, g := range live {
			h.forget(g, horizon)
			if g.call != nil {
				g.call.enough = 0
				h.forgetCalls(g, horizon)
			}
			if cap(g.past) > 4*len(g.past)+64 {
				g.past = slices.Clone(g.past)
			}
			if g.born <= horizon {
				g.creator = nil
			}
		}
	}
	return true
}

// watch adds an open wait whose past may be needed when it ends. Waits are kept
// ordered by start, so that the first is the oldest. A wait is inserted before the
// end only where generations overlap.
func (h *history) watch(g *goroutine) {
	before := h.newest
	for before != nil && before.since > g.since {
		before = before.older
	}
	g.open, g.older, g.newer = true, before, h.oldest
	if before != nil {
		g.newer = before.newer
		before.newer = g
	} else {
		h.oldest = g
	}
	if g.newer != nil {
		g.newer.older = g
	} else {
		h.newest = g
	}
}

func (h *history) unwatch(g *goroutine) {
	if !g.open {
		return
	}
	if g.waitsAt != nil {
		g.waitsAt.waiting--
		g.waitsAt = nil
	}
	if g.older != nil {
		g.older.newer = g.newer
	} else {
		h.oldest = g.newer
	}
	if g.newer != nil {
		g.newer.older = g.older
	} else {
		h.newest = g.older
	}
	g.open, g.older, g.newer = false, nil, nil
}

// hold starts keeping all history from the moment since which goroutines are known.
func (h *history) hold() {
	h.holdUntil = h.known + historyAtOpening
	h.limit = h.most / 8
}

// holding reports whether all history since the opening is kept.
func (h *history) holding() bool { return h.holdUntil != math.MaxInt64 }

// letGo stops holding, and drops what no open wait needs.
func (h *history) letGo(live iter.Seq2[int64, *goroutine]) {
	h.holdUntil, h.limit = math.MaxInt64, h.most
	horizon := h.horizon()
	h.forgetDead(horizon)
	for _, g := range live {
		h.forget(g, horizon)
		if len(g.past) == 0 {
			g.past = nil
		}
	}
}

// forgetAll resets the history after a gap.
func (h *history) forgetAll() {
	h.dead, h.oldest, h.newest = nil, nil, nil
	h.kept, h.floor, h.known = 0, 0, 0
	h.holdUntil, h.limit = math.MaxInt64, h.most
}

// bury keeps an ended goroutine as long as its past may be needed.
func (h *history) bury(g *goroutine) {
	if g.holds() == 0 {
		g.creator = nil
		h.recycle(g)
		return
	}
	g.buried = true
	h.kept += goroutineSize / intervalSize
	h.dead = append(h.dead, g)
}

// holds returns how many intervals, and their equivalents, are kept for a goroutine.
func (g *goroutine) holds() int {
	n := len(g.past) + len(g.handed) + len(g.passes)
	if g.call != nil {
		n += looseSize * len(g.call.loose)
	}
	if g.buried {
		n += goroutineSize / intervalSize
	}
	return n
}
