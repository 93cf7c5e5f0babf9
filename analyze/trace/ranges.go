package trace

import xtrace "golang.org/x/exp/trace"

// The states of the garbage collector's mark phase.
const (
	gcUnknown = iota
	gcIdle
	gcMarking
)

// stopWorld handles the start or end of a stop of the world by the thread's goroutine.
func (o *ordering) stopWorld(t *thread) bool {
	if !o.has(t) {
		return false
	}
	what, begins := OpStopEnd, t.typ == evSTWBegin
	if begins {
		what = OpStopBegin
		o.knowsString(t.args[1])
	}
	if t.running.stopping == begins {
		return o.refuse()
	}
	t.running.stopping = begins
	r := o.add(t.at, what, t.running.number, StateUnknown)
	if begins {
		r.Stack = o.stack(t.args[2])
	}
	return true
}

// assist handles the start or end of a mark assist by the thread's goroutine.
func (o *ordering) assist(t *thread) bool {
	if !o.has(t) {
		return false
	}
	what, begins := OpAssistEnd, t.typ == evGCMarkAssistBegin
	if begins {
		what = OpAssistBegin
		o.knowsStack(t.args[1])
	}
	if t.running.assisting == begins {
		return o.refuse()
	}
	t.running.assisting = begins
	o.add(t.at, what, t.running.number, StateUnknown)
	return true
}

// assistActive handles the event that any goroutine is in a mark assist.
func (o *ordering) assistActive(t *thread) bool {
	g := o.runners.Find(int64(t.args[1]))
	if g == nil || g.assisting {
		return o.refuse()
	}
	g.assisting = true
	o.add(t.at, OpAssistBegin, g.number, StateUnknown)
	return true
}

// mark handles the start or end of the garbage collector's mark phase. The two may be on
// different threads, so they have sequence numbers.
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
		// The first event of a generation has no preconditions.
	case seq != o.gcSeq+1:
		return false
	case o.gc != before || !o.has(t):
		return o.refuse()
	}
	o.gcSeq, o.gc = seq, after
	o.marked = o.marked || t.typ == evGCEnd
	return o.count(t)
}

// heap handles a new size of the heap, or a new goal for it.
func (o *ordering) heap(t *thread) bool {
	if !o.hasProcessor(t) {
		return false
	}
	if t.typ == evHeapAlloc {
		o.heapSize = int64(t.args[1])
	} else {
		o.goal(&o.out.Heap, int64(t.args[1]))
	}
	return o.count(t)
}

// sweep handles the start or end of sweeping by a processor.
func (o *ordering) sweep(t *thread) bool {
	p := t.processor
	switch t.typ {
	case evGCSweepActive:
		p = o.processors.Find(int64(t.args[1]))
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

// task handles the start or end of a user task. A task may end without a start, and more than
// once.
func (o *ordering) task(t *thread) bool {
	if !o.has(t) {
		return false
	}
	id := t.args[1]
	if t.typ == evUserTaskEnd {
		delete(o.tasks, id)
		o.unit(t, OpTaskEnd, t.args[2]).Other = o.out.number(int64(id))
		return true
	}
	if _, open := o.tasks[id]; open {
		return o.refuse()
	}
	o.tasks[id] = struct{}{}
	what := OpTaskBegin
	if parent := t.args[2]; parent != 0 && parent != uint64(xtrace.NoTask) {
		what = OpSubtaskBegin
	}
	r := o.unit(t, what, t.args[4])
	r.Other = o.out.number(int64(id))
	r.Stack2 = o.name(t.args[3])
	return true
}

// region handles the start or end of a user region of the thread's goroutine. Regions nest;
// the end of one that began before the trace has no preconditions.
func (o *ordering) region(t *thread) bool {
	if !o.has(t) {
		return false
	}
	g, r := t.running, region{t.args[1], t.args[2]}
	what := OpRegionBegin
	open := o.regions[g]
	if t.typ == evUserRegionBegin {
		o.regions[g] = append(open, r)
	} else {
		what = OpRegionEnd
		if n := len(open); n > 0 {
			if open[n-1] != r {
				return o.refuse()
			}
			o.regions[g] = open[:n-1]
		}
	}
	o.unit(t, what, t.args[3]).Stack2 = o.name(r.name)
	return true
}

// unit adds a record of a task or region of the thread's goroutine.
func (o *ordering) unit(t *thread, what Op, stack uint64) *Record {
	r := o.add(t.at, what, t.running.number, StateUnknown)
	r.Stack = o.stack(stack)
	return r
}

// name returns the index in Names of a string.
func (o *ordering) name(id uint64) int32 {
	if !has(o.strings, id) {
		o.bad = true
		return 0
	}
	return o.out.name(string(o.strings[id]))
}
