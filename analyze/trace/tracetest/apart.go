package tracetest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
)

// The parts of the format that taking a trace apart needs (internal/trace/tracev2 in the Go
// tree).
const (
	headerLen    = 16
	maxBatchSize = 64 << 10

	evEventBatch        = 1
	evStrings           = 4
	evString            = 5
	evExperimentalBatch = 49
	evEndOfGeneration   = 52
	evSpanFree          = 130
)

// The first and the last version of Go in Recorded. Their traces consist of generations.
const (
	firstVersion = 22
	lastVersion  = 26
)

// An Apart is a trace split into its generations, each without the header.
type Apart struct {
	Header []byte
	Parts  [][]byte
}

// TakeApart splits a whole trace of Go 1.22 or later. The parts share data.
func TakeApart(data []byte) Apart {
	a := Apart{Header: data[:headerLen]}
	rest := data[headerLen:]
	for len(rest) > 0 {
		n := generationLen(rest)
		a.Parts = append(a.Parts, rest[:n:n])
		rest = rest[n:]
	}
	return a
}

// generationLen returns the length of the generation that data begins with.
func generationLen(data []byte) int {
	first := uint64(0)
	for i := 0; i < len(data); {
		if data[i] == evEndOfGeneration {
			return i + 1
		}
		number, _, end := batch(data, i)
		if first == 0 {
			first = number
		}
		if number != first {
			return i
		}
		i = end
	}
	return len(data)
}

// batch returns the number of a batch's generation, the offset after that number, and the
// offset after the batch.
func batch(data []byte, i int) (number uint64, from, end int) {
	at := i + numberAt(data[i])
	number, n := binary.Uvarint(data[at:])
	from = at + n
	at = from
	size := uint64(0)
	for range 3 { // thread, time, size
		size, n = binary.Uvarint(data[at:])
		at += n
	}
	return number, from, at + int(size)
}

// numberAt returns the offset in a batch of its generation's number.
func numberAt(typ byte) int {
	if typ == evExperimentalBatch {
		return 2
	}
	return 1
}

// Trace returns a trace of the generations at these places, in this order.
func (a Apart) Trace(places ...int) []byte {
	data := slices.Clone(a.Header)
	for _, i := range places {
		data = append(data, a.Parts[i]...)
	}
	return data
}

// Whole returns the whole trace.
func (a Apart) Whole() []byte { return a.Trace(Places(0, len(a.Parts)-1)...) }

// First returns the number of the first generation.
func (a Apart) First() uint64 {
	number, _, _ := batch(a.Parts[0], 0)
	return number
}

// Bounds returns the offsets in the trace at which the generations end.
func (a Apart) Bounds() (at []int64) {
	end := int64(len(a.Header))
	for _, part := range a.Parts {
		end += int64(len(part))
		at = append(at, end)
	}
	return at
}

// Places returns the numbers from first to last.
func Places(first, last int) (all []int) {
	for i := first; i <= last; i++ {
		all = append(all, i)
	}
	return all
}

// Renumbered returns a generation with the number in each batch changed.
func Renumbered(part []byte, number func(old uint64) uint64) []byte {
	var out []byte
	for i := 0; i < len(part); {
		if part[i] == evEndOfGeneration {
			return append(out, part[i:]...)
		}
		old, from, end := batch(part, i)
		out = binary.AppendUvarint(append(out, part[i:i+numberAt(part[i])]...), number(old))
		out = append(out, part[from:end]...)
		i = end
	}
	return out
}

// behindFirst inserts a batch after the first one of a generation, with the same number,
// thread and time.
func behindFirst(part, typ, data []byte) []byte {
	from := numberAt(part[0])
	at := from
	for range 3 {
		_, n := binary.Uvarint(part[at:])
		at += n
	}
	head := append(slices.Clone(typ), part[from:at]...)
	_, _, end := batch(part, 0)
	return slices.Insert(slices.Clone(part), end, append(binary.AppendUvarint(head, uint64(len(data))), data...)...)
}

// Foreign returns a generation that package trace leaves to the ordinary reader: it adds a
// string with an id that no runtime uses.
func Foreign(part []byte) []byte {
	return behindFirst(part, []byte{evEventBatch}, append(binary.AppendUvarint([]byte{evStrings, evString}, 1<<40), 0))
}

// Broken returns a generation with an added table that ends early.
func Broken(part []byte) []byte {
	return behindFirst(part, []byte{evEventBatch}, []byte{evStrings, evString})
}

// Padded returns a generation with added batches of 64 KiB that hold nothing of interest.
func Padded(part []byte, batches int) []byte {
	for range batches {
		part = behindFirst(part, []byte{evExperimentalBatch, 1}, make([]byte, maxBatchSize))
	}
	return part
}

// Rows returns recorded traces of at least three generations by name: one for each version of
// Go, and one from another architecture. Unless Long is set, it returns only one in which an
// event ends each generation, and one in which none does.
func Rows(t testing.TB) map[string]Apart {
	t.Helper()
	all, rows := Recorded(t), map[string]Apart{}
	const other = "go1.26-arm64"
	all[other] = Service(t, other)
	for name, data := range all {
		if a := TakeApart(data); len(a.Parts) >= 3 {
			rows[name] = a
		}
	}
	for version := firstVersion; version <= lastVersion; version++ {
		if _, ok := rows[fmt.Sprintf("go1.%d", version)]; !ok {
			t.Fatalf("no trace of Go 1.%d has three generations", version)
		}
	}
	if !Long {
		return map[string]Apart{"go1.22": rows["go1.22"], "go1.26": rows["go1.26"]}
	}
	return rows
}
