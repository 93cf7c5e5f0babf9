package trace

import (
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

// A Sequence judges by their numbers which of the generations that come are to be read. The
// runtime numbers them from the process's first trace on, so a trace may begin with any
// number. The zero Sequence has seen none.
type Sequence struct {
	// Missing are the generations that never came though later ones did. Late came after
	// later ones, Repeated more than once: these were left out.
	Missing, Late, Repeated Numbers

	first, last uint64  // numbers; 0 before the first generation
	early       Numbers // that came after last but belong before first
}

// A Place is where a generation belongs.
type Place uint8

const (
	Follows  Place = iota // right after the one before it, or it is the first
	AfterGap              // after others that did not come
	LeftOut               // before one that was read, so that it is not to be
)

// succeeds reports whether number is the one that the runtime gives to the generation
// after last. It wraps at the end of a machine word to 4, which continues the
// numbers' remainders by 2 and by 3 (traceNextGen in the runtime).
func succeeds(number, last uint64) bool {
	return number == last+1 || number == 4 && (last == math.MaxUint32 || last == math.MaxUint64)
}

// Add takes the next generation that came, when all the time from start to end, in ns on the
// trace's clock, was read. It returns where the generation belongs, and how much of its time
// is lost by leaving it out, as far as that is not known of the numbers that are missing.
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

// leaveOut records a generation that is not read. A number alone does not make it a
// repeat: that must also lie within the time read, or it is another process's.
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
