package trace

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"
)

// The types of events since Go 1.22 (internal/trace/tracev2 in the Go tree), except for those
// in split.go.
const (
	evStacks     = 2
	evStack      = 3
	evStrings    = 4
	evString     = 5
	evCPUSamples = 6
	evCPUSample  = 7
	evFrequency  = 8

	evProcsChange = 9
	evProcStart   = 10
	evProcStop    = 11
	evProcSteal   = 12
	evProcStatus  = 13

	evGoCreate            = 14
	evGoCreateSyscall     = 15
	evGoStart             = 16
	evGoDestroy           = 17
	evGoDestroySyscall    = 18
	evGoStop              = 19
	evGoBlock             = 20
	evGoUnblock           = 21
	evGoSyscallBegin      = 22
	evGoSyscallEnd        = 23
	evGoSyscallEndBlocked = 24
	evGoStatus            = 25

	evSTWBegin           = 26
	evSTWEnd             = 27
	evGCActive           = 28
	evGCBegin            = 29
	evGCEnd              = 30
	evGCSweepActive      = 31
	evGCSweepBegin       = 32
	evGCSweepEnd         = 33
	evGCMarkAssistActive = 34
	evGCMarkAssistBegin  = 35
	evGCMarkAssistEnd    = 36
	evHeapAlloc          = 37
	evHeapGoal           = 38

	evGoLabel         = 39
	evUserTaskBegin   = 40
	evUserTaskEnd     = 41
	evUserRegionBegin = 42
	evUserRegionEnd   = 43
	evUserLog         = 44

	evGoSwitch        = 45
	evGoSwitchDestroy = 46
	evGoCreateBlocked = 47
	evGoStatusStack   = 48

	evSync          = 50
	evClockSnapshot = 51

	evFirstExperimental = 128
	evLastExperimental  = 136
)

// maxNumbers is the largest number of numbers after a timed event's type.
const maxNumbers = 5

// numbers is how many numbers follow each timed event's type: the time since the previous
// event, then the arguments. It is 0 for types that do not occur in a thread's batch.
var numbers = func() (n [256]uint8) {
	for count, types := range [maxNumbers + 1][]uint8{
		1: {evProcStop, evGoDestroy, evGoDestroySyscall, evGoSyscallEnd, evGoSyscallEndBlocked, evSTWEnd,
			evGCMarkAssistEnd},
		2: {evGoCreateSyscall, evGCActive, evGCEnd, evGCSweepActive, evGCSweepBegin, evGCMarkAssistActive,
			evGCMarkAssistBegin, evHeapAlloc, evHeapGoal, evGoLabel},
		3: {evProcsChange, evProcStart, evProcStatus, evGoStart, evGoStop, evGoBlock, evGoSyscallBegin, evSTWBegin,
			evGCBegin, evGCSweepEnd, evUserTaskEnd, evGoSwitch, evGoSwitchDestroy},
		4: {evProcSteal, evGoCreate, evGoUnblock, evGoStatus, evUserRegionBegin, evUserRegionEnd, evGoCreateBlocked},
		5: {evUserTaskBegin, evUserLog, evGoStatusStack},
	} {
		for _, typ := range types {
			n[typ] = uint8(count)
		}
	}
	// Spans, heap objects and goroutine stacks, in that order: each exists, is allocated, is
	// freed.
	copy(n[evFirstExperimental:evLastExperimental+1], []uint8{4, 4, 2, 3, 3, 2, 3, 3, 2})
	return n
}()

// uvarint reads the number at b[i:] and returns the offset of the next. If there is no
// number, next is past the end of b and stays there, so checking once after the last number
// is enough.
func uvarint(b []byte, i int) (v uint64, next int) {
	if i < len(b) {
		if v, n := binary.Uvarint(b[i:]); n > 0 {
			return v, i + n
		}
	}
	return 0, len(b) + 1
}

// uvarints reads len(to) numbers as uvarint does. Most numbers in a trace have one byte, and
// nearly all others two or three; handling these in one load halves the time, and again.
func uvarints(b []byte, i int, to []uint64) (next int) {
	for k := range to {
		if uint(i) < uint(len(b)) && b[i] < 0x80 {
			to[k] = uint64(b[i])
			i++
			continue
		}
		if uint(i) < uint(len(b)) && len(b)-i >= 4 {
			switch v := binary.LittleEndian.Uint32(b[i:]); {
			case v&0x8000 == 0:
				to[k] = uint64(v&0x7f | v>>1&0x3f80)
				i += 2
				continue
			case v&0x800000 == 0:
				to[k] = uint64(v&0x7f | v>>1&0x3f80 | v>>2&0x1fc000)
				i += 3
				continue
			}
		}
		to[k], i = uvarint(b, i)
	}
	return i
}

// A wire is a parsed generation: what its threads wrote, and the tables that their events
// refer to. Events and strings are slices of the generation's bytes. A generation that the
// ordinary reader would reject is not parsed at all, and neither is the little that it
// accepts but no runtime writes.
type wire struct {
	version int
	size    int // of the generation, in bytes
	threads []*thread
	byID    map[int64]*thread
	events  int // the size of the events, in bytes

	oldest  uint64  // the earliest time of a batch, in the trace's units
	unit    float64 // ns per unit of time; 0 until it is known
	clock   *Clock
	clockAt uint64 // in the trace's units

	strings [][]byte // by id; nil if there is none
	stacks  [][]byte // by id, as program counters of eight bytes
	frames  map[uint64]wireFrame
	samples []sample
}

// A batch is a run of events of one thread.
type batch struct {
	at   uint64 // in the trace's units
	data []byte
}

// A wireFrame is what a program counter stands for. Function and file are ids of strings.
type wireFrame struct {
	function, file uint64
	line           int
}

// A sample is a CPU sample. Goroutine -1 means none.
type sample struct {
	at        int64 // ns
	goroutine int64
	stack     uint64
}

// wireHeaders are the headers of the supported versions. The format changed with Go 1.22,
// 1.23, 1.25 and 1.26.
var wireHeaders = map[string]int{
	"go 1.22 trace\x00\x00\x00": 22,
	"go 1.23 trace\x00\x00\x00": 23,
	"go 1.25 trace\x00\x00\x00": 25,
	"go 1.26 trace\x00\x00\x00": 26,
}

// newWire parses a generation. It returns false if the version is not supported or anything
// is unexpected.
func newWire(g encoded) (*wire, bool) {
	if len(g.data) < headerLen {
		return nil, false
	}
	version, ok := wireHeaders[string(g.data[:headerLen])]
	if !ok {
		return nil, false
	}
	w := &wire{version: version, size: len(g.data), byID: map[int64]*thread{}, frames: map[uint64]wireFrame{},
		strings: [][]byte{{}}, stacks: [][]byte{{}}}
	if !w.batches(g.data) || w.unit == 0 || (w.clock == nil) != (version < firstClock) {
		return nil, false
	}
	for _, f := range w.frames {
		if !has(w.strings, f.function) || !has(w.strings, f.file) {
			return nil, false
		}
	}
	if w.clock != nil {
		w.clock.Trace = w.ns(w.clockAt)
	}
	for i := range w.samples {
		w.samples[i].at = w.ns(uint64(w.samples[i].at))
	}
	// The order of samples with equal times depends on the algorithm. The ordinary reader
	// uses this one.
	slices.SortFunc(w.samples, func(a, b sample) int { return cmp.Compare(a.at, b.at) })
	return w, true
}

// firstClock is the first version in which a generation relates its clock to others, in the
// batch with the clock's frequency.
const firstClock = 25

// ns converts a time to ns. The ordinary reader multiplies in floating point, each difference
// too, so this must do the same.
func (w *wire) ns(t uint64) int64 { return int64(float64(t) * w.unit) }

// has reports whether a table has an entry with that id. Entry 0 is the empty one.
func has(table [][]byte, id uint64) bool { return id < uint64(len(table)) && table[id] != nil }

// insert adds an entry to a table and reports whether its id is valid and new. Ids count from
// 1 and an entry takes at least three bytes, so an id too high for the generation's size
// means damage, which must not make the table large.
func (w *wire) insert(table *[][]byte, id uint64, entry []byte) bool {
	if id >= uint64(w.size)/3 || has(*table, id) {
		return false
	}
	if n := int(id) + 1 - len(*table); n > 0 {
		*table = append(*table, make([][]byte, n)...)
	}
	(*table)[id] = entry
	return true
}

// batches parses all batches. It returns false if anything is unexpected.
func (w *wire) batches(data []byte) bool {
	var gen uint64
	for i := headerLen; i < len(data); {
		typ := data[i]
		if typ == evEndOfGeneration {
			return w.version >= firstEnd && i+1 == len(data)
		}
		i += batchGen(typ)
		experiment := typ == evExperimentalBatch
		// The only experiment has the id 1.
		if (typ != evEventBatch && !experiment) || i > len(data) || (experiment && data[i-1] != 1) {
			return false
		}
		var in, thread, at, size uint64
		in, i = uvarint(data, i)
		thread, i = uvarint(data, i)
		at, i = uvarint(data, i)
		size, i = uvarint(data, i)
		if i > len(data) || size > min(maxBatchSize, uint64(len(data)-i)) || in == 0 || (gen != 0 && in != gen) {
			return false
		}
		gen = in
		if w.oldest == 0 || at < w.oldest {
			w.oldest = at
		}
		end := i + int(size)
		if !experiment && !w.batch(int64(thread), batch{at, data[i:end:end]}) {
			return false
		}
		i = end
	}
	return w.version < firstEnd
}

// batch adds a batch to its table or thread.
func (w *wire) batch(thread int64, b batch) bool {
	if len(b.data) > 0 {
		switch b.data[0] {
		case evStrings:
			return w.addStrings(b.data)
		case evStacks:
			return w.addStacks(b.data)
		case evCPUSamples:
			return w.addSamples(b.data)
		case evFrequency:
			return w.version < firstClock && w.addClocks(b, 0)
		case evSync:
			return w.version >= firstClock && w.addClocks(b, 1)
		}
	}
	w.events += len(b.data)
	t := w.thread(thread)
	t.batches = append(t.batches, b)
	return true
}

// thread returns the thread with that id, creating it the first time.
func (w *wire) thread(id int64) *thread {
	t, ok := w.byID[id]
	if !ok {
		t = &thread{id: id}
		w.byID[id] = t
		w.threads = append(w.threads, t)
	}
	return t
}

func (w *wire) addStrings(b []byte) bool {
	const maxLen = 1 << 10
	for i := 1; i < len(b); {
		var id, size uint64
		if b[i] != evString {
			return false
		}
		id, i = uvarint(b, i+1)
		size, i = uvarint(b, i)
		if i > len(b) || size > min(maxLen, uint64(len(b)-i)) {
			return false
		}
		end := i + int(size)
		if !w.insert(&w.strings, id, b[i:end:end]) {
			return false
		}
		i = end
	}
	return true
}

// addStacks adds stacks as their program counters, which identify them, eight bytes each.
func (w *wire) addStacks(b []byte) bool {
	const maxFrames = 128
	for i := 1; i < len(b); {
		var id, n uint64
		if b[i] != evStack {
			return false
		}
		id, i = uvarint(b, i+1)
		n, i = uvarint(b, i)
		if i > len(b) || n > maxFrames {
			return false
		}
		pcs := make([]byte, 0, 8*n)
		for range n {
			var pc, line uint64
			var f wireFrame
			pc, i = uvarint(b, i)
			f.function, i = uvarint(b, i)
			f.file, i = uvarint(b, i)
			line, i = uvarint(b, i)
			f.line = int(line)
			// The first frame for a program counter counts for the whole generation.
			if _, known := w.frames[pc]; !known {
				w.frames[pc] = f
			}
			pcs = binary.LittleEndian.AppendUint64(pcs, pc)
		}
		if i > len(b) || !w.insert(&w.stacks, id, pcs) {
			return false
		}
	}
	return true
}

func (w *wire) addSamples(b []byte) bool {
	for i := 1; i < len(b); {
		if b[i] != evCPUSample {
			return false
		}
		var at, id uint64
		s := sample{}
		at, i = uvarint(b, i+1)
		_, i = uvarint(b, i) // thread
		_, i = uvarint(b, i) // processor
		id, i = uvarint(b, i)
		s.stack, i = uvarint(b, i)
		if i > len(b) {
			return false
		}
		s.at, s.goroutine = int64(at), int64(id) // at is in the trace's units until newWire converts it
		if id == 0 {
			s.goroutine = -1
		}
		w.samples = append(w.samples, s)
	}
	return true
}

// addClocks reads the clock's frequency and, from Go 1.25 on, its snapshot of other clocks.
func (w *wire) addClocks(b batch, i int) bool {
	at := b.at
	for i < len(b.data) {
		typ := b.data[i]
		switch {
		case typ == evFrequency && w.unit == 0:
			var perSecond uint64
			perSecond, i = uvarint(b.data, i+1)
			if perSecond == 0 {
				return false
			}
			w.unit = 1.0 / (float64(perSecond) / 1e9)
		case typ == evClockSnapshot && w.version >= firstClock && w.clock == nil:
			var passed, sec, nsec uint64
			passed, i = uvarint(b.data, i+1)
			_, i = uvarint(b.data, i) // the monotonic clock
			sec, i = uvarint(b.data, i)
			nsec, i = uvarint(b.data, i)
			at += passed
			w.clockAt = at
			w.clock = &Clock{Wall: time.Unix(int64(sec), int64(nsec))}
		default:
			return false
		}
	}
	return i == len(b.data)
}

// resolve returns the frames of a stack, given by its program counters. The caller must hold
// c.mu.
func (w *wire) resolve(c *shared, pcs []byte) []Frame {
	frames := make([]Frame, 0, len(pcs)/8)
	for ; len(pcs) > 0; pcs = pcs[8:] {
		f := w.frames[binary.LittleEndian.Uint64(pcs)]
		frames = append(frames, Frame{
			Function: c.intern(string(w.strings[f.function])),
			File:     c.intern(string(w.strings[f.file])),
			Line:     f.line,
		})
	}
	return frames
}
