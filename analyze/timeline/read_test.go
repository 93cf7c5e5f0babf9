package timeline_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime/trace"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
	"timesink/analyze/trace/tracetest"
	"timesink/collect/bounded/boundedtest"
)

// recordGenerations traces f, called once in each of n generations. A flight recorder
// running beside the trace ends a generation each time it is written.
func recordGenerations(t testing.TB, n int, f func()) []byte {
	t.Helper()
	var beside *trace.FlightRecorder
	data := record(t, func() {
		beside = trace.NewFlightRecorder(trace.FlightRecorderConfig{})
		if err := beside.Start(); err != nil {
			t.Fatal(err)
		}
		defer beside.Stop()
		for range n {
			f()
			if _, err := beside.WriteTo(io.Discard); err != nil {
				t.Fatal(err)
			}
		}
	})
	return data
}

// served is a trace of at least five generations in which some requests were served,
// some of them across generation boundaries.
var served = sync.OnceValue(func() []byte {
	var t fatal
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		done := make(chan int)
		go func() { time.Sleep(ms); close(done) }()
		<-done
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
		}
	}))
	defer s.Close()
	return recordGenerations(t, 5, func() {
		ctx, cancel := context.WithCancel(context.Background())
		var slow sync.WaitGroup
		slow.Go(func() {
			req, _ := http.NewRequestWithContext(ctx, "GET", s.URL+"/slow", nil)
			if resp, err := s.Client().Do(req); err == nil {
				resp.Body.Close()
			}
		})
		each(3, 9, func(int) { get(t, s.Client(), s.URL) })
		cancel()
		slow.Wait()
	})
})

// fatal stands in for a test where there is none.
type fatal struct{ testing.TB }

func (fatal) Helper()           {}
func (fatal) Fatal(args ...any) { panic(args) }
func (fatal) Error(args ...any) { panic(args) }

func TestWorkersDoNotAffectResult(t *testing.T) {
	data := served()
	sum, all := read(t, data, 1)
	if len(all) < 50 {
		t.Fatalf("%d requests", len(all))
	}
	for _, workers := range []int{0, 1, 2, 8} {
		otherSum, other := read(t, data, workers)
		if !reflect.DeepEqual(sum, otherSum) {
			t.Errorf("%d workers: the summary is %+v, want %+v", workers, otherSum, sum)
		}
		if !reflect.DeepEqual(all, other) {
			t.Errorf("%d workers find different requests", workers)
		}
	}
}

// A truncated trace is read up to its last whole generation.
func TestTruncatedTraceKeepsWholeGenerations(t *testing.T) {
	data := served()
	bounds := tracetest.TakeApart(data).Bounds()
	one, two, last := bounds[0], bounds[1], bounds[len(bounds)-2]
	for _, c := range []struct {
		name string
		at   int64
		kept int
		cut  bool
	}{
		{"between two generations", two, 2, false},
		{"in the first byte of a generation", two + 1, 2, true},
		{"in a batch's header", two + 3, 2, true},
		{"amid a batch", two + (bounds[2]-two)/2, 2, true},
		{"before a generation's end", two - 1, 1, true},
		{"after a generation's first half", one + (two-one)/2, 1, true},
		{"in the last generation", last + 10, len(bounds) - 1, true},
	} {
		sum, all := read(t, data[:c.at], 2)
		// The last boundary is that of a generation with nothing but its edges.
		if want := min(c.kept, len(bounds)-1); sum.Generations != want {
			t.Errorf("%s: %d generations, want %d", c.name, sum.Generations, want)
		}
		if (sum.Cut != nil) != c.cut {
			t.Errorf("%s: Cut is %v", c.name, sum.Cut)
		}
		if want := c.at - bounds[c.kept-1]; c.cut && sum.CutBytes != want {
			t.Errorf("%s: %d bytes lost, want %d", c.name, sum.CutBytes, want)
		}
		if c.kept > 1 && len(all) == 0 { // the first ends when the recorder beside it starts
			t.Errorf("%s: no requests", c.name)
		}
	}
}

// A damaged generation ends the reading, and what came before it remains.
func TestDamagedGenerationIsLeftOut(t *testing.T) {
	data := slices.Clone(served())
	bounds := tracetest.TakeApart(data).Bounds()
	for i := bounds[1] + 40; i < bounds[1]+400; i++ {
		data[i] ^= 0x5a
	}
	sum, all := read(t, data, 2)
	if sum.Generations != 2 || sum.Cut == nil || sum.CutBytes != int64(len(data))-bounds[1] || len(all) == 0 {
		t.Errorf("%d generations and %d requests, %d bytes lost: %v", sum.Generations, len(all), sum.CutBytes, sum.Cut)
	}
}

func TestInvalidTraceErrors(t *testing.T) {
	header := served()[:16]
	for _, c := range []struct {
		name, data string
		is         error
		says       string
	}{
		{"an empty file", "", timeline.ErrNotTrace, "0 bytes are too short"},
		{"a few bytes", "go 1.26", timeline.ErrNotTrace, "7 bytes are too short"},
		{"a web page", "<!doctype html><html>", timeline.ErrNotTrace, "it begins with"},
		{"a header of no version", "go 1.xx trace\x00\x00\x00", timeline.ErrNotTrace, "it begins with"},
		{"a header alone", string(header), timeline.ErrNoGeneration, "no whole generation"},
		{"a header and garbage", string(header) + "this is no trace", timeline.ErrNoGeneration, "damaged at byte 16"},
		{"a header and zeros", string(header) + strings.Repeat("\x00", 1000), timeline.ErrNoGeneration, "damaged at byte 16"},
		{"less than a generation", string(served()[:2000]), timeline.ErrNoGeneration, "it ends within its first generation"},
		{"a version to come", "go 1.99 trace\x00\x00\x00" + string(served()[16:]), timeline.ErrNoGeneration, "version"},
		{"an old version's garbage", "go 1.19 trace\x00\x00\x00" + "garbage", timeline.ErrNoGeneration, ""},
	} {
		_, err := timeline.Read(t.Context(), strings.NewReader(c.data), rules.New(), 2, func(*breakdown.Request) {
			t.Errorf("%s has a request", c.name)
		})
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestReadEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := timeline.Read(ctx, bytes.NewReader(served()), rules.New(), 2, func(*breakdown.Request) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Read after cancellation: %v", err)
	}
	broken := errors.New("the disk is gone")
	sum, err := timeline.Read(t.Context(), io.MultiReader(bytes.NewReader(served()[:len(served())/2]), failing{broken}), rules.New(), 2, func(*breakdown.Request) {})
	if err != nil || !errors.Is(sum.Cut, broken) {
		t.Errorf("reader that fails in the middle of the trace: %v, %v", sum, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// FuzzRead reads any bytes. It must terminate, and its results must add up.
func FuzzRead(f *testing.F) {
	data := served()
	bounds := tracetest.TakeApart(data).Bounds()
	f.Add(data[:bounds[0]])
	f.Add(data[:bounds[0]+100])
	f.Add(record(f, func() {}))
	f.Add([]byte("go 1.26 trace\x00\x00\x00"))
	f.Add([]byte("go 1.21 trace\x00\x00\x00"))
	for _, faulty := range tracetest.FaultyTraces(f) {
		f.Add(faulty)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n := int64(0)
		var sum *timeline.Summary
		var err error
		boundedtest.Check(t, len(data), boundedtest.Limit{Base: 64 << 20, PerByte: 1 << 11}, func() {
			n = 0
			sum, err = timeline.Read(t.Context(), bytes.NewReader(data), rules.New(), 2, func(r *breakdown.Request) {
				n++
				if err := r.Check(); err != nil {
					t.Error(err)
				}
			})
		})
		if err != nil {
			return
		}
		if sum.Requests != n || sum.End < sum.Start || sum.Generations == 0 || sum.CutBytes < 0 || sum.CutBytes > int64(len(data)) ||
			sum.Running < 0 || sum.Saturated < 0 || sum.SamplesRunning > sum.Samples || sum.Covered < 0 || sum.Lost < 0 || sum.Covered > sum.End-sum.Start {
			t.Errorf("%d requests, and the summary is %+v", n, sum)
		}
	})
}
