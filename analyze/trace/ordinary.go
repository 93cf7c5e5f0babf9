package trace

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	xtrace "golang.org/x/exp/trace"
)

// decodeEvents decodes one generation with the ordinary reader.
func decodeEvents(g encoded, c *shared, s *store) (Generation, error) {
	e := newEvents(c)
	if s != nil {
		e.pieces, e.d.records = pieces{least: blockRecords, store: s}, s.take()
	}
	err := e.read(g)
	s.done(&e.d, err == nil)
	return e.d, err
}

// checkEvents returns a generation without its records, or the error from decoding it.
func checkEvents(g encoded, c *shared) (d Generation, err error) {
	e := newEvents(c)
	e.checks = true
	err = e.read(g)
	return e.d, err
}

// decodeEventPieces decodes a generation that passed checkEvents, in pieces.
func decodeEventPieces(g encoded, c *shared, p pieces) {
	e := newEvents(c)
	e.pieces = p
	if e.read(g) == nil && !e.enough {
		e.pass(&e.d)
	}
}

// gaveUp turns a panic of the ordinary reader into an error: a damaged file must not end the
// program.
func gaveUp(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the trace reader panicked: %v", p)
	}
}

// events decodes a generation with the ordinary reader.
type events struct {
	shared *shared
	in     interner
	d      Generation
	pieces
	collecting

	goroutines, processors map[int64]int32 // indexes by id
}

func newEvents(c *shared) *events {
	return &events{shared: c, goroutines: map[int64]int32{}, processors: map[int64]int32{}}
}

func (e *events) read(g encoded) error {
	d := &e.d
	r, err := xtrace.NewReader(bytes.NewReader(g.data))
	if err != nil {
		return err
	}
	e.in = interner{shared: e.shared, indexes: map[xtrace.Stack]int32{xtrace.NoStack: 0}, reasons: map[string]Reason{}, stacks: []*Stack{nil}}
	defer func() { d.Stacks = e.in.stacks }()
	edges := 0
	minor, err := versionOf(g.data[:min(len(g.data), headerLen)])
	if err != nil {
		return err
	}
	for {
		ev, err := r.ReadEvent()
		if err == io.EOF {
			if edges < 2 && g.number != 0 { // the reader passes on an EOF within a table
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		if err != nil {
			return err
		}
		d.Events++
		at := int64(ev.Time())
		switch {
		case ev.Kind() == xtrace.EventSync:
			edges++
		case d.Last != 0 && minor >= firstSplit && notedLate(&ev):
			at = d.Last
		default:
			if d.First == 0 {
				d.First = at
			}
			d.Last = at
		}
		e.collects(&ev)
		if e.checks && ev.Kind() != xtrace.EventSync {
			continue // its stack would only use memory
		}
		e.event(&ev, at)
		if e.full(d) {
			d.Stacks = e.in.stacks
			if !e.pass(d) {
				return nil
			}
		}
	}
}

// notedLate reports whether an event may be one that the runtime adds to a generation after
// its end: the states of goroutines that have done nothing in it. The runtime first waits for
// threads that are just writing, which the kernel may have taken off their cores, so that the
// event's time says nothing. They are told by having no thread, or that of the system call
// that the goroutine is in.
func notedLate(ev *xtrace.Event) bool {
	if ev.Kind() != xtrace.EventStateTransition {
		return false
	}
	st := ev.StateTransition()
	if st.Resource.Kind != xtrace.ResourceGoroutine {
		return false
	}
	from, to := st.Goroutine()
	return (from == to || from == xtrace.GoUndetermined) && (to == xtrace.GoSyscall || ev.Thread() == xtrace.NoThread)
}

// collects adds what an event says of the heap.
func (e *events) collects(ev *xtrace.Event) {
	switch ev.Kind() {
	case xtrace.EventMetric:
		switch m := ev.Metric(); m.Name {
		case "/memory/classes/heap/objects:bytes":
			e.heapSize = int64(m.Value.Uint64())
		case "/gc/heap/goal:bytes":
			e.goal(&e.d.Heap, int64(m.Value.Uint64()))
		}
	case xtrace.EventRangeEnd:
		e.marked = e.marked || ev.Range().Name == "GC concurrent mark phase"
	}
}

// event adds the record of an event, if it has one.
func (e *events) event(ev *xtrace.Event, at int64) {
	switch ev.Kind() {
	case xtrace.EventSync:
		if s := ev.Sync().ClockSnapshot; s != nil && e.d.Clock == nil {
			e.d.Clock = &Clock{Trace: int64(s.Trace), Wall: s.Wall}
		}
	case xtrace.EventStateTransition:
		st := ev.StateTransition()
		switch st.Resource.Kind {
		case xtrace.ResourceGoroutine:
			e.goroutine(ev, &st, at)
		case xtrace.ResourceProc:
			e.proc(&st, at)
		}
	case xtrace.EventStackSample:
		e.add(Record{At: at, Op: OpSample, G: e.hit(int64(ev.Goroutine())), Other: none, Stack: e.in.stack(ev.Stack())})
	case xtrace.EventRangeBegin, xtrace.EventRangeActive, xtrace.EventRangeEnd:
		e.span(ev, at)
	case xtrace.EventTaskBegin, xtrace.EventTaskEnd:
		e.task(ev, at)
	case xtrace.EventRegionBegin, xtrace.EventRegionEnd:
		e.region(ev, at)
	case xtrace.EventMetric:
		if m := ev.Metric(); m.Name == "/sched/gomaxprocs:threads" {
			e.add(Record{At: at, Op: OpMaxProcs, G: e.d.number(int64(m.Value.Uint64())), Other: none})
		}
	}
}

func (e *events) add(r Record) { e.d.records = append(e.d.records, r) }

// number assigns the next index to an id.
func (d *Generation) number(id int64) int32 {
	d.IDs = append(d.IDs, id)
	return int32(len(d.IDs) - 1)
}

// numberOf returns the index of a goroutine or a processor, which it assigns at the first
// use. It returns none for a negative id.
func (e *events) numberOf(of map[int64]int32, id int64) int32 {
	if id < 0 {
		return none
	}
	n, ok := of[id]
	if !ok {
		n = e.d.number(id)
		of[id] = n
	}
	return n
}

// hit returns the index of the goroutine that a sample hit. The goroutine may be unknown.
func (e *events) hit(id int64) int32 {
	if id < 0 {
		return none
	}
	if n, ok := e.goroutines[id]; ok {
		return n
	}
	return e.d.number(id)
}

// An interner assigns indexes to a generation's stacks and reasons.
type interner struct {
	shared  *shared
	indexes map[xtrace.Stack]int32
	stacks  []*Stack
	reasons map[string]Reason
}

func (in *interner) stack(s xtrace.Stack) int32 {
	i, ok := in.indexes[s]
	if !ok {
		if known := in.shared.stackOf(s); known != nil {
			i = int32(len(in.stacks))
			in.stacks = append(in.stacks, known)
		}
		in.indexes[s] = i
	}
	return i
}

func (in *interner) reason(name string) Reason {
	n, ok := in.reasons[name]
	if !ok {
		n = in.shared.reasonOf(name)
		in.reasons[strings.Clone(name)] = n
	}
	return n
}

func (e *events) goroutine(ev *xtrace.Event, st *xtrace.StateTransition, at int64) {
	from, to := st.Goroutine()
	id, in := int64(st.Resource.Goroutine()), &e.in
	if from == xtrace.GoNotExist {
		delete(e.goroutines, id)
	}
	rec := Record{At: at, G: e.numberOf(e.goroutines, id), Other: none, State: stateOf(to)}
	switch {
	case to == xtrace.GoNotExist:
		rec.Op = OpEnd
		delete(e.goroutines, id)
	case from == xtrace.GoNotExist:
		rec.Op = OpCreate
		rec.Other = e.numberOf(e.goroutines, int64(ev.Goroutine()))
		rec.Stack, rec.Stack2 = in.stack(ev.Stack()), in.stack(st.Stack)
	case from == xtrace.GoUndetermined || from == to:
		rec.Op = OpStatus
		rec.Stack, rec.Reason = in.stack(st.Stack), in.reason(st.Reason)
	case from == xtrace.GoWaiting:
		rec.Op = OpWake
		if rec.Other = e.numberOf(e.goroutines, int64(ev.Goroutine())); rec.Other >= 0 {
			rec.Stack2 = in.stack(ev.Stack())
		}
	case to == xtrace.GoWaiting:
		rec.Stack, rec.Reason = in.stack(st.Stack), in.reason(st.Reason)
	case to == xtrace.GoSyscall, from == xtrace.GoRunning && to == xtrace.GoRunnable && st.Reason == yielded:
		rec.Stack = in.stack(st.Stack)
	}
	e.add(rec)
}

func stateOf(s xtrace.GoState) State {
	switch s {
	case xtrace.GoRunning:
		return StateRunning
	case xtrace.GoRunnable:
		return StateRunnable
	case xtrace.GoWaiting:
		return StateWaiting
	case xtrace.GoSyscall:
		return StateSyscall
	}
	return StateUnknown
}

func (e *events) task(ev *xtrace.Event, at int64) {
	t := ev.Task()
	rec := Record{At: at, Op: OpTaskEnd, G: e.numberOf(e.goroutines, int64(ev.Goroutine())), Other: e.d.number(int64(t.ID)), Stack: e.in.stack(ev.Stack())}
	if ev.Kind() == xtrace.EventTaskBegin {
		rec.Op, rec.Stack2 = OpTaskBegin, e.d.name(t.Type)
		if t.Parent != xtrace.NoTask {
			rec.Op = OpSubtaskBegin
		}
	}
	e.add(rec)
}

func (e *events) region(ev *xtrace.Event, at int64) {
	r := ev.Region()
	rec := Record{At: at, Op: OpRegionEnd, G: e.numberOf(e.goroutines, int64(ev.Goroutine())), Other: none, Stack: e.in.stack(ev.Stack()), Stack2: e.d.name(r.Type)}
	if ev.Kind() == xtrace.EventRegionBegin {
		rec.Op = OpRegionBegin
	}
	e.add(rec)
}

// name returns the index of the name of a task or a region.
func (d *Generation) name(name string) int32 {
	n, ok := d.nameOf[name]
	if !ok {
		if d.nameOf == nil {
			d.nameOf = map[string]int32{}
		}
		name, n = strings.Clone(name), int32(len(d.Names))
		d.Names, d.nameOf[name] = append(d.Names, name), n
	}
	return n
}

func (e *events) proc(st *xtrace.StateTransition, at int64) {
	_, to := st.Proc()
	rec := Record{At: at, Op: OpProcIdle, G: e.numberOf(e.processors, int64(st.Resource.Proc())), Other: none}
	if to == xtrace.ProcRunning {
		rec.Op = OpProcRun
	}
	e.add(rec)
}

func (e *events) span(ev *xtrace.Event, at int64) {
	r := ev.Range()
	begins := ev.Kind() != xtrace.EventRangeEnd
	rec := Record{At: at, Other: none}
	switch {
	case r.Name == "GC mark assist" && r.Scope.Kind == xtrace.ResourceGoroutine:
		rec.Op, rec.G = OpAssistEnd, e.numberOf(e.goroutines, int64(r.Scope.Goroutine()))
		if begins {
			rec.Op = OpAssistBegin
		}
	case strings.HasPrefix(r.Name, "stop-the-world"):
		rec.Op, rec.G = OpStopEnd, e.numberOf(e.goroutines, int64(ev.Goroutine()))
		if begins {
			rec.Op, rec.Stack = OpStopBegin, e.in.stack(ev.Stack())
		}
	default:
		return
	}
	e.add(rec)
}
