package redact

import (
	"bufio"
	"encoding/binary"
	"io"
	"slices"
	"unicode/utf8"
)

// Types of batches and of their sections, and limits of the format since Go 1.22
// (internal/trace/tracev2 in the Go tree).
const (
	evEventBatch        = 1
	evStack             = 3
	evStrings           = 4
	evString            = 5
	evUserLog           = 44
	evExperimentalBatch = 49
	evEndOfGeneration   = 52

	// allocFree is the only experiment; its only text is names of types.
	allocFree = 1

	maxBatchSize = 64 << 10
	maxString    = 1 << 10
	maxFrames    = 128
)

// An event describes an event type: how many numbers follow it, and which of them
// refers to a string that names something: a reason, a label, a task, a region, a
// log's category; 0 is none. The message of a log, its fourth number, is not a
// name.
type event struct{ numbers, name int }

// events holds the events of all versions, by type. Events that begin a section
// have no numbers. Events of stacks and strings are not included.
var events = map[byte]event{
	2: {}, evStrings: {}, 6: {}, 50: {}, // begin stacks, strings, CPU samples, clocks
	7: {5, 0}, 8: {1, 0}, 51: {4, 0}, // CPU sample, frequency, clock
	9: {3, 0}, 10: {3, 0}, 11: {1, 0}, 12: {4, 0}, 13: {3, 0}, // processors
	14: {4, 0}, 15: {2, 0}, 16: {3, 0}, 17: {1, 0}, 18: {1, 0}, // goroutines: create to destroy
	19: {3, 1}, 20: {3, 1}, 21: {4, 0}, 22: {3, 0}, 23: {1, 0}, 24: {1, 0}, 25: {4, 0}, // stop to status
	26: {3, 1}, 27: {1, 0}, 28: {2, 0}, 29: {3, 0}, 30: {2, 0}, 31: {2, 0}, 32: {2, 0}, 33: {3, 0}, // stopped world, GC
	34: {2, 0}, 35: {2, 0}, 36: {1, 0}, 37: {2, 0}, 38: {2, 0}, // assists, heap
	39: {2, 1}, 40: {5, 3}, 41: {3, 0}, 42: {4, 2}, 43: {4, 2}, evUserLog: {5, 2}, // label, tasks, regions, log
	45: {3, 0}, 46: {3, 0}, 47: {4, 0}, 48: {5, 0}, // coroutines, status with a stack
	128: {4, 0}, 129: {4, 0}, 130: {2, 0}, 131: {3, 0}, 132: {3, 0}, 133: {2, 0}, 134: {3, 0}, 135: {3, 0}, 136: {2, 0}, // allocFree
}

// A batch is a run of events that one thread wrote.
type batch struct {
	head []byte // type, [experiment,] generation, thread, time, in the original encoding
	size []byte // the data's size in the original encoding, which may be padded
	gen  uint64
	data []byte
	// cut reports whether the input ends within the batch, or no batch begins
	// there.
	cut bool
}

// batches reads a trace batch by batch.
type batches struct {
	r       *bufio.Reader
	pending *batch // read already
}

// next returns the next batch, or io.EOF at the end of the input. If the input
// ends within a batch, it returns the part that is there.
func (in *batches) next() (*batch, error) {
	if b := in.pending; b != nil {
		in.pending = nil
		return b, nil
	}
	typ, err := in.r.ReadByte()
	if err != nil {
		return nil, err
	}
	b := &batch{head: []byte{typ}}
	switch typ {
	case evEndOfGeneration:
		return b, nil
	case evEventBatch:
	case evExperimentalBatch:
		experiment, err := in.r.ReadByte()
		if err != nil {
			return b.ended(err)
		}
		b.head = append(b.head, experiment)
	default:
		b.cut = true
		return b, nil
	}
	var thread, at, size uint64
	for _, number := range []*uint64{&b.gen, &thread, &at} {
		if *number, b.head, err = in.uvarint(b.head); err != nil {
			return b.ended(err)
		}
	}
	if size, b.size, err = in.uvarint(nil); err != nil || size > maxBatchSize {
		b.head, b.size = append(b.head, b.size...), nil
		return b.ended(err)
	}
	b.data = make([]byte, size)
	n, err := io.ReadFull(in.r, b.data)
	if b.data = b.data[:n]; err != nil {
		return b.ended(err)
	}
	return b, nil
}

// ended marks the batch as cut if err is the end of the input, and otherwise
// returns err.
func (b *batch) ended(err error) (*batch, error) {
	b.cut = true
	if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
		return b, nil
	}
	return nil, err
}

// uvarint reads a number and appends its bytes to before. A number of more than 64
// bits is damage: a reader of the trace stops there too.
func (in *batches) uvarint(before []byte) (uint64, []byte, error) {
	start := len(before)
	for {
		c, err := in.r.ReadByte()
		if err != nil {
			return 0, before, err
		}
		before = append(before, c)
		if c < 0x80 || len(before)-start > binary.MaxVarintLen64 {
			v, n := binary.Uvarint(before[start:])
			if n <= 0 {
				err = io.ErrUnexpectedEOF
			}
			return v, before, err
		}
	}
}

// references holds the strings of a generation that its events and stacks refer
// to.
type references struct {
	names, messages map[uint64]bool
	// whole reports whether everything that could refer to a string has been seen.
	whole bool
}

// mostReferences is how many strings a generation may refer to. Traces have some
// thousands. Beyond that the rest counts as damaged: its strings are masked.
const mostReferences = 1 << 18

// references reads the batches of the next generation.
func (in *batches) references() (*references, error) {
	refs := &references{names: map[uint64]bool{}, messages: map[uint64]bool{}}
	gen, begun, damaged := uint64(0), false, false
	for {
		b, err := in.next()
		switch {
		case err != nil:
			return refs, ended(err)
		case b.cut:
			return refs, nil
		case b.size == nil: // the generation's end, from Go 1.26 on
			refs.whole = !damaged
			continue
		case begun && b.gen != gen:
			in.pending = b
			refs.whole = !damaged
			return refs, nil
		}
		gen, begun, refs.whole = b.gen, true, false
		if b.head[0] == evEventBatch && !damaged {
			damaged = walk(b.data, refs.add) < len(b.data) || len(refs.names)+len(refs.messages) > mostReferences
		}
	}
}

// add records the strings that an entry refers to.
func (r *references) add(e entry) {
	if e.typ == evStack {
		for frame := e.numbers[2:]; len(frame) > 0; frame = frame[4:] {
			r.names[frame[1]], r.names[frame[2]] = true, true
		}
		return
	}
	if name := events[e.typ].name; name > 0 {
		r.names[e.numbers[name]] = true
	}
	if e.typ == evUserLog {
		r.messages[e.numbers[3]] = true
	}
}

// mask returns the mask for a string.
func (r *references) mask(m *masks, id uint64) func(string) string {
	switch {
	case r.names[id]:
		return m.name
	case r.messages[id]:
		return m.message
	case r.whole: // the runtime writes all its reasons, even unused ones
		return m.name
	}
	return m.orphan
}

// An entry is one event in a batch, a stack, or a string.
type entry struct {
	typ     byte
	numbers []uint64
	text    []byte // of a string
	raw     []byte // all of it
}

// walk visits the entries of a batch. It returns the number of bytes visited,
// which is less than len(data) if the batch is damaged.
func walk(data []byte, visit func(entry)) int {
	numbers := make([]uint64, 2+4*maxFrames)
	for at := 0; at < len(data); {
		e, next, ok := readEntry(data, at, numbers)
		if !ok {
			return at
		}
		e.raw = data[at:next]
		visit(e)
		at = next
	}
	return len(data)
}

// readEntry reads the entry at data[at:], using numbers as its storage.
func readEntry(data []byte, at int, numbers []uint64) (e entry, next int, ok bool) {
	e.typ = data[at]
	known, ok := events[e.typ]
	count := known.numbers
	if e.typ == evStack || e.typ == evString {
		count, ok = 2, true // its id, and how many frames or bytes follow
	}
	if !ok {
		return e, at, false
	}
	next, ok = uvarints(data, at+1, numbers[:count])
	switch more := numbers[1]; {
	case !ok:
	case e.typ == evStack && more <= maxFrames:
		count += 4 * int(more)
		next, ok = uvarints(data, next, numbers[2:count])
	case e.typ == evString && more <= min(maxString, uint64(len(data)-next)):
		e.text = data[next : next+int(more)]
		next += len(e.text)
	case e.typ == evStack || e.typ == evString:
		ok = false
	}
	e.numbers = numbers[:count]
	return e, next, ok
}

func uvarints(b []byte, i int, to []uint64) (next int, ok bool) {
	for k := range to {
		v, n := binary.Uvarint(b[i:])
		if n <= 0 {
			return i, false
		}
		to[k] = v
		i += n
	}
	return i, true
}

// batched rewrites the format since Go 1.22: batches, some of which contain
// strings that events in other batches refer to by number. The numbers start over
// in each generation.
func (t *rewriter) batched() error {
	again, err := t.open()
	if err != nil {
		return err
	}
	defer again.Close()
	in, ahead := &batches{r: t.in}, &batches{r: bufio.NewReaderSize(again, 1<<20)}
	if _, err := ahead.r.Discard(headerLen); err != nil {
		return err
	}
	var refs *references
	gen, begun := uint64(0), false
	for {
		if err := t.ctx.Err(); err != nil {
			return err
		}
		b, err := in.next()
		if err != nil {
			return ended(err)
		}
		if b.size != nil && (!begun || b.gen != gen) {
			if refs, err = ahead.references(); err != nil {
				return err
			}
			gen, begun = b.gen, true
		}
		t.batch(b, refs)
		if b.cut {
			return nil
		}
	}
}

// batch writes a batch. In a damaged batch it drops everything after the damage.
func (t *rewriter) batch(b *batch, refs *references) {
	switch {
	case b.size == nil:
		t.out.Write(b.head)
		return
	case b.head[0] == evExperimentalBatch:
		// The content of another experiment is unknown. Keep its header, which
		// shows when the generation began.
		if b.head[1] != allocFree {
			b.data = nil
		}
		t.parts(b, [][]byte{b.data}, b.cut)
		return
	}
	parts := [][]byte{nil}
	good := walk(b.data, func(e entry) {
		raw := e.raw
		if e.typ == evString {
			raw = masked(e, refs.mask(&t.masks, e.numbers[0]))
		}
		last := &parts[len(parts)-1]
		if len(*last)+len(raw) >= maxBatchSize {
			parts = append(parts, []byte{evStrings})
			last = &parts[len(parts)-1]
		}
		*last = append(*last, raw...)
	})
	damaged := good < len(b.data)
	if damaged && !b.cut {
		last := &parts[len(parts)-1]
		*last = append(*last, b.data[good], 0x80) // an unterminated number
	}
	t.parts(b, parts, b.cut)
}

// masked returns a string's entry with its text masked.
func masked(e entry, mask func(string) string) []byte {
	text := mask(string(e.text))
	if text == string(e.text) {
		return e.raw
	}
	if len(text) > maxString {
		text = text[:maxString]
		for !utf8.ValidString(text[len(text)-1:]) && len(text) > maxString-utf8.UTFMax {
			text = text[:len(text)-1]
		}
	}
	raw := binary.AppendUvarint([]byte{evString}, e.numbers[0])
	raw = binary.AppendUvarint(raw, uint64(len(text)))
	return append(raw, text...)
}

// parts writes a batch's data, which may have become too long for one batch. If
// the batch was cut, its size states more data than there is.
func (t *rewriter) parts(b *batch, parts [][]byte, cut bool) {
	for i, data := range parts {
		size := uint64(len(data))
		if cut && i == len(parts)-1 {
			size++
		}
		t.out.Write(b.head)
		t.out.Write(padded(size, len(b.size)))
		t.out.Write(data)
	}
}

// padded encodes a number in at least width bytes.
func padded(v uint64, width int) []byte {
	b := binary.AppendUvarint(nil, v)
	if len(b) < width {
		b[len(b)-1] |= 0x80
		b = append(b, slices.Repeat([]byte{0x80}, width-len(b)-1)...)
		b = append(b, 0)
	}
	return b
}
