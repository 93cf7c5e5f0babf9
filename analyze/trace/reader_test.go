package trace_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"timesink/analyze/trace"
	"timesink/analyze/trace/tracetest"
	"timesink/collect/bounded/boundedtest"
)

// A reading is everything that a Reader says about a trace.
type reading struct {
	generations []trace.Generation // without their records
	records     [][]trace.Record
	reasons     []string // of the records, by name, because their numbers depend on the workers
	pieces      int      // the number of pieces
	skipped     int64
	err         string
	unread      int64
}

func read(t testing.TB, r io.Reader, o trace.Options) (out reading) {
	t.Helper()
	in, err := trace.NewReader(r, o)
	if err != nil {
		out.err = err.Error()
		return out
	}
	for g := range in.Generations(t.Context()) {
		out.skipped += g.Skipped
		var all []trace.Record
		for records := range g.Records() {
			out.pieces++
			all = append(all, records...)
		}
		valid(t, g, all)
		for i := range all {
			out.reasons = append(out.reasons, in.ReasonName(all[i].Reason))
			if all[i].Reason > trace.ReasonSystem {
				all[i].Reason = trace.ReasonNone
			}
		}
		out.records = append(out.records, all)
		out.generations = append(out.generations, trace.Generation{Number: g.Number, Events: g.Events, First: g.First, Last: g.Last,
			Clock: g.Clock, Heap: g.Heap, IDs: g.IDs, Stacks: g.Stacks, Names: g.Names})
	}
	if err := in.Err(); err != nil {
		out.err, out.unread = err.Error(), in.Unread()
	}
	return out
}

// valid checks a generation's records against the documentation of their fields.
func valid(t testing.TB, g *trace.Generation, records []trace.Record) {
	t.Helper()
	at := g.First
	for i, r := range records {
		stack2 := len(g.Stacks)
		switch r.Op {
		case trace.OpTaskBegin, trace.OpSubtaskBegin, trace.OpRegionBegin, trace.OpRegionEnd:
			stack2 = len(g.Names)
		}
		somebody := r.G >= 0 || r.Op == trace.OpSample
		if r.Op == trace.OpStopBegin || r.Op == trace.OpStopEnd {
			somebody = true
		} else if r.G >= int32(len(g.IDs)) {
			somebody = false
		}
		if !somebody || r.Other < -1 || int(r.Other) >= len(g.IDs) || r.Stack < 0 || int(r.Stack) >= max(1, len(g.Stacks)) || r.Stack2 < 0 ||
			int(r.Stack2) >= max(1, stack2) || r.Op >= trace.NumOps || r.State >= trace.NumStates || r.At < at || r.At > g.Last {
			t.Fatalf("generation %d, record %d: %+v", g.Number, i, r)
		}
		at = r.At
	}
	for i, s := range g.Stacks {
		if (s == nil) != (i == 0) || s != nil && len(s.Key)%8 != 0 {
			t.Fatalf("generation %d: stack %d is %+v", g.Number, i, s)
		}
	}
}

func sameReading(t *testing.T, name string, got, want reading) {
	t.Helper()
	got.pieces, want.pieces = 0, 0
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %d generations, then %q with %d bytes left; not %d, %q and %d", name,
			len(got.generations), got.err, got.unread, len(want.generations), want.err, want.unread)
	}
}

// Any number of workers read the same from damaged traces too, errors included.
func TestWorkersMakeNoDifference(t *testing.T) {
	all, counts := tracetest.Recorded(t), []int{3}
	if tracetest.Long {
		counts = []int{-1, 2, 5}
		maps.Copy(all, tracetest.ReaderFixtures(t))
		for i, data := range tracetest.FaultyTraces(t) {
			all[fmt.Sprint("fault ", i)] = data
		}
	}
	for name, data := range all {
		one := read(t, bytes.NewReader(data), trace.Options{})
		for _, workers := range counts {
			sameReading(t, fmt.Sprintf("%s with %d workers", name, workers), read(t, bytes.NewReader(data), trace.Options{Workers: workers}), one)
		}
	}
}

// With a budget smaller than any generation the records come in pieces, and with an even
// smaller one generations are skipped. Nothing else differs.
func TestABudgetOnlyMakesPieces(t *testing.T) {
	pieces, skipped := 0, int64(0)
	for name, a := range tracetest.Rows(t) {
		largest := 0
		for _, part := range a.Parts {
			largest = max(largest, len(part))
		}
		want := read(t, bytes.NewReader(a.Whole()), trace.Options{})
		tight := trace.Budget{Decoding: int64(3 * largest), Stacks: 1 << 30}
		got := read(t, bytes.NewReader(a.Whole()), trace.Options{Workers: 2, Budget: tight})
		sameReading(t, name, got, want)
		pieces += got.pieces
		tight.Decoding = int64(largest)
		skipped += read(t, bytes.NewReader(a.Whole()), trace.Options{Workers: 2, Budget: tight}).skipped
	}
	if pieces == 0 || skipped == 0 {
		t.Errorf("%d pieces, and %d bytes skipped: the budgets are not small enough", pieces, skipped)
	}
}

func TestEachDistinctStackIsAttachedToOnce(t *testing.T) {
	for name, data := range tracetest.Recorded(t) {
		var running atomic.Int32
		seen := map[string]int{}
		want := map[string][]trace.Frame{}
		plain := read(t, bytes.NewReader(data), trace.Options{})
		for _, g := range plain.generations {
			for _, s := range g.Stacks[1:] {
				want[s.Key] = s.Frames
				if len(s.Frames) == 0 || len(s.Key) != 8*len(s.Frames) || s.Attached != nil {
					t.Fatalf("%s: the stack %+v", name, s)
				}
			}
		}
		got := read(t, bytes.NewReader(data), trace.Options{Workers: 4, Attach: func(s *trace.Stack) (any, int) {
			if running.Add(1) != 1 {
				t.Error("two stacks are attached to at once")
			}
			defer running.Add(-1)
			seen[s.Key]++
			if !slices.Equal(s.Frames, want[s.Key]) {
				t.Errorf("%s: frames %+v, not %+v", name, s.Frames, want[s.Key])
			}
			return s.Frames[0].Function, 100
		}})
		for _, g := range got.generations {
			for _, s := range g.Stacks[1:] {
				if s.Frames != nil || s.Attached != want[s.Key][0].Function {
					t.Fatalf("%s: the stack %+v", name, s)
				}
			}
		}
		for key, n := range seen {
			if n != 1 {
				t.Errorf("%s: %d times attached to one stack", name, n)
			}
			delete(want, key)
		}
		if len(want) > 0 {
			t.Errorf("%s: %d stacks were not attached to", name, len(want))
		}
		sameReadingButStacks(t, name, got, plain)
	}
}

func sameReadingButStacks(t *testing.T, name string, got, want reading) {
	t.Helper()
	for _, r := range []reading{got, want} {
		for i := range r.generations {
			r.generations[i].Stacks = nil
		}
	}
	sameReading(t, name, got, want)
}

// With room for only a few stacks they are forgotten and met again, with the same meaning.
func TestStacksBeyondTheBudgetAreForgotten(t *testing.T) {
	for name, data := range tracetest.Recorded(t) {
		want := read(t, bytes.NewReader(data), trace.Options{})
		var calls, size int
		got := read(t, bytes.NewReader(data), trace.Options{Budget: trace.Budget{Stacks: 5000}, Attach: func(s *trace.Stack) (any, int) {
			calls++
			size = 1000
			return slices.Clone(s.Frames), size
		}})
		distinct := map[string]bool{}
		for i, g := range got.generations {
			for j, s := range g.Stacks[1:] {
				distinct[s.Key] = true
				if w := want.generations[i].Stacks[j+1]; s.Key != w.Key || !slices.Equal(s.Attached.([]trace.Frame), w.Frames) {
					t.Fatalf("%s: stack %d is %+v, not %+v", name, j+1, s, w)
				}
			}
		}
		if calls <= len(distinct) {
			t.Errorf("%s: %d calls for %d stacks: none was met again", name, calls, len(distinct))
		}
	}
}

func TestErrSaysWhyAReadingEnded(t *testing.T) {
	rows := tracetest.Rows(t)
	a := rows["go1.26"]
	one := a.Whole()
	broken := errors.New("the disk is gone")
	for _, c := range []struct {
		name        string
		in          io.Reader
		generations int
		is          error
		unread      int64
	}{
		{"a whole trace", bytes.NewReader(one), len(a.Parts), nil, 0},
		{"a cut one", bytes.NewReader(one[:len(one)-1]), len(a.Parts) - 1, trace.ErrEndsWithin, int64(len(a.Parts[len(a.Parts)-1]) - 1)},
		{"one cut in its first generation", bytes.NewReader(one[:100]), 0, trace.ErrEndsWithin, 100 - 16},
		{"one with another after it", io.MultiReader(bytes.NewReader(one), bytes.NewReader(one)), len(a.Parts), trace.ErrAnother, int64(len(one))},
		{"a reader that fails", io.MultiReader(bytes.NewReader(one), iotest.ErrReader(broken)), len(a.Parts), broken, 0},
		{"a table that ends early", bytes.NewReader(append(a.Trace(0), tracetest.Broken(a.Parts[1])...)), 1, io.ErrUnexpectedEOF, int64(len(tracetest.Broken(a.Parts[1])))},
	} {
		in, err := trace.NewReader(c.in, trace.Options{Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for range in.Generations(t.Context()) {
			n++
		}
		if n != c.generations || !errors.Is(in.Err(), c.is) || in.Unread() != c.unread {
			t.Errorf("%s: %d generations, not %d; %d bytes unread, not %d; %v", c.name, n, c.generations, in.Unread(), c.unread, in.Err())
		}
	}
	for _, text := range []string{"", "go 1.26", "<!doctype html><html>", "go 1.xx trace\x00\x00\x00"} {
		if _, err := trace.NewReader(strings.NewReader(text), trace.Options{}); !errors.Is(err, trace.ErrNotTrace) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A trace of Go before 1.22 is one generation, or too large.
func TestAnOldTraceIsReadAsAWhole(t *testing.T) {
	data := tracetest.Service(t, "go1.21")
	whole := read(t, bytes.NewReader(data), trace.Options{})
	if len(whole.generations) != 1 || whole.generations[0].Number != 0 || whole.err != "" {
		t.Errorf("%d generations, and then %q", len(whole.generations), whole.err)
	}
	in, err := trace.NewReader(bytes.NewReader(data), trace.Options{Budget: trace.Budget{Old: int64(len(data))}})
	if err != nil {
		t.Fatal(err)
	}
	for range in.Generations(t.Context()) {
		t.Error("it was read in spite of its budget")
	}
	if !errors.Is(in.Err(), trace.ErrMemory) || in.Version() != 21 {
		t.Errorf("go 1.%d: %v", in.Version(), in.Err())
	}
}

func TestAReadingEndsWithItsContextOrItsLoop(t *testing.T) {
	data := tracetest.Rows(t)["go1.26"].Whole()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	in, err := trace.NewReader(bytes.NewReader(data), trace.Options{Workers: 3})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range in.Generations(ctx) {
		n++
		cancel()
	}
	if !errors.Is(in.Err(), context.Canceled) || n == 0 {
		t.Errorf("%d generations, and then %v", n, in.Err())
	}
	if in, err = trace.NewReader(bytes.NewReader(data), trace.Options{Workers: 3}); err != nil {
		t.Fatal(err)
	}
	for range in.Generations(t.Context()) {
		break
	}
	if err := in.Err(); err != nil {
		t.Errorf("after a loop that was left early: error %v", err)
	}
}

// FuzzReader reads arbitrary data with little memory. Reading must end, and its results must
// be as documented.
func FuzzReader(f *testing.F) {
	for _, faulty := range tracetest.FaultyTraces(f) {
		f.Add(faulty, uint32(0))
		f.Add(faulty, uint32(100_000))
	}
	for _, data := range tracetest.ReaderFixtures(f) {
		if len(data) < 4<<10 {
			f.Add(data, uint32(1<<10))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, budget uint32) {
		boundedtest.Check(t, len(data), boundedtest.Limit{Base: 64 << 20, PerByte: 1 << 11}, func() {
			read(t, bytes.NewReader(data), trace.Options{Workers: 2, Budget: trace.Budget{Decoding: int64(budget), Old: 1 << 20, Stacks: int64(budget)}})
		})
	})
}
