package trace

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"sync"

	"golang.org/x/sync/semaphore"
)

// A pipeline reads a trace's generations in order, decodes several at once, as far as workers
// and memory allow, and passes them on in order.
type pipeline struct {
	s       *splitter
	shared  *shared
	most    int64               // bytes that generations in flight may use
	room    *semaphore.Weighted // what is left of most
	cancel  context.CancelFunc
	reading sync.WaitGroup
	store   *store
	workers int
	data    spare[byte] // of decoded generations
}

// A result is a decoded generation, or the error from reading or decoding it.
type result struct {
	Generation
	from int64 // offset in the trace where it begins
	held int64 // taken from the pipeline's room
	err  error
}

// The most memory of a generation in flight beside its own bytes: one record for each event,
// which takes about eventBytes, and a quarter more for events that take less.
const (
	eventBytes = 4
	rowBytes   = recordSize * 5 / 4
)

func newPipeline(s *splitter, c *shared, b Budget) *pipeline {
	most := b.Decoding
	if most <= 0 {
		most = math.MaxInt64
	}
	p := &pipeline{s: s, shared: c, most: most, room: semaphore.NewWeighted(most)}
	p.data.most = b.Spare
	// A generation read in pieces is in memory twice: here and in the ordinary reader.
	s.most, s.spare = int(b.Decoding/2), &p.data
	if s.version < firstSplit {
		s.most = int(b.Old / oldExpansion)
	}
	return p
}

// run starts the pipeline. The channel is closed after the last generation, after an error,
// or when the context is done.
func (p *pipeline) run(ctx context.Context, workers int) <-chan *result {
	ctx, p.cancel = context.WithCancel(ctx)
	p.store, p.workers = newStore(ctx), workers
	out := make(chan *result)
	// Each generation's place in the row is a channel. One generation is being used, one
	// waits at the row's end and one has been read, so the row needs to hold only the
	// remaining workers' generations.
	row := make(chan chan *result, max(workers-2, 0))
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

// read reads the generations and starts a goroutine to decode each.
func (p *pipeline) read(ctx context.Context, row chan<- chan *result) {
	for {
		from := p.s.whole
		g, err := p.s.generation()
		if err == io.EOF {
			return
		}
		r := &result{Generation: Generation{Number: g.number, Skipped: g.lost}, from: from, err: g.unread(err)}
		r.held = min(p.size(&g), p.most)
		if p.room.Acquire(ctx, r.held) != nil {
			return
		}
		place := make(chan *result, 1)
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
			p.decode(g, r)
			place <- r
		})
	}
}

// decode decodes a generation. It only checks one that is too large to decode at once.
func (p *pipeline) decode(g encoded, r *result) {
	var d Generation
	var err error
	switch {
	case g.lost > 0:
	case p.size(&g) > p.most:
		d, err = decodeInPieces(g, p.shared, pieceRecords)
	default:
		// As many blocks as this generation may need, and some more: the receiver is
		// slower than the decoder, which waits for its blocks.
		p.store.expect(max(p.workers-1, 1) * (len(g.data)/(eventBytes*blockRecords) + 4))
		d, err = decode(g, p.shared, p.store)
		p.data.give(g.data)
	}
	d.Number, d.Skipped = g.number, g.lost
	r.Generation, r.err = d, g.undecoded(err)
}

// unread wraps a read error with the generation's name. It returns nil for nil.
func (g *encoded) unread(err error) error {
	switch {
	case err == io.ErrUnexpectedEOF:
		return fmt.Errorf("%w %s", ErrEndsWithin, g.name())
	case err == nil || g.number == 0:
		return err
	}
	return fmt.Errorf("%s: %w", g.name(), err)
}

// undecoded wraps a decoding error with the generation's name. It returns nil for nil. If the
// input's end or damage follows the generation, that is the cause.
func (g *encoded) undecoded(err error) error {
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

// name returns the generation's name for messages. If its number could not be read, the name
// has the expected one.
func (g *encoded) name() string {
	if g.after == 0 {
		return "its first generation"
	}
	return fmt.Sprintf("generation %d", cmp.Or(g.number, g.after+1))
}

// size returns the memory that a generation uses until it is released, in bytes.
func (p *pipeline) size(g *encoded) int64 {
	times := 1 + rowBytes/eventBytes
	if p.s.version < firstSplit {
		times += oldExpansion
	}
	return int64(len(g.data) * times)
}

// release returns the room of a generation, and its blocks.
func (p *pipeline) release(r *result) {
	r.release()
	p.room.Release(r.held)
}

// stop stops the pipeline and waits for its goroutines.
func (p *pipeline) stop() {
	p.cancel()
	p.reading.Wait()
}

// spare holds slices for reuse, with at most most elements in total.
type spare[T any] struct {
	mu         sync.Mutex
	free       [][]T
	held, most int64
}

// take returns an empty slice, the one given last, or nil if there is none.
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
