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

// A pipeline reads a trace's generations in order, decodes several at once, as
// many as there are workers and memory for, and hands them on in order.
type pipeline struct {
	s       *splitter
	shared  *shared
	most    int64               // bytes that generations in flight may take
	room    *semaphore.Weighted // what is left of it
	cancel  context.CancelFunc
	reading sync.WaitGroup
	records spare[Record] // of generations that were released
	data    spare[byte]   // of those that were decoded
}

// A result is a decoded generation, or why it could not be.
type result struct {
	Generation
	from int64 // where in the trace it begins
	held int64 // of the pipeline's room
	err  error
}

// What a generation in flight takes beside its own bytes: a record for each event of at
// least so many bytes, in rows that are made a quarter longer than that so as to hold the
// denser generations that follow.
const (
	eventBytes = 4
	rowBytes   = recordSize * 5 / 4 // of a row, for each record
)

func newPipeline(s *splitter, c *shared, b Budget) *pipeline {
	most := b.Decoding
	if most <= 0 {
		most = math.MaxInt64
	}
	p := &pipeline{s: s, shared: c, most: most, room: semaphore.NewWeighted(most)}
	p.records.most, p.data.most = most/rowBytes, b.Spare
	// Read in pieces, a generation is there twice: here, and in the reader.
	s.most, s.spare = int(b.Decoding/2), &p.data
	if s.version < firstSplit {
		s.most = int(b.Old / oldExpansion)
	}
	return p
}

// run starts the pipeline. The channel ends after the last generation, after an
// error, or when the context does.
func (p *pipeline) run(ctx context.Context, workers int) <-chan *result {
	ctx, p.cancel = context.WithCancel(ctx)
	out := make(chan *result)
	// Each generation's place in the row is a channel of its own. One is being
	// applied, one waits in the row's end, one has been read: the row itself
	// need hold no more than what is left of the workers.
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

// read reads generation after generation and has each decoded.
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

// decode decodes a generation; one too large for that it only checks.
func (p *pipeline) decode(g encoded, r *result) {
	var d Generation
	var err error
	switch {
	case g.lost > 0:
	case p.size(&g) > p.most:
		d, err = check(g, p.shared)
		d.pieces = func(each func(*Generation) bool) { decodePieces(g, p.shared, pieceRecords, each) }
	default:
		d, err = decode(g, p.shared, p.records.take())
		p.data.give(g.data)
	}
	d.Number, d.Skipped = g.number, g.lost
	r.Generation, r.err = d, g.undecoded(err)
}

// unread returns a read error with the generation's name, nil for nil.
func (g *encoded) unread(err error) error {
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

// name returns what messages call the generation. If its own number could not be read,
// it is the one expected.
func (g *encoded) name() string {
	if g.after == 0 {
		return "its first generation"
	}
	return fmt.Sprintf("generation %d", cmp.Or(g.number, g.after+1))
}

// size is what a generation takes until it is released, in bytes.
func (p *pipeline) size(g *encoded) int64 {
	times := 1 + rowBytes/eventBytes
	if p.s.version < firstSplit {
		times += oldExpansion
	}
	return int64(len(g.data) * times)
}

// release takes back the room of a generation.
func (p *pipeline) release(r *result) {
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
