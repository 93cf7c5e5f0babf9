package trace

import (
	"iter"
	"time"
)

// A Generation is the events of about one second, in order. Index 0 is an ordinary index in
// all tables except Stacks.
//
// The tables and their contents remain valid after the generation is released, and do not
// change, unless the generation is read in pieces: see Records.
type Generation struct {
	// Number is the runtime's number for the generation, 0 before Go 1.22. Use a Sequence to
	// find gaps.
	Number uint64
	// Skipped is the size in bytes of a generation that was too large for the budget and was
	// skipped. Only its Number is known then.
	Skipped int64
	// Events is the number of events, including those without a Record. First and Last are
	// the times of the first and the last event, in ns on the trace's clock, but for states
	// that the runtime adds after the last.
	Events      int64
	First, Last int64
	// Clock relates the trace's clock to wall-clock time. It may be nil, and always is before
	// Go 1.25.
	Clock *Clock

	// Heap is how the garbage collector set its goal.
	Heap Heap

	// IDs holds the runtime's ids of goroutines, processors and tasks. An index stands for
	// one goroutine from its creation to its end, and is not reused.
	IDs []int64
	// Stacks holds the distinct stacks; Stacks[0] is nil. Its entries belong to the
	// receiver, who may set those that are done with to nil so that they are freed.
	Stacks []*Stack
	// Names holds the names of the user's tasks and regions.
	Names []string

	records []Record
	blocks  [][]Record // the records in place of records, if store is not nil
	store   *store
	nameOf  map[string]int32
	// pieces decodes the records of a generation too large to hold them all. It is nil for
	// other generations.
	pieces func(each func(*Generation) bool)
}

// A Heap sums, over the collections that ended in a generation, what was reachable and the
// goal for the next collection, in bytes.
type Heap struct{ Collections, Live, Goal int64 }

// A collecting follows the heap's events.
type collecting struct {
	heapSize int64 // in bytes
	marked   bool  // a mark phase has ended, and its goal is to come
}

// goal records the heap's goal. The first one after a mark phase is its result: before it,
// the runtime sets the heap's size to what was marked.
func (c *collecting) goal(h *Heap, bytes int64) {
	if c.marked && c.heapSize > 0 {
		h.Collections++
		h.Live += c.heapSize
		h.Goal += bytes
	}
	c.marked = false
}

// A Clock is one moment on two clocks.
type Clock struct {
	Trace int64 // ns
	Wall  time.Time
}

// Empty reports whether the generation has no records: it consists only of its edges, or was
// skipped, or its records have been yielded.
func (g *Generation) Empty() bool {
	return len(g.records) == 0 && (len(g.blocks) == 0 || len(g.blocks[0]) == 0) && g.pieces == nil
}

// Records yields the records in order, some thousands at a time. If together they would take
// more than Budget.Decoding, IDs, Stacks and Names may grow at their ends with each of these
// pieces, or be reallocated. The records of a piece are valid until the next one is asked
// for: their memory is used for later generations. So Records may be ranged over only once.
func (g *Generation) Records() iter.Seq[[]Record] {
	return func(yield func([]Record) bool) {
		if g.pieces == nil {
			g.yield(yield)
			return
		}
		g.pieces(func(d *Generation) bool {
			g.IDs, g.Stacks, g.Names = d.IDs, d.Stacks, d.Names
			return yield(d.records)
		})
	}
}

// yield yields the records of a generation that is in memory as a whole.
func (g *Generation) yield(yield func([]Record) bool) {
	if len(g.records) > 0 {
		yield(g.records)
		return
	}
	for more := true; more && len(g.blocks) > 0; {
		b := g.blocks[0]
		g.blocks = g.blocks[1:]
		more = len(b) == 0 || yield(b)
		g.store.give(b)
	}
}

// decode decodes one generation: with this package's decoder if it knows the version and
// nothing is unexpected, or else with the ordinary reader, whose result is the same. If it
// returns an error, the generation is incomplete and must not be used.
func decode(g encoded, c *shared, s *store) (d Generation, err error) {
	defer gaveUp(&err)
	if d, ok := decodeWire(g, c, s); ok {
		return d, s.err()
	}
	if d, err = decodeEvents(g, c, s); err == nil {
		err = s.err()
	}
	return d, err
}
