package trace

import (
	"math"
	"slices"
)

// Numbers is a set of generation numbers. Runs are in the order in which they were found.
// Only the first 1024 are kept.
type Numbers struct {
	Runs  []Run
	Count uint64 // of all numbers, whether or not their run was kept
}

// A Run is the generations from First to Last, both included.
type Run struct{ First, Last uint64 }

// maxRuns bounds the memory of each set.
const maxRuns = 1 << 10

// add adds a run, which must not overlap the set. If it adjoins the last run, it extends
// that.
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

// find returns the index of the run that contains number, -1 if none does.
func (n *Numbers) find(number uint64) int {
	return slices.IndexFunc(n.Runs, func(r Run) bool { return r.First <= number && number <= r.Last })
}

// take removes number and reports whether it was in a run that is kept.
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

// A Sequence decides by their numbers which generations to read. The runtime counts from the
// process's first trace on, so a trace may begin with any number. The zero Sequence is ready
// to use.
type Sequence struct {
	// Missing are the generations that never came although later ones did. Late are those
	// that came after later ones, Repeated those that came more than once. Late and repeated
	// generations are left out.
	Missing, Late, Repeated Numbers

	first, last uint64  // numbers; 0 before the first generation
	early       Numbers // came after last but belong before first
}

// A Place is where a generation belongs.
type Place uint8

const (
	Follows  Place = iota // right after the one before it, or it is the first
	AfterGap              // after missing generations
	LeftOut               // before one that was read: do not read it
)

// succeeds reports whether the runtime gives number to the generation after last. Numbers
// wrap at the end of a machine word to 4, which continues their remainders modulo 2 and 3
// (traceNextGen in the runtime).
func succeeds(number, last uint64) bool {
	return number == last+1 || number == 4 && (last == math.MaxUint32 || last == math.MaxUint64)
}

// Add adds the next generation. The caller has read the time from start to end, in ns on the
// trace's clock. Add returns where the generation belongs. If that is LeftOut, lost is how
// much of its time is lost, in ns, beyond what the missing numbers already account for.
func (s *Sequence) Add(g *Generation, start, end int64) (place Place, lost int64) {
	switch number := g.Number; {
	case number == 0: // Go before 1.22
	case s.last == 0:
		s.first, s.last = number, number
	case succeeds(number, s.last):
		s.last = number
	case number > s.last:
		s.Missing.add(Run{s.last + 1, number - 1})
		s.last = number
		return AfterGap, 0
	default:
		return LeftOut, s.leaveOut(g, start, end)
	}
	return Follows, 0
}

// leaveOut records a generation that is not read. It is a repeat only if it also lies within
// the time read; otherwise it belongs to another process.
func (s *Sequence) leaveOut(g *Generation, start, end int64) (lost int64) {
	run := Run{g.Number, g.Number}
	before := max(0, min(g.Last, start)-g.First)
	after := max(0, g.Last-max(g.First, end))
	switch {
	case s.Missing.take(g.Number), s.Missing.partial():
		s.Late.add(run)
	case s.early.find(g.Number) >= 0:
		s.Repeated.add(run)
	case g.Number < s.first || before+after > 0:
		s.early.add(run)
		s.Late.add(run)
		return before + after
	default:
		s.Repeated.add(run)
	}
	return 0
}
