package timeline

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"golang.org/x/exp/trace"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// An op is what happened to a goroutine, or to the whole process.
type op uint8

const (
	opState    op = iota // g is now in state, with stack and reason where it blocks or enters the kernel
	opStatus             // the same, said again at a generation's beginning or for the first time
	opWake               // g was waiting and is runnable; other (or nobody) ended the wait at stack2
	opCreate             // g was created by other at stack and begins at stack2
	opEnd                // g has ended
	opAssist             // g begins a GC mark assist
	opAssisted           // and ends it
	opStop               // the world is stopped
	opStopped            // and goes on
	opSample             // a CPU sample hit g at stack
	opProcRun            // processor g runs
	opProcIdle           // processor g is idle
	opMaxProcs           // GOMAXPROCS is g
)

// The states of a goroutine.
const (
	stateUnknown uint8 = iota
	stateRunning
	stateRunnable
	stateWaiting
	stateSyscall
)

var stateNames = [...]string{"unknown", "running", "runnable", "waiting", "syscall"}

// A record is an event reduced to what the machine needs. It holds no pointers,
// so that a generation of some hundred thousand of them costs the collector
// nothing. Stacks are indexes into a classes list, 0 being none.
type record struct {
	at            int64 // ns, trace clock
	g             int64
	other         int64 // -1: nobody
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
	"wait until GC ends":            reasonGC,
	"GC weak to strong wait":        reasonGC,
	"GC background sweeper wait":    reasonGC,
	"wait for GC cycle":             reasonGC,
	"blocked on a GC assist credit": reasonGC,
}

// classes is the list of a trace's distinct stacks, each classified once.
// Stacks are told apart by their program counters, which stay the same from one
// generation to the next.
type classes struct {
	table   *rules.Table
	list    []*rules.Class // 0 is nil: no stack
	byPCs   map[string]int32
	strings map[string]string
	reasons []string // by number, from firstOtherReason on
	reason  map[string]uint8
}

func newClasses(t *rules.Table) *classes {
	c := &classes{table: t, list: []*rules.Class{nil}, byPCs: map[string]int32{}, strings: map[string]string{}, reason: map[string]uint8{}}
	for name, n := range reasonNames {
		c.reason[name] = n
	}
	return c
}

// of returns the number of a stack's class.
func (c *classes) of(s trace.Stack) int32 {
	var key []byte
	n := 0
	for f := range s.Frames() {
		key = binary.LittleEndian.AppendUint64(key, f.PC)
		if f.PC == 0 { // traces of tests carry none
			key = append(key, f.Func...)
			key = binary.AppendUvarint(key, f.Line)
		}
		n++
	}
	if n == 0 {
		return 0
	}
	if id, ok := c.byPCs[string(key)]; ok {
		return id
	}
	frames := make([]breakdown.Frame, 0, n)
	for f := range s.Frames() {
		frames = append(frames, breakdown.Frame{Function: c.intern(f.Func), File: c.intern(f.File), Line: int(f.Line)})
	}
	id := int32(len(c.list))
	c.list = append(c.list, c.table.Classify(frames))
	c.byPCs[string(key)] = id
	return id
}

// intern copies a string once, so that it does not keep a generation alive.
func (c *classes) intern(s string) string {
	if known, ok := c.strings[s]; ok {
		return known
	}
	s = strings.Clone(s)
	c.strings[s] = s
	return s
}

func (c *classes) reasonOf(name string) uint8 {
	if n, ok := c.reason[name]; ok {
		return n
	}
	n := firstOtherReason + uint8(min(len(c.reasons), 200))
	c.reasons = append(c.reasons, strings.Clone(name))
	c.reason[c.reasons[len(c.reasons)-1]] = n
	return n
}

func (c *classes) reasonName(n uint8) string {
	if n >= firstOtherReason && int(n-firstOtherReason) < len(c.reasons) {
		return c.reasons[n-firstOtherReason]
	}
	return [...]string{"", "network", "select", "sleep", "chan receive", "chan send", "sync", "sync.(*Cond).Wait", "GC", ""}[min(n, firstOtherReason)]
}

// decoded is a generation's events in order.
type decoded struct {
	records     []record
	first, last int64 // times of the first and last event
	clock       *trace.ClockSnapshot
	events      int64
}

// decode reads one generation. On an error nothing of the generation may be
// used: what was read is not the whole.
func decode(g generation, c *classes, reuse []record) (d decoded, err error) {
	defer func() {
		// The reader is fuzzed but not proven; a damaged file must not end
		// the program.
		if p := recover(); p != nil {
			err = fmt.Errorf("the trace reader gave up: %v", p)
		}
	}()
	d.records = reuse[:0]
	r, err := trace.NewReader(bytes.NewReader(g.data))
	if err != nil {
		return d, err
	}
	stacks := map[trace.Stack]int32{trace.NoStack: 0}
	class := func(s trace.Stack) int32 {
		id, ok := stacks[s]
		if !ok {
			id = c.of(s)
			stacks[s] = id
		}
		return id
	}
	for {
		ev, err := r.ReadEvent()
		if err == io.EOF {
			return d, nil
		}
		if err != nil {
			return d, err
		}
		d.events++
		at := int64(ev.Time())
		if ev.Kind() != trace.EventSync {
			if d.first == 0 {
				d.first = at
			}
			d.last = at
		}
		switch ev.Kind() {
		case trace.EventSync:
			if s := ev.Sync().ClockSnapshot; s != nil && d.clock == nil {
				d.clock = s
			}
		case trace.EventStateTransition:
			st := ev.StateTransition()
			switch st.Resource.Kind {
			case trace.ResourceGoroutine:
				d.goroutine(&ev, &st, at, class, c)
			case trace.ResourceProc:
				d.proc(&st, at)
			}
		case trace.EventStackSample:
			d.records = append(d.records, record{at: at, op: opSample, g: int64(ev.Goroutine()), other: -1, stack: class(ev.Stack())})
		case trace.EventRangeBegin, trace.EventRangeActive, trace.EventRangeEnd:
			d.span(&ev, at)
		case trace.EventMetric:
			if m := ev.Metric(); m.Name == "/sched/gomaxprocs:threads" {
				d.records = append(d.records, record{at: at, op: opMaxProcs, g: int64(m.Value.Uint64()), other: -1})
			}
		}
	}
}

func (d *decoded) goroutine(ev *trace.Event, st *trace.StateTransition, at int64, class func(trace.Stack) int32, c *classes) {
	from, to := st.Goroutine()
	rec := record{at: at, g: int64(st.Resource.Goroutine()), other: -1, state: stateOf(to)}
	switch {
	case to == trace.GoNotExist:
		rec.op = opEnd
	case from == trace.GoNotExist:
		rec.op = opCreate
		rec.other = int64(ev.Goroutine())
		rec.stack, rec.stack2 = class(ev.Stack()), class(st.Stack)
	case from == trace.GoUndetermined || from == to:
		rec.op = opStatus
		rec.stack, rec.reason = class(st.Stack), c.reasonOf(st.Reason)
	case from == trace.GoWaiting:
		rec.op = opWake
		if rec.other = int64(ev.Goroutine()); rec.other >= 0 {
			rec.stack2 = class(ev.Stack())
		}
	case to == trace.GoWaiting:
		rec.stack, rec.reason = class(st.Stack), c.reasonOf(st.Reason)
	case to == trace.GoSyscall:
		rec.stack = class(st.Stack)
	}
	d.records = append(d.records, rec)
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

func (d *decoded) proc(st *trace.StateTransition, at int64) {
	_, to := st.Proc()
	rec := record{at: at, op: opProcIdle, g: int64(st.Resource.Proc()), other: -1}
	if to == trace.ProcRunning {
		rec.op = opProcRun
	}
	d.records = append(d.records, rec)
}

func (d *decoded) span(ev *trace.Event, at int64) {
	r := ev.Range()
	begins := ev.Kind() != trace.EventRangeEnd
	rec := record{at: at, other: -1}
	switch {
	case r.Name == "GC mark assist" && r.Scope.Kind == trace.ResourceGoroutine:
		rec.op, rec.g = opAssisted, int64(r.Scope.Goroutine())
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
	d.records = append(d.records, rec)
}
