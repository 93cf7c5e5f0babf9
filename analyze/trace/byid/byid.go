// Package byid is a hash table by id, made for the goroutines and processors of a trace.
//
// Nearly every event of a trace names a goroutine. Looking it up in a map took a sixth of the
// decoding time; in this table it takes a twentieth. If lookups are few, use a map: the table
// holds only pointers, and its caller must know which ids are in it.
package byid

import "iter"

// A Table maps ids to things: a hash table with linear probing. The zero Table is empty and
// ready to use. It is not safe for concurrent use.
type Table[T any] struct {
	slots []slot[T] // a power of two, at most half of them taken
	shift uint      // of the hash
	used  int
}

type slot[T any] struct {
	id    int64
	thing *T // nil if the slot is free
}

// home returns where the search for an id begins, before masking.
func (t *Table[T]) home(id int64) int {
	return int(uint64(id) * 0x9e3779b97f4a7c15 >> t.shift)
}

// Find returns the thing with that id, or nil if there is none.
func (t *Table[T]) Find(id int64) *T {
	if t.used == 0 {
		return nil
	}
	for i := t.home(id); ; i++ {
		if s := &t.slots[i&(len(t.slots)-1)]; s.thing == nil || s.id == id {
			return s.thing
		}
	}
}

// Add adds a thing. Its id must not be in the table.
func (t *Table[T]) Add(id int64, thing *T) {
	if 2*t.used >= len(t.slots) {
		t.grow()
	}
	t.place(slot[T]{id, thing})
	t.used++
}

func (t *Table[T]) place(s slot[T]) {
	i := t.home(s.id)
	for t.slots[i&(len(t.slots)-1)].thing != nil {
		i++
	}
	t.slots[i&(len(t.slots)-1)] = s
}

func (t *Table[T]) grow() {
	old := t.slots
	bits := uint(8)
	if len(old) > 0 {
		bits = 64 - t.shift + 1
	}
	t.slots, t.shift = make([]slot[T], 1<<bits), 64-bits
	for _, s := range old {
		if s.thing != nil {
			t.place(s)
		}
	}
}

// Remove removes the thing with that id, which must be in the table.
func (t *Table[T]) Remove(id int64) {
	mask := len(t.slots) - 1
	gap := t.home(id)
	for t.slots[gap&mask].id != id {
		gap++
	}
	// Move up those after the gap that would no longer be found.
	for i := gap + 1; t.slots[i&mask].thing != nil; i++ {
		next := t.slots[i&mask]
		// Compare how far next is from its home with how far it is from the gap.
		if (i-t.home(next.id))&mask >= (i-gap)&mask {
			t.slots[gap&mask] = next
			gap = i
		}
	}
	t.slots[gap&mask] = slot[T]{}
	t.used--
}

// Len returns the number of things.
func (t *Table[T]) Len() int { return t.used }

// All yields all things with their ids, in no particular order. The table must not change
// during the iteration.
func (t *Table[T]) All() iter.Seq2[int64, *T] {
	return func(yield func(int64, *T) bool) {
		for _, s := range t.slots {
			if s.thing != nil && !yield(s.id, s.thing) {
				return
			}
		}
	}
}
