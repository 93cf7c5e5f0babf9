package trace

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
)

// ErrNotTrace is the error for input that does not begin with the header of a Go execution
// trace.
var ErrNotTrace = errors.New("not a Go execution trace")

// ErrMemory is the error for a trace of Go before 1.22 that is larger than the budget. Such a
// trace can only be read as a whole.
var ErrMemory = errors.New("not enough memory")

// ErrEndsWithin is the error for a trace that ends in the middle of a generation.
var ErrEndsWithin = errors.New("it ends within")

// ErrAnother is the error for a trace followed by another one in the same input, which is not
// read.
var ErrAnother = errors.New("another trace begins")

// headerLen is the length of a trace's header, "go 1.22 trace\x00\x00\x00".
const headerLen = 16

// The event types that delimit a trace's batches, and the format's limits, since Go 1.22
// (internal/trace/tracev2 in the Go tree).
const (
	evEventBatch        = 1
	evExperimentalBatch = 49
	evEndOfGeneration   = 52
	maxBatchSize        = 64 << 10
)

// The versions between which the format's framing changed.
const (
	firstSplit = 22 // from here on a trace consists of generations
	firstEnd   = 26 // from here on an event ends each generation
	lastKnown  = 26
)

// oldExpansion is how many times larger than a trace of Go before 1.22 the ordinary reader's
// representation is: 64 bytes per event.
const oldExpansion = 17

// An encoded is a generation's bytes, a readable trace by itself: the header and the batches
// of about one second.
type encoded struct {
	number uint64 // in its batches; 0 before Go 1.22
	after  uint64 // the number of the previous generation; 0 for the first
	data   []byte
	lost   int64 // the size in bytes if it was too large to keep; data is empty then
	// follows is set if neither another generation nor its end event follows: it is io.EOF or
	// the damage. Before Go 1.26 only decoding tells then whether the generation is whole.
	follows error
}

// A splitter cuts a trace into generations as it arrives. It looks only at the headers of
// batches.
type splitter struct {
	r       *bufio.Reader
	version int // the minor version of Go in the header
	header  [headerLen]byte
	next    []byte // the header of the next generation's first batch
	over    []byte // whole batches of the next generation
	last    uint64 // the number of the newest generation
	offset  int64  // bytes consumed so far
	whole   int64  // bytes in whole generations
	done    bool
	broken  error        // the error after the generation returned last
	most    int          // bytes that a generation may have, 0 for no bound
	spare   *spare[byte] // buffers to use again, nil for none
}

// newSplitter returns a splitter after reading the trace's header.
func newSplitter(r io.Reader) (*splitter, error) {
	s := &splitter{r: bufio.NewReaderSize(r, 1<<20)}
	n, err := io.ReadFull(s.r, s.header[:])
	if err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, fmt.Errorf("%w: %d bytes are too short for its header", ErrNotTrace, n)
		}
		return nil, fmt.Errorf("reading the trace's header: %w", err)
	}
	s.offset = headerLen
	s.version, err = versionOf(s.header[:])
	return s, err
}

// versionOf returns the minor version of Go in a trace's header.
func versionOf(header []byte) (int, error) {
	version, ok := bytes.CutPrefix(header, []byte("go 1."))
	version, _, ok2 := bytes.Cut(version, []byte(" trace"))
	minor, err := strconv.Atoi(string(version))
	if !ok || !ok2 || err != nil {
		return 0, fmt.Errorf("%w: it begins with %q", ErrNotTrace, header)
	}
	return minor, nil
}

// generation returns the next whole generation, or io.EOF after the last. Any other error
// means that the trace is cut or damaged after the generations already returned. Before Go
// 1.26 a generation cut between two batches cannot be told from a whole one: see follows.
func (s *splitter) generation() (encoded, error) {
	if s.done {
		return encoded{after: s.last}, cmp.Or(s.broken, io.EOF)
	}
	g := encoded{after: s.last, data: append(s.buffer(), s.header[:]...)}
	if s.version < firstSplit {
		return s.rest(g)
	}
	g.data = append(g.data, s.next...)
	edge := edge{clocked: len(s.over) > 0}
	if edge.clocked {
		g.number = s.last
		g.data, s.over = append(g.data, s.over...), nil
	}
	if len(s.next) > 0 {
		g.number, _ = binary.Uvarint(s.next[batchGen(s.next[0]):])
		s.last = g.number
		at := len(g.data) - len(s.next)
		if err := s.body(&g, s.next); err != nil {
			s.done = true
			return g, err
		}
		s.ends(&g, &edge, at, len(s.next))
		s.next = nil
	}
	for {
		head, gen, err := s.batchHeader()
		switch {
		case err == io.EOF:
			s.done = true
			if len(g.data) == headerLen && g.lost == 0 {
				return g, io.EOF
			}
			if s.version >= firstEnd {
				return g, io.ErrUnexpectedEOF
			}
			s.whole, g.follows = s.offset, io.EOF
			return g, nil
		case err != nil:
			s.done = true
			var stray *strayError
			if errors.As(err, &stray) && g.number != 0 && s.version < firstEnd {
				s.whole, g.follows, s.broken = stray.at, err, err
				return g, nil
			}
			return g, err
		case head[0] == evEndOfGeneration:
			g.data = append(g.data, head...)
			s.whole = s.offset
			return g, nil
		case g.number != 0 && gen != g.number && s.version < firstEnd:
			s.next = head
			s.whole = s.offset - int64(len(head))
			return g, nil
		}
		if g.number == 0 {
			g.number, s.last = gen, gen
		}
		if g.data = append(g.data, head...); s.most > 0 && len(g.data) > s.most {
			g.lost += int64(len(g.data))
			g.data = g.data[:0]
		}
		at := len(g.data) - len(head)
		if err := s.body(&g, head); err != nil {
			s.done = true
			return g, err
		}
		if s.ends(&g, &edge, at, len(head)) {
			return g, nil
		}
	}
}

// An edge finds the boundary between two adjacent generations with the same number. It is
// needed before Go 1.26, when no event marks the boundary.
type edge struct {
	clocked bool // the clock's frequency was seen, which is once in each generation
	stacked bool // stacks were seen, which come after all events
	at      int  // offset in the data of the first batch of events after the stacks
}

// ends reports whether the batch at offset at of a generation's data belongs to another
// generation with the same number. If so, it keeps that generation's batches for the next
// call of generation.
func (s *splitter) ends(g *encoded, e *edge, at, head int) bool {
	if s.version >= firstEnd || g.lost > 0 || g.data[at] != evEventBatch || at+head == len(g.data) {
		return false
	}
	switch g.data[at+head] {
	case evStacks:
		e.stacked, e.at = true, 0
		return false
	case evStrings, evCPUSamples:
		return false
	case evFrequency, evSync:
		if e.clocked {
			break
		}
		e.clocked = true
		fallthrough
	default:
		if e.stacked && e.at == 0 {
			e.at = at
		}
		return false
	}
	split := cmp.Or(e.at, at)
	s.over = slices.Clone(g.data[split:])
	g.data = g.data[:split]
	s.whole = s.offset - int64(len(s.over))
	return true
}

// buffer returns an empty buffer for a generation.
func (s *splitter) buffer() []byte {
	if s.spare != nil {
		if b := s.spare.take(); b != nil {
			return b
		}
	}
	return make([]byte, 0, 1<<20)
}

// rest reads the rest of the input as one generation: traces of Go 1.21 and before are not
// split.
func (s *splitter) rest(g encoded) (encoded, error) {
	s.done = true
	most := int64(math.MaxInt64)
	if s.most > 0 {
		most = int64(s.most)
	}
	buf := bytes.NewBuffer(g.data)
	n, err := buf.ReadFrom(io.LimitReader(s.r, most))
	g.data = buf.Bytes()
	s.offset += n
	if n == most {
		return g, fmt.Errorf("%w: traces of Go before 1.22 are read as a whole, and this one has more than %d bytes", ErrMemory, most)
	}
	s.whole = s.offset
	return g, err
}

// batchGen returns the offset of the generation's number in a batch's header.
func batchGen(typ byte) int {
	if typ == evExperimentalBatch {
		return 2
	}
	return 1
}

// batchHeader reads a batch up to its data: type, [experiment,] generation, thread, time,
// size. At the end of the input it returns io.EOF.
func (s *splitter) batchHeader() (head []byte, gen uint64, err error) {
	typ, err := s.r.ReadByte()
	if err != nil {
		return nil, 0, err
	}
	s.offset++
	head = append(head, typ)
	switch typ {
	case evEndOfGeneration:
		return head, 0, nil
	case evEventBatch:
	case evExperimentalBatch:
		exp, err := s.r.ReadByte()
		if err != nil {
			return nil, 0, noEOF(err)
		}
		s.offset++
		head = append(head, exp)
	default:
		return nil, 0, s.stray(typ)
	}
	var fields [4]uint64
	for i := range fields {
		if fields[i], head, err = s.uvarint(head); err != nil {
			return nil, 0, err
		}
	}
	if size := fields[3]; size > maxBatchSize {
		return nil, 0, fmt.Errorf("damaged at byte %d: a batch of %d bytes", s.offset, size)
	}
	return head, fields[0], nil
}

// A strayError is the error for a byte that does not begin a batch where one should begin.
type strayError struct {
	at      int64 // offset in the trace
	typ     byte
	another bool // the byte begins the header of another trace
}

func (s *splitter) stray(typ byte) error {
	e := &strayError{at: s.offset - 1, typ: typ}
	rest, _ := s.r.Peek(headerLen - 1)
	_, err := versionOf(append([]byte{typ}, rest...))
	e.another = err == nil
	return e
}

func (e *strayError) Error() string {
	if e.another {
		return fmt.Sprintf("%v at byte %d", ErrAnother, e.at)
	}
	return fmt.Sprintf("damaged at byte %d: event type %d where a batch should begin", e.at, e.typ)
}

func (e *strayError) Is(target error) bool { return e.another && target == ErrAnother }

func (s *splitter) uvarint(head []byte) (uint64, []byte, error) {
	start := len(head)
	for {
		b, err := s.r.ReadByte()
		if err != nil {
			return 0, head, noEOF(err)
		}
		s.offset++
		head = append(head, b)
		if b < 0x80 {
			v, n := binary.Uvarint(head[start:])
			if n <= 0 {
				return 0, head, fmt.Errorf("damaged at byte %d: a number of more than 64 bits", s.offset)
			}
			return v, head, nil
		}
		if len(head)-start > binary.MaxVarintLen64 {
			return 0, head, fmt.Errorf("damaged at byte %d: a number of more than 64 bits", s.offset)
		}
	}
}

// body reads the data of the batch whose header is head; the header ends with the data's
// size.
func (s *splitter) body(g *encoded, head []byte) error {
	at := batchGen(head[0])
	size := uint64(0)
	for range 4 {
		v, n := binary.Uvarint(head[at:])
		size, at = v, at+n
	}
	if g.lost > 0 {
		n, err := s.r.Discard(int(size))
		s.offset, g.lost = s.offset+int64(n), g.lost+int64(n)
		g.data = g.data[:0]
		return noEOF(err)
	}
	from := len(g.data)
	g.data = slices.Grow(g.data, int(size))[:from+int(size)]
	n, err := io.ReadFull(s.r, g.data[from:])
	s.offset += int64(n)
	return noEOF(err)
}

// discard reads to the end of the input, or to the first error, and returns the number of
// bytes read in all.
func (s *splitter) discard() int64 {
	n, _ := io.Copy(io.Discard, s.r)
	s.offset += n
	return s.offset
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
