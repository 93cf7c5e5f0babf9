package trace

import (
	"cmp"
	"slices"
)

// A thread is the batches of one thread, read event by event, with the goroutine and the
// processor that the thread holds before the next event.
type thread struct {
	id      int64
	batches []batch // still to come
	data    []byte  // of the current batch
	pos     int

	typ  byte               // the next event
	at   int64              // its time, in ns
	args [maxNumbers]uint64 // the numbers after its type; the first is the time since the previous event

	seen      bool // an event of the thread was examined
	running   *runner
	processor *processor
}

// A head is a thread with the time of its next event.
type head struct {
	at     int64
	thread *thread
}

// An ordering puts the events of a generation's threads into one order and turns them into
// records.
//
// The threads' clocks do not agree exactly, so time alone does not give the order. A heap of
// threads by time proposes the next event. The state of goroutines and processors, together
// with the sequence numbers in the events, decides whether it may come next. If not, the
// ordering takes the first event in time order that may. Where these rules leave the order
// open, ties in the heap included, it follows the ordinary reader.
type ordering struct {
	*wire
	scheduler
	frontier []head
	now      int64 // the time of the previous event; times strictly increase
	bad      bool  // the ordinary reader would, or might, reject the generation

	pieces
	collecting
	out     Generation
	shared  *shared
	indexes []int32 // from ids of stacks to indexes in out.Stacks, -1 if not assigned yet
	reasons []int16 // from ids of strings to reasons, -1 if not assigned yet
}

// decodeWire decodes a generation with the same result as decodeEvents, in a sixth of the
// time. It returns false if it cannot. Like decodeEvents it starts each generation with no
// state from the one before.
func decodeWire(g encoded, c *shared, s *store) (Generation, bool) {
	o, ok := newOrdering(g, c)
	if !ok {
		return Generation{}, false
	}
	if s != nil {
		o.pieces, o.out.records = pieces{least: blockRecords, store: s}, s.take()
	}
	ok = o.run()
	s.done(&o.out, ok)
	return o.out, ok
}

// newOrdering returns an ordering of a generation's events, before the first. It returns
// false if this package cannot decode the generation.
func newOrdering(g encoded, c *shared) (*ordering, bool) {
	w, ok := newWire(g)
	if !ok {
		return nil, false
	}
	o := &ordering{wire: w, scheduler: newScheduler(), shared: c,
		indexes: slices.Repeat([]int32{-1}, len(w.stacks)),
		reasons: slices.Repeat([]int16{-1}, len(w.strings))}
	o.indexes[0] = 0
	o.out = Generation{Stacks: []*Stack{nil}, Clock: w.clock}
	return o, true
}

// run puts all events of the generation in order. It returns false if it cannot.
func (o *ordering) run() bool {
	// The ordinary reader has an event for the start of a generation and one for the end of
	// the trace. The first of them advances the clock.
	o.out.Events = 2
	o.now = max(1, o.ns(o.oldest))
	for _, t := range o.threads {
		if o.next(t) {
			o.frontier = append(o.frontier, head{t.at, t})
			o.up(len(o.frontier) - 1)
		}
	}
	for !o.bad {
		switch {
		case len(o.samples) > 0 && (len(o.frontier) == 0 || o.samples[0].at < o.frontier[0].at):
			o.sample(o.samples[0])
			o.samples = o.samples[1:]
		case len(o.frontier) == 0:
			return true
		case !o.step(0) && !o.stepOther():
			return false
		}
		if o.full(&o.out) && !o.pass(&o.out) {
			return true
		}
	}
	return false
}

// step takes the next event of the thread at i in the frontier. It returns false if that
// event may not come next.
func (o *ordering) step(i int) bool {
	h := &o.frontier[i]
	t := h.thread
	if !o.advance(t) {
		return false
	}
	if !o.next(t) {
		o.remove(i)
		return true
	}
	h.at = t.at
	if i > 0 || !o.leads(t.at) {
		o.fix(i)
	}
	return true
}

// leads reports whether the first of several threads, with its next event at that time,
// remains the first, as it mostly does.
func (o *ordering) leads(at int64) bool {
	h := o.frontier
	return len(h) > 2 && at <= h[1].at && at <= h[2].at
}

// stepOther takes the first event that may come next, other than that of the first head. It
// returns false if there is none.
func (o *ordering) stepOther() bool {
	// A sorted slice is a heap. With more than a dozen threads the order of ties depends on
	// the algorithm. The ordinary reader uses this one.
	slices.SortFunc(o.frontier, func(a, b head) int { return cmp.Compare(a.at, b.at) })
	for i := 1; i < len(o.frontier) && !o.bad; i++ {
		if o.step(i) {
			return true
		}
	}
	return false
}

// next reads the thread's next event. It returns false after the last.
func (o *ordering) next(t *thread) bool {
	for t.pos == len(t.data) {
		if len(t.batches) == 0 {
			return false
		}
		b := t.batches[0]
		t.data, t.pos, t.at = b.data, 0, o.ns(b.at)
		t.batches = t.batches[1:]
	}
	t.typ = t.data[t.pos]
	n := numbers[t.typ]
	t.pos = uvarints(t.data, t.pos+1, t.args[:n])
	if n == 0 || t.pos > len(t.data) {
		o.bad = true
		return false
	}
	t.at += o.ns(t.args[0])
	return true
}

// fix restores the heap after the head at i changed.
func (o *ordering) fix(i int) {
	if i == 0 || o.up(i) == i {
		o.down(i)
	}
}

// remove removes the head at i from the heap: it moves it to the root, whatever its time, and
// replaces it there with the last one.
func (o *ordering) remove(i int) {
	h := o.frontier
	for i > 0 {
		parent := (i - 1) / 2
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
	last := len(h) - 1
	h[0] = h[last]
	h[last] = head{}
	o.frontier = h[:last]
	o.down(0)
}

func (o *ordering) up(i int) int {
	h := o.frontier
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].at <= h[i].at {
			break
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
	return i
}

// down moves the head at i down to where it belongs: mostly it stays.
func (o *ordering) down(i int) {
	h := o.frontier
	for {
		least := i
		if left := 2*i + 1; left < len(h) && h[left].at < h[i].at {
			least = left
		}
		if right := 2*i + 2; right < len(h) && h[right].at < h[least].at {
			least = right
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

// tick returns the time for an event, which is later than that of the previous event.
func (o *ordering) tick(at int64) int64 {
	if at <= o.now {
		at = o.now + 1
	}
	o.now = at
	o.out.Events++
	if o.out.First == 0 {
		o.out.First = at
	}
	o.out.Last = at
	return at
}

// stack returns the index in out.Stacks of the stack with that id.
func (o *ordering) stack(id uint64) int32 {
	if id < uint64(len(o.indexes)) && o.indexes[id] >= 0 {
		return o.indexes[id]
	}
	return o.resolveStack(id)
}

func (o *ordering) resolveStack(id uint64) int32 {
	if !has(o.stacks, id) {
		o.bad = true
		return 0
	}
	i := int32(0)
	if pcs := o.stacks[id]; len(pcs) > 0 && !o.checks {
		s := o.shared.stack(pcs, func() []Frame { return o.resolve(o.shared, pcs) })
		i = int32(len(o.out.Stacks))
		o.out.Stacks = append(o.out.Stacks, s)
	}
	o.indexes[id] = i
	return i
}

// reason returns the string with that id as a Reason.
func (o *ordering) reason(id uint64) Reason {
	if id < uint64(len(o.reasons)) && o.reasons[id] >= 0 {
		return Reason(o.reasons[id])
	}
	if !has(o.strings, id) {
		o.bad = true
		return 0
	}
	n := o.shared.reasonOf(string(o.strings[id]))
	o.reasons[id] = int16(n)
	return n
}

// knowsStack and knowsString check the ids in an event that are not kept.
func (o *ordering) knowsStack(id uint64) {
	if !has(o.stacks, id) {
		o.bad = true
	}
}

func (o *ordering) knowsString(id uint64) {
	if !has(o.strings, id) {
		o.bad = true
	}
}
