package timeline

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/exp/trace"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// An op is what happened to a goroutine, or to the whole process.
type op uint8

const (
	opState     op = iota // g is now in state, with stack and reason where it blocks or enters the kernel
	opStatus              // the same, said again at a generation's beginning or for the first time
	opWake                // g was waiting and is runnable; other (or nobody) ended the wait at stack2
	opCreate              // g was created by other at stack and begins at stack2
	opEnd                 // g has ended
	opAssist              // g begins a GC mark assist
	opAssisted            // and ends it
	opStop                // the world is stopped
	opStopped             // and goes on
	opSample              // a CPU sample hit g at stack
	opProcRun             // processor g runs
	opProcIdle            // processor g is idle
	opMaxProcs            // GOMAXPROCS is g
	opTask                // g begins the user's task other, named stack2, at stack; state is 1 where it is part of another
	opTaskEnd             // g ends the user's task other at stack
	opRegion              // g begins a user's region, named stack2, at stack
	opRegionEnd           // and ends it
)

// The states of a goroutine.
const (
	stateUnknown uint8 = iota
	stateRunning
	stateRunnable
	stateWaiting
	stateSyscall
	numStates
)

var stateNames = [...]string{"unknown", "running", "runnable", "waiting", "syscall"}

// A record is an event reduced to what the machine needs. It holds no pointers,
// so that a generation of a million of them costs the collector nothing. Whom it is
// about are indexes into the generation's ids, -1 being nobody; stacks are indexes
// into its classes, 0 being none.
type record struct {
	at            int64 // ns, trace clock
	g, other      int32
	stack, stack2 int32
	op            op
	state         uint8
	reason        uint8
}

// The reasons for waiting that the attribution tells apart; the rest keep their
// name for the evidence alone.
const (
	reasonNone uint8 = iota
	reasonNetwork
	reasonSelect
	reasonSleep
	reasonRecv
	reasonSend
	reasonSync
	reasonCond
	reasonGC
	reasonSystem // a goroutine of the runtime's own, until it is needed
	firstOtherReason
)

var reasonNames = map[string]uint8{
	"":                              reasonNone,
	"network":                       reasonNetwork,
	"select":                        reasonSelect,
	"select (no cases)":             reasonSelect,
	"sleep":                         reasonSleep,
	"chan receive":                  reasonRecv,
	"chan send":                     reasonSend,
	"sync":                          reasonSync,
	"sync.(*Cond).Wait":             reasonCond,
	"GC mark assist wait for work":  reasonGC,
	"preempted":                     reasonGC, // stopped so that its stack can be scanned
	"wait until GC ends":            reasonGC,
	"GC weak to strong wait":        reasonGC,
	"GC background sweeper wait":    reasonGC,
	"wait for GC cycle":             reasonGC,
	"blocked on a GC assist credit": reasonGC,
	"system goroutine wait":         reasonSystem,
}

// A class is a distinct stack, classified, with what the machine remembers of
// it.
type class struct {
	*rules.Class
	root *Root // of the goroutines that begin with it
	// What a goroutine with this stack does: it takes something out of a channel, it
	// reads from or writes to the network, or it gives up a lock.
	receives, reads, writes, unlocks bool
	key                              string            // the program counters
	chain                            *breakdown.Chain  // nil where the stack leads no further than to its handler
	admitted                         bool              // by the machine
	waiting                          int               // requests that wait with this stack, if it is Bare
	causes                           [numStates]reason // the evidence that rests on it alone, by state
	// Of what the stacks were of states before it that nobody ended, and of waits that
	// it ended; nil where that is not asked for.
	before, ends *evidence
	waits        *waits   // of requests; nil where there were none that have to be followed
	opening      *opening // that it stands for, nil where it is a stack
}

// A reason is a cause for one of the runtime's reasons.
type reason struct {
	cause  *breakdown.Cause
	reason uint8
}

// classes holds a trace's distinct stacks, each classified once. Stacks are told
// apart by their program counters, which stay the same from one generation to
// the next. Generations that are decoded at the same time share it.
type classes struct {
	mu      sync.Mutex
	table   *rules.Table
	byPCs   map[string]*class
	strings map[string]string
	held    int // bytes of what byPCs and strings hold, and how many they may
	most    int
	reason  map[string]uint8
	reasons []string // by number
	none    class    // what the machine remembers of states without a stack
}

func newClasses(t *rules.Table) *classes {
	c := &classes{table: t, byPCs: map[string]*class{}, strings: map[string]string{}, reason: map[string]uint8{},
		reasons: make([]string, firstOtherReason)}
	for name, n := range reasonNames {
		c.reason[name] = n
		if c.reasons[n] == "" || len(name) < len(c.reasons[n]) {
			c.reasons[n] = name
		}
	}
	c.reasons[reasonGC] = "GC"
	return c
}

// of returns a stack's class, nil for an empty one.
func (c *classes) of(s trace.Stack) *class {
	var key []byte
	n := 0
	for f := range s.Frames() {
		key = binary.LittleEndian.AppendUint64(key, f.PC)
		n++
	}
	if n == 0 {
		return nil
	}
	return c.ofPCs(key, func() []breakdown.Frame {
		frames := make([]breakdown.Frame, 0, n)
		for f := range s.Frames() {
			frames = append(frames, breakdown.Frame{Function: c.intern(f.Func), File: c.intern(f.File), Line: int(f.Line)})
		}
		return frames
	})
}

// ofPCs returns the class of the stack with these program counters, eight bytes
// each and at least one. It asks for the frames only of a stack it does not know.
func (c *classes) ofPCs(key []byte, framesOf func() []breakdown.Frame) *class {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.byPCs[string(key)]; ok {
		return known
	}
	frames := framesOf()
	known := newClass(c.table.Classify(frames))
	known.key = string(key)
	if c.held += known.size(); c.most > 0 && c.held > c.most {
		// It is only here to save work: who has a class already keeps it.
		clear(c.byPCs)
		clear(c.strings)
		c.held = known.size()
	}
	c.byPCs[known.key] = known
	return known
}

// intern copies a string once, so that it does not keep a generation alive. The
// caller holds the lock.
func (c *classes) intern(s string) string {
	if known, ok := c.strings[s]; ok {
		return known
	}
	s = strings.Clone(s)
	c.strings[s] = s
	return s
}

// reasonOf numbers a reason. Those past the last number share it.
func (c *classes) reasonOf(name string) uint8 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.reason[name]
	if !ok {
		n = uint8(min(len(c.reasons), 255))
		name = strings.Clone(name)
		c.reason[name] = n
		if int(n) == len(c.reasons) {
			c.reasons = append(c.reasons, name)
		}
	}
	return n
}

func (c *classes) reasonName(n uint8) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reasons[n]
}

// decoded is a generation's events in order.
type decoded struct {
	records     []record
	ids         []int64  // by number, of goroutines, processors and tasks: a goroutine has one from its beginning to its end
	classes     []*class // by number; 0 is none
	names       []string // of the user's tasks and regions, by number
	nameOf      map[string]int32
	admitted    int   // how many of the classes the machine has looked at
	first, last int64 // times of the first and last event
	clock       *trace.ClockSnapshot
	events      int64
}

// decode decodes one generation: by ourselves if we know its version and meet
// nothing unexpected, else with the ordinary reader, whose result is the same.
// On an error nothing of the generation may be used: what was read is not the
// whole.
func decode(g generation, c *classes, reuse []record) (d decoded, err error) {
	defer func() {
		// The reader is fuzzed but not proven; a damaged file must not end
		// the program.
		if p := recover(); p != nil {
			err = fmt.Errorf("the trace reader gave up: %v", p)
		}
	}()
	if d, ok := decodeWire(g, c, reuse); ok {
		return d, nil
	}
	return decodeEvents(g, c, reuse)
}

// decodeEvents decodes one generation with the ordinary reader.
func decodeEvents(g generation, c *classes, reuse []record) (decoded, error) {
	e := events{shared: c, d: decoded{records: reuse[:0]}, goroutines: map[int64]int32{}, processors: map[int64]int32{}}
	err := e.read(g)
	return e.d, err
}

// pieceRecords is how many records a piece of a generation has, at least.
const pieceRecords = 1 << 16

// decodePieces decodes one generation and hands over its records in pieces, so
// that they are never all there; nil only looks whether it can be decoded. What
// it returns has no records.
func decodePieces(g generation, c *classes, each func(*decoded)) (d decoded, err error) {
	defer func() {
		if p := recover(); p != nil && each == nil {
			err = fmt.Errorf("the trace reader gave up: %v", p)
		} else if p != nil {
			panic(p)
		}
	}()
	e := events{shared: c, each: each, looks: each == nil, goroutines: map[int64]int32{}, processors: map[int64]int32{}}
	err = e.read(g)
	e.flush()
	return e.d, err
}

// events reads a generation's events from the ordinary reader.
type events struct {
	shared *classes
	in     interner
	d      decoded
	each   func(*decoded) // takes what has been read as soon as it is a piece
	looks  bool           // only whether all can be read

	goroutines, processors map[int64]int32 // their numbers
}

func (e *events) read(g generation) error {
	d := &e.d
	r, err := trace.NewReader(bytes.NewReader(g.data))
	if err != nil {
		return err
	}
	e.in = interner{shared: e.shared, stacks: map[trace.Stack]int32{trace.NoStack: 0}, reasons: map[string]uint8{}, classes: []*class{nil}}
	defer func() { d.classes = e.in.classes }()
	edges := 0
	for {
		ev, err := r.ReadEvent()
		if err == io.EOF {
			if edges < 2 && g.number != 0 { // the reader hands on what it met amid a table
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		if err != nil {
			return err
		}
		d.events++
		at := int64(ev.Time())
		if ev.Kind() == trace.EventSync {
			edges++
		} else {
			if d.first == 0 {
				d.first = at
			}
			d.last = at
		}
		if e.looks && ev.Kind() != trace.EventSync {
			continue // its stack would only take room
		}
		e.event(&ev, at)
		if e.each != nil && len(d.records) >= pieceRecords {
			e.flush()
		}
	}
}

// flush hands over the records so far.
func (e *events) flush() {
	if e.each != nil && len(e.d.records) > 0 {
		e.d.classes = e.in.classes
		e.each(&e.d)
	}
	e.d.records = e.d.records[:0]
}

// event makes an event a record, where it is one.
func (e *events) event(ev *trace.Event, at int64) {
	switch ev.Kind() {
	case trace.EventSync:
		if s := ev.Sync().ClockSnapshot; s != nil && e.d.clock == nil {
			e.d.clock = s
		}
	case trace.EventStateTransition:
		st := ev.StateTransition()
		switch st.Resource.Kind {
		case trace.ResourceGoroutine:
			e.goroutine(ev, &st, at)
		case trace.ResourceProc:
			e.proc(&st, at)
		}
	case trace.EventStackSample:
		e.add(record{at: at, op: opSample, g: e.hit(int64(ev.Goroutine())), other: none, stack: e.in.stack(ev.Stack())})
	case trace.EventRangeBegin, trace.EventRangeActive, trace.EventRangeEnd:
		e.span(ev, at)
	case trace.EventTaskBegin, trace.EventTaskEnd:
		e.task(ev, at)
	case trace.EventRegionBegin, trace.EventRegionEnd:
		e.region(ev, at)
	case trace.EventMetric:
		if m := ev.Metric(); m.Name == "/sched/gomaxprocs:threads" {
			e.add(record{at: at, op: opMaxProcs, g: e.d.number(int64(m.Value.Uint64())), other: none})
		}
	}
}

func (e *events) add(r record) { e.d.records = append(e.d.records, r) }

// number numbers something that has no number yet.
func (d *decoded) number(id int64) int32 {
	d.ids = append(d.ids, id)
	return int32(len(d.ids) - 1)
}

// numberOf is the number of a goroutine, -1 for none, or of a processor.
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

// hit is the number of the goroutine that a sample hit. It need not be known.
func (e *events) hit(id int64) int32 {
	if id < 0 {
		return none
	}
	if n, ok := e.goroutines[id]; ok {
		return n
	}
	return e.d.number(id)
}

// An interner numbers a generation's stacks and reasons.
type interner struct {
	shared  *classes
	stacks  map[trace.Stack]int32
	reasons map[string]uint8
	classes []*class
}

func (in *interner) stack(s trace.Stack) int32 {
	id, ok := in.stacks[s]
	if !ok {
		if c := in.shared.of(s); c != nil {
			id = int32(len(in.classes))
			in.classes = append(in.classes, c)
		}
		in.stacks[s] = id
	}
	return id
}

func (in *interner) reason(name string) uint8 {
	n, ok := in.reasons[name]
	if !ok {
		n = in.shared.reasonOf(name)
		in.reasons[strings.Clone(name)] = n
	}
	return n
}

func (e *events) goroutine(ev *trace.Event, st *trace.StateTransition, at int64) {
	from, to := st.Goroutine()
	id, in := int64(st.Resource.Goroutine()), &e.in
	if from == trace.GoNotExist {
		delete(e.goroutines, id)
	}
	rec := record{at: at, g: e.numberOf(e.goroutines, id), other: none, state: stateOf(to)}
	switch {
	case to == trace.GoNotExist:
		rec.op = opEnd
		delete(e.goroutines, id)
	case from == trace.GoNotExist:
		rec.op = opCreate
		rec.other = e.numberOf(e.goroutines, int64(ev.Goroutine()))
		rec.stack, rec.stack2 = in.stack(ev.Stack()), in.stack(st.Stack)
	case from == trace.GoUndetermined || from == to:
		rec.op = opStatus
		rec.stack, rec.reason = in.stack(st.Stack), in.reason(st.Reason)
	case from == trace.GoWaiting:
		rec.op = opWake
		if rec.other = e.numberOf(e.goroutines, int64(ev.Goroutine())); rec.other >= 0 {
			rec.stack2 = in.stack(ev.Stack())
		}
	case to == trace.GoWaiting:
		rec.stack, rec.reason = in.stack(st.Stack), in.reason(st.Reason)
	case to == trace.GoSyscall:
		rec.stack = in.stack(st.Stack)
	}
	e.add(rec)
}

func stateOf(s trace.GoState) uint8 {
	switch s {
	case trace.GoRunning:
		return stateRunning
	case trace.GoRunnable:
		return stateRunnable
	case trace.GoWaiting:
		return stateWaiting
	case trace.GoSyscall:
		return stateSyscall
	}
	return stateUnknown
}

func (e *events) task(ev *trace.Event, at int64) {
	t := ev.Task()
	rec := record{at: at, op: opTaskEnd, g: e.numberOf(e.goroutines, int64(ev.Goroutine())), other: e.d.number(int64(t.ID)), stack: e.in.stack(ev.Stack())}
	if ev.Kind() == trace.EventTaskBegin {
		rec.op, rec.stack2 = opTask, e.d.name(t.Type)
		if t.Parent != trace.NoTask {
			rec.state = 1
		}
	}
	e.add(rec)
}

func (e *events) region(ev *trace.Event, at int64) {
	r := ev.Region()
	rec := record{at: at, op: opRegionEnd, g: e.numberOf(e.goroutines, int64(ev.Goroutine())), other: none, stack: e.in.stack(ev.Stack()), stack2: e.d.name(r.Type)}
	if ev.Kind() == trace.EventRegionBegin {
		rec.op = opRegion
	}
	e.add(rec)
}

// name numbers the name of a task or a region.
func (d *decoded) name(name string) int32 {
	n, ok := d.nameOf[name]
	if !ok {
		if d.nameOf == nil {
			d.nameOf = map[string]int32{}
		}
		name, n = strings.Clone(name), int32(len(d.names))
		d.names, d.nameOf[name] = append(d.names, name), n
	}
	return n
}

func (e *events) proc(st *trace.StateTransition, at int64) {
	_, to := st.Proc()
	rec := record{at: at, op: opProcIdle, g: e.numberOf(e.processors, int64(st.Resource.Proc())), other: none}
	if to == trace.ProcRunning {
		rec.op = opProcRun
	}
	e.add(rec)
}

func (e *events) span(ev *trace.Event, at int64) {
	r := ev.Range()
	begins := ev.Kind() != trace.EventRangeEnd
	rec := record{at: at, other: none}
	switch {
	case r.Name == "GC mark assist" && r.Scope.Kind == trace.ResourceGoroutine:
		rec.op, rec.g = opAssisted, e.numberOf(e.goroutines, int64(r.Scope.Goroutine()))
		if begins {
			rec.op = opAssist
		}
	case strings.HasPrefix(r.Name, "stop-the-world"):
		rec.op = opStopped
		if begins {
			rec.op = opStop
		}
	default:
		return
	}
	e.add(rec)
}
