package timeline

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/semaphore"
)

// A pipeline reads a trace's generations in order, decodes several at once, as
// many as there are workers and memory for, and hands them on in order.
type pipeline struct {
	s       *splitter
	classes *classes
	shares  shares
	room    *semaphore.Weighted // for generations in flight
	cancel  context.CancelFunc
	reading sync.WaitGroup
	records spare[record] // of generations that were applied
	data    spare[byte]   // of those that were decoded
}

// A result is a decoded generation, or why it could not be.
type result struct {
	decoded
	number uint64 // that its batches carry; 0 before Go 1.22
	from   int64  // where in the trace it begins
	held   int64  // of the pipeline's room
	lost   int64  // bytes of a generation that was too large to be read
	err    error
	// whole is a generation whose records would take more room than there is:
	// they are yet to be made, piece by piece.
	whole *generation
}

func newPipeline(s *splitter, c *classes, sh shares) *pipeline {
	p := &pipeline{s: s, classes: c, shares: sh, room: semaphore.NewWeighted(sh.decoding)}
	p.records.most, p.data.most = sh.decoding/recordSize, sh.spare
	// Read in pieces, a generation is there twice: here, and in the reader.
	s.most, s.spare = int(sh.decoding/2), &p.data
	if s.version < firstSplit {
		s.most = int(sh.old / oldExpansion)
	}
	return p
}

// run starts the pipeline. The channel ends after the last generation, after an
// error, or when the context does.
func (p *pipeline) run(ctx context.Context, workers int) <-chan result {
	ctx, p.cancel = context.WithCancel(ctx)
	out := make(chan result)
	// Each generation's place in the row is a channel of its own. One is being
	// applied, one waits in the row's end, one has been read: the row itself
	// need hold no more than what is left of the workers.
	row := make(chan chan result, max(workers-2, 0))
	p.reading.Go(func() {
		defer close(row)
		p.read(ctx, row)
	})
	p.reading.Go(func() {
		defer close(out)
		for place := range row {
			select {
			case out <- <-place:
			case <-ctx.Done():
				return
			}
		}
	})
	return out
}

// read reads generation after generation and has each decoded.
func (p *pipeline) read(ctx context.Context, row chan<- chan result) {
	for {
		from := p.s.whole
		g, err := p.s.generation()
		if err == io.EOF {
			return
		}
		r := result{number: g.number, from: from, lost: g.lost, err: g.unread(err)}
		r.held = min(p.size(&g), p.shares.decoding)
		if p.room.Acquire(ctx, r.held) != nil {
			return
		}
		place := make(chan result, 1)
		select {
		case row <- place:
		case <-ctx.Done():
			return
		}
		if err != nil {
			place <- r
			return
		}
		p.reading.Go(func() {
			p.decode(g, &r)
			place <- r
		})
	}
}

// decode decodes a generation; of one too large for that it only tells whether
// it can be.
func (p *pipeline) decode(g generation, r *result) {
	var err error
	switch {
	case g.lost > 0:
	case p.size(&g) > p.shares.decoding:
		r.whole = &g
		r.decoded, err = decodePieces(g, p.classes, nil)
	default:
		r.decoded, err = decode(g, p.classes, p.records.take())
		p.data.give(g.data)
	}
	r.err = g.undecoded(err)
}

// unread returns a read error with the generation's name, nil for nil.
func (g *generation) unread(err error) error {
	switch {
	case err == io.ErrUnexpectedEOF:
		return fmt.Errorf("%w %s", ErrEndsWithin, g.name())
	case err == nil || g.number == 0:
		return err
	}
	return fmt.Errorf("%s: %w", g.name(), err)
}

// undecoded returns a decoding error with the generation's name, nil for nil. Where
// the input's end or damage follows the generation, that is the cause.
func (g *generation) undecoded(err error) error {
	switch {
	case err == nil:
		return nil
	case g.follows == io.EOF:
		return fmt.Errorf("%w %s, or is damaged there (%w)", ErrEndsWithin, g.name(), err)
	case g.follows != nil:
		return g.unread(g.follows)
	case g.number == 0: // Go before 1.22
		return err
	}
	return fmt.Errorf("%s: %w", g.name(), err)
}

// name returns what messages call the generation. If its own number could not be read,
// it is the one expected.
func (g *generation) name() string {
	if g.after == 0 {
		return "its first generation"
	}
	return fmt.Sprintf("generation %d", cmp.Or(g.number, g.after+1))
}

// size is what a generation takes while it is decoded and applied, in bytes.
func (p *pipeline) size(g *generation) int64 {
	times := 1 + recordSize/eventBytes
	if p.s.version < firstSplit {
		times += oldExpansion
	}
	return int64(len(g.data) * times)
}

// each hands a result's records to apply: all at once, or in pieces.
func (p *pipeline) each(r *result, apply func(*decoded)) {
	if r.whole != nil {
		decodePieces(*r.whole, p.classes, apply) // that it can be is known
		return
	}
	apply(&r.decoded)
}

// recycle takes back the room of a generation that was applied.
func (p *pipeline) recycle(r *result) {
	p.records.give(r.records)
	p.room.Release(r.held)
}

// stop ends the pipeline and waits until it has.
func (p *pipeline) stop() {
	p.cancel()
	p.reading.Wait()
}

// spare holds slices to be used again, of at most so many elements together.
type spare[T any] struct {
	mu         sync.Mutex
	free       [][]T
	held, most int64
}

// take returns an empty slice, the one given last; nil where there is none.
func (s *spare[T]) take() []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.free)
	if n == 0 {
		return nil
	}
	last := s.free[n-1]
	s.free = s.free[:n-1]
	s.held -= int64(cap(last))
	return last[:0]
}

func (s *spare[T]) give(b []T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if size := int64(cap(b)); size > 0 && s.held+size <= s.most {
		s.free = append(s.free, b)
		s.held += size
	}
}
