package timeline

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
	"timesink/analyze/trace/byid"
)

// A span is a stretch of time in which the world was stopped.
type span struct{ start, end int64 }

// A machine follows all goroutines through the records of a trace.
type machine struct {
	reasonName func(trace.Reason) string
	cutter     *goroutine // that ended the latest wait for the network, see class.cuts; nil if none did
	none       class      // stands in for the class of states without a stack
	emit       func(*breakdown.Request)
	delivery   *delivery // calls emit on another goroutine; nil to call it directly
	gs         byid.Table[goroutine]
	tables                  // of the generation being applied
	met        []*goroutine // by number: the ones already seen in the generation
	units      bool         // the user named functions as units of work
	instant    bool         // the trace rarely says when a system call ended
	tasks      map[int64]*goroutine

	start        int64
	from         int64 // start of the stretch without a gap, 0 between stretches
	sequence     trace.Sequence
	stops        []span
	stopped      int64 // start of the current stop, 0 if none
	stopper      *Stopper
	stoppers     map[stopperKey]*Stopper
	free         []*request
	scratch      []breakdown.Segment // see takeSteps
	seq          uint32              // of the last request; it wraps after 4 billion, long after a goroutine with a stale one is gone
	cause        map[causeKey]*breakdown.Cause
	replied      map[replyKey]*breakdown.Cause
	procs        byid.Table[processor]
	procsRunning int
	maxProcs     int
	busySince    int64 // since when every processor has been busy, 0 if not all are
	sum          Summary
	clocks       []Clock // one for each generation
	roots        map[string]*Root
	openings     map[*breakdown.Cause]openingCause
	openingsLeft int   // how many more openings may be kept
	openingsEnd  int64 // when the last opening ended
	mostOpenings int
	evident      []*class         // the ones with evidence
	held         []*request       // the ones that may turn out to be something else
	stood        map[stand]*stood // what requests stand at when the window closes
	// started are goroutines by the stack that started them, of those for which class.starts
	// is set, while what is open is attributed.
	started map[*class][]*goroutine
	home    *rules.Home
	led     map[breakdown.Frame]bool // that led requests on to the service's handlers
	kernel
	acceptors []*acceptor
	tallied   []deed            // room for a tally
	named     map[string]*named // the loops among the functions that the user named
	oldEnds   map[string]int64  // goroutines from before the window that ended in it, by root
	last      bool              // the stretch that ends is the last: the window closes
	profile   profile
	lookout
	history
	bounds
}

func newMachine(table *rules.Table, emit func(*breakdown.Request)) *machine {
	m := &machine{reasonName: trace.Reason.String, emit: emit, cause: map[causeKey]*breakdown.Cause{},
		roots: map[string]*Root{}, oldEnds: map[string]int64{}, tasks: map[int64]*goroutine{}, named: map[string]*named{}, units: table != nil && table.HasUnits(),
		home: rules.NewHome(table)}
	m.bound(sharesOf(DefaultMemory))
	m.holdUntil = math.MaxInt64
	return m
}

// tables resolve the indices in the records of a generation.
type tables struct {
	ids    []int64  // of goroutines, processors and tasks
	stacks []*class // the first is nil, for no stack
	names  []string // of tasks and regions
}

// startGeneration starts a generation whose first event is at first.
func (m *machine) startGeneration(first int64) {
	m.stretch(first)
	if m.known == 0 {
		m.known = first
		m.hold()
	}
	clear(m.met)
	m.met = m.met[:0]
}

// apply applies the records of the current generation, or the next batch of them. t
// holds the tables as far as these records need them.
func (m *machine) apply(records []trace.Record, t tables) {
	m.tables = t
	m.met = append(m.met, make([]*goroutine, len(m.ids)-len(m.met))...)
	for i := range records {
		r := &records[i]
		// Generations overlap: if the kernel delays a thread, it writes its events
		// into the old generation, and the events of all other threads in that time
		// follow with earlier times. Time advances monotonically only for each
		// goroutine.
		if r.At > m.now {
			if r.At-m.now > shortestStill && m.procsRunning > 0 {
				m.stoodStill(m.now, r.At)
			}
			m.now = r.At
		}
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
		if m.cutter = nil; r.Other >= 0 && waker == nil && class != nil && class.cuts {
			m.cutter = m.goroutine(r.Other)
		}
		m.wake(g, r.At, r.State, waker, class)
	case trace.OpCreate:
		m.create(r)
	case trace.OpEnd:
		m.end(m.goroutine(r.G), r.At)
		m.met[r.G] = nil
	case trace.OpStatus:
		if !m.idles(r) && !m.alike(r) {
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
			m.stopsWorld(r)
		}
	case trace.OpStopEnd:
		if m.stopped != 0 {
			stop := span{m.stopped, max(m.stopped, r.At)}
			m.stops = append(m.stops, stop)
			if m.stopped = 0; m.stopper != nil {
				m.stopper.Times++
				m.stopper.Time += stop.end - stop.start
			}
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

// goroutine returns the goroutine with a number. If it is new, it existed before the
// window.
func (m *machine) goroutine(number int32) *goroutine {
	if g := m.met[number]; g != nil && !g.dead {
		return g
	}
	return m.meet(number)
}

func (m *machine) meet(number int32) *goroutine {
	id := m.ids[number]
	g := m.find(id)
	if g == nil {
		g = &goroutine{id: id, since: m.known, born: m.known, birth: m.birthOf(nil, nil, nil, false), rare: &nothing}
		g.root.Goroutines++
		m.follows(id, g)
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
			m.opened(g, at, wakerClass)
		}
		if waker != nil {
			g.was = nil
		} else {
			g.was, g.wasState, g.wasReason = g.class, g.state, g.reason
		}
	}
	m.close(g, at, waker, wakerClass)
	at = g.since
	if state == trace.StateRunnable {
		m.ready++
	}
	switch g.state {
	case trace.StateRunnable:
		m.ready--
	case trace.StateRunning:
		if state == trace.StateWaiting {
			m.gaveUp(at)
		}
	}
	g.state, g.class, g.reason = state, class, reason
	if class != nil {
		if state == trace.StateRunnable || reason == trace.ReasonGC || class.GC || class.Own != nil && class.Own.Bucket == breakdown.Lock {
			m.seenInPassing(g, at, class, state)
		} else {
			m.seen(g, at, class, state)
		}
	}
	if state == trace.StateWaiting {
		m.mayWatch(g)
	}
}

// mayWatch adds the goroutine's wait to the open waits if a request waits with it and
// its end may have to be followed. Requests that observe the service are excluded:
// they last as long as the window.
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
		if r.g == g && r.shared.class == g.class && g.class != nil {
			m.waitsAgain(r)
		}
	}
}

func (m *machine) create(r *trace.Record) {
	var parent *goroutine
	if r.Other >= 0 {
		parent = m.goroutine(r.Other)
	}
	id := m.ids[r.G]
	if before := m.find(id); before != nil {
		m.end(before, r.At) // its end was lost
		if parent == before {
			parent = nil
		}
	}
	g := &goroutine{id: id, state: r.State, since: r.At, born: r.At, fresh: true, birth: m.birthOf(m.stacks[r.Stack], m.stacks[r.Stack2], parent, r.Other < 0), rare: &nothing}
	g.root.Goroutines++
	if g.state == trace.StateRunnable {
		m.ready++
	}
	m.follows(id, g)
	m.met[r.G] = g
	if g.created != nil {
		g.created.births++
	}
	if parent != nil {
		g.creator = parent
		if a := parent.acceptor; a != nil {
			a.accepts()
		}
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
		if g.start != nil && g.start.LooksUp {
			m.looksUp(parent, r.At)
		}
		if g.dials || g.start != nil && g.start.Writes {
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
	if g.state == trace.StateRunnable {
		m.ready--
	}
	m.gaveUp(g.since)
	if g.fresh {
		if g.created != nil {
			g.created.deaths++
		}
		g.root.ended++
		if g.claim == unclaimed && m.worksFor(g) == nil {
			g.root.Jobs++
		}
	}
	if !g.fresh && g.class != nil && g.class.opening == nil {
		m.oldEnds[g.class.Root()]++
	}
	m.ended(g, g.since)
	g.dead, g.state = true, trace.StateUnknown
	m.gs.Remove(g.id)
	m.weight -= goroutineSize
	m.forgetEarly(g)
	m.bury(g)
	m.forgetDead(m.horizon())
}

// status handles the state of a goroutine at the beginning of a generation. It is new
// information only for a goroutine not seen before, or after a lost generation.
// Otherwise the wait goes on, with the stack and the reason that it began with.
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
		if r.State == trace.StateRunnable {
			m.ready++
		}
		g.state, g.class, g.reason = r.State, class, r.Reason
		if class != nil {
			m.seen(g, g.since, class, r.State)
			m.mayWatch(g)
		}
		return
	}
	m.enter(g, r.At, r.State, class, r.Reason, nil, nil)
}

// close ends the goroutine's current interval at a moment and attributes it.
func (m *machine) close(g *goroutine, at int64, waker *goroutine, wakerClass *class) {
	m.unwatch(g)
	if at <= g.since || g.state == trace.StateUnknown {
		g.since = max(g.since, at)
		return
	}
	if waker == nil && wakerClass == nil && g.isUnblocked() {
		m.closeUnblocked(g, at)
		return
	}
	// Set field by field: a composite literal would be built and then copied through
	// memory, which took a tenth of all time.
	var iv interval
	iv.start, iv.end, iv.class, iv.waker, iv.wakerClass = g.since, at, g.class, waker, wakerClass
	iv.state, iv.reason, iv.assist = g.state, g.reason, g.assist
	switch g.state {
	case trace.StateRunnable:
		if g.notice.at == g.since && g.notice.at != 0 {
			g.notice.queued = at - g.since
		}
	case trace.StateWaiting:
		iv.late = m.lateness(g, at, waker)
		m.noteExpiry(g, &iv)
		iv.aide = aideOf(g, waker)
		if g.aide != nil {
			g.aide = nil
		}
	}
	if g.reason == trace.ReasonSelect && g.state == trace.StateWaiting && waker == nil && wakerClass == nil && g.class != nil && g.isWorker() {
		g.class.expires = true
	}
	g.since = at
	m.intervalEnded(g, &iv)
}

// intervalEnded attributes a closed interval and keeps it as long as it may be
// needed.
func (m *machine) intervalEnded(g *goroutine, iv *interval) {
	r := m.worksFor(g)
	m.account(r, g, iv)
	if iv.class != nil && iv.class.Phase == breakdown.RequestWrite {
		g.ensureRare().wrote = iv.end
	}
	if iv.state == trace.StateWaiting && iv.forTimer() {
		g.ensureRare().idled = idle{iv.start, iv.end, iv.class, iv.reason}
	}
	if r != nil && r.g == g {
		m.attribute(r, g, iv)
		if iv.class != nil && iv.class.Role == rules.Finishing {
			r.finished = iv.end
		}
	}
	if a := g.acceptor; a != nil {
		a.spend(iv)
	}
	if iv.mayCall() {
		m.noteCall(r, g, iv)
		if g.gave != nil && iv.asksForConnection() {
			g.gave = nil
		}
	}
	if r != nil && r.parts() >= r.weighAt {
		m.weigh(r)
	}
	if r == nil {
		if iv.state == trace.StateWaiting && iv.class != nil && g.claim == unclaimed && iv.getsMessage() {
			iv.class.rested++
		}
		m.mayBe(g, iv)
		if m.units {
			g.runs(iv)
		}
	}
	m.remember(g, iv)
}

// forCollector reports whether the stack works for the collector. A goroutine woken
// with such a stack is needed by the collector: nothing is handed over.
func forCollector(c *class) bool { return c != nil && c.GC }

// needsPast reports whether attributing a wait needs to know what other goroutines
// did in the meantime.
func needsPast(c *class, reason trace.Reason) bool {
	if reason == trace.ReasonNetwork || reason == trace.ReasonSleep || reason == trace.ReasonGC || reason == trace.ReasonSystem {
		return false
	}
	return c == nil || c.past
}

// followable reports whether a wait is not explained by its own stack.
func followable(c *class, reason trace.Reason) bool {
	return needsPast(c, reason) && (c == nil || c.Own == nil)
}

// rootOf returns the sum for goroutines that start with a stack.
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
		r = &Root{Function: name, runtime: strings.HasPrefix(name, "runtime.")}
		m.roots[name] = r
	}
	if c != nil {
		c.root = r
	}
	return r
}

// finish closes everything that is open at the end of the window.
func (m *machine) finish() *Summary {
	m.last = true
	m.leave()
	m.countTurns()
	for _, r := range m.roots {
		m.sum.Roots = append(m.sum.Roots, *r)
	}
	slices.SortFunc(m.sum.Roots, func(a, b Root) int {
		return cmp.Or(cmp.Compare(b.Wall(), a.Wall()), cmp.Compare(a.Function, b.Function))
	})
	m.sum.Missing, m.sum.Late, m.sum.Repeated = m.sequence.Missing, m.sequence.Late, m.sequence.Repeated
	m.sum.Start, m.sum.End, m.sum.GOMAXPROCS = m.start, m.now, m.maxProcs
	m.sum.Covered, m.sum.Kernel = m.covered(), m.kernel.result(m.sum.Samples)
	m.sum.Led = slices.SortedFunc(maps.Keys(m.led), func(a, b breakdown.Frame) int {
		return cmp.Or(cmp.Compare(a.Function, b.Function), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	m.sum.AcceptLoops = m.acceptLoops()
	m.sum.Stoppers = m.stoppersFound()
	m.sum.Processors = m.profile.result()
	return &m.sum
}
