package timeline

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"timesink/analyze/trace"
)

// A history is what goroutines did, back to the moment to which it may still be asked
// for: the start of the oldest wait that may have to be followed, or, at first, the
// window's opening. It keeps within a budget: what is older than that allows is
// forgotten. It knows nothing of requests but that their waits are open, and attributes
// nothing. What it keeps of a goroutine lies with that.
type history struct {
	now   int64 // as far as the records have been read
	known int64 // goroutines not known yet were there then

	oldest, newest *goroutine   // of the open waits, by their start
	dead           []*goroutine // that still hold intervals, in the order of their end

	kept, most int   // intervals and what weighs like them, and how many there may be
	limit      int   // of them, at present
	floor      int64 // what ended before it was forgotten for want of room
	holdUntil  int64 // from known on until then, all is kept
}

// An interval is a stretch in one state.
type interval struct {
	start, end int64
	class      *class
	// What ended a wait: the goroutine and its stack, nil where a timer, the
	// network or the window's end did.
	waker      *goroutine
	wakerClass *class
	aide       *goroutine // makes the connection, or writes the request, meanwhile
	state      trace.State
	reason     trace.Reason
	assist     bool
	open       bool // not ended: the window's edge
}

// A handover is the moment at which a goroutine ended another request's wait: req
// is nil where it was not known yet what the one that waited is.
type handover struct {
	at     int64
	to     *goroutine
	req    *request
	reqSeq uint32
}

// A pass is the moment at which a goroutine gave something to another one that
// waited for it, or took it from one that waited to give it.
type pass struct {
	at   int64
	with *goroutine
	took bool
}

// isOthers tells a hand-over to another request than r. One of before the window
// shows what it is only after it was woken.
func (h *handover) isOthers(r *request) bool {
	if h.req == nil {
		return h.to.claim != unseen && !h.to.isWorker()
	}
	return h.req != r || h.reqSeq != r.seq
}

// pass keeps that a goroutine gave something to another one, or took it.
func (h *history) pass(g *goroutine, at int64, with *goroutine, took bool) {
	rare := g.ensureRare()
	if n := len(rare.passes); n > 0 {
		at = max(at, rare.passes[n-1].at)
	}
	rare.passes = append(rare.passes, pass{at, with, took})
	h.kept++
}

// handOver keeps that a goroutine let another one go on, which works for a request; nil
// where it is not known yet what it is.
func (h *history) handOver(g *goroutine, at int64, to *goroutine, r *request) {
	rare := g.ensureRare()
	if n := len(rare.handed); n > 0 {
		at = max(at, rare.handed[n-1].at)
	}
	rare.handed = append(rare.handed, handover{at, to, r, to.reqSeq})
	h.kept++
}

// horizon is the moment back to which the past may be asked for.
func (h *history) horizon() int64 {
	if h.holding() {
		return max(h.known, h.floor)
	}
	return h.waitHorizon()
}

// waitHorizon is the moment back to which open waits may ask for the past.
func (h *history) waitHorizon() int64 {
	if h.oldest == nil {
		return h.now
	}
	return max(h.oldest.since, h.floor)
}

// remembers reports whether the past may be asked for at all.
func (h *history) remembers() bool { return h.oldest != nil || h.holding() }

// forgetDead drops the past of the goroutines that ended before the horizon.
func (h *history) forgetDead(horizon int64) {
	n := len(h.dead)
	if n == 0 || h.dead[0].died > horizon || n > 16 && h.dead[n/2].died > horizon {
		return // not yet worth moving the rest
	}
	i := 0
	for ; i < n && h.dead[i].died <= horizon; i++ {
		g := h.dead[i]
		h.kept -= g.holds()
		g.creator, g.past = nil, nil
		if g.rare != &nothing {
			g.handed, g.passes, g.call = nil, nil, nil
		}
	}
	h.dead = slices.Delete(h.dead, 0, i)
}

// remember keeps an interval while an open wait may lead to it.
func (h *history) remember(g *goroutine, iv *interval) {
	if g.call != nil {
		h.forgetCalls(g, min(h.waitHorizon(), iv.start))
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
		return
	}
	horizon := h.horizon()
	if n := len(g.past); n > 0 && g.past[0].end <= horizon && (n < 16 || g.past[n/2].end <= horizon) {
		h.forget(g, horizon)
	}
	if g.born <= horizon {
		g.creator = nil
	}
	g.past = append(g.past, *iv)
	h.kept++
}

// forget drops what a goroutine did before the horizon.
func (h *history) forget(g *goroutine, horizon int64) {
	i, _ := slices.BinarySearchFunc(g.past, horizon+1, func(iv interval, t int64) int { return cmp.Compare(iv.end, t) })
	h.kept -= i
	g.past = slices.Delete(g.past, 0, i)
	if g.rare == &nothing {
		return
	}
	i, _ = slices.BinarySearchFunc(g.handed, horizon, func(h handover, t int64) int { return cmp.Compare(h.at, t) })
	h.kept -= i
	g.handed = slices.Delete(g.handed, 0, i)
	i, _ = slices.BinarySearchFunc(g.passes, horizon, func(p pass, t int64) int { return cmp.Compare(p.at, t) })
	h.kept -= i
	g.passes = slices.Delete(g.passes, 0, i)
}

// makeRoom forgets what is kept since the window's opening and, where that is not
// enough, the older half of the rest, however old the open waits are: how they came
// to last that long will be unknown. It reports whether it had to do that.
func (h *history) makeRoom(live iter.Seq[*goroutine]) (forgot bool) {
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
		for g := range live {
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

// watch files an open wait whose past may be asked for when it ends. Waits are
// filed in the order of their beginning, so that the first is the oldest; only
// where generations overlap is a place not at the end.
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

// hold keeps the history from the moment on from which goroutines are known.
func (h *history) hold() {
	h.holdUntil = h.known + historyAtOpening
	h.limit = h.most / 8
}

// holding reports whether the history since the opening is kept.
func (h *history) holding() bool { return h.holdUntil != math.MaxInt64 }

// letGo ends that, and forgets what no open wait asks for.
func (h *history) letGo(live iter.Seq[*goroutine]) {
	h.holdUntil, h.limit = math.MaxInt64, h.most
	horizon := h.horizon()
	h.forgetDead(horizon)
	for g := range live {
		h.forget(g, horizon)
		if len(g.past) == 0 {
			g.past = nil
		}
	}
}

// forgetAll begins anew, behind a gap.
func (h *history) forgetAll() {
	h.dead, h.oldest, h.newest = nil, nil, nil
	h.kept, h.floor, h.known = 0, 0, 0
	h.holdUntil, h.limit = math.MaxInt64, h.most
}

// bury keeps a goroutine that has ended as long as what it did may be asked for.
func (h *history) bury(g *goroutine) {
	if g.holds() == 0 {
		g.creator = nil
		return
	}
	g.buried = true
	h.kept += goroutineSize / intervalSize
	h.dead = append(h.dead, g)
}

// holds is how many intervals and the like are kept of a goroutine.
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
