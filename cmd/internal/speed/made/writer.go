package made

import (
	"bufio"
	_ "embed"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The types of events that are written (internal/trace/tracev2 in the Go tree).
const (
	evEventBatch      = 1
	evStacks          = 2
	evStack           = 3
	evStrings         = 4
	evString          = 5
	evFrequency       = 8
	evProcsChange     = 9
	evProcStart       = 10
	evProcStop        = 11
	evProcStatus      = 13
	evGoCreate        = 14
	evGoStart         = 16
	evGoDestroy       = 17
	evGoBlock         = 20
	evGoUnblock       = 21
	evGoSyscallBegin  = 22
	evGoSyscallEnd    = 23
	evGoStatus        = 25
	evHeapAlloc       = 37
	evGoStatusStack   = 48
	evSync            = 50
	evClockSnapshot   = 51
	evEndOfGeneration = 52
)

const (
	header   = "go 1.26 trace\x00\x00\x00"
	fullAt   = 60 << 10 // bytes of a batch
	grain    = 64       // ns of a unit of time, as on most machines
	noThread = ^uint64(0)
	firstM   = 1000
	epoch    = 1_700_000_000 // s, of the wall clock when the trace begins
)

// A writer writes events in the trace's format.
type writer struct {
	out     *bufio.Writer
	err     error
	gen     uint64
	threads map[uint64]*batch
	order   []uint64 // of threads
	events  int64
	last    uint64 // time of the last event, in units
	strings map[string]uint64
	texts   []string // by id-1
	stacks  []stack  // by id-1
	ids     map[string]uint64
}

// A batch collects the events of one thread.
type batch struct {
	first, last uint64 // times, in units
	data        []byte
}

// A stack is its frames, leaf first.
type stack []frame

type frame struct{ pc, function, file, line uint64 }

//go:embed stacks.txt
var stacksText string

func newWriter(w io.Writer) (*writer, error) {
	out := &writer{out: bufio.NewWriterSize(w, 1<<20), threads: map[uint64]*batch{}, strings: map[string]uint64{}, ids: map[string]uint64{}}
	out.write([]byte(header))
	return out, out.parse(stacksText)
}

// parse reads stacks as text: a name, then frames, one a line, indented.
func (w *writer) parse(text string) error {
	pcs := map[string]uint64{}
	for line := range strings.Lines(text) {
		name, isFrame := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "\t")
		if !isFrame {
			w.stacks = append(w.stacks, nil)
			w.ids[name] = uint64(len(w.stacks))
			continue
		}
		function, place, _ := strings.Cut(name, " ")
		file, number, _ := strings.Cut(place, ":")
		at, err := strconv.ParseUint(number, 10, 64)
		if err != nil || len(w.stacks) == 0 {
			return fmt.Errorf("a stack's frame %q", line)
		}
		if pcs[name] == 0 {
			pcs[name] = 0x400000 + 16*uint64(len(pcs))
		}
		if !strings.HasPrefix(file, "/") {
			file = "/usr/local/go/src/" + file
		}
		last := &w.stacks[len(w.stacks)-1]
		*last = append(*last, frame{pcs[name], w.text(function), w.text(file), at})
	}
	return nil
}

// text returns the id of a string.
func (w *writer) text(s string) uint64 {
	if w.strings[s] == 0 {
		w.texts = append(w.texts, s)
		w.strings[s] = uint64(len(w.texts))
	}
	return w.strings[s]
}

// stack returns the id of a stack by its name.
func (w *writer) stack(name string) uint64 {
	id := w.ids[name]
	if id == 0 {
		panic("no stack " + name)
	}
	return id
}

func (w *writer) write(data []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(data)
	}
}

// event writes an event of a thread at a time in ns. No two events have the same time.
func (w *writer) event(thread uint64, at int64, typ byte, args ...uint64) {
	w.last = max(w.last+1, uint64(at)/grain)
	b := w.threads[thread]
	if b == nil {
		b = &batch{}
		w.threads[thread] = b
		w.order = append(w.order, thread)
	}
	if len(b.data) >= fullAt {
		w.flush(thread, b)
	}
	if len(b.data) == 0 {
		b.first, b.last = w.last, w.last
	}
	b.data = append(b.data, typ)
	b.data = binary.AppendUvarint(b.data, w.last-b.last)
	for _, arg := range args {
		b.data = binary.AppendUvarint(b.data, arg)
	}
	b.last = w.last
	w.events++
}

func (w *writer) flush(thread uint64, b *batch) {
	if len(b.data) == 0 {
		return
	}
	head := []byte{evEventBatch}
	for _, n := range []uint64{w.gen, thread, b.first, uint64(len(b.data))} {
		head = binary.AppendUvarint(head, n)
	}
	w.write(head)
	w.write(b.data)
	b.data = b.data[:0]
}

// generation ends the current generation, if there is one, and begins the next.
func (w *writer) generation() {
	w.endGeneration()
	w.gen++
	at := w.last + 1
	b := &batch{first: at, data: []byte{evSync, evFrequency}}
	b.data = binary.AppendUvarint(b.data, 1e9/grain)
	b.data = append(b.data, evClockSnapshot)
	ns := at * grain
	for _, n := range []uint64{0, ns, epoch + ns/1e9, ns % 1e9} {
		b.data = binary.AppendUvarint(b.data, n)
	}
	w.flush(noThread, b)
}

func (w *writer) endGeneration() {
	if w.gen == 0 {
		return
	}
	for _, thread := range w.order {
		w.flush(thread, w.threads[thread])
	}
	b := &batch{first: w.last, data: []byte{evStacks}}
	for i, s := range w.stacks {
		b.data = append(b.data, evStack)
		b.data = binary.AppendUvarint(b.data, uint64(i+1))
		b.data = binary.AppendUvarint(b.data, uint64(len(s)))
		for _, f := range s {
			for _, n := range []uint64{f.pc, f.function, f.file, f.line} {
				b.data = binary.AppendUvarint(b.data, n)
			}
		}
	}
	w.flush(noThread, b)
	b.data = append(b.data, evStrings)
	for i, s := range w.texts {
		b.data = append(b.data, evString)
		b.data = binary.AppendUvarint(b.data, uint64(i+1))
		b.data = binary.AppendUvarint(b.data, uint64(len(s)))
		b.data = append(b.data, s...)
	}
	w.flush(noThread, b)
	w.write([]byte{evEndOfGeneration})
}

func (w *writer) close() error {
	w.endGeneration()
	if w.err != nil {
		return w.err
	}
	return w.out.Flush()
}
