package timeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/exp/trace"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// ErrNoGeneration is wrapped by what Read returns for a trace of which not one
// generation could be read.
var ErrNoGeneration = errors.New("the trace holds no whole generation")

// A Summary is what a trace says beyond its requests. Times are nanoseconds on
// the trace's clock.
type Summary struct {
	Version     int   // the minor version of Go in the header, 26 for go 1.26
	Generations int   // read
	Events      int64 // read
	Requests    int64
	Start, End  int64
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
	// Forgotten counts how often a wait went on for so long that what all the
	// goroutines did meanwhile was too much to keep: the older half was dropped.
	Forgotten int
	// Roots is the time of all goroutines by the function they began in, the
	// largest first.
	Roots []Root
}

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

// Read reads an execution trace and hands over each request as it ends, those
// that the window's edges cut included. A Request is valid only until emit
// returns. A damaged or truncated trace is read as far as its whole generations
// reach; Summary.Cut says so.
//
// Up to workers generations are decoded at once; what comes out does not depend
// on how many.
func Read(ctx context.Context, r io.Reader, table *rules.Table, workers int, emit func(*breakdown.Request)) (*Summary, error) {
	s, err := newSplitter(r)
	if err != nil {
		return nil, err
	}
	c := newClasses(table)
	m := newMachine(c, emit)
	m.sum.Version = s.version
	p := &pipeline{s: s, classes: c}
	generations := p.run(ctx, max(workers, 1))
	defer p.stop()
	for d := range generations {
		if d.err != nil {
			p.stop()
			m.sum.Cut = fmt.Errorf("generation %d: %w", d.index+1, d.err)
			m.sum.CutBytes = s.discard() - max(d.from, headerLen)
			break
		}
		if len(d.records) > 0 { // else it is nothing but its edges
			m.sum.Generations++
			m.sum.Events += d.events
			m.clock(d.clock)
			m.apply(&d.decoded)
		}
		p.recycle(d.records)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m.sum.Generations == 0 {
		if m.sum.Cut == nil {
			return nil, ErrNoGeneration
		}
		return nil, fmt.Errorf("%w: %w", ErrNoGeneration, m.sum.Cut)
	}
	return m.finish(), nil
}

// clock keeps the first relation of the clocks.
func (m *machine) clock(c *trace.ClockSnapshot) {
	if c != nil && m.sum.Clock == nil {
		m.sum.Clock = &Clock{Trace: int64(c.Trace), Wall: c.Wall}
	}
}
