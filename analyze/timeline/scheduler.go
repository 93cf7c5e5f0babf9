package timeline

// A scheduler is what the Go scheduler's state must have been between two
// events of a generation: which goroutines and processors there are, what they
// do, and what ranges and tasks are open. A generation begins with nothing
// known.
type scheduler struct {
	runners    runnerTable
	processors map[int64]*processor
	tasks      map[uint64]struct{}
	gc         uint8
	gcSeq      uint64
}

func newScheduler() scheduler {
	return scheduler{processors: map[int64]*processor{}, tasks: map[uint64]struct{}{}}
}

// A runner is a goroutine as the scheduler sees it.
type runner struct {
	id        int64
	seq       uint64 // of its last event that has a number
	state     uint8
	assisting bool // in a GC mark assist
	stopping  bool // the world
	regions   []region
}

// A region is a user region, its name a string by number.
type region struct{ task, name uint64 }

// A processor is one of GOMAXPROCS.
type processor struct {
	id       int64
	seq      uint64
	state    uint8
	sweeping bool
}

// The states of a processor, by their number in a trace.
const (
	procRunning   = 1
	procIdle      = 2
	procSyscall   = 3 // its goroutine is in a system call; it may be stolen
	procAbandoned = 4 // the same, but with which thread is not known
)

// The states of the garbage collector's mark phase.
const (
	gcUnknown = iota
	gcIdle
	gcMarking
)

// wireStates are the states of goroutines, by their number in a trace.
var wireStates = [...]uint8{1: stateRunnable, 2: stateRunning, 3: stateSyscall, 4: stateWaiting}

// none is the id that stands for no goroutine, no processor and no thread.
const none = -1

// advance makes the thread's next event happen, if it may come next. If it
// never may, that is bad.
func (o *ordering) advance(t *thread) bool {
	t.seen = true
	switch t.typ {
	case evGoStart:
		return o.goStart(t)
	case evGoBlock:
		return o.goBlock(t)
	case evGoUnblock:
		return o.goUnblock(t)
	case evGoStop:
		return o.goStop(t)
	case evGoSyscallBegin:
		return o.syscallBegin(t)
	case evGoSyscallEnd:
		return o.syscallEnd(t)
	case evGoSyscallEndBlocked:
		return o.syscallEndBlocked(t)
	case evGoCreate, evGoCreateBlocked:
		return o.goCreate(t)
	case evGoCreateSyscall:
		return o.goCreateSyscall(t)
	case evGoDestroy:
		return o.goDestroy(t)
	case evGoDestroySyscall:
		return o.goDestroySyscall(t)
	case evGoSwitch, evGoSwitchDestroy:
		return o.goSwitch(t)
	case evGoStatus, evGoStatusStack:
		return o.goStatus(t)

	case evProcStart:
		return o.procStart(t)
	case evProcStop:
		return o.procStop(t)
	case evProcSteal:
		return o.procSteal(t)
	case evProcStatus:
		return o.procStatus(t)
	case evProcsChange:
		return o.maxProcs(t)

	case evSTWBegin, evSTWEnd:
		return o.stopWorld(t)
	case evGCMarkAssistBegin, evGCMarkAssistEnd:
		return o.assist(t)
	case evGCMarkAssistActive:
		return o.assistActive(t)
	case evGCActive, evGCBegin, evGCEnd:
		return o.mark(t)
	case evGCSweepActive, evGCSweepBegin, evGCSweepEnd:
		return o.sweep(t)
	case evHeapAlloc, evHeapGoal:
		return o.hasProcessor(t) && o.count(t)

	case evGoLabel:
		o.knowsString(t.args[1])
		return o.has(t) && o.count(t)
	case evUserTaskBegin, evUserTaskEnd:
		return o.task(t)
	case evUserRegionBegin, evUserRegionEnd:
		return o.region(t)
	case evUserLog:
		o.knowsString(t.args[2])
		o.knowsString(t.args[3])
		o.knowsStack(t.args[4])
		return o.has(t) && o.count(t)
	}
	// What is left are experiments, which say nothing of goroutines.
	return o.isThread(t) && o.count(t)
}

// hold gives the thread a goroutine and a processor.
func (t *thread) hold(g *runner, p *processor) {
	if t.id != none {
		t.running, t.processor = g, p
	}
}

// isThread tells whether it is one, and not the row of what was written for the
// runtime as a whole, which holds nothing. It is bad if it is not.
func (o *ordering) isThread(t *thread) bool {
	return t.id != none || o.refuse()
}

// add makes an event, or a part of one, a record. The record is written in its
// place: built first and then copied, its small parts would have to reach memory
// before they could be read again as a whole, which took a fifth of all time.
func (o *ordering) add(at int64, what op, g int64, state uint8) *record {
	o.out.records = append(o.out.records, record{})
	r := &o.out.records[len(o.out.records)-1]
	r.at, r.op, r.g, r.other, r.state = o.tick(at), what, g, none, state
	return r
}

// count takes note of an event that makes no record.
func (o *ordering) count(t *thread) bool {
	o.tick(t.at)
	return true
}

func (o *ordering) refuse() bool {
	o.bad = true
	return false
}

// has tells whether the thread holds a goroutine and a processor. It is bad if
// it does not.
func (o *ordering) has(t *thread) bool {
	return t.running != nil && t.processor != nil || o.refuse()
}

// hasProcessor is has, with or without a goroutine.
func (o *ordering) hasProcessor(t *thread) bool {
	return t.processor != nil || o.refuse()
}

// holds is has with the goroutine in that state.
func (o *ordering) holds(t *thread, state uint8) bool {
	return t.running != nil && t.processor != nil && t.running.state == state || o.refuse()
}

func (o *ordering) sample(s sample) {
	o.add(s.at, opSample, s.goroutine, stateUnknown).stack = o.stack(s.stack)
}

// ready returns the goroutine that t's event names, if it is in that state and
// the event is its next.
func (o *ordering) ready(t *thread, state uint8) *runner {
	g := o.runners.find(int64(t.args[1]))
	if g == nil || g.state != state || t.args[2] != g.seq+1 {
		return nil
	}
	return g
}

func (o *ordering) goStart(t *thread) bool {
	g := o.ready(t, stateRunnable)
	if g == nil {
		return false
	}
	if t.processor == nil || t.running != nil {
		return o.refuse()
	}
	g.state, g.seq = stateRunning, t.args[2]
	t.running = g
	o.add(t.at, opState, g.id, stateRunning)
	return true
}

func (o *ordering) goBlock(t *thread) bool {
	if !o.holds(t, stateRunning) {
		return false
	}
	g := t.running
	g.state = stateWaiting
	t.running = nil
	r := o.add(t.at, opState, g.id, stateWaiting)
	r.stack, r.reason = o.stack(t.args[2]), o.reason(t.args[1])
	return true
}

func (o *ordering) goStop(t *thread) bool {
	if !o.holds(t, stateRunning) {
		return false
	}
	o.knowsString(t.args[1])
	o.knowsStack(t.args[2])
	g := t.running
	g.state = stateRunnable
	t.running = nil
	o.add(t.at, opState, g.id, stateRunnable)
	return true
}

// goUnblock needs nothing of the thread: the network poller and timers wake
// goroutines too.
func (o *ordering) goUnblock(t *thread) bool {
	g := o.ready(t, stateWaiting)
	if g == nil {
		return false
	}
	g.state, g.seq = stateRunnable, t.args[2]
	r := o.add(t.at, opWake, g.id, stateRunnable)
	if t.running != nil {
		r.other, r.stack2 = t.running.id, o.stack(t.args[3])
	} else {
		o.knowsStack(t.args[3])
	}
	return true
}

func (o *ordering) syscallBegin(t *thread) bool {
	if !o.holds(t, stateRunning) {
		return false
	}
	g, p := t.running, t.processor
	if t.args[1] != p.seq+1 {
		return o.refuse()
	}
	g.state = stateSyscall
	p.state, p.seq = procSyscall, t.args[1]
	o.add(t.at, opState, g.id, stateSyscall).stack = o.stack(t.args[2])
	return true
}

func (o *ordering) syscallEnd(t *thread) bool {
	if !o.holds(t, stateSyscall) {
		return false
	}
	if t.processor.state != procSyscall {
		return o.refuse()
	}
	t.running.state = stateRunning
	t.processor.state = procRunning
	o.add(t.at, opState, t.running.id, stateRunning)
	return true
}

// syscallEndBlocked waits until the processor is stolen or stopped: its
// goroutine lost it on the way.
func (o *ordering) syscallEndBlocked(t *thread) bool {
	if t.processor != nil && t.processor.state == procSyscall {
		return false
	}
	g := t.running
	if g == nil || g.state != stateSyscall {
		return o.refuse()
	}
	g.state = stateRunnable
	t.running = nil
	o.add(t.at, opState, g.id, stateRunnable)
	return true
}

// born adds a goroutine, nil if there is one of that id already.
func (o *ordering) born(id int64, state uint8) *runner {
	if id < 0 || o.runners.find(id) != nil {
		o.bad = true
		return nil
	}
	return o.runners.add(id, state)
}

func (o *ordering) goCreate(t *thread) bool {
	if !o.hasProcessor(t) || (t.running != nil && t.running.state != stateRunning) {
		return o.refuse()
	}
	state := stateRunnable
	if t.typ == evGoCreateBlocked {
		state = stateWaiting
	}
	g := o.born(int64(t.args[1]), state)
	if g == nil {
		return false
	}
	r := o.add(t.at, opCreate, g.id, state)
	r.stack = o.stack(t.args[3])
	r.stack2 = o.stack(t.args[2])
	if t.running != nil {
		r.other = t.running.id
	}
	return true
}

// goCreateSyscall is a thread of C that calls Go.
func (o *ordering) goCreateSyscall(t *thread) bool {
	if t.running != nil || !o.isThread(t) {
		return o.refuse()
	}
	g := o.born(int64(t.args[1]), stateSyscall)
	if g == nil {
		return false
	}
	t.running = g
	o.add(t.at, opCreate, g.id, stateSyscall)
	return true
}

func (o *ordering) goDestroy(t *thread) bool {
	if !o.holds(t, stateRunning) {
		return false
	}
	o.add(t.at, opEnd, t.running.id, stateUnknown)
	o.gone(t)
	return true
}

// gone removes the goroutine that the thread holds.
func (o *ordering) gone(t *thread) {
	o.runners.remove(t.running)
	t.running = nil
}

// goDestroySyscall is a thread of C that returns from Go, or ends. Its number may
// be used again, so the processor that it may hold is taken from it as well.
func (o *ordering) goDestroySyscall(t *thread) bool {
	g, p := t.running, t.processor
	if g == nil || g.state != stateSyscall {
		return o.refuse()
	}
	if p != nil {
		if p.state != procSyscall {
			return o.refuse()
		}
		p.state = procAbandoned
		t.processor = nil
		o.add(t.at, opProcIdle, p.id, stateUnknown)
	}
	o.add(t.at, opEnd, g.id, stateUnknown)
	o.gone(t)
	return true
}

// goSwitch wakes a goroutine, blocks or ends the current one, and starts the
// one woken: three events in one.
func (o *ordering) goSwitch(t *thread) bool {
	if !o.holds(t, stateRunning) {
		return false
	}
	next := o.ready(t, stateWaiting)
	if next == nil {
		return false
	}
	g := t.running
	o.add(t.at, opWake, next.id, stateRunnable).other = g.id
	if t.typ == evGoSwitch {
		g.state = stateWaiting
		o.add(t.at, opState, g.id, stateWaiting).reason = o.reason(0)
	} else {
		o.add(t.at, opEnd, g.id, stateUnknown)
		o.gone(t)
	}
	next.state, next.seq = stateRunning, t.args[2]
	t.running = next
	o.add(t.at, opState, next.id, stateRunning)
	return true
}

// goStatus says a goroutine's state where a generation meets it first. Of one that
// a thread of C brought along it is said once more.
func (o *ordering) goStatus(t *thread) bool {
	id, on, status := int64(t.args[1]), int64(t.args[2]), t.args[3]
	if status == 0 || status >= uint64(len(wireStates)) {
		return o.refuse()
	}
	state := wireStates[status]
	g := o.runners.find(id)
	known := g != nil
	if !known {
		g = o.born(id, state)
	}
	if g == nil || g.state != state {
		return o.refuse()
	}
	g.seq = 0
	if (state == stateRunning || state == stateSyscall) && !o.place(t, g, on, known) {
		return o.refuse()
	}
	r := o.add(t.at, opStatus, id, state)
	r.reason = o.reason(0)
	if t.typ == evGoStatusStack {
		r.stack = o.stack(t.args[4])
	}
	return true
}

// place gives a goroutine whose status is told to the thread that it is on: that
// which tells it, or, in a system call, the one named. It returns false where
// two threads would have the goroutine, or a thread had another one.
func (o *ordering) place(t *thread, g *runner, on int64, known bool) bool {
	holder := t
	if g.state == stateSyscall && on != t.id {
		holder = o.thread(on)
	}
	switch {
	case g.state == stateSyscall && on == none:
		return false
	case known:
		return holder.running == g
	case holder == t:
		t.hold(g, t.processor)
		return true
	}
	// It has been in the system call all the time, on a thread of which nothing
	// was heard.
	first := !holder.seen
	holder.seen, holder.running = true, g
	return first
}

func (o *ordering) procStart(t *thread) bool {
	p := o.processors[int64(t.args[1])]
	// A thread that still has a processor is in a system call: that it was
	// stolen comes first.
	if p == nil || p.state != procIdle || t.args[2] != p.seq+1 || t.processor != nil {
		return false
	}
	if !o.isThread(t) {
		return false
	}
	p.state, p.seq = procRunning, t.args[2]
	t.processor = p
	o.add(t.at, opProcRun, p.id, stateUnknown)
	return true
}

func (o *ordering) procStop(t *thread) bool {
	p := t.processor
	if p == nil || (p.state != procRunning && p.state != procSyscall) {
		return o.refuse()
	}
	p.state = procIdle
	t.processor = nil
	o.add(t.at, opProcIdle, p.id, stateUnknown)
	return true
}

func (o *ordering) procSteal(t *thread) bool {
	p := o.processors[int64(t.args[1])]
	if p == nil || (p.state != procSyscall && p.state != procAbandoned) || t.args[2] != p.seq+1 {
		return false
	}
	if !o.isThread(t) {
		return false
	}
	if p.state == procSyscall {
		from, ok := o.byID[int64(t.args[3])]
		if !ok || from.processor != p {
			return o.refuse()
		}
		from.processor = nil
	}
	p.state, p.seq = procIdle, t.args[2]
	o.add(t.at, opProcIdle, p.id, stateUnknown)
	return true
}

// procStatus says a processor's state where a generation meets it first, which
// it does once.
func (o *ordering) procStatus(t *thread) bool {
	id, status := int64(t.args[1]), t.args[2]
	if _, there := o.processors[id]; there || id < 0 || status < procRunning || status > procAbandoned {
		return o.refuse()
	}
	p := &processor{id: id, state: uint8(status)}
	o.processors[id] = p
	if p.state == procIdle || p.state == procAbandoned {
		o.add(t.at, opProcIdle, id, stateUnknown)
		return true
	}
	t.hold(t.running, p)
	o.add(t.at, opProcRun, id, stateUnknown)
	return true
}

func (o *ordering) maxProcs(t *thread) bool {
	if !o.has(t) {
		return false
	}
	o.knowsStack(t.args[2])
	o.add(t.at, opMaxProcs, int64(t.args[1]), stateUnknown)
	return true
}

// stopWorld begins or ends the stopping of the world by the thread's goroutine.
func (o *ordering) stopWorld(t *thread) bool {
	if !o.has(t) {
		return false
	}
	what, begins := opStopped, t.typ == evSTWBegin
	if begins {
		what = opStop
		o.knowsString(t.args[1])
		o.knowsStack(t.args[2])
	}
	if t.running.stopping == begins {
		return o.refuse()
	}
	t.running.stopping = begins
	o.add(t.at, what, 0, stateUnknown)
	return true
}

// assist begins or ends a mark assist of the thread's goroutine.
func (o *ordering) assist(t *thread) bool {
	if !o.has(t) {
		return false
	}
	what, begins := opAssisted, t.typ == evGCMarkAssistBegin
	if begins {
		what = opAssist
		o.knowsStack(t.args[1])
	}
	if t.running.assisting == begins {
		return o.refuse()
	}
	t.running.assisting = begins
	o.add(t.at, what, t.running.id, stateUnknown)
	return true
}

// assistActive says of any goroutine that it is in a mark assist.
func (o *ordering) assistActive(t *thread) bool {
	g := o.runners.find(int64(t.args[1]))
	if g == nil || g.assisting {
		return o.refuse()
	}
	g.assisting = true
	o.add(t.at, opAssist, g.id, stateUnknown)
	return true
}

// mark begins or ends the garbage collector's mark phase. Its two ends may be
// on different threads, so they have sequence numbers.
func (o *ordering) mark(t *thread) bool {
	if t.typ == evGCBegin {
		o.knowsStack(t.args[2])
	}
	before, after := uint8(gcIdle), uint8(gcMarking)
	if t.typ == evGCEnd {
		before, after = after, before
	}
	seq := t.args[1]
	switch {
	case t.typ == evGCActive && o.gc != gcUnknown:
		return o.refuse()
	case t.typ != evGCEnd && o.gc == gcUnknown:
		// The first of a generation is free of conditions.
	case seq != o.gcSeq+1:
		return false
	case o.gc != before || !o.has(t):
		return o.refuse()
	}
	o.gcSeq, o.gc = seq, after
	return o.count(t)
}

// sweep begins or ends the sweeping of a processor.
func (o *ordering) sweep(t *thread) bool {
	p := t.processor
	switch t.typ {
	case evGCSweepActive:
		p = o.processors[int64(t.args[1])]
	case evGCSweepBegin:
		o.knowsStack(t.args[1])
	}
	ends := t.typ == evGCSweepEnd
	if p == nil || p.sweeping != ends {
		return o.refuse()
	}
	p.sweeping = !ends
	return o.count(t)
}

// task begins or ends a user task. One may end that was never seen to begin,
// and end again.
func (o *ordering) task(t *thread) bool {
	id := t.args[1]
	if t.typ == evUserTaskEnd {
		o.knowsStack(t.args[2])
		delete(o.tasks, id)
		return o.has(t) && o.count(t)
	}
	o.knowsString(t.args[3])
	o.knowsStack(t.args[4])
	if _, open := o.tasks[id]; open {
		return o.refuse()
	}
	o.tasks[id] = struct{}{}
	return o.has(t) && o.count(t)
}

// region begins or ends a user region of the thread's goroutine. They nest; the
// end of one that began before the trace is free.
func (o *ordering) region(t *thread) bool {
	if !o.has(t) {
		return false
	}
	o.knowsString(t.args[2])
	o.knowsStack(t.args[3])
	g, r := t.running, region{t.args[1], t.args[2]}
	if t.typ == evUserRegionBegin {
		g.regions = append(g.regions, r)
		return o.count(t)
	}
	if n := len(g.regions); n > 0 {
		if g.regions[n-1] != r {
			return o.refuse()
		}
		g.regions = g.regions[:n-1]
	}
	return o.count(t)
}
