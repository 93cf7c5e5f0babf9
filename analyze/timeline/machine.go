package timeline

import (
	"cmp"
	"math"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
	"timesink/analyze/trace/byid"
)

// A span is a stretch of time in which the world was stopped.
type span struct{ start, end int64 }

// machine follows all goroutines through a trace's records.
type machine struct {
	reasonName func(trace.Reason) string
	none       class // what is remembered of states without a stack
	emit       func(*breakdown.Request)
	delivery   *delivery // calls emit elsewhere; nil where nothing does
	gs         byid.Table[goroutine]
	tables                  // of the generation being applied
	met        []*goroutine // by number: those seen in it already
	units      bool         // the user takes functions for units of work
	instant    bool         // the trace rarely tells when a system call ended
	tasks      map[int64]*goroutine

	start        int64
	from         int64 // where the stretch without a gap began, 0 between two
	sequence     trace.Sequence
	stops        []span
	stopped      int64 // when the present stop began, 0 for none
	free         []*request
	seq          uint32 // of the last request; it wraps after 4 billion, long after a goroutine with a stale one is gone
	cause        map[causeKey]*breakdown.Cause
	procs        map[int64]bool
	procsRunning int
	maxProcs     int
	busySince    int64 // since when every processor is busy, 0: not so
	sum          Summary
	clocks       []Clock // of the generations
	roots        map[string]*Root
	openings     map[*breakdown.Cause]openingCause
	openingsLeft int // that may still be kept of those that may be
	mostOpenings int
	evident      []*class   // that have evidence
	held         []*request // that may turn out to be something else
	history
	bounds
}

func newMachine(table *rules.Table, emit func(*breakdown.Request)) *machine {
	m := &machine{reasonName: trace.Reason.String, emit: emit, cause: map[causeKey]*breakdown.Cause{},
		procs: map[int64]bool{}, roots: map[string]*Root{}, tasks: map[int64]*goroutine{}, units: table != nil && table.HasUnits()}
	m.bound(sharesOf(DefaultMemory))
	m.holdUntil = math.MaxInt64
	return m
}

// tables are what the records of a generation refer to by index.
type tables struct {
	ids    []int64  // of goroutines, processors and tasks
	stacks []*class // the first is nil, for no stack
	names  []string // of tasks and regions
}

// startGeneration starts a generation whose first event is at a moment.
func (m *machine) startGeneration(first int64) {
	m.stretch(first)
	if m.known == 0 {
		m.known = first
		m.hold()
	}
	clear(m.met)
	m.met = m.met[:0]
}

// apply takes the records of the generation that was started, or the next piece of them, with
// the tables as far as these need them.
func (m *machine) apply(records []trace.Record, t tables) {
	m.tables = t
	m.met = append(m.met, make([]*goroutine, len(m.ids)-len(m.met))...)
	for i := range records {
		r := &records[i]
		// Generations overlap: a thread that the kernel held up writes what
		// happens then into the old one, so that all that others did meanwhile
		// follows with earlier times. Time only moves on for each goroutine.
		m.now = max(m.now, r.At)
		m.step(r)
		if m.kept > m.limit || m.now > m.holdUntil {
			if m.makeRoom(m.gs.All()) {
				m.sum.Forgotten++
			}
		}
		if m.weight > m.room {
			m.relieve()
		}
	}
}

func (m *machine) step(r *trace.Record) {
	switch r.Op {
	case trace.OpState:
		g := m.goroutine(r.G)
		m.enter(g, r.At, r.State, m.stacks[r.Stack], r.Reason, nil, nil)
	case trace.OpWake:
		g := m.goroutine(r.G)
		var waker *goroutine
		class := m.stacks[r.Stack2]
		if r.Other >= 0 && g.reason != trace.ReasonNetwork && !forCollector(class) {
			waker = m.goroutine(r.Other)
		}
		m.wake(g, r.At, r.State, waker, class)
	case trace.OpCreate:
		m.create(r)
	case trace.OpEnd:
		m.end(m.goroutine(r.G), r.At)
		m.met[r.G] = nil
	case trace.OpStatus:
		if !m.idles(r) {
			m.status(m.goroutine(r.G), r)
		}
	case trace.OpAssistBegin, trace.OpAssistEnd:
		g := m.goroutine(r.G)
		if m.instant {
			m.followCall(g, r.At, trace.StateRunning, nil)
		}
		m.close(g, r.At, nil, nil)
		g.assist = r.Op == trace.OpAssistBegin
	case trace.OpStopBegin:
		if m.stopped == 0 {
			m.stopped = r.At
			if n := len(m.stops); n > 0 {
				m.stopped = max(r.At, m.stops[n-1].end)
			}
		}
	case trace.OpStopEnd:
		if m.stopped != 0 {
			m.stops = append(m.stops, span{m.stopped, max(m.stopped, r.At)})
			m.stopped = 0
			if len(m.stops) > 8192 {
				m.stops = append(m.stops[:0], m.stops[4096:]...)
			}
		}
	case trace.OpSample:
		m.sample(r)
	case trace.OpProcRun, trace.OpProcIdle:
		m.proc(m.ids[r.G], r.Op == trace.OpProcRun, r.At)
	case trace.OpTaskBegin, trace.OpSubtaskBegin, trace.OpTaskEnd:
		m.task(r)
	case trace.OpRegionBegin, trace.OpRegionEnd:
		m.region(r)
	case trace.OpMaxProcs:
		m.maxProcs = max(m.maxProcs, int(m.ids[r.G]))
	}
}

// goroutine finds one, or makes it known: it was there before the window.
func (m *machine) goroutine(number int32) *goroutine {
	if g := m.met[number]; g != nil && !g.dead {
		return g
	}
	return m.meet(number)
}

func (m *machine) meet(number int32) *goroutine {
	id := m.ids[number]
	g := m.gs.Find(id)
	if g == nil {
		g = &goroutine{id: id, since: m.known, born: m.known, root: m.rootOf(nil), rare: &nothing}
		g.root.Goroutines++
		m.follows(g)
	}
	m.met[number] = g
	return g
}

// enter moves a goroutine to another state.
func (m *machine) enter(g *goroutine, at int64, state trace.State, class *class, reason trace.Reason, waker *goroutine, wakerClass *class) {
	if m.instant {
		m.followCall(g, at, state, class)
	}
	if g.state >= trace.StateWaiting {
		if g.class == nil && g.claim == unseen {
			m.opened(g, wakerClass)
		}
		if waker != nil {
			g.was = nil
		} else {
			g.was, g.wasState, g.wasReason = g.class, g.state, g.reason
		}
	}
	m.close(g, at, waker, wakerClass)
	at = g.since
	g.state, g.class, g.reason = state, class, reason
	if class != nil {
		m.seen(g, at, class, state)
	}
	if state == trace.StateWaiting {
		m.mayWatch(g)
	}
}

// mayWatch files the wait that a goroutine is in, if a request waits with it and
// its end may have to be followed. The observer's own requests are not asked
// about: they last as long as the window.
func (m *machine) mayWatch(g *goroutine) {
	if g.state != trace.StateWaiting || g.open || !needsPast(g.class, g.reason) {
		return
	}
	if r := m.worksFor(g); r != nil && !r.observer {
		if g.class != nil && g.class.Bare && r.g == g {
			g.ensureRare().waitsAt = g.class
			g.waitsAt.waiting++
		}
		m.watch(g)
	}
}

// wake ends a wait.
func (m *machine) wake(g *goroutine, at int64, state trace.State, waker *goroutine, wakerClass *class) {
	waited, reason := g.class, g.reason
	if waker != nil {
		m.feed(g, wakerClass)
		m.noteWaker(g, waker, wakerClass, at)
		m.consumed(waker, at, wakerClass, waited)
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
	if r := m.worksFor(from); r != nil && !from.borrowed && m.worksFor(to) != r {
		r.asked = true
	}
	if to.isWorker() {
		m.borrow(to, from)
	}
	m.notePass(from, to, at)
}

// received reports whether the goroutine that ended a wait took what the other one waited
// to give it.
func received(reason trace.Reason, waker *class) bool {
	return reason == trace.ReasonSend || waker != nil && waker.receives
}

// notePass keeps that something went from one goroutine to another, where one of
// them is no request's own. A shared worker that has passed a request's work on is
// done with it.
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

// noteWaker keeps what the waker's stack tells of its own request, and that it
// let another request go on.
func (m *machine) noteWaker(g, waker *goroutine, wakerClass *class, at int64) {
	if wakerClass != nil {
		m.seen(waker, at, wakerClass, trace.StateRunning)
	}
	r := m.worksFor(g)
	if r == nil && g.claim != unseen || !m.remembers() || !followable(g.class, g.reason) {
		return
	}
	if r == nil || m.worksFor(waker) != r || waker.borrowed {
		m.handOver(waker, at, g, r)
		if r != nil && waker.borrowed && !g.borrowed && !received(g.reason, wakerClass) {
			waker.req, waker.borrowed = nil, false // the work is done
		}
	}
}

// borrow marks a shared worker as working for the request that handed it
// something: by waking it, or by waiting until the worker took it. The loan ends
// when another one does, or when the worker wakes the request.
func (m *machine) borrow(worker, from *goroutine) {
	if r := m.worksFor(worker); r != nil && !worker.borrowed {
		return // a branch of its own request stays one
	}
	if r := m.worksFor(from); r != nil {
		worker.req, worker.reqSeq, worker.borrowed = r, from.reqSeq, true
	} else if worker.borrowed {
		worker.req, worker.borrowed = nil, false
	}
}

// worksFor is the open request that a goroutine works for.
func (m *machine) worksFor(g *goroutine) *request {
	if g.req != nil && g.req.seq == g.reqSeq && g.req.life == open {
		return g.req
	}
	return nil
}

func (m *machine) create(r *trace.Record) {
	var parent *goroutine
	if r.Other >= 0 {
		parent = m.goroutine(r.Other)
	}
	id := m.ids[r.G]
	if before := m.gs.Find(id); before != nil {
		m.end(before, r.At) // its end was lost
		if parent == before {
			parent = nil
		}
	}
	g := &goroutine{id: id, state: r.State, since: r.At, born: r.At, fresh: true, timed: r.Other < 0, created: m.stacks[r.Stack], start: m.stacks[r.Stack2], rare: &nothing}
	g.root = m.rootOf(g.start)
	g.root.Goroutines++
	m.follows(g)
	m.met[r.G] = g
	if parent != nil {
		g.creator = parent
		switch {
		case g.created == nil:
		case g.start != nil && g.start.Role == rules.Background:
			m.readsAhead(parent, r.At, g.created)
		default:
			m.seen(parent, r.At, g.created, trace.StateRunning)
		}
		if req := m.worksFor(parent); req != nil {
			g.req, g.reqSeq, g.borrowed = req, parent.reqSeq, false
			m.branch(req, g)
		}
		if g.created != nil && g.created.Opened {
			m.noteStream(m.worksFor(parent), parent, g.created, r.At)
		}
		if g.start != nil && (g.start.Dials || g.start.Writes) {
			parent.ensureRare().aide = g
		}
	}
	if g.start != nil {
		m.begun(g, r.At)
	}
}

func (m *machine) end(g *goroutine, at int64) {
	if m.instant {
		m.followCall(g, at, trace.StateUnknown, nil)
	}
	m.close(g, at, nil, nil)
	at = g.since
	m.ended(g, at)
	g.dead, g.died, g.state = true, at, trace.StateUnknown
	m.gs.Remove(g.id)
	m.weight -= goroutineSize
	m.bury(g)
	m.forgetDead(m.horizon())
}

// status takes the state that a generation begins with. It is news only for a
// goroutine never seen, or after a generation was lost; else the wait goes on,
// with the stack and the reason that it began with.
func (m *machine) status(g *goroutine, r *trace.Record) {
	class := m.stacks[r.Stack]
	if g.state == r.State {
		if g.class == nil && class != nil && (g.state == trace.StateWaiting || g.state == trace.StateSyscall) {
			g.class, g.reason = class, r.Reason
			m.seen(g, r.At, class, g.state)
			m.mayWatch(g)
		}
		return
	}
	if g.state == trace.StateUnknown {
		g.state, g.class, g.reason = r.State, class, r.Reason
		if class != nil {
			m.seen(g, g.since, class, r.State)
			m.mayWatch(g)
		}
		return
	}
	m.enter(g, r.At, r.State, class, r.Reason, nil, nil)
}

// close ends the present interval at a moment and attributes it.
func (m *machine) close(g *goroutine, at int64, waker *goroutine, wakerClass *class) {
	m.unwatch(g)
	if at <= g.since || g.state == trace.StateUnknown {
		g.since = max(g.since, at)
		return
	}
	// Field by field: built as a whole and then copied, it would have to reach memory
	// first, which took a tenth of all time.
	var iv interval
	iv.start, iv.end, iv.class, iv.waker, iv.wakerClass = g.since, at, g.class, waker, wakerClass
	iv.state, iv.reason, iv.assist = g.state, g.reason, g.assist
	if g.state == trace.StateWaiting {
		iv.aide = aideOf(g, waker)
		if g.aide != nil {
			g.aide = nil
		}
	}
	g.since = at
	m.intervalEnded(g, &iv)
}

// aideOf is the goroutine that did what a wait of another was for: made a
// connection, which may have been begun for it by whoever gave one up, or wrote
// the request. It is nil where there is none.
func aideOf(g, waker *goroutine) *goroutine {
	if g.class == nil || g.class.Own == nil {
		return nil
	}
	switch aide := g.aide; g.class.Phase {
	case breakdown.PoolWait:
		if aide == nil {
			aide = waker
		}
		if aide != nil && aide.start != nil && aide.start.Dials {
			return aide
		}
	case breakdown.ResponseWait:
		if aide != nil && aide.start.Writes {
			return aide
		}
	}
	return nil
}

// intervalEnded attributes a closed interval and remembers it as long as it may be
// asked for.
func (m *machine) intervalEnded(g *goroutine, iv *interval) {
	length := iv.end - iv.start
	r := m.worksFor(g)
	if observed := r != nil && r.observer || iv.class != nil && iv.class.Observer; !observed {
		g.root.Spent[ownBucket(iv)] += length
	}
	if iv.state == trace.StateRunning {
		m.sum.Running += length
	}
	if iv.class != nil && iv.class.Phase == breakdown.RequestWrite {
		g.ensureRare().wrote = iv.end
	}
	if r != nil && r.g == g {
		m.attribute(r, g, iv)
		if iv.class != nil && iv.class.Role == rules.Finishing {
			r.finished = iv.end
		}
	}
	m.noteCall(r, g, iv)
	if r != nil && r.parts() >= r.weighAt {
		m.weigh(r)
	}
	if r == nil {
		g.mayBe(iv)
		if m.units {
			g.runs(iv)
		}
	}
	m.remember(g, iv)
}

// forCollector tells a stack that works for the collector. Whom a goroutine wakes
// with it, the collector needs: nothing is handed over.
func forCollector(c *class) bool { return c != nil && c.GC }

// needsPast reports whether a wait's attribution asks what other goroutines did
// meanwhile.
func needsPast(c *class, reason trace.Reason) bool {
	if reason == trace.ReasonNetwork || reason == trace.ReasonSleep || reason == trace.ReasonGC || reason == trace.ReasonSystem || forCollector(c) {
		return false
	}
	return c == nil || c.Own == nil || c.Own.Bucket == breakdown.Lock || c.Own.Steps || c.Phase == breakdown.PoolWait
}

// followable tells a wait that its own stack does not explain.
func followable(c *class, reason trace.Reason) bool {
	return needsPast(c, reason) && (c == nil || c.Own == nil)
}

func (m *machine) sample(r *trace.Record) {
	m.sum.Samples++
	if r.G < 0 {
		return
	}
	g := m.gs.Find(m.ids[r.G])
	if g == nil {
		return
	}
	if g.state == trace.StateRunning {
		m.sum.SamplesRunning++
	}
	class := m.stacks[r.Stack]
	if class == nil {
		return
	}
	req := m.worksFor(g)
	if req == nil {
		return
	}
	if req.g == g {
		unnamed := req.depth == 0 || req.NamedBySample
		req.note(class)
		req.NamedBySample = unnamed && req.depth > 0
	}
	if len(req.Samples) < 1<<16 {
		req.Samples = append(req.Samples, m.causeOf(class, g.state, trace.ReasonNone, nil))
		m.weigh(req)
	}
}

// proc counts how long every processor was busy.
func (m *machine) proc(id int64, runs bool, at int64) {
	if m.procs[id] != runs {
		m.procs[id] = runs
		if runs {
			m.procsRunning++
		} else {
			m.procsRunning--
		}
	}
	busy := m.maxProcs > 0 && m.procsRunning >= m.maxProcs
	switch {
	case busy && m.busySince == 0:
		m.busySince = at
	case !busy && m.busySince != 0:
		m.sum.Saturated += max(0, at-m.busySince)
		m.busySince = 0
	}
}

// rootOf is the sum of the goroutines that begin with a stack.
func (m *machine) rootOf(c *class) *Root {
	if c != nil && c.root != nil {
		return c.root
	}
	name := ""
	if c != nil {
		name = c.Root()
	}
	if len(m.roots) >= maxRoots {
		name = ""
	}
	r := m.roots[name]
	if r == nil {
		r = &Root{Function: name}
		m.roots[name] = r
	}
	if c != nil {
		c.root = r
	}
	return r
}

// finish closes all that is open at the window's end.
func (m *machine) finish() *Summary {
	m.leave()
	for _, r := range m.roots {
		m.sum.Roots = append(m.sum.Roots, *r)
	}
	slices.SortFunc(m.sum.Roots, func(a, b Root) int {
		return cmp.Or(cmp.Compare(b.Wall(), a.Wall()), cmp.Compare(a.Function, b.Function))
	})
	m.sum.Missing, m.sum.Late, m.sum.Repeated = m.sequence.Missing, m.sequence.Late, m.sequence.Repeated
	m.sum.Start, m.sum.End, m.sum.GOMAXPROCS = m.start, m.now, m.maxProcs
	m.sum.Covered = m.covered()
	return &m.sum
}
