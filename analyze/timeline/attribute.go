package timeline

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// A walk attributes one interval: it finds what held up the request in it.
type walk struct {
	m   *machine
	r   *request
	out *[]breakdown.Segment
	at  *class // the stack that the request itself waits with
	// whole is set if the request waits for the work itself, no matter who started
	// it.
	whole bool
	// holder is set if the walk is not for the request's path but for what the holder
	// of a lock or of a pooled connection was doing.
	holder bool
	// tally takes what the holder did, in place of out. It is nil for all other walks.
	tally *tally
	// branch is set if the walk already follows a branch during a wait for a timer.
	branch bool
	// news is when the goroutines that ended the wait had something to do again, or 0
	// if they worked for a request. What they woke since then is not evidence.
	news int64
	// busy are the workers whose other work the request queued behind. Time that
	// leads back to them is queueing too.
	busy []*goroutine
}

// maxDepth bounds how many goroutines a wait is followed through, and maxHolders how
// many lock holders. Beyond that, the wait's own stack decides.
const (
	maxDepth   = 48
	maxHolders = 12
)

// attribute appends a closed interval of the request's own goroutine to its path.
func (m *machine) attribute(r *request, g *goroutine, iv *interval) {
	at := m.upTo(r, g, iv.start)
	if r.shared.class != nil && iv.work() > ranWork {
		r.shared.class = nil // not straight back to the same wait
	}
	w := walk{m: m, r: r, out: &r.Path, at: iv.class}
	if iv.state == trace.StateWaiting && iv.class != nil && iv.class.Bare && iv.end > at {
		w.news = m.waited(r, iv, iv.end-at)
	}
	w.explain(g, iv, at, iv.end, 0)
	if iv.state == trace.StateWaiting && !iv.open && !iv.hasNoStack() && iv.reason != trace.ReasonSleep && followable(iv.class, iv.reason) {
		m.endedWait(iv, r.Path)
	}
}

// upTo fills the path with unknown time up to a moment. It returns the end of the
// path, which may lie beyond that moment.
func (m *machine) upTo(r *request, g *goroutine, moment int64) int64 {
	at := r.Start
	if n := len(r.Path); n > 0 {
		at = r.Path[n-1].End
	}
	if at >= moment {
		return at
	}
	w := walk{m: m, r: r, out: &r.Path}
	w.add(g, breakdown.Unknown, breakdown.NoPhase, m.causeOf(nil, trace.StateUnknown, trace.ReasonNone, nil), at, moment, nil)
	return moment
}

// explain attributes the part [a, b) of a goroutine's interval.
func (w *walk) explain(g *goroutine, iv *interval, a, b int64, depth int) {
	if a >= b {
		return
	}
	switch iv.state {
	case trace.StateRunning:
		bucket := breakdown.CPU
		if iv.assist {
			bucket = breakdown.GC
		}
		w.add(g, bucket, breakdown.NoPhase, w.cause(iv), a, b, nil)
	case trace.StateRunnable:
		w.runnable(g, iv, a, b)
	case trace.StateSyscall:
		if c := iv.class; c != nil && c.Own != nil {
			w.add(g, c.Own.Bucket, c.Phase, w.cause(iv), a, b, nil)
		} else if c != nil && c.InC {
			if w.r != nil {
				w.r.InC = true
			}
			w.add(g, breakdown.Unknown, breakdown.CCall, w.cause(iv), a, b, nil)
		} else if w.answers(g, c) {
			w.add(g, breakdown.ClientIO, breakdown.NoPhase, w.cause(iv), a, b, nil)
		} else {
			w.add(g, breakdown.Unknown, breakdown.NoPhase, w.cause(iv), a, b, nil)
		}
	case trace.StateWaiting:
		w.waiting(g, iv, a, b, depth)
	default:
		w.add(g, breakdown.Unknown, breakdown.NoPhase, w.cause(iv), a, b, nil)
	}
}

// answers reports whether the stack writes to the client of a message, or reads it.
func (w *walk) answers(g *goroutine, c *class) bool {
	if c == nil || w.r == nil || !w.r.talks || w.r.g != g {
		return false
	}
	l, ok := g.memo.(*loop)
	return c.sends || ok && l.heads(c)
}

// runnable separates the stops of the world from the wait for a processor.
func (w *walk) runnable(g *goroutine, iv *interval, a, b int64) {
	cause := w.cause(iv)
	if iv.assist {
		w.add(g, breakdown.GC, breakdown.NoPhase, cause, a, b, nil)
		return
	}
	stops := w.m.stops
	if !w.m.mayHaveStopped(a) {
		w.add(g, breakdown.Scheduler, breakdown.NoPhase, cause, a, b, nil)
		return
	}
	i, _ := slices.BinarySearchFunc(stops, a, func(s span, t int64) int { return cmp.Compare(s.end, t) })
	for ; a < b; i++ {
		stop := span{b, b}
		if i < len(stops) {
			stop = stops[i]
		} else if w.m.stopped != 0 {
			stop = span{w.m.stopped, b}
		}
		from, to := min(max(stop.start, a), b), min(max(stop.end, a), b)
		w.add(g, breakdown.Scheduler, breakdown.NoPhase, cause, a, from, nil)
		w.add(g, breakdown.GC, breakdown.NoPhase, cause, from, to, nil)
		a = to
	}
}

// waiting attributes a wait by its own stack if that suffices, otherwise by what its
// waker did in the meantime.
func (w *walk) waiting(g *goroutine, iv *interval, a, b int64, depth int) {
	c := iv.class
	switch {
	case iv.reason == trace.ReasonGC, c != nil && c.GC:
		w.add(g, breakdown.GC, breakdown.NoPhase, w.cause(iv), a, b, nil)
	case c != nil && c.opening != nil:
		w.opening(g, iv, a, b, depth)
	case iv.forTimer():
		w.add(g, breakdown.Sleep, breakdown.NoPhase, w.cause(iv), a, b, nil)
		w.late(iv, b)
	case c != nil && c.Own != nil:
		w.known(g, iv, a, b, depth)
		w.late(iv, b)
	case iv.reason == trace.ReasonSleep:
		w.add(g, breakdown.Sleep, breakdown.NoPhase, w.cause(iv), a, b, nil)
		w.late(iv, b)
	case iv.reason == trace.ReasonNetwork && w.answers(g, c):
		w.add(g, breakdown.ClientIO, breakdown.NoPhase, w.cause(iv), a, b, nil)
	case iv.reason == trace.ReasonNetwork, c == nil && iv.waker == nil:
		w.add(g, breakdown.Unknown, breakdown.NoPhase, w.cause(iv), a, b, nil)
	case iv.open && w.r != nil && g == w.r.g && !w.branch && !w.holder:
		w.unended(g, iv, a, b, depth)
	case iv.waker == nil:
		w.timer(g, iv, a, b, depth)
		w.late(iv, b)
	case iv.answers() != nil:
		w.steps(g, iv, iv.answers(), a, b, depth)
	case w.gathers(g, iv):
		w.add(g, breakdown.Sleep, breakdown.NoPhase, w.cause(iv), a, b, nil)
	default:
		inner := *w
		inner.whole = w.whole || followsWhole(c) || followsWhole(iv.wakerClass)
		inner.follow(g, iv, iv.waker, a, b, depth+1)
	}
}

// followsWhole reports whether the stack waits for, or ends, shared work.
func followsWhole(c *class) bool { return c != nil && c.Follow == rules.FollowWhole }

// known attributes a wait that its own stack explains.
func (w *walk) known(g *goroutine, iv *interval, a, b int64, depth int) {
	c := iv.class
	bucket, phase := c.Own.Bucket, c.Phase
	queued := bucket == breakdown.Lock || phase == breakdown.PoolWait
	switch {
	case queued && w.holder && iv.waker != nil && depth < maxHolders:
		w.chain(iv, iv.waker, a, b, depth)
	case phase == breakdown.PoolWait && iv.dialer() != nil:
		w.dialing(g, iv, a, b, depth)
	case c.Own.Steps && iv.waker != nil:
		w.steps(g, iv, c.Own, a, b, depth)
	case c.Feeds && iv.waker != nil:
		w.fed(g, iv, a, b, depth)
	case iv.aide != nil:
		wrote := min(max(a, iv.aide.wrote), b)
		w.add(g, bucket, breakdown.RequestWrite, w.cause(iv), a, wrote, nil)
		w.add(g, bucket, iv.phase(), w.cause(iv), wrote, b, nil)
	case queued && !w.holder && iv.waker != nil:
		w.add(g, bucket, phase, w.cause(iv), a, b, w.m.behindWait(iv, a, b, depth))
	default:
		if iv.waker != nil && iv.waker.idled.end > a {
			a = w.idled(g, iv, a, b)
		}
		w.add(g, bucket, iv.phase(), w.cause(iv), a, b, nil)
	}
}

// idled attributes [a, b) up to the end of a wait in which the waker idled for a timer. It
// returns that end.
func (w *walk) idled(g *goroutine, iv *interval, a, b int64) int64 {
	t := &iv.waker.idled
	from, to := min(max(t.start, a), b), min(max(t.end, a), b)
	w.add(g, iv.class.Own.Bucket, iv.phase(), w.cause(iv), a, from, nil)
	w.add(iv.waker, breakdown.Sleep, breakdown.NoPhase, w.m.causeOf(t.class, trace.StateWaiting, t.reason, w.at), from, to, nil)
	return to
}

// forTimer reports whether a timer of a library ended the wait.
func (iv *interval) forTimer() bool {
	return iv.class != nil && iv.class.Timer != "" && iv.waker == nil && !iv.open && iv.reason != trace.ReasonNetwork
}

// dialer returns the goroutine that made a connection in a wait for one, nil if none did:
// one that was created for it, or one that serves others as well.
func (iv *interval) dialer() *goroutine {
	if iv.aide == nil && iv.wakerClass != nil && iv.wakerClass.Connects {
		return iv.waker
	}
	return iv.aide
}

// dialing splits a wait for a connection by what the goroutine that dials one for
// this request was doing. While no connection is being dialed, it remains a wait for
// the pool.
func (w *walk) dialing(g *goroutine, iv *interval, a, b int64, depth int) {
	bucket, cause, dial := iv.class.Own.Bucket, w.cause(iv), iv.dialer()
	end := b
	if dial.dead {
		end = min(b, max(a, dial.died()))
	}
	if from := min(dial.born, end); from > a && dial.fresh {
		var behind []breakdown.Behind
		if dial.creator != nil && !w.holder {
			behind = w.m.behind(dial.creator, dial.created, a, from, depth)
		}
		w.add(g, bucket, breakdown.PoolWait, cause, a, from, behind)
		a = from
	}
	steps := w.m.takeSteps()
	inner := walk{m: w.m, r: w.r, out: &steps, at: w.at, whole: true, holder: true}
	inner.stretch(dial, a, end, depth+1)
	phase := breakdown.PoolWait // until one that serves others as well gets to it
	if dial == iv.aide {
		phase = breakdown.Connect
	}
	for i := range steps {
		s := &steps[i]
		if s.Bucket == breakdown.Sleep && s.Cause.Timer != "" {
			w.append(s.Goroutine, s.Bucket, s.Phase, s.Cause, s.Start, s.End, nil)
			continue
		}
		// Running time between two steps, as in a handshake, belongs to the first.
		if s.Bucket == bucket && s.Phase.Stage() == breakdown.Dialing {
			phase = s.Phase
		}
		w.add(g, bucket, phase, cause, s.Start, s.End, nil)
	}
	w.m.returnSteps(steps)
	w.add(g, bucket, breakdown.PoolWait, cause, end, b, nil)
}

// steps splits a wait for a client that works on its own goroutines by the phases
// that these were in, following them back from the waker. A phase lasts until the
// next one begins. Time that they left to a timer is batch delay.
func (w *walk) steps(g *goroutine, iv *interval, r *rules.Rule, a, b int64, depth int) {
	parts := w.m.takeSteps()
	inner := walk{m: w.m, r: w.r, out: &parts, at: w.at, whole: true, holder: true}
	inner.stretch(iv.waker, a, b, depth+1)
	phase, cause := r.Phase, w.cause(iv)
	for i := range parts {
		s := &parts[i]
		if s.Bucket == breakdown.Sleep && s.Cause.Timer != "" && r.Bucket != breakdown.Queue {
			w.append(s.Goroutine, s.Bucket, s.Phase, s.Cause, s.Start, s.End, nil)
			continue
		}
		switch {
		case s.Bucket == r.Bucket && s.Phase != breakdown.NoPhase:
			phase = s.Phase
		case s.Bucket == breakdown.Sleep && r.Bucket == breakdown.Queue:
			phase = breakdown.BatchDelay
		}
		w.add(g, r.Bucket, phase, cause, s.Start, s.End, nil)
	}
	w.m.returnSteps(parts)
}

// fed attributes a wait for a client whose goroutines call the service back for what they
// send: it is the client's, except where they waited for another system in the service's
// code.
func (w *walk) fed(g *goroutine, iv *interval, a, b int64, depth int) {
	parts, c, cause := w.m.takeSteps(), iv.class, w.cause(iv)
	inner := walk{m: w.m, r: w.r, out: &parts, at: w.at, whole: true, holder: true}
	inner.stretch(iv.waker, a, b, depth+1)
	for i := range parts {
		s := &parts[i]
		if s.Bucket.External() && s.Bucket != c.Own.Bucket && s.Cause.Site.Function != "" {
			w.append(s.Goroutine, s.Bucket, s.Phase, s.Cause, s.Start, s.End, nil)
			continue
		}
		w.add(g, c.Own.Bucket, iv.phase(), cause, s.Start, s.End, nil)
	}
	w.m.returnSteps(parts)
}

// answers returns the rule of a client that ended the wait by calling the service
// back, or nil if none did.
func (iv *interval) answers() *rules.Rule {
	if iv.wakerClass == nil || iv.class != nil && iv.class.Own != nil {
		return nil
	}
	return iv.wakerClass.Answers
}

// timer attributes a wait that no goroutine ended: a timer did, or it is still open.
// It is attributed to the request's busiest branch in that time, the youngest if
// several are equal. Where that branch had not begun or had ended, or there is none,
// the request slept.
func (w *walk) timer(g *goroutine, iv *interval, a, b int64, depth int) {
	bucket := breakdown.Sleep
	if iv.open || iv.reason == trace.ReasonSync || iv.reason == trace.ReasonCond {
		bucket = breakdown.Unknown
	}
	var best []breakdown.Segment
	if !w.holder && !w.branch && depth < maxDepth {
		best = w.busiest(g, a, b, depth)
	}
	cause := w.cause(iv)
	for _, s := range best {
		w.add(g, bucket, breakdown.NoPhase, cause, a, s.Start, nil)
		if s.Bucket == breakdown.Unknown || s.Bucket == breakdown.Sleep {
			w.add(g, bucket, breakdown.NoPhase, cause, s.Start, s.End, nil)
		} else {
			w.append(s.Goroutine, s.Bucket, s.Phase, s.Cause, s.Start, s.End, s.Behind)
		}
		a = s.End
	}
	w.add(g, bucket, breakdown.NoPhase, cause, a, b, nil)
}

// maxBranches bounds how many branches are followed.
const maxBranches = 64

// busiest returns what the request's busiest branch did in [a, b), or nil if no
// branch did anything. A request's branches include those that its branches started,
// so it does not recurse.
func (w *walk) busiest(g *goroutine, a, b int64, depth int) (best []breakdown.Segment) {
	most, asked := int64(0), 0
	for i := len(w.r.branches) - 1; i >= 0 && asked < maxBranches; i-- {
		branch := w.r.branches[i]
		from, to := max(a, branch.born), b
		if branch.dead {
			to = min(to, branch.died())
		}
		if branch == g || from >= to || !branch.ofHandlers() {
			continue
		}
		asked++
		var steps []breakdown.Segment
		inner := walk{m: w.m, r: w.r, out: &steps, at: w.at, whole: w.whole, branch: true}
		inner.stretch(branch, from, to, depth+1)
		busy := int64(0)
		for _, s := range steps {
			if s.Bucket != breakdown.Unknown && !s.Bucket.Idle() {
				busy += s.End - s.Start
			}
		}
		if busy > most {
			most, best = busy, steps
		}
	}
	return best
}

// stretch attributes [a, b) to what a goroutine did in it: its past, then its current
// state. Time before it was created is attributed to its creator.
func (w *walk) stretch(g *goroutine, a, b int64, depth int) {
	if a >= b {
		return
	}
	if depth >= maxDepth {
		w.add(g, breakdown.Unknown, breakdown.NoPhase, w.m.causeOf(w.at, trace.StateWaiting, trace.ReasonNone, nil), a, b, nil)
		return
	}
	if g.fresh && g.born > a {
		born := min(g.born, b)
		before := interval{class: g.created, wakerClass: g.created, state: trace.StateWaiting}
		switch {
		case g.timed:
			before.class, before.reason = w.at, trace.ReasonSleep
			w.timer(g, &before, a, born, depth+1)
		case g.creator != nil:
			w.follow(g, &before, g.creator, a, born, depth+1)
		default:
			w.gone(g, a, born)
		}
		a = born
	}
	for i := endingAfter(g.past, a); i < len(g.past) && a < b; i++ {
		iv := &g.past[i]
		if iv.start > a {
			w.gone(g, a, min(iv.start, b))
			a = min(iv.start, b)
		}
		to := min(iv.end, b)
		w.explain(g, iv, a, to, depth)
		a = max(a, to)
	}
	if a < b && !g.dead && g.state != trace.StateUnknown && g.since < b {
		if g.since > a {
			w.gone(g, a, g.since)
			a = g.since
		}
		iv := interval{start: g.since, end: b, class: g.class, state: g.state, reason: g.reason, assist: g.assist, aide: aideOf(g, nil), open: true}
		w.explain(g, &iv, a, b, depth)
		a = b
	}
	w.gone(g, a, b)
}

// gone adds time in which nothing is known about a goroutine.
func (w *walk) gone(g *goroutine, a, b int64) {
	w.add(g, breakdown.Unknown, breakdown.NoPhase, w.m.causeOf(w.at, trace.StateUnknown, trace.ReasonNone, nil), a, b, nil)
}

// takeSteps returns an empty slice for the steps of a walk, which are needed until returnSteps.
func (m *machine) takeSteps() []breakdown.Segment {
	steps := m.scratch
	m.scratch = nil // a walk within the walk uses another one
	return steps
}

func (m *machine) returnSteps(steps []breakdown.Segment) {
	const most = 1 << 10
	if cap(steps) <= most {
		clear(steps)
		m.scratch = steps[:0]
	}
}

// add appends a part of the walk.
func (w *walk) add(g *goroutine, bucket breakdown.Bucket, phase breakdown.Phase, cause *breakdown.Cause, a, b int64, behind []breakdown.Behind) {
	if a < b {
		w.append(g.id, bucket, phase, cause, a, b, behind)
	}
}

// append adds a segment to the path. A walk that is for a holder adds the time to its tally
// instead.
func (w *walk) append(g int64, bucket breakdown.Bucket, phase breakdown.Phase, cause *breakdown.Cause, a, b int64, behind []breakdown.Behind) {
	if w.tally != nil {
		w.tally.add(bucket, cause, b-a)
		return
	}
	extend(w.out, g, bucket, phase, cause, a, b, behind)
}

// extend appends a segment to a path, or extends the last one if they are of one kind.
func extend(path *[]breakdown.Segment, g int64, bucket breakdown.Bucket, phase breakdown.Phase, cause *breakdown.Cause, a, b int64, behind []breakdown.Behind) {
	out := *path
	n := len(out)
	if n > 0 && len(behind) == 0 {
		last := &out[n-1]
		if last.End == a && last.Goroutine == g && last.Bucket == bucket && last.Phase == phase && last.Cause == cause && len(last.Behind) == 0 {
			last.End = b
			return
		}
	}
	// In place and field by field, as in close.
	out = append(out, breakdown.Segment{})
	s := &out[n]
	s.Start, s.End, s.Goroutine, s.Bucket, s.Phase, s.Cause, s.Behind = a, b, g, bucket, phase, cause, behind
	*path = out
}
