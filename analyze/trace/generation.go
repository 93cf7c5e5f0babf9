package trace

import (
	"iter"
	"time"
)

// A Generation is what the process wrote in about a second, in order. The zero index of
// each table is as good as any other, but for Stacks.
//
// The tables, and what they hold, stay as they are for as long as somebody keeps them,
// unless the generation is read in pieces: see Records.
type Generation struct {
	// Number is what the runtime numbered it with, 0 before Go 1.22. A Sequence says what
	// it follows.
	Number uint64
	// Skipped is its size in bytes if it was too large for the budget. Nothing else of it
	// is known.
	Skipped int64
	// Events is how many events there were, those of no Record included. First and Last are
	// the times of the first and the last one, in ns on the trace's clock.
	Events      int64
	First, Last int64
	// Clock relates the trace's clock to the wall's, nil before Go 1.25.
	Clock *Clock

	// IDs holds the runtime's ids of goroutines, processors and tasks. An index stands for
	// one goroutine from its creation to its end, and then for no other.
	IDs []int64
	// Stacks holds the distinct stacks; Stacks[0] is nil. Its entries belong to the
	// receiver, who may set those that are done with to nil so that they are freed.
	Stacks []*Stack
	// Names holds the names of the user's tasks and regions.
	Names []string

	records []Record
	nameOf  map[string]int32
	// pieces decodes the records of a generation whose records would take more memory than
	// there is. It is nil for the others.
	pieces func(each func(*Generation) bool)
}

// A Clock is one moment on two clocks.
type Clock struct {
	Trace int64 // ns
	Wall  time.Time
}

// Empty reports whether the generation has no records: it is nothing but its edges, or was
// skipped.
func (g *Generation) Empty() bool { return len(g.records) == 0 && g.pieces == nil }

// Records yields the records in order: all at once, or in pieces if all of them would take
// more than Budget.Decoding. With each piece IDs, Stacks and Names may have grown at their
// ends, or moved. The records are valid until the next piece, or the next generation.
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

// decode decodes one generation: by the decoder of this package if it knows the version and
// meets nothing unexpected, else with the ordinary reader, whose result is the same. On an
// error nothing of the generation may be used: what was read is not the whole.
func decode(g encoded, c *shared, reuse []Record) (d Generation, err error) {
	defer gaveUp(&err)
	if d, ok := decodeWire(g, c, reuse); ok {
		return d, nil
	}
	return decodeEvents(g, c, reuse)
}
