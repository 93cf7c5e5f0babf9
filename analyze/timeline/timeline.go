package timeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// ErrNoGeneration is wrapped by what Read returns for a trace of which not one
// generation could be read.
var ErrNoGeneration = errors.New("the trace holds no whole generation")

// What package trace finds wrong with a trace, wrapped by what Read returns and by
// Summary.Cut.
var (
	ErrNotTrace   = trace.ErrNotTrace   // it does not begin with a trace's header
	ErrEndsWithin = trace.ErrEndsWithin // it ends in the middle of a generation
	ErrAnother    = trace.ErrAnother    // another one follows in the same input
)

// ErrMemory is wrapped by what Read returns for a trace of which nothing can be
// read in the memory that it may take.
var ErrMemory = trace.ErrMemory

// A Numbers is a set of generation numbers, and a Run is a part of it.
type (
	Numbers = trace.Numbers
	Run     = trace.Run
)

// A Summary is what a trace says beyond its requests. Times are nanoseconds on
// the trace's clock.
type Summary struct {
	Version     int   // the minor version of Go in the header, 26 for go 1.26
	Generations int   // read
	Events      int64 // read
	Requests    int64
	Start, End  int64 // of the first and last event read
	// Covered is how much of the trace's time was read. Lost is how much was not, by
	// its generations' numbers and times: see Missing, Late and Skipped. What follows
	// the last generation read is in neither.
	Covered, Lost int64
	// Missing are the generations that never came though later ones did. Late came
	// after later ones, Repeated more than once; these were left out.
	Missing, Late, Repeated Numbers
	// Clock relates the trace's clock to the wall's, where the trace does (from
	// Go 1.25 on).
	Clock *Clock
	// Cut says why what followed the last generation read could not be, nil
	// where the trace came to its end. CutBytes is how much that was.
	Cut      error
	CutBytes int64

	GOMAXPROCS int
	Saturated  int64 // how long every processor was busy
	Running    int64 // goroutines' running time, summed
	// Samples counts the CPU samples, SamplesRunning those that hit a goroutine
	// in running state.
	Samples, SamplesRunning int64
	// InCalls is how much of the time that counts as file is not known to be: a
	// trace of Go before 1.22 rarely tells when a system call ended. AfterCalls is
	// how long goroutines of requests ran after one of a file's, as cpu, part of
	// which may have been in it.
	InCalls, AfterCalls int64

	// What was given up for want of memory. Forgotten counts how often a wait
	// went on for so long that what all the goroutines did meanwhile was too
	// much to keep: the older half was dropped. Condensed counts the requests of
	// whose path only the sums were kept for a part, CallsCut those with more
	// calls than could be kept. Evicted counts the goroutines that were no longer followed
	// until something new happened to them, EvictedRequests the requests cut by
	// that. StacksCut counts the distinct stacks, generation by generation, of
	// which only the innermost frames were kept, CausesCut the attributions
	// whose evidence is less than was seen. Skipped counts the generations, of
	// SkippedBytes together, that were too large to be read.
	Forgotten                int
	Condensed, CallsCut      int64
	Evicted, EvictedRequests int64
	StacksCut, CausesCut     int64
	Skipped                  int
	SkippedBytes             int64

	// Roots is the time of all goroutines by the function they began in, the
	// largest first.
	Roots []Root
}

// Window returns how much time the trace tells of, covered or lost, in ns.
func (s *Summary) Window() int64 { return s.Covered + min(s.Lost, math.MaxInt64-s.Covered) }

// A Clock is one moment on two clocks.
type Clock struct {
	Trace int64 // ns
	Wall  time.Time
}

// A Root is the time of the goroutines that began in one function.
type Root struct {
	Function   string
	Goroutines int64
	Spent      [breakdown.NumBuckets]int64 // ns
}

// Wall is the sum over the buckets.
func (r *Root) Wall() int64 {
	sum := int64(0)
	for _, t := range r.Spent {
		sum += t
	}
	return sum
}

// A Reader says how a trace is read. What comes out depends on Memory alone.
type Reader struct {
	Table *rules.Table
	// Workers is how many generations are decoded at once at most, 1 where it
	// is less.
	Workers int
	// Memory is how many bytes all may take together: DefaultMemory where it is
	// 0, and MinMemory at least. Where a trace needs more, details are given up
	// in steps that the Summary counts.
	Memory int64
	// After, where set, is called after each generation, with how much of the
	// trace's time was read.
	After func(covered int64)
}

// Read reads a trace with DefaultMemory.
func Read(ctx context.Context, r io.Reader, table *rules.Table, workers int, emit func(*breakdown.Request)) (*Summary, error) {
	return (&Reader{Table: table, Workers: workers}).Read(ctx, r, emit)
}

// Read reads an execution trace and hands over each request as it ends, those
// that the window's edges cut included. Requests with a wait that was under way when
// the window opened come last: the rest of the trace tells what that was. A Request is valid only until emit
// returns. A damaged or truncated trace is read as far as its whole generations
// reach; Summary.Cut says so. With several workers emit and After are called on
// a goroutine of their own, one call after another and all before Read returns.
func (o *Reader) Read(ctx context.Context, r io.Reader, emit func(*breakdown.Request)) (*Summary, error) {
	return o.read(ctx, r, sharesOf(o.Memory), emit)
}

func (o *Reader) read(ctx context.Context, r io.Reader, sh shares, emit func(*breakdown.Request)) (*Summary, error) {
	in, err := trace.NewReader(r, trace.Options{Workers: o.Workers, Budget: sh.budget(), Attach: classify(o.Table)})
	if err != nil {
		return nil, err
	}
	m := newMachine(o.Table, emit)
	m.bound(sh)
	m.reasonName = in.ReasonName
	m.sum.Version, m.instant = in.Version(), in.Version() < trace.SplitsFrom
	if o.Workers > 1 {
		m.delivery = newDelivery(emit)
	}
	defer m.endDelivery()
	for g := range in.Generations(ctx) {
		m.generation(g)
		if o.After != nil {
			covered := m.covered()
			m.afterDelivery(func() { o.After(covered) })
		}
	}
	m.sum.Cut, m.sum.CutBytes = in.Err(), in.Unread()
	m.deliverAll()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	switch {
	case m.sum.Generations > 0:
		sum := m.finish()
		m.endDelivery()
		return sum, nil
	case m.sum.Skipped > 0:
		return nil, fmt.Errorf("%w: each of the trace's generations is larger than may be read at once", ErrMemory)
	case m.sum.Cut == nil:
		return nil, ErrNoGeneration
	}
	return nil, fmt.Errorf("%w: %w", ErrNoGeneration, m.sum.Cut)
}

// generation takes a generation, if it is where it belongs. Before one that skips others
// the machine forgets all goroutines: what they did in between is unknown.
func (m *machine) generation(g *trace.Generation) {
	place, lost := m.sequence.Add(g, m.start, m.now)
	switch place {
	case trace.LeftOut:
		m.sum.Lost += min(lost, math.MaxInt64-m.sum.Lost)
		return
	case trace.AfterGap:
		m.interrupt()
	}
	switch {
	case g.Skipped > 0:
		m.sum.Skipped++
		m.sum.SkippedBytes += g.Skipped
		m.interrupt()
	case !g.Empty(): // else it is nothing but its edges
		m.sum.Generations++
		m.sum.Events += g.Events
		m.clock(g.Clock)
		m.startGeneration(g.First)
		stacks := make([]*class, 0, len(g.Stacks))
		for records := range g.Records() {
			stacks = m.admit(stacks, g.Stacks[len(stacks):])
			m.apply(records, tables{g.IDs, stacks, g.Names})
		}
		if m.holding() {
			m.letGo(m.gs.All()) // a generation ends with the stacks of all that wait
		}
	}
}

// maxClocks is how many relations of the clocks are looked at.
const maxClocks = 64

// clock notes how the clocks relate at the beginning of a generation. The runtime
// reads them one after another: where the kernel takes the thread away in between,
// they seem tens of microseconds apart, so the middle one counts.
func (m *machine) clock(c *trace.Clock) {
	if c == nil || len(m.clocks) == maxClocks {
		return
	}
	m.clocks = append(m.clocks, Clock(*c))
	sorted := slices.SortedFunc(slices.Values(m.clocks), func(a, b Clock) int { return cmp.Compare(a.offset(), b.offset()) })
	m.sum.Clock = &sorted[len(sorted)/2]
}

// offset is how far the wall's clock is ahead of the trace's, in ns.
func (c Clock) offset() int64 { return c.Wall.UnixNano() - c.Trace }
