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
	// the times of the first and the last event, in ns on the trace's clock.
	Events      int64
	First, Last int64
	// Clock relates the trace's clock to wall-clock time. It may be nil, and always is before
	// Go 1.25.
	Clock *Clock

	// IDs holds the runtime's ids of goroutines, processors and tasks. An index stands for
	// one goroutine from its creation to its end, and is not reused.
	IDs []int64
	// Stacks holds the distinct stacks; Stacks[0] is nil. Its entries belong to the
	// receiver, who may set those that are done with to nil so that they are freed.
	Stacks []*Stack
	// Names holds the names of the user's tasks and regions.
	Names []string

	records []Record
	nameOf  map[string]int32
	// pieces decodes the records of a generation too large to hold them all. It is nil for
	// other generations.
	pieces func(each func(*Generation) bool)
}

// A Clock is one moment on two clocks.
type Clock struct {
	Trace int64 // ns
	Wall  time.Time
}

// Empty reports whether the generation has no records: it consists only of its edges, or was
// skipped.
func (g *Generation) Empty() bool { return len(g.records) == 0 && g.pieces == nil }

// Records yields the records in order: all at once, or in pieces if together they would take
// more than Budget.Decoding. With each piece IDs, Stacks and Names may grow at their ends, or
// be reallocated. The records are valid until the next piece or the next generation.
func (g *Generation) Records() iter.Seq[[]Record] {
	return func(yield func([]Record) bool) {
		if g.pieces == nil {
			if len(g.records) > 0 {
				yield(g.records)
			}
			return
		}
		g.pieces(func(d *Generation) bool {
			g.IDs, g.Stacks, g.Names = d.IDs, d.Stacks, d.Names
			return yield(d.records)
		})
	}
}

// decode decodes one generation: with this package's decoder if it knows the version and
// nothing is unexpected, or else with the ordinary reader, whose result is the same. If it
// returns an error, the generation is incomplete and must not be used.
func decode(g encoded, c *shared, reuse []Record) (d Generation, err error) {
	defer gaveUp(&err)
	if d, ok := decodeWire(g, c, reuse); ok {
		return d, nil
	}
	return decodeEvents(g, c, reuse)
}
