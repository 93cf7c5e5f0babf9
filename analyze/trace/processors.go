package trace

// A processor is one of the GOMAXPROCS that run goroutines.
type processor struct {
	number   int32
	seq      uint64
	state    uint8
	sweeping bool
}

// The states of a processor, as numbered in a trace.
const (
	procRunning   = 1
	procIdle      = 2
	procSyscall   = 3 // its goroutine is in a system call; it may be stolen
	procAbandoned = 4 // the same, but its thread is unknown
)

func (o *ordering) procStart(t *thread) bool {
	p := o.processors.Find(int64(t.args[1]))
	// A thread that still has a processor is in a system call: the event that steals the
	// processor comes first.
	if p == nil || p.state != procIdle || t.args[2] != p.seq+1 || t.processor != nil {
		return false
	}
	if !o.isThread(t) {
		return false
	}
	p.state, p.seq = procRunning, t.args[2]
	t.processor = p
	o.add(t.at, OpProcRun, p.number, StateUnknown)
	return true
}

func (o *ordering) procStop(t *thread) bool {
	p := t.processor
	if p == nil || (p.state != procRunning && p.state != procSyscall) {
		return o.refuse()
	}
	p.state = procIdle
	t.processor = nil
	o.add(t.at, OpProcIdle, p.number, StateUnknown)
	return true
}

func (o *ordering) procSteal(t *thread) bool {
	p := o.processors.Find(int64(t.args[1]))
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
	o.add(t.at, OpProcIdle, p.number, StateUnknown)
	return true
}

// procStatus handles a processor's state at its first occurrence in a generation. It comes
// only once.
func (o *ordering) procStatus(t *thread) bool {
	id, status := int64(t.args[1]), t.args[2]
	if o.processors.Find(id) != nil || id < 0 || status < procRunning || status > procAbandoned {
		return o.refuse()
	}
	p := &processor{number: o.out.number(id), state: uint8(status)}
	o.processors.Add(id, p)
	if p.state == procIdle || p.state == procAbandoned {
		o.add(t.at, OpProcIdle, p.number, StateUnknown)
		return true
	}
	t.hold(t.running, p)
	o.add(t.at, OpProcRun, p.number, StateUnknown)
	return true
}

func (o *ordering) maxProcs(t *thread) bool {
	if !o.has(t) {
		return false
	}
	o.knowsStack(t.args[2])
	o.add(t.at, OpMaxProcs, o.out.number(int64(t.args[1])), StateUnknown)
	return true
}
