package trace

import (
	"context"
	"sync"
)

// blockRecords is the number of records in a block: half a megabyte.
const blockRecords = 1 << 14

// A store holds the records of the generations in flight, in blocks. The receiver gives each
// block back as soon as it is done with it, and the decoder of the next generation takes it:
// so both generations together take hardly more memory than one. A decoder that is ahead
// waits for a block, but only while there are whole generations whose blocks will come back.
//
// A nil *store keeps all records of a generation in one slice.
type store struct {
	mu      sync.Mutex
	changed sync.Cond
	free    [][]Record
	taken   int // blocks
	whole   int // of them, in generations that have been decoded
	most    int // from here on decoders wait
	stopped error
}

// newStore returns a store whose decoders stop when the context is done.
func newStore(ctx context.Context) *store {
	s := &store{}
	s.changed.L = &s.mu
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stopped = ctx.Err()
		s.changed.Broadcast()
	})
	return s
}

// expect sets from how many blocks on decoders wait.
func (s *store) expect(most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = most
	s.changed.Broadcast()
}

// take returns an empty block.
func (s *store) take() []Record {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.taken >= s.most && s.whole > 0 && s.stopped == nil {
		s.changed.Wait()
	}
	s.taken++
	if n := len(s.free); n > 0 {
		b := s.free[n-1]
		s.free = s.free[:n-1]
		return b
	}
	return make([]Record, 0, blockRecords+maxAtOnce)
}

// give takes back a block of a generation that is whole.
func (s *store) give(b []Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.whole--
	s.back(b)
}

func (s *store) back(b []Record) {
	s.taken--
	s.free = append(s.free, b[:0])
	s.changed.Broadcast()
}

// done takes note that a generation has been decoded, or takes back its blocks if not.
func (s *store) done(d *Generation, ok bool) {
	if s == nil {
		return
	}
	d.store, d.blocks, d.records = s, append(d.blocks, d.records), nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if ok {
		s.whole += len(d.blocks)
		return
	}
	for _, b := range d.blocks {
		s.back(b)
	}
	d.blocks = nil
}

// err returns why decoders must stop, nil if they need not.
func (s *store) err() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// fill keeps a full block of a generation, and gives it an empty one. It returns false if
// decoding must stop.
func (s *store) fill(d *Generation) bool {
	d.blocks = append(d.blocks, d.records)
	d.records = s.take()
	return s.err() == nil
}

// release gives back the blocks that are left of a generation.
func (d *Generation) release() {
	for _, b := range d.blocks {
		d.store.give(b)
	}
	d.blocks = nil
}
