package trace

import (
	"context"
	"io"
	"iter"
)

// Options are how a Reader reads. The zero Options are good: one worker, no bound on memory,
// and stacks with their frames.
//
// The records are the same whatever Workers and Budget are, but for the numbers of reasons that
// are not fixed, and for what a small Budget leaves out as it says.
type Options struct {
	// Workers is how many generations are decoded at once, 1 if it is less.
	Workers int
	Budget  Budget
	// Attach, if set, is called with each distinct stack before it appears in a Generation,
	// by the worker that met it; never two calls run at once. What it returns becomes
	// Stack.Attached, and size is how many bytes that counts for in Budget.Stacks. The
	// stack's frames, which Attach may keep, are then dropped. A stack is new again, and
	// attached anew, after Budget.Stacks was used up.
	Attach func(s *Stack) (attached any, size int)
}

// A Budget is how much memory a Reader may take, in bytes. A field that is 0 sets no bound,
// except for Spare. Everything is counted as a number of things times their size and never asked
// of the runtime, so the same budget has the same effect on every machine and with any number of
// workers.
type Budget struct {
	// Decoding is for generations that were read and not yet released; at most as much again
	// holds rows of records that wait to be used again. A generation that would take more by
	// itself yields its records in pieces, which takes about six times as long. One with more
	// bytes than half of it is skipped.
	Decoding int64
	// Old is for a trace of Go before 1.22 instead. One that takes more is ErrMemory.
	Old int64
	// Spare is for buffers of bytes that wait to be used again, none if it is 0.
	Spare int64
	// Stacks is for distinct stacks. When they are more they are forgotten, and are distinct
	// from those before.
	Stacks int64
}

// A Reader reads one trace.
type Reader struct {
	options Options
	split   *splitter
	shared  *shared
	err     error
	unread  int64
}

// NewReader reads a trace's header. The error wraps ErrNotTrace if there is none.
func NewReader(r io.Reader, o Options) (*Reader, error) {
	s, err := newSplitter(r)
	if err != nil {
		return nil, err
	}
	return &Reader{options: o, split: s, shared: newShared(o)}, nil
}

// Version returns the minor version of Go in the trace's header, 26 for go 1.26.
func (r *Reader) Version() int { return r.split.version }

// SplitsFrom is the first minor version of Go whose traces are a row of generations. A trace
// before it is one single Generation, whose system calls mostly end when they begin.
const SplitsFrom = firstSplit

// Generations yields the trace's generations in the order in which they stand in it, which
// need not be that of their numbers: see Sequence. A Generation is released when the loop
// body ends: its records must not be used after that. It ends with the trace, with ctx, or
// at what cannot be read; then Err says which. It may be ranged over once.
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

// Err returns why Generations ended, nil if the trace came to its end or the loop was left.
// All generations before the error are whole. It wraps ErrEndsWithin if the trace was cut,
// ErrAnother if another one follows, and ErrMemory if the Budget does not let it be read.
func (r *Reader) Err() error { return r.err }

// Unread returns how many bytes follow the last whole generation, after an error.
func (r *Reader) Unread() int64 { return r.unread }

// ReasonName returns the runtime's name of a reason in this trace's records, such as
// "chan receive", and "GC" for all of ReasonGC.
func (r *Reader) ReasonName(n Reason) string { return r.shared.reasonName(n) }
