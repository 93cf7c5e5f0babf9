package timeline

// A runnerTable finds goroutines by their id: a hash table with linear probing.
// Every other event names a goroutine. Looking it up in a map took a sixth of
// all decoding, here it takes a twentieth, and goroutines that ended make room
// for new ones.
type runnerTable struct {
	slots []*runner // a power of two, at most half of them taken
	shift uint      // of the hash
	used  int
	free  []*runner
}

// home is where the search for an id begins.
func (t *runnerTable) home(id int64) int {
	return int(uint64(id) * 0x9e3779b97f4a7c15 >> t.shift)
}

// find returns the goroutine, nil if there is none.
func (t *runnerTable) find(id int64) *runner {
	if t.used == 0 {
		return nil
	}
	for i := t.home(id); ; i++ {
		g := t.slots[i&(len(t.slots)-1)]
		if g == nil || g.id == id {
			return g
		}
	}
}

// add adds a goroutine that is not there yet.
func (t *runnerTable) add(id int64, state uint8) *runner {
	if 2*t.used >= len(t.slots) {
		t.grow()
	}
	if len(t.free) == 0 {
		block := make([]runner, 64)
		for i := range block {
			t.free = append(t.free, &block[i])
		}
	}
	g := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	*g = runner{id: id, state: state, regions: g.regions[:0]}
	t.place(g)
	t.used++
	return g
}

func (t *runnerTable) place(g *runner) {
	i := t.home(g.id)
	for t.slots[i&(len(t.slots)-1)] != nil {
		i++
	}
	t.slots[i&(len(t.slots)-1)] = g
}

func (t *runnerTable) grow() {
	old := t.slots
	bits := uint(8)
	if len(old) > 0 {
		bits = 64 - t.shift + 1
	}
	t.slots, t.shift = make([]*runner, 1<<bits), 64-bits
	for _, g := range old {
		if g != nil {
			t.place(g)
		}
	}
}

// remove removes a goroutine that is there. Those behind it that would no longer
// be found move up.
func (t *runnerTable) remove(g *runner) {
	mask := len(t.slots) - 1
	gap := t.home(g.id)
	for t.slots[gap&mask] != g {
		gap++
	}
	for i := gap + 1; t.slots[i&mask] != nil; i++ {
		next := t.slots[i&mask]
		// How far next is from its home, against how far the gap is from it.
		if (i-t.home(next.id))&mask >= (i-gap)&mask {
			t.slots[gap&mask] = next
			gap = i
		}
	}
	t.slots[gap&mask] = nil
	t.used--
	t.free = append(t.free, g)
}
