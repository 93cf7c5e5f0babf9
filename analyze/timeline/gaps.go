package timeline

import (
	"cmp"
	"math"
	"slices"
)

// Numbers are a set of generation numbers. Runs are in the order in which they were
// found; of very many only the first are kept.
type Numbers struct {
	Runs  []Run
	Count uint64 // of all numbers, whether or not their run was kept
}

// A Run is the generations from First to Last, both included.
type Run struct{ First, Last uint64 }

// maxRuns bounds the memory of each set.
const maxRuns = 1 << 10

// add adds numbers that are not in the set. A run that continues the last one in
// either direction extends it.
func (n *Numbers) add(r Run) {
	n.Count += min(r.Last-r.First+1, math.MaxUint64-n.Count)
	if last := len(n.Runs) - 1; last >= 0 {
		switch before := &n.Runs[last]; {
		case r.First == before.Last+1:
			before.Last = r.Last
			return
		case r.Last == before.First-1:
			before.First = r.First
			return
		}
	}
	if len(n.Runs) < maxRuns {
		n.Runs = append(n.Runs, r)
	}
}

// find returns the index of the run that holds number, -1 if none does.
func (n *Numbers) find(number uint64) int {
	return slices.IndexFunc(n.Runs, func(r Run) bool { return r.First <= number && number <= r.Last })
}

// take removes number and reports whether it was in the set, as far as runs are kept.
func (n *Numbers) take(number uint64) bool {
	i := n.find(number)
	if i < 0 {
		return false
	}
	n.Count--
	switch r := &n.Runs[i]; {
	case r.First == r.Last:
		n.Runs = slices.Delete(n.Runs, i, i+1)
	case number == r.First:
		r.First++
	case number == r.Last:
		r.Last--
	default:
		after := Run{number + 1, r.Last}
		r.Last = number - 1
		if len(n.Runs) < maxRuns {
			n.Runs = slices.Insert(n.Runs, i+1, after)
		}
	}
	return true
}

// partial reports whether some runs were not kept.
func (n *Numbers) partial() bool {
	rest := n.Count
	for _, r := range n.Runs {
		rest -= r.Last - r.First + 1
	}
	return rest > 0
}

// A row is the generations read so far. The runtime numbers them from the process's
// first trace on, so a trace may begin with any number.
type row struct {
	first, last uint64  // numbers; 0 before the first generation
	early       Numbers // that came after last but belong before first
}

// succeeds reports whether number is the one that the runtime gives to the generation
// after last. It wraps at the end of a machine word to 4, which continues the
// numbers' remainders by 2 and by 3 (traceNextGen in the runtime).
func succeeds(number, last uint64) bool {
	return number == last+1 || number == 4 && (last == math.MaxUint32 || last == math.MaxUint64)
}

// inOrder reports whether a generation is to be read: one that is no later than those
// read so far has been read before, or comes too late. Before one that skips others
// the machine forgets all goroutines: what they did in between is unknown.
func (m *machine) inOrder(d *result) bool {
	row, number := &m.row, d.number
	switch {
	case number == 0: // Go before 1.22
	case row.last == 0:
		row.first, row.last = number, number
	case succeeds(number, row.last):
		row.last = number
	case number > row.last:
		m.sum.Missing.add(Run{row.last + 1, number - 1})
		m.interrupt()
		row.last = number
	default:
		m.leaveOut(d)
		return false
	}
	return true
}

// leaveOut records a generation that is not read. A number alone does not make it a
// repeat: that must also lie within the time read, or it is another process's.
func (m *machine) leaveOut(d *result) {
	run := Run{d.number, d.number}
	before := max(0, min(d.last, m.start)-d.first)
	after := max(0, d.last-max(d.first, m.now))
	switch {
	case m.sum.Missing.take(d.number), m.sum.Missing.partial():
		m.sum.Late.add(run)
	case m.row.early.find(d.number) >= 0:
		m.sum.Repeated.add(run)
	case d.number < m.row.first || before+after > 0:
		m.row.early.add(run)
		m.sum.Late.add(run)
		m.sum.Lost += min(before+after, math.MaxInt64-m.sum.Lost)
	default:
		m.sum.Repeated.add(run)
	}
}

// stretch starts a stretch of generations without a gap, unless one is under way. The
// time since the stretch before is lost.
func (m *machine) stretch(first int64) {
	if m.from != 0 {
		return
	}
	if m.start == 0 {
		m.start = first
	} else {
		m.sum.Lost += min(max(0, first-m.now), math.MaxInt64-m.sum.Lost)
	}
	m.from = max(first, m.now)
}

// covered returns how much of the trace's time has been read, in ns.
func (m *machine) covered() int64 {
	if m.from == 0 {
		return m.sum.Covered
	}
	return m.sum.Covered + m.now - m.from
}

// interrupt ends a stretch: no state is carried across the gap that follows.
func (m *machine) interrupt() {
	for _, g := range m.leave() {
		m.unwatch(g)
	}
	m.gs, m.dead, m.oldest, m.newest = byID[goroutine]{}, nil, nil, nil
	m.kept, m.floor, m.weight, m.known = 0, 0, 0, 0
	m.stops, m.stopped = nil, 0
	m.forgetEvidence()
	clear(m.tasks)
	clear(m.procs)
	m.procsRunning, m.busySince = 0, 0
	m.sum.Covered, m.from = m.covered(), 0
}

// leave closes everything open at the end of a stretch. It returns the live goroutines
// by ascending id.
func (m *machine) leave() []*goroutine {
	gs := slices.SortedFunc(m.gs.all(), func(a, b *goroutine) int { return cmp.Compare(a.id, b.id) })
	m.closing(gs)
	for _, g := range gs {
		m.attributeOpen(g)
	}
	for _, g := range gs {
		m.cut(g)
	}
	for _, g := range gs {
		if g.state != stateUnknown && m.now > g.since {
			iv := interval{start: g.since, end: m.now, class: g.class, state: g.state, reason: g.reason, open: true}
			if g.class == nil || !g.class.Observer {
				g.root.Spent[ownBucket(&iv)] += m.now - g.since
			}
			if g.state == stateRunning {
				m.sum.Running += m.now - g.since
			}
		}
	}
	m.tellHeld()
	if m.busySince != 0 {
		m.sum.Saturated += m.now - m.busySince
	}
	return gs
}
