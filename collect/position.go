package collect

import (
	"encoding/binary"
	"time"

	"timesink/collect/capture"
)

// A position tracks how far a trace has come, in the service's time, from the bytes as
// they pass. The lag is measured with it: a service that traces faster than the trace
// arrives holds the rest in its memory, without a limit, and only the times inside the
// trace show that.
//
// It reads only the headers of the batches, about 64 KB each, of the format since Go
// 1.22 (golang.org/design/60773-execution-tracer-overhaul):
//
//	16 bytes: "go 1.NN trace\0\0\0"
//	then batches: 1 gen m time size, or 3-experimental gen m time size, then size bytes
//	or, from Go 1.26 on, one byte that ends a generation
//
// All numbers but the first byte are varints. The unit of time is in a batch that
// begins with a frequency event, or with a sync event followed by one. From Go 1.25 on,
// a snapshot of the wall clock follows it. On anything else, including older formats,
// the position is lost: known is false from then on.
type position struct {
	version string // of the header, "go 1.26"; "" until it has arrived

	lost        bool
	head        []byte // the part of the header, or of the batch's beginning, that has arrived
	skip        uint64 // bytes of the batch still to come
	generation  uint64 // of the newest batch
	generations int    // how many have begun
	first, last uint64 // batch times, in units
	offset      int64  // bytes consumed, without head
	// whole is the number of generations that have ended, and wholeBytes where the last of
	// them did. Before Go 1.26 only the next one shows that.
	whole      int
	wholeBytes int64
	earliest   uint64 // of them
	frequency  uint64 // units per second

	clock   time.Time // the service's wall clock at clockAt; zero if unknown
	clockAt uint64    // in units
}

// Event types of the format, from Go's internal/trace/tracev2: they never change within
// it.
const (
	eventBatch             = 1
	eventFrequency         = 8
	eventExperimentalBatch = 49
	eventSync              = 50
	eventClockSnapshot     = 51
	eventEndOfGeneration   = 52

	traceHeaderSize = 16
	maxBatch        = 64 << 10
	maxSync         = 1 + 1 + binary.MaxVarintLen64 + 1 + 4*binary.MaxVarintLen64
	maxBatchHead    = 2 + 4*binary.MaxVarintLen64 + maxSync
)

// Write consumes the next bytes of the trace. It never returns an error.
func (p *position) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 && !p.lost {
		b = p.next(b)
	}
	return n, nil
}

// next consumes a prefix of b and returns the rest.
func (p *position) next(b []byte) []byte {
	if p.skip > 0 {
		n := min(p.skip, uint64(len(b)))
		p.skip -= n
		p.offset += int64(n)
		return b[n:]
	}
	before := len(p.head)
	p.head = append(p.head, b[:min(len(b), maxBatchHead-before)]...)
	used := p.parse()
	if used == 0 { // it needs more bytes
		if len(p.head) >= maxBatchHead {
			p.lost = true
		}
		return b[len(p.head)-before:]
	}
	p.head = p.head[:0]
	p.offset += int64(used)
	if rest := used - before; rest >= 0 {
		return b[rest:]
	}
	p.lost = true // a complete head was not parsed: cannot happen
	return nil
}

// parse parses p.head and returns how many of its bytes it consumed: none if it is too
// short.
func (p *position) parse() int {
	if p.version == "" {
		return p.parseHeader()
	}
	at := 1
	switch p.head[0] {
	case eventEndOfGeneration:
		p.whole, p.wholeBytes = p.whole+1, p.offset+1
		return 1
	case eventExperimentalBatch:
		at = 2
	case eventBatch:
	default:
		p.lost = true
		return len(p.head)
	}
	var fields [4]uint64 // generation, M, time, size
	for i := range fields {
		v, n := binary.Uvarint(p.head[min(at, len(p.head)):])
		if n < 0 {
			p.lost = true
		}
		if n <= 0 {
			return 0
		}
		fields[i], at = v, at+n
	}
	generation, unit, size := fields[0], fields[2], fields[3]
	if size > maxBatch {
		p.lost = true
		return len(p.head)
	}
	// The beginning of the batch may hold the clocks; wait for it.
	look := int(min(size, maxSync))
	if len(p.head) < at+look {
		return 0
	}
	p.readClocks(p.head[at:at+look], unit)
	if generation != p.generation {
		if p.generations > 0 && p.wholeBytes < p.offset {
			p.whole, p.wholeBytes = p.whole+1, p.offset
		}
		p.generation = generation
		p.generations++
	}
	if p.first == 0 {
		p.first, p.earliest = unit, unit
	}
	p.earliest = min(p.earliest, unit)
	p.last = max(p.last, unit)
	p.skip = size - uint64(look)
	return at + look
}

func (p *position) parseHeader() int {
	if len(p.head) < traceHeaderSize {
		return 0
	}
	p.version = capture.TraceVersion(p.head)
	switch p.version {
	case "", "go 1.11", "go 1.19", "go 1.21": // not a trace, or not made of batches
		p.lost = true
	}
	return traceHeaderSize
}

// readClocks reads the clocks at the beginning of a batch, if any; at is the batch's
// time.
func (p *position) readClocks(data []byte, at uint64) {
	if len(data) > 0 && data[0] == eventSync {
		data = data[1:]
	}
	if len(data) == 0 || data[0] != eventFrequency {
		return
	}
	v, n := binary.Uvarint(data[1:])
	if n <= 0 {
		return
	}
	p.frequency = v
	data = data[1+n:]
	if len(data) == 0 || data[0] != eventClockSnapshot || !p.clock.IsZero() {
		return
	}
	data = data[1:]
	var fields [4]uint64 // time since the batch's, monotonic clock, seconds and nanoseconds of the wall clock
	for i := range fields {
		v, n := binary.Uvarint(data)
		if n <= 0 {
			return
		}
		fields[i], data = v, data[n:]
	}
	p.clock, p.clockAt = time.Unix(int64(fields[2]), int64(fields[3])), at+fields[0]
}

// opened returns when the trace began, by the service's wall clock; known is false if
// the trace does not contain it.
func (p *position) opened() (at time.Time, known bool) {
	if p.clock.IsZero() || p.frequency == 0 || p.clockAt < p.earliest {
		return time.Time{}, false
	}
	return p.clock.Add(-p.duration(p.clockAt - p.earliest)), true
}

// duration converts units of the trace's time.
func (p *position) duration(units uint64) time.Duration {
	return time.Duration(float64(units) / float64(p.frequency) * float64(time.Second))
}

// firstGeneration is more than the time of any trace's first generation, which
// is about a second.
const firstGeneration = 2 * time.Second

// midway reports whether the trace so far ends where no whole one does: in its header, right
// after it, or within a batch.
func (p *position) midway() bool {
	return !p.lost && (p.skip > 0 || len(p.head) > 0 || p.generations == 0)
}

// measured returns the service's time that the trace covers so far; known is false until
// the trace states its unit.
func (p *position) measured() (d time.Duration, known bool) {
	if p.lost || p.frequency == 0 || p.last < p.first {
		return 0, false
	}
	return p.duration(p.last - p.first), true
}

// elapsed returns an upper bound on the service's time that the trace covers so far;
// known is false if there is none.
func (p *position) elapsed() (d time.Duration, known bool) {
	switch {
	case p.lost || p.generations == 0 || p.last < p.first:
		return 0, false
	case p.frequency == 0: // each generation holds one, so this is the first
		return firstGeneration, true
	}
	return p.duration(p.last - p.first), true
}
