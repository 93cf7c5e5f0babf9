package timeline

import (
	"timesink/analyze/breakdown"
	"timesink/analyze/trace"
)

// What a goroutine is woken by, and what passes from one to another with it.

// wake ends a wait.
func (m *machine) wake(g *goroutine, at int64, state trace.State, waker *goroutine, wakerClass *class) {
	waited, reason := g.class, g.reason
	if waker != nil {
		m.feed(g, wakerClass)
		m.noteWaker(g, waker, wakerClass, at)
		m.consumed(waker, at, wakerClass, waited)
		if waited != nil && waited.Phase == breakdown.PoolWait && reason != trace.ReasonSync && wakerClass != nil && wakerClass.Returns {
			m.givesConnection(waker, wakerClass)
		}
	}
	if wakerClass != nil && wakerClass.ends != nil && waited != nil && reason != trace.ReasonGC {
		wakerClass.ends.learn(spell{waited, trace.StateWaiting, reason})
	}
	m.enter(g, at, state, nil, trace.ReasonNone, waker, wakerClass)
	if g.claim > unclaimed {
		recognizers[g.claim].resume(m, g, wakeup{at: g.since, waited: waited, reason: reason, waker: waker, by: wakerClass})
	}
	if waker == nil || !followable(waited, reason) {
		return
	}
	from, to := waker, g
	if received(reason, wakerClass) {
		from, to = g, waker
	}
	if r := m.worksFor(from); r != nil && !from.borrowed {
		if r.g == from {
			r.gaveTo, r.gaveAt = to, at
		}
		r.asked = r.asked || m.worksFor(to) != r
	}
	if to.isWorker() {
		m.borrow(to, from)
	}
	m.notePass(from, to, at)
}

// received reports whether the goroutine that ended a wait took what the other one
// was waiting to give.
func received(reason trace.Reason, waker *class) bool {
	return reason == trace.ReasonSend || waker != nil && waker.receives
}

// notePass records that something went from one goroutine to another, at least one of
// which does not belong to a request. A shared worker that has passed a request's
// work on is done with it.
func (m *machine) notePass(from, to *goroutine, at int64) {
	if r := m.worksFor(from); !m.remembers() || r != nil && r == m.worksFor(to) && !from.borrowed && !to.borrowed {
		return
	}
	if from.isWorker() {
		m.pass(from, at, to, false)
		if from.borrowed {
			from.req, from.borrowed = nil, false
		}
	}
	if to.isWorker() {
		m.pass(to, at, from, true)
	}
}

// noteWaker updates the waker's request from the waker's stack, and records that the
// waker woke another request.
func (m *machine) noteWaker(g, waker *goroutine, wakerClass *class, at int64) {
	switch {
	case wakerClass == nil:
	case wakerClass.GC || wakerClass.unlocks:
		m.seenInPassing(waker, at, wakerClass, trace.StateRunning)
	default:
		m.seen(waker, at, wakerClass, trace.StateRunning)
	}
	r := m.worksFor(g)
	if r == nil && g.claim != unseen || !m.remembers() || !followable(g.class, g.reason) {
		return
	}
	if waker.relays() {
		m.noteRelease(waker.creator, waker.created, waker.born, g, r)
	}
	m.noteRelease(waker, wakerClass, at, g, r)
}

// borrow marks a shared worker as working for the request that handed it something,
// either by waking it or by waiting until the worker took it. The loan ends when
// another request hands it something, or when the worker wakes the request.
func (m *machine) borrow(worker, from *goroutine) {
	if r := m.worksFor(worker); r != nil && !worker.borrowed {
		return // a branch of its own request remains one
	}
	if r := m.worksFor(from); r != nil {
		worker.req, worker.reqSeq, worker.borrowed = r, from.reqSeq, true
	} else if worker.borrowed {
		worker.req, worker.borrowed = nil, false
	}
}

// worksFor returns the open request that a goroutine works for, or nil.
func (m *machine) worksFor(g *goroutine) *request {
	if g.req != nil && g.req.seq == g.reqSeq && g.req.life == open {
		return g.req
	}
	return nil
}

// aideOf returns the goroutine that did the work another one waited for: it made a
// connection, which may have been started by a goroutine that released one, or it
// wrote the request. It returns nil if there is none.
func aideOf(g, waker *goroutine) *goroutine {
	if g.class == nil || g.class.Own == nil {
		return nil
	}
	switch aide := g.aide; g.class.Phase {
	case breakdown.PoolWait:
		if aide == nil {
			aide = waker
		}
		if aide != nil && aide.dials {
			return aide
		}
	case breakdown.ResponseWait:
		if aide != nil && aide.start != nil && aide.start.Writes {
			return aide
		}
	}
	return nil
}
