package trace

import (
	"context"
	"testing"
	"testing/synctest"
)

// A decoder that is ahead waits until the receiver gives a block back, which it then uses.
func TestADecoderAheadWaitsForABlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t.Context())
		s.expect(1)
		d := &Generation{records: s.take()}
		d.records = append(d.records, Record{At: 1})
		s.done(d, true)
		var next []Record
		go func() { next = s.take() }()
		synctest.Wait()
		if next != nil {
			t.Error("it took a block beyond those that are expected")
		}
		for range d.Records() {
		}
		synctest.Wait()
		if next == nil || s.taken != 1 || len(s.free) != 0 {
			t.Errorf("after the receiver gave its block back, %d are in use and %d free", s.taken, len(s.free))
		}
	})
}

// Without whole generations nothing would come back: a decoder that needs more than was
// expected goes on.
func TestADecoderDoesNotWaitForItself(t *testing.T) {
	s := newStore(t.Context())
	s.expect(1)
	d := &Generation{records: s.take()}
	for range 3 {
		if !s.fill(d) {
			t.Fatal("stopped")
		}
	}
	s.done(d, false)
	if s.taken != 0 || s.whole != 0 || len(s.free) != 4 {
		t.Errorf("after a generation that could not be decoded, %d blocks are in use, %d free", s.taken, len(s.free))
	}
}

// When the context is done, a decoder that waits is told to stop.
func TestDecodersStopWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := newStore(ctx)
		s.expect(1)
		whole := &Generation{records: s.take()}
		s.done(whole, true)
		goesOn := true
		go func() { goesOn = s.fill(&Generation{}) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		if goesOn || s.err() == nil {
			t.Error("it goes on")
		}
	})
}
