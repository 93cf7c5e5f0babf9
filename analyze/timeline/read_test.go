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

	exptrace "golang.org/x/exp/trace"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
)

// recordGenerations traces f, called once in each of n generations. A flight
// recorder beside the trace ends a generation each time it is written.
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

// served is a trace of five generations and more in which some requests were
// served, also across the generations' edges.
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

// fatal stands for a test where there is none.
type fatal struct{ testing.TB }

func (fatal) Helper()           {}
func (fatal) Fatal(args ...any) { panic(args) }
func (fatal) Error(args ...any) { panic(args) }

// The generations read apart hold what one reader sees in the whole.
func TestSplittingLosesNoEvent(t *testing.T) {
	data := served()
	bounds, err := timeline.Boundaries(bytes.NewReader(data))
	if err != nil || len(bounds) < 5 {
		t.Fatalf("generations end at %v: %v", bounds, err)
	}
	if last := bounds[len(bounds)-1]; last != int64(len(data)) {
		t.Errorf("the last generation ends at %d of %d bytes", last, len(data))
	}
	whole := countEvents(t, bytes.NewReader(data))
	apart := map[exptrace.EventKind]int{}
	from := int64(0)
	for _, to := range bounds {
		r := io.Reader(bytes.NewReader(data[from:to]))
		if from > 0 {
			r = io.MultiReader(bytes.NewReader(data[:16]), r)
		}
		for k, n := range countEvents(t, r) {
			apart[k] += n
		}
		from = to
	}
	if !reflect.DeepEqual(whole, apart) {
		t.Errorf("one reader sees %v, the generations' %v", whole, apart)
	}
	sum, _ := read(t, data, 1)
	if sum.Generations < 5 || sum.Generations > len(bounds) {
		t.Errorf("%d generations were read of %d", sum.Generations, len(bounds))
	}
}

// countEvents counts the events by kind, but for those that only say again what
// a generation begins with, and those of processors.
func countEvents(t *testing.T, r io.Reader) map[exptrace.EventKind]int {
	counts := map[exptrace.EventKind]int{}
	in, err := exptrace.NewReader(r)
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
		case exptrace.EventSync, exptrace.EventRangeActive:
			continue
		case exptrace.EventStateTransition:
			st := ev.StateTransition()
			if st.Resource.Kind == exptrace.ResourceProc {
				// One that was left in a system call as a generation ended is
				// said to be idle in the next: to a reader of the whole that is
				// a change, to one of the generation where it begins.
				continue
			}
			if from, to := st.Goroutine(); from == exptrace.GoUndetermined || from == to {
				continue
			}
		}
		counts[ev.Kind()]++
	}
}

func TestWorkersMakeNoDifference(t *testing.T) {
	data := served()
	sum, all := read(t, data, 1)
	if len(all) < 50 {
		t.Fatalf("%d requests", len(all))
	}
	for _, workers := range []int{0, 1, 2, 8} {
		otherSum, other := read(t, data, workers)
		if !reflect.DeepEqual(sum, otherSum) {
			t.Errorf("%d workers: the summary is %+v, not %+v", workers, otherSum, sum)
		}
		if !reflect.DeepEqual(all, other) {
			t.Errorf("%d workers find other requests", workers)
		}
	}
}

// A trace that was cut is read as far as its whole generations reach.
func TestACutTraceKeepsItsWholeGenerations(t *testing.T) {
	data := served()
	bounds, err := timeline.Boundaries(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
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
		// The last boundary is of a generation of nothing but its edges.
		if want := min(c.kept, len(bounds)-1); sum.Generations != want {
			t.Errorf("%s: %d generations, not %d", c.name, sum.Generations, want)
		}
		if (sum.Cut != nil) != c.cut {
			t.Errorf("%s: cut is %v", c.name, sum.Cut)
		}
		if want := c.at - bounds[c.kept-1]; c.cut && sum.CutBytes != want {
			t.Errorf("%s: %d bytes are lost, not %d", c.name, sum.CutBytes, want)
		}
		if c.kept > 1 && len(all) == 0 { // the first ends when the recorder beside it starts
			t.Errorf("%s: no requests", c.name)
		}
	}
}

// A generation that is damaged ends the reading, and what came before it stays.
func TestADamagedGenerationIsLeftOut(t *testing.T) {
	data := slices.Clone(served())
	bounds, _ := timeline.Boundaries(bytes.NewReader(data))
	for i := bounds[1] + 40; i < bounds[1]+400; i++ {
		data[i] ^= 0x5a
	}
	sum, all := read(t, data, 2)
	if sum.Generations != 2 || sum.Cut == nil || sum.CutBytes != int64(len(data))-bounds[1] || len(all) == 0 {
		t.Errorf("%d generations and %d requests, %d bytes lost: %v", sum.Generations, len(all), sum.CutBytes, sum.Cut)
	}
}

func TestWhatIsNoTraceSaysWhy(t *testing.T) {
	header := served()[:16]
	for _, c := range []struct {
		name, data string
		is         error
		says       string
	}{
		{"an empty file", "", timeline.ErrNotTrace, "0 bytes are too few"},
		{"a few bytes", "go 1.26", timeline.ErrNotTrace, "7 bytes are too few"},
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

func TestReadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := timeline.Read(ctx, bytes.NewReader(served()), rules.New(), 2, func(*breakdown.Request) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a reading that was cancelled says %v", err)
	}
	broken := errors.New("the disk is gone")
	sum, err := timeline.Read(t.Context(), io.MultiReader(bytes.NewReader(served()[:len(served())/2]), failing{broken}), rules.New(), 2, func(*breakdown.Request) {})
	if err != nil || !errors.Is(sum.Cut, broken) {
		t.Errorf("a reader that fails amid the trace: %v, %v", sum, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// FuzzRead reads anything. It must come to an end, and what it says must add up.
func FuzzRead(f *testing.F) {
	data := served()
	bounds, err := timeline.Boundaries(bytes.NewReader(data))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[:bounds[0]])
	f.Add(data[:bounds[0]+100])
	f.Add(record(f, func() {}))
	f.Add([]byte("go 1.26 trace\x00\x00\x00"))
	f.Add([]byte("go 1.21 trace\x00\x00\x00"))
	for _, faulty := range timeline.FaultyTraces(f) {
		f.Add(faulty)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n := int64(0)
		sum, err := timeline.Read(t.Context(), bytes.NewReader(data), rules.New(), 2, func(r *breakdown.Request) {
			n++
			if err := r.Check(); err != nil {
				t.Error(err)
			}
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

// FuzzSplit splits anything: the generations' ends are in order, and within.
func FuzzSplit(f *testing.F) {
	data := served()
	f.Add(data[:min(len(data), 200_000)])
	f.Add(data[:17])
	f.Add([]byte("go 1.25 trace\x00\x00\x00\x31\x00\x01\x01\x01\x00\x01\x02\x01\x01\x00"))
	for _, faulty := range timeline.FaultyTraces(f) {
		f.Add(faulty)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		bounds, err := timeline.Boundaries(bytes.NewReader(data))
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
