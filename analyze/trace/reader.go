package trace

import (
	"context"
	"io"
	"iter"
)

// Options configure a Reader. The zero Options are ready to use: one worker, no bound on
// memory, and stacks with their frames.
//
// The records do not depend on Workers and Budget, except for the numbers of reasons that are
// not fixed, and for what a small Budget leaves out.
type Options struct {
	// Workers is how many generations are decoded at once. Less than 1 means 1.
	Workers int
	Budget  Budget
	// Attach, if set, is called with each distinct stack before it appears in a Generation.
	// Workers call it, but never concurrently. attached becomes Stack.Attached, and size is
	// its size in bytes for Budget.Stacks. Attach may keep the stack's frames; the Reader
	// drops them. When Budget.Stacks is used up, all stacks are forgotten, and Attach is
	// called for them again.
	Attach func(s *Stack) (attached any, size int)
}

// A Budget is how much memory a Reader may use, in bytes. A field that is 0 sets no bound,
// except for Spare. Memory is computed from the number of things and their size, not
// measured, so the same budget has the same effect on every machine and with any number of
// workers.
type Budget struct {
	// Decoding is for generations that were read and not yet released, with the records
	// that have not been yielded yet. A generation that needs more than Decoding yields
	// its records in pieces, which takes about twice as long. One with more bytes than
	// half of Decoding is skipped.
	Decoding int64
	// Old is used instead for a trace of Go before 1.22. A trace that needs more is
	// ErrMemory.
	Old int64
	// Spare is for byte buffers kept for reuse. 0 keeps none.
	Spare int64
	// Stacks is for distinct stacks. When they need more they are forgotten. A stack met
	// again is then a new one.
	Stacks int64
}

// A Reader reads one trace. It is not safe for concurrent use.
type Reader struct {
	options Options
	split   *splitter
	shared  *shared
	err     error
	unread  int64
}

// NewReader returns a Reader after reading the trace's header from r. The error wraps
// ErrNotTrace if there is none.
func NewReader(r io.Reader, o Options) (*Reader, error) {
	s, err := newSplitter(r)
	if err != nil {
		return nil, err
	}
	return &Reader{options: o, split: s, shared: newShared(o)}, nil
}

// Version returns the minor version of Go in the trace's header, such as 26 for Go 1.26.
func (r *Reader) Version() int { return r.split.version }

// SplitsFrom is the first minor version of Go whose traces consist of generations. An earlier
// trace is a single Generation, in which most system calls seem to end when they begin.
const SplitsFrom = firstSplit

// Generations yields the trace's generations in file order, which need not be the order of
// their numbers: see Sequence. A Generation is released when the loop body ends, and must not
// be used after that, except for its tables. The iteration ends with the trace, when ctx is done,
// or at the first error; see Err. It may be ranged over only once.
func (r *Reader) Generations(ctx context.Context) iter.Seq[*Generation] {
	return func(yield func(*Generation) bool) {
		p := newPipeline(r.split, r.shared, r.options.Budget)
		results := p.run(ctx, max(r.options.Workers, 1))
		defer p.stop()
		for d := range results {
			if d.err != nil {
				p.stop()
				r.err = d.err
				r.unread = r.split.discard() - max(d.from, headerLen)
				return
			}
			more := yield(&d.Generation)
			p.release(d)
			if !more {
				return
			}
		}
		r.err = ctx.Err()
	}
}

// Err returns the error that ended Generations. It is nil at the end of the trace and if the
// loop was left early. All generations before the error are whole. The error wraps
// ErrEndsWithin if the trace was cut, ErrAnother if another trace follows, and ErrMemory if
// the trace does not fit the Budget.
func (r *Reader) Err() error { return r.err }

// Unread returns how many bytes follow the last whole generation, after an error.
func (r *Reader) Unread() int64 { return r.unread }

// ReasonName returns the runtime's name for a reason in this trace's records, such as "chan
// receive", and "GC" for ReasonGC.
func (r *Reader) ReasonName(n Reason) string { return r.shared.reasonName(n) }
