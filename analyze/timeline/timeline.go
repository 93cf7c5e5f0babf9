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

// ErrNoGeneration is wrapped by the error that Read returns for a trace of which no
// generation could be read.
var ErrNoGeneration = errors.New("the trace holds no whole generation")

// Errors of package trace, wrapped by the errors that Read returns and by
// Summary.Cut.
var (
	ErrNotTrace   = trace.ErrNotTrace   // the input does not begin with a trace header
	ErrEndsWithin = trace.ErrEndsWithin // the trace ends in the middle of a generation
	ErrAnother    = trace.ErrAnother    // another trace follows in the same input
)

// ErrMemory is wrapped by the error that Read returns if nothing of the trace can be
// read within the memory limit.
var ErrMemory = trace.ErrMemory

// Numbers is a set of generation numbers. A Run is a part of it.
type (
	Numbers = trace.Numbers
	Run     = trace.Run
)

// A Summary describes a trace apart from its requests. Times are nanoseconds on the
// trace's clock.
type Summary struct {
	Version     int   // the minor version of Go in the header, 26 for Go 1.26
	Generations int   // read
	Events      int64 // read
	Requests    int64
	Start, End  int64 // of the first and last event read
	// Covered is how much of the trace's time was read. Lost is how much was not, by
	// the numbers and times of its generations: see Missing, Late and Skipped.
	// Neither includes what follows the last generation read.
	Covered, Lost int64
	// Missing are the generations that are absent although later ones came. Late came
	// after later ones, and Repeated more than once; both were left out.
	Missing, Late, Repeated Numbers
	// Clock relates the trace's clock to the wall clock. It is nil if the trace does not
	// say (before Go 1.25).
	Clock *Clock
	// Cut is the reason why the rest after the last generation could not be read, nil
	// if the trace was read to its end. CutBytes is the size of that rest.
	Cut      error
	CutBytes int64

	GOMAXPROCS int
	Saturated  int64 // how long every processor was busy
	Running    int64 // running time of all goroutines
	// RunningBriefly is the part of Running in stretches of less than 2 ms.
	RunningBriefly int64
	Load           *breakdown.Load // nil unless Reader.Load is set
	Coverage       breakdown.Coverage
	// Samples counts the CPU samples, and SamplesRunning those that hit a goroutine
	// in running state.
	Samples, SamplesRunning int64
	Kernel                  Kernel
	Processors              breakdown.Processors
	// InCalls is how much of the time counted as file is uncertain: a trace of Go
	// before 1.22 rarely says when a system call ended. AfterCalls is how long
	// goroutines of requests ran after a file's system call. It counts as cpu, though
	// part of it may have been in the call.
	InCalls, AfterCalls int64

	// Detail dropped for lack of memory. Forgotten counts how often the history
	// during a long wait was too large to keep, so that its older half was dropped.
	// Condensed counts the requests for which a part of the path was kept only as
	// sums, and CallsCut those with more calls than could be kept. Evicted counts the
	// goroutines that were not followed until something new happened to them, and
	// EvictedRequests the requests cut by that. StacksCut counts the distinct stacks,
	// generation by generation, of which only the innermost frames were kept, and
	// CausesCut the attributions with less evidence than was seen. Skipped counts the
	// generations that were too large to read, SkippedBytes in total.
	Forgotten                int
	Condensed, CallsCut      int64
	Evicted, EvictedRequests int64
	StacksCut, CausesCut     int64
	Skipped                  int
	SkippedBytes             int64

	// Led are the frames that led requests on to the service's handlers, sorted.
	Led []breakdown.Frame
	// Roots is the time of all goroutines by the function they began in, largest
	// first.
	Roots []Root
	// AcceptLoops are the goroutines that accept connections and were held up in that,
	// by what held them up; the longest first.
	AcceptLoops []AcceptLoop
	// Standing is what the service's goroutines that serve no request were at when the
	// window closed, the most first.
	Standing []Standing
	// Growth is the goroutines that were started in the window and stayed, by the place
	// that started them, the most first.
	Growth []Growth
	// Stoppers are where goroutines that serve no request stop the world, the longest first.
	Stoppers []Stopper
}

// Window returns how much time the trace spans, covered or lost, in ns.
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
	// Jobs counts the goroutines that began and ended in the window, and Turns the waits
	// of all as for a message. None of them served, or worked for, a request.
	Jobs, Turns int64
	ended       int64 // goroutines that began and ended in the window
	runtime     bool  // of the runtime's own goroutines
}

// Wall returns the sum over the buckets, in ns.
func (r *Root) Wall() int64 {
	sum := int64(0)
	for _, t := range r.Spent {
		sum += t
	}
	return sum
}

// A Reader holds the options for reading a trace. The result depends on Table and Memory,
// not on Workers.
type Reader struct {
	Table *rules.Table
	// Workers is the maximum number of generations decoded at once. Less than 1 means 1.
	Workers int
	// Memory limits the total memory in bytes: 0 means DefaultMemory, and MinMemory
	// is the minimum. If a trace needs more, Read drops detail in steps that the
	// Summary counts.
	Memory int64
	// After, if not nil, is called after each generation with how much of the trace's
	// time was read, in ns.
	After func(covered int64)
	// Load fills in Summary.Load.
	Load bool
}

// Read reads a trace with DefaultMemory. See Reader.Read.
func Read(ctx context.Context, r io.Reader, table *rules.Table, workers int, emit func(*breakdown.Request)) (*Summary, error) {
	return (&Reader{Table: table, Workers: workers}).Read(ctx, r, emit)
}

// Read reads an execution trace and calls emit with each request as it ends,
// including those cut by the window's edges. Requests with a wait that was under way
// when the window opened come last, because the rest of the trace shows what it was.
// A Request is valid only until emit returns. A damaged or truncated trace is read up
// to its last whole generation, and Summary.Cut says why. With several workers, emit
// and After are called on another goroutine, one call at a time, all before Read
// returns.
func (o *Reader) Read(ctx context.Context, r io.Reader, emit func(*breakdown.Request)) (*Summary, error) {
	return o.read(ctx, r, sharesOf(o.Memory), emit)
}

func (o *Reader) read(ctx context.Context, r io.Reader, sh shares, emit func(*breakdown.Request)) (sum *Summary, err error) {
	defer Caught(&err)
	in, err := trace.NewReader(r, trace.Options{Workers: o.Workers, Budget: sh.budget(), Attach: classify(o.Table)})
	if err != nil {
		return nil, err
	}
	m := newMachine(o.Table, emit)
	m.bound(sh)
	m.reasonName = in.ReasonName
	if o.Load {
		m.sum.Load = &breakdown.Load{}
	}
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

// generation applies a generation if it is in sequence. Before one that skips others,
// the machine drops all goroutines: what they did in between is unknown.
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
	case !g.Empty(): // otherwise it holds only its edges
		m.sum.Generations++
		m.sum.Events += g.Events
		m.clock(g.Clock)
		m.profile.heap.add(g.Heap)
		m.startGeneration(g.First)
		stacks := make([]*class, 0, len(g.Stacks))
		for records := range g.Records() {
			stacks = m.admit(stacks, g.Stacks[len(stacks):])
			m.apply(records, tables{g.IDs, stacks, g.Names})
		}
		if m.holding() {
			m.letGo(m.gs.All()) // a generation ends with the stacks of all waiting goroutines
		}
	}
}

// maxClocks bounds how many clock pairs are looked at.
const maxClocks = 64

// clock records how the clocks relate at the beginning of a generation. The runtime
// reads one after the other. If the kernel preempts the thread in between, they are
// tens of microseconds apart, so the median counts.
func (m *machine) clock(c *trace.Clock) {
	if c == nil || len(m.clocks) == maxClocks {
		return
	}
	m.clocks = append(m.clocks, Clock(*c))
	sorted := slices.SortedFunc(slices.Values(m.clocks), func(a, b Clock) int { return cmp.Compare(a.offset(), b.offset()) })
	m.sum.Clock = &sorted[len(sorted)/2]
}

// offset returns how far the wall clock is ahead of the trace's clock, in ns.
func (c Clock) offset() int64 { return c.Wall.UnixNano() - c.Trace }
