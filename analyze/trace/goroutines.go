package trace

import "timesink/analyze/trace/byid"

// A runner is a goroutine, as the scheduler sees it.
type runner struct {
	id        int64
	seq       uint64 // of its last event with a sequence number
	number    int32
	state     State
	assisting bool // in a GC mark assist
	stopping  bool // stopping the world
}

// A region is a user region. Its name is the id of a string.
type region struct{ task, name uint64 }

// wireStates are the states of goroutines, as numbered in a trace.
var wireStates = [...]State{1: StateRunnable, 2: StateRunning, 3: StateSyscall, 4: StateWaiting}

// ready returns the goroutine that t's event names if it is in that state and the event is
// its next, or else nil.
func (o *ordering) ready(t *thread, state State) *runner {
	g := o.runners.Find(int64(t.args[1]))
	if g == nil || g.state != state || t.args[2] != g.seq+1 {
		return nil
	}
	return g
}

func (o *ordering) goStart(t *thread) bool {
	g := o.ready(t, StateRunnable)
	if g == nil {
		return false
	}
	if t.processor == nil || t.running != nil {
		return o.refuse()
	}
	g.state, g.seq = StateRunning, t.args[2]
	t.running = g
	o.add(t.at, OpState, g.number, StateRunning)
	return true
}

func (o *ordering) goBlock(t *thread) bool {
	if !o.holds(t, StateRunning) {
		return false
	}
	g := t.running
	g.state = StateWaiting
	t.running = nil
	r := o.add(t.at, OpState, g.number, StateWaiting)
	r.Stack, r.Reason = o.stack(t.args[2]), o.reason(t.args[1])
	return true
}

func (o *ordering) goStop(t *thread) bool {
	if !o.holds(t, StateRunning) {
		return false
	}
	o.knowsString(t.args[1])
	o.knowsStack(t.args[2])
	g := t.running
	g.state = StateRunnable
	t.running = nil
	r := o.add(t.at, OpState, g.number, StateRunnable)
	if !o.bad && string(o.strings[t.args[1]]) == yielded {
		r.Stack = o.stack(t.args[2])
	}
	return true
}

// goUnblock requires nothing of the thread: the network poller and timers wake goroutines
// too.
func (o *ordering) goUnblock(t *thread) bool {
	g := o.ready(t, StateWaiting)
	if g == nil {
		return false
	}
	g.state, g.seq = StateRunnable, t.args[2]
	r := o.add(t.at, OpWake, g.number, StateRunnable)
	if t.running != nil {
		r.Other, r.Stack2 = t.running.number, o.stack(t.args[3])
	} else {
		o.knowsStack(t.args[3])
	}
	return true
}

func (o *ordering) syscallBegin(t *thread) bool {
	if !o.holds(t, StateRunning) {
		return false
	}
	g, p := t.running, t.processor
	if t.args[1] != p.seq+1 {
		return o.refuse()
	}
	g.state = StateSyscall
	p.state, p.seq = procSyscall, t.args[1]
	o.add(t.at, OpState, g.number, StateSyscall).Stack = o.stack(t.args[2])
	return true
}

func (o *ordering) syscallEnd(t *thread) bool {
	if !o.holds(t, StateSyscall) {
		return false
	}
	if t.processor.state != procSyscall {
		return o.refuse()
	}
	t.running.state = StateRunning
	t.processor.state = procRunning
	o.add(t.at, OpState, t.running.number, StateRunning)
	return true
}

// syscallEndBlocked must come after the event that steals or stops the processor: the
// goroutine lost it during the system call.
func (o *ordering) syscallEndBlocked(t *thread) bool {
	if t.processor != nil && t.processor.state == procSyscall {
		return false
	}
	g := t.running
	if g == nil || g.state != StateSyscall {
		return o.refuse()
	}
	g.state = StateRunnable
	t.running = nil
	o.add(t.at, OpState, g.number, StateRunnable)
	return true
}

// born adds a goroutine. It returns nil if the id is invalid or exists already.
func (o *ordering) born(id int64, state State) *runner {
	if id < 0 || o.runners.Find(id) != nil {
		o.bad = true
		return nil
	}
	g := o.runners.add(id, state)
	g.number = o.out.number(id)
	return g
}

func (o *ordering) goCreate(t *thread) bool {
	if !o.hasProcessor(t) || (t.running != nil && t.running.state != StateRunning) {
		return o.refuse()
	}
	state := StateRunnable
	if t.typ == evGoCreateBlocked {
		state = StateWaiting
	}
	g := o.born(int64(t.args[1]), state)
	if g == nil {
		return false
	}
	r := o.add(t.at, OpCreate, g.number, state)
	r.Stack = o.stack(t.args[3])
	r.Stack2 = o.stack(t.args[2])
	if t.running != nil {
		r.Other = t.running.number
	}
	return true
}

// goCreateSyscall handles a C thread that calls Go.
func (o *ordering) goCreateSyscall(t *thread) bool {
	if t.running != nil || !o.isThread(t) {
		return o.refuse()
	}
	g := o.born(int64(t.args[1]), StateSyscall)
	if g == nil {
		return false
	}
	t.running = g
	o.add(t.at, OpCreate, g.number, StateSyscall)
	return true
}

func (o *ordering) goDestroy(t *thread) bool {
	if !o.holds(t, StateRunning) {
		return false
	}
	o.add(t.at, OpEnd, t.running.number, StateUnknown)
	o.gone(t)
	return true
}

// gone removes the goroutine of the thread.
func (o *ordering) gone(t *thread) {
	if len(o.regions) > 0 {
		delete(o.regions, t.running)
	}
	o.runners.remove(t.running)
	t.running = nil
}

// goDestroySyscall handles a C thread that returns from Go, or ends. The thread's id may be
// reused, so any processor that it holds is taken away too.
func (o *ordering) goDestroySyscall(t *thread) bool {
	g, p := t.running, t.processor
	if g == nil || g.state != StateSyscall {
		return o.refuse()
	}
	if p != nil {
		if p.state != procSyscall {
			return o.refuse()
		}
		p.state = procAbandoned
		t.processor = nil
		o.add(t.at, OpProcIdle, p.number, StateUnknown)
	}
	o.add(t.at, OpEnd, g.number, StateUnknown)
	o.gone(t)
	return true
}

// goSwitch handles three events in one: it wakes a goroutine, blocks or ends the current one,
// and starts the woken one.
func (o *ordering) goSwitch(t *thread) bool {
	if !o.holds(t, StateRunning) {
		return false
	}
	next := o.ready(t, StateWaiting)
	if next == nil {
		return false
	}
	g := t.running
	o.add(t.at, OpWake, next.number, StateRunnable).Other = g.number
	if t.typ == evGoSwitch {
		g.state = StateWaiting
		o.add(t.at, OpState, g.number, StateWaiting).Reason = o.reason(0)
	} else {
		o.add(t.at, OpEnd, g.number, StateUnknown)
		o.gone(t)
	}
	next.state, next.seq = StateRunning, t.args[2]
	t.running = next
	o.add(t.at, OpState, next.number, StateRunning)
	return true
}

// goStatus handles a goroutine's state at its first occurrence in a generation. For a
// goroutine that a C thread created it comes once more.
func (o *ordering) goStatus(t *thread) bool {
	id, on, status := int64(t.args[1]), int64(t.args[2]), t.args[3]
	if status == 0 || status >= uint64(len(wireStates)) {
		return o.refuse()
	}
	state := wireStates[status]
	g := o.runners.Find(id)
	known := g != nil
	if !known {
		g = o.born(id, state)
	}
	if g == nil || g.state != state {
		return o.refuse()
	}
	g.seq = 0
	if (state == StateRunning || state == StateSyscall) && !o.place(t, g, on, known) {
		return o.refuse()
	}
	before := o.out.Last
	r := o.add(t.at, OpStatus, g.number, state)
	if before != 0 && (t.id == none || state == StateSyscall) {
		r.At, o.out.Last = before, before // see notedLate
	}
	r.Reason = o.reason(0)
	if t.typ == evGoStatusStack {
		r.Stack = o.stack(t.args[4])
	}
	return true
}

// place assigns a goroutine to its thread: t, or, in a system call, the thread with the id
// on. It returns false if the goroutine would be on two threads, or the thread already has
// another one.
func (o *ordering) place(t *thread, g *runner, on int64, known bool) bool {
	holder := t
	if g.state == StateSyscall && on != t.id {
		holder = o.thread(on)
	}
	switch {
	case g.state == StateSyscall && on == none:
		return false
	case known:
		return holder.running == g
	case holder == t:
		t.hold(g, t.processor)
		return true
	}
	// It has been in the system call since before the generation, on a thread without events
	// so far.
	first := !holder.seen
	holder.seen, holder.running = true, g
	return first
}

// A runnerTable holds the goroutines of a generation. It reuses the memory of those that
// ended.
type runnerTable struct {
	byid.Table[runner]
	free []*runner
}

// add adds a goroutine, which must not be in the table.
func (t *runnerTable) add(id int64, state State) *runner {
	if len(t.free) == 0 {
		block := make([]runner, 64)
		for i := range block {
			t.free = append(t.free, &block[i])
		}
	}
	g := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	*g = runner{id: id, state: state}
	t.Add(id, g)
	return g
}

// remove removes a goroutine, which must be in the table.
func (t *runnerTable) remove(g *runner) {
	t.Remove(g.id)
	t.free = append(t.free, g)
}
