package timeline

import "iter"

// byID finds things by their number: a hash table with linear probing. Nearly
// every event names a goroutine. Looking it up in a map took a sixth of all
// decoding, here it takes a twentieth.
type byID[T any] struct {
	slots []slot[T] // a power of two, at most half of them taken
	shift uint      // of the hash
	used  int
}

type slot[T any] struct {
	id    int64
	thing *T // nil: the slot is free
}

// home is where the search for an id begins.
func (t *byID[T]) home(id int64) int {
	return int(uint64(id) * 0x9e3779b97f4a7c15 >> t.shift)
}

// find returns the thing of that id, nil if there is none.
func (t *byID[T]) find(id int64) *T {
	if t.used == 0 {
		return nil
	}
	for i := t.home(id); ; i++ {
		if s := &t.slots[i&(len(t.slots)-1)]; s.thing == nil || s.id == id {
			return s.thing
		}
	}
}

// add adds one that is not there yet.
func (t *byID[T]) add(id int64, thing *T) {
	if 2*t.used >= len(t.slots) {
		t.grow()
	}
	t.place(slot[T]{id, thing})
	t.used++
}

func (t *byID[T]) place(s slot[T]) {
	i := t.home(s.id)
	for t.slots[i&(len(t.slots)-1)].thing != nil {
		i++
	}
	t.slots[i&(len(t.slots)-1)] = s
}

func (t *byID[T]) grow() {
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

// remove removes one that is there. Those behind it that would no longer be
// found move up.
func (t *byID[T]) remove(id int64) {
	mask := len(t.slots) - 1
	gap := t.home(id)
	for t.slots[gap&mask].id != id {
		gap++
	}
	for i := gap + 1; t.slots[i&mask].thing != nil; i++ {
		next := t.slots[i&mask]
		// How far next is from its home, against how far the gap is from it.
		if (i-t.home(next.id))&mask >= (i-gap)&mask {
			t.slots[gap&mask] = next
			gap = i
		}
	}
	t.slots[gap&mask] = slot[T]{}
	t.used--
}

// all goes through all, in no order that means anything. None may be added or
// removed meanwhile.
func (t *byID[T]) all() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for _, s := range t.slots {
			if s.thing != nil && !yield(s.thing) {
				return
			}
		}
	}
}

// A runnerTable has the goroutines of a generation. Those that ended make room
// for new ones.
type runnerTable struct {
	byID[runner]
	free []*runner
}

// add adds a goroutine that is not there yet.
func (t *runnerTable) add(id int64, state uint8) *runner {
	if len(t.free) == 0 {
		block := make([]runner, 64)
		for i := range block {
			t.free = append(t.free, &block[i])
		}
	}
	g := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	*g = runner{id: id, state: state, regions: g.regions[:0]}
	t.byID.add(id, g)
	return g
}

// remove removes a goroutine that is there.
func (t *runnerTable) remove(g *runner) {
	t.byID.remove(g.id)
	t.free = append(t.free, g)
}
