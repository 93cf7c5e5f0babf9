package timeline

import (
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/trace"
)

// Following a wake-up: to the goroutine that ended a wait, and to what it did meanwhile.

// follow attributes [a, b) to what the waker was doing. A branch of the request is
// followed all the way. A worker that also serves others did this request's work
// since it last handed something to another request, or to another batch of them; before
// that, the request queued. A goroutine that serves another request did nothing for this
// one, unless it released others together with it.
func (w *walk) follow(g *goroutine, iv *interval, waker *goroutine, a, b int64, depth int) {
	if depth >= maxDepth {
		w.add(g, breakdown.Unknown, breakdown.NoPhase, w.cause(iv), a, b, nil)
		return
	}
	if w.answered(g, iv, waker, a, b, depth) {
		return
	}
	from, leads := w.sharedUntil(waker, a, b), false
	if !w.whole && !w.holder {
		from, leads = w.batched(g, iv, waker, a, from, b)
	}
	if from < b && (slices.Contains(w.busy, waker) || w.gives(iv, waker)) {
		from = b
	}
	if from < b {
		w.noteShared(g, iv, waker, a, from, leads)
	}
	w.queue(g, iv, waker, a, from, b, depth)
	if w.tally != nil && waker.serves() && w.m.worksFor(waker) != w.m.worksFor(g) {
		w.chain(iv, waker, from, b, depth)
		return
	}
	whole := w.whole
	w.whole = whole || leads
	w.worked(waker, from, b, depth)
	w.whole = whole
}

// gives reports whether the wait ended when a shared worker took something. The
// worker's time before that does not belong to this request, unless it was doing
// other work for it.
func (w *walk) gives(iv *interval, waker *goroutine) bool {
	return !w.whole && !w.holder && received(iv.reason, iv.wakerClass) && w.m.worksFor(waker) != w.r
}

// worked attributes [a, b) to what a goroutine did for the request.
func (w *walk) worked(g *goroutine, a, b int64, depth int) {
	if !w.whole && !w.holder && !w.branch {
		w.m.claim(w.r, g, a, b)
	}
	w.stretch(g, a, b, depth)
}

// queue attributes [a, until), when a worker that the request waited for until b had
// not yet started its work. The request queued, unless another goroutine passed the
// work to the worker. Then that goroutine may have worked for the request in the
// meantime, since it last passed something on.
func (w *walk) queue(g *goroutine, iv *interval, worker *goroutine, a, until, b int64, depth int) {
	if a >= until {
		return
	}
	carrier, at := w.carrier(worker, a, until, b)
	if carrier == nil || carrier == g || depth >= maxDepth {
		w.add(g, breakdown.Wait, breakdown.NoPhase, w.cause(iv), a, until, w.m.behind(worker, iv.wakerClass, a, until, depth))
		return
	}
	inner := *w
	inner.busy = append(slices.Clip(w.busy), worker)
	from := min(inner.carriedSince(carrier, a, at), until)
	inner.queue(g, iv, carrier, a, from, at, depth+1)
	inner.worked(carrier, from, until, depth+1)
}

// carrier returns the goroutine that passed a request's work to a worker in [after,
// b], and when: the first to pass it anything after the worker had finished other
// work. It returns nil if the request did so itself, or if the trace does not show
// it.
func (w *walk) carrier(worker *goroutine, a, after, b int64) (*goroutine, int64) {
	i := slices.IndexFunc(worker.passes, func(p pass) bool { return p.took && p.at >= after && p.at <= b })
	if i < 0 {
		return nil, 0
	}
	p := &worker.passes[i]
	r := w.m.worksFor(p.with)
	ours := r == w.r && r != nil && !p.with.borrowed
	switch {
	case p.with == w.r.g, slices.Contains(w.busy, p.with), !p.with.isWorker(),
		!ours && (r != nil && !p.with.borrowed || p.with.fresh && p.with.born > a):
		return nil, 0
	}
	// If it waited for anything else before, it was already at work.
	for j := len(worker.past) - 1; j >= 0 && worker.past[j].end > after; j-- {
		if iv := &worker.past[j]; iv.start < p.at && iv.end < p.at && (iv.state == trace.StateWaiting || iv.state == trace.StateSyscall) {
			return nil, 0
		}
	}
	return p.with, p.at
}

// carriedSince returns the moment in [a, at] from which a goroutine worked on what it
// passed on at the end.
func (w *walk) carriedSince(g *goroutine, a, at int64) int64 {
	from := w.sharedUntil(g, a, at)
	if r := w.m.worksFor(g); r == w.r && !g.borrowed {
		return from
	}
	for i := len(g.passes) - 1; i >= 0 && g.passes[i].at > from; i-- {
		if p := &g.passes[i]; !p.took && p.at < at {
			return p.at
		}
	}
	return from
}

// sharedUntil returns the moment in [a, b] from which the waker worked for the walk's
// request.
func (w *walk) sharedUntil(waker *goroutine, a, b int64) int64 {
	if w.whole || w.holder || waker.relays() {
		return a
	}
	r := w.m.worksFor(waker)
	switch {
	case r == w.r && !waker.borrowed:
		return a
	case r != nil && !waker.borrowed:
		return b
	}
	from := a
	for i := len(waker.handed) - 1; i >= 0 && waker.handed[i].at > a; i-- {
		h := &waker.handed[i]
		if h.at < b && h.isOthers(w.r) && (w.news == 0 || h.at < w.news) {
			from = h.at
			break
		}
	}
	return from
}
