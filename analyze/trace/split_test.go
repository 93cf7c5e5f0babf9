package trace

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"

	xtrace "golang.org/x/exp/trace"

	"timesink/analyze/trace/tracetest"
	"timesink/collect/bounded/boundedtest"
)

// boundaries returns the offsets in a trace at which its whole generations end.
func boundaries(r io.Reader) ([]int64, error) {
	s, err := newSplitter(r)
	if err != nil {
		return nil, err
	}
	var at []int64
	for {
		if _, err := s.generation(); err != nil {
			if err == io.EOF {
				err = nil
			}
			return at, err
		}
		at = append(at, s.whole)
	}
}

// The generations, read separately, hold the same events as the whole.
func TestSplittingLosesNoEvent(t *testing.T) {
	for name, a := range tracetest.Rows(t) {
		data := a.Whole()
		bounds, err := boundaries(bytes.NewReader(data))
		if err != nil || !slices.Equal(bounds, a.Bounds()) {
			t.Fatalf("%s: generations end at %v, not at %v: %v", name, bounds, a.Bounds(), err)
		}
		whole := countEvents(t, data)
		apart := map[xtrace.EventKind]int{}
		for i := range a.Parts {
			for kind, n := range countEvents(t, a.Trace(i)) {
				apart[kind] += n
			}
		}
		if !maps.Equal(whole, apart) {
			t.Errorf("%s: one reader sees %v, the generations' %v", name, whole, apart)
		}
	}
}

// countEvents counts the events by kind, except for those that only repeat the state at the
// start of a generation, and those of processors.
func countEvents(t *testing.T, data []byte) map[xtrace.EventKind]int {
	counts := map[xtrace.EventKind]int{}
	in, err := xtrace.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for {
		ev, err := in.ReadEvent()
		if err == io.EOF {
			return counts
		}
		if err != nil {
			t.Fatal(err)
		}
		switch ev.Kind() {
		case xtrace.EventSync, xtrace.EventRangeActive:
			continue
		case xtrace.EventStateTransition:
			st := ev.StateTransition()
			if st.Resource.Kind == xtrace.ResourceProc {
				// A processor left in a system call at the end of a generation is idle in the
				// next: for a reader of the whole that is a change, for a reader of the
				// generation it is the initial state.
				continue
			}
			if from, to := st.Goroutine(); from == xtrace.GoUndetermined || from == to {
				continue
			}
		}
		counts[ev.Kind()]++
	}
}

// FuzzSplit splits arbitrary data. The ends of generations must be in order and within the
// data.
func FuzzSplit(f *testing.F) {
	for _, data := range tracetest.Recorded(f) {
		f.Add(data)
		f.Add(data[:17])
	}
	f.Add([]byte("go 1.25 trace\x00\x00\x00\x31\x00\x01\x01\x01\x00\x01\x02\x01\x01\x00"))
	for _, faulty := range tracetest.FaultyTraces(f) {
		f.Add(faulty)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var bounds []int64
		var err error
		// Without buffers to use again, each generation takes one of 1 MB.
		boundedtest.Check(t, len(data), boundedtest.Limit{Base: 8 << 20, PerByte: 1 << 11}, func() {
			bounds, err = boundaries(bytes.NewReader(data))
		})
		if err != nil && errors.Is(err, io.EOF) {
			t.Errorf("an end is an error: %v", err)
		}
		at := int64(0)
		for _, b := range bounds {
			if b <= at || b > int64(len(data)) {
				t.Fatalf("generations of %d bytes end at %v", len(data), bounds)
			}
			at = b
		}
	})
}
