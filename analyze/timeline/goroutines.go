package timeline

// A runner is a goroutine as the scheduler sees it.
type runner struct {
	id        int64
	number    int32
	seq       uint64 // of its last event that has a number
	state     uint8
	assisting bool // in a GC mark assist
	stopping  bool // the world
	regions   []region
}

// A region is a user region, its name a string by number.
type region struct{ task, name uint64 }

// wireStates are the states of goroutines, by their number in a trace.
var wireStates = [...]uint8{1: stateRunnable, 2: stateRunning, 3: stateSyscall, 4: stateWaiting}

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
	o.add(t.at, opState, g.number, stateRunning)
	return true
}

func (o *ordering) goBlock(t *thread) bool {
	if !o.holds(t, stateRunning) {
		return false
	}
	g := t.running
	g.state = stateWaiting
	t.running = nil
	r := o.add(t.at, opState, g.number, stateWaiting)
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
	o.add(t.at, opState, g.number, stateRunnable)
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
	r := o.add(t.at, opWake, g.number, stateRunnable)
	if t.running != nil {
		r.other, r.stack2 = t.running.number, o.stack(t.args[3])
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
	o.add(t.at, opState, g.number, stateSyscall).stack = o.stack(t.args[2])
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
	o.add(t.at, opState, t.running.number, stateRunning)
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
	o.add(t.at, opState, g.number, stateRunnable)
	return true
}

// born adds a goroutine, nil if there is one of that id already.
func (o *ordering) born(id int64, state uint8) *runner {
	if id < 0 || o.runners.find(id) != nil {
		o.bad = true
		return nil
	}
	g := o.runners.add(id, state)
	g.number = o.out.number(id)
	return g
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
	r := o.add(t.at, opCreate, g.number, state)
	r.stack = o.stack(t.args[3])
	r.stack2 = o.stack(t.args[2])
	if t.running != nil {
		r.other = t.running.number
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
	o.add(t.at, opCreate, g.number, stateSyscall)
	return true
}

func (o *ordering) goDestroy(t *thread) bool {
	if !o.holds(t, stateRunning) {
		return false
	}
	o.add(t.at, opEnd, t.running.number, stateUnknown)
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
		o.add(t.at, opProcIdle, p.number, stateUnknown)
	}
	o.add(t.at, opEnd, g.number, stateUnknown)
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
	o.add(t.at, opWake, next.number, stateRunnable).other = g.number
	if t.typ == evGoSwitch {
		g.state = stateWaiting
		o.add(t.at, opState, g.number, stateWaiting).reason = o.reason(0)
	} else {
		o.add(t.at, opEnd, g.number, stateUnknown)
		o.gone(t)
	}
	next.state, next.seq = stateRunning, t.args[2]
	t.running = next
	o.add(t.at, opState, next.number, stateRunning)
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
	r := o.add(t.at, opStatus, g.number, state)
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
