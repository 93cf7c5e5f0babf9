package trace

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

// none is the id that stands for no goroutine, no processor and no thread.
const none = -1

// advance makes the thread's next event happen and returns true, if it may come
// next. If it may not yet, it returns false and has changed nothing; if it never
// may, that is bad, whatever it returns. What to demand of an event, and what not,
// is the ordinary reader's to say (advance… in its order.go). We may refuse what
// it accepts, and leave the generation to it, but not accept what it refuses.
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

// isThread reports whether it is one, and not the row of what was written for the
// runtime as a whole, which holds nothing. It is bad if it is not.
func (o *ordering) isThread(t *thread) bool {
	return t.id != none || o.refuse()
}

// add makes an event, or a part of one, a record. The record is written in its
// place: built first and then copied, its small parts would have to reach memory
// before they could be read again as a whole, which took a fifth of all time.
func (o *ordering) add(at int64, what Op, g int32, state State) *Record {
	n := len(o.out.records)
	if n < cap(o.out.records) {
		o.out.records = o.out.records[:n+1]
	} else {
		o.out.records = append(o.out.records, Record{})
	}
	r := &o.out.records[n]
	r.At, r.G, r.Other, r.Stack, r.Stack2, r.Op, r.State, r.Reason = o.tick(at), g, none, 0, 0, what, state, ReasonNone
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

// has reports whether the thread holds a goroutine and a processor. It is bad if
// it does not.
func (o *ordering) has(t *thread) bool {
	return t.running != nil && t.processor != nil || o.refuse()
}

// hasProcessor is has, with or without a goroutine.
func (o *ordering) hasProcessor(t *thread) bool {
	return t.processor != nil || o.refuse()
}

// holds is has with the goroutine in that state.
func (o *ordering) holds(t *thread, state State) bool {
	return t.running != nil && t.processor != nil && t.running.state == state || o.refuse()
}

func (o *ordering) sample(s sample) {
	g := int32(none)
	if hit := o.runners.Find(s.goroutine); hit != nil {
		g = hit.number
	} else if s.goroutine >= 0 {
		g = o.out.number(s.goroutine)
	}
	o.add(s.at, OpSample, g, StateUnknown).Stack = o.stack(s.stack)
}
