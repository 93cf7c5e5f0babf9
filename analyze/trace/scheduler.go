package trace

import "timesink/analyze/trace/byid"

// A scheduler is the state of the Go scheduler between two events of a generation: which
// goroutines and processors there are, what they do, and which ranges and tasks are open.
// Nothing is known when a generation begins.
type scheduler struct {
	runners    runnerTable
	processors byid.Table[processor]
	tasks      map[uint64]struct{}
	regions    map[*runner][]region
	gc         uint8
	gcSeq      uint64
}

func newScheduler() scheduler {
	return scheduler{tasks: map[uint64]struct{}{}, regions: map[*runner][]region{}}
}

// none is the id for no goroutine, no processor and no thread.
const none = -1

// advance applies the thread's next event and returns true, if the event may come next. If it
// may not come yet, advance changes nothing and returns false. If it may never come, advance
// sets bad and returns anything. The ordinary reader defines what an event requires (advance…
// in its order.go). This decoder may reject what that accepts, which leaves the generation to
// it, but must not accept what it rejects.
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
		return o.heap(t)

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
	// The rest are experiments, which say nothing about goroutines.
	return o.isThread(t) && o.count(t)
}

// hold gives the thread a goroutine and a processor.
func (t *thread) hold(g *runner, p *processor) {
	if t.id != none {
		t.running, t.processor = g, p
	}
}

// isThread reports whether t is a thread. It is not if it holds the events of the runtime as
// a whole, which has no goroutine or processor. If it is not, it sets bad.
func (o *ordering) isThread(t *thread) bool {
	return t.id != none || o.refuse()
}

// add adds a record for an event or a part of one. It writes the record in place: building it
// first and copying it means that small stores must reach memory before a wide load can read
// them, which took a fifth of all time.
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

// count counts an event without a record.
func (o *ordering) count(t *thread) bool {
	o.tick(t.at)
	return true
}

func (o *ordering) refuse() bool {
	o.bad = true
	return false
}

// has reports whether the thread holds a goroutine and a processor. If it does not, it sets
// bad.
func (o *ordering) has(t *thread) bool {
	return t.running != nil && t.processor != nil || o.refuse()
}

// hasProcessor is like has, but does not require a goroutine.
func (o *ordering) hasProcessor(t *thread) bool {
	return t.processor != nil || o.refuse()
}

// holds is like has, but requires the goroutine to be in that state.
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
