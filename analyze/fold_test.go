package analyze

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"timesink/analyze/breakdown"
	"timesink/collect/capture"
)

// rendered settles and renders a fold, which must not be used afterwards.
func rendered(f *fold) []breakdown.Endpoint { return render(settle(f), defaultPeriod, nil) }

// manySums adds requests to many endpoints, each with its own call site, and returns
// their wall time.
func manySums(f *fold, endpoints int) (wall int64) {
	for i := range endpoints {
		site := breakdown.Frame{Function: fmt.Sprint("main.site", i), File: "main.go", Line: i + 1}
		cause := &breakdown.Cause{State: "waiting", System: "postgres", Site: site}
		start, length := int64(1000*i), int64(500+i)
		f.add(&breakdown.Request{Endpoint: fmt.Sprint("main.endpoint", i), Start: start, End: start + length,
			Path: []breakdown.Segment{{Start: start, End: start + length, Bucket: breakdown.DB, Cause: cause,
				Behind: []breakdown.Behind{{Release: cause, Bucket: breakdown.CPU, Time: 1}}}},
			Calls:   []breakdown.Call{{Start: start, End: start + length, Bucket: breakdown.DB, Site: site}},
			Samples: []*breakdown.Cause{{Stack: []breakdown.Frame{site}}}})
		wall += length
	}
	return wall
}

func TestAFoldWithoutRoomMergesSums(t *testing.T) {
	const endpoints = 1000
	small, large := newFold(0), newFold(0)
	small.room = 100_000
	wall := manySums(small, endpoints)
	manySums(large, endpoints)
	if !small.cut || large.cut || len(large.byKey) != endpoints {
		t.Fatalf("cut: %v with little room, %v with plenty and %d endpoints", small.cut, large.cut, len(large.byKey))
	}
	if n := len(small.byKey); n > 20 || n < 5 {
		t.Errorf("%d endpoints are kept apart", n)
	}
	b := breakdown.Breakdown{Schema: breakdown.Schema, Endpoints: rendered(small)}
	if err := b.Check(); err != nil {
		t.Error(err)
	}
	requests, total, calls := int64(0), int64(0), 0.0
	for _, e := range b.Endpoints {
		requests += e.Requests
		total += e.Wall.Total
		calls += e.Buckets[breakdown.DB].CallsPerRequest * float64(e.Requests)
	}
	if requests != endpoints || total != wall || calls != endpoints {
		t.Errorf("%d requests of %d ns with %v calls, not %d of %d ns with one each", requests, total, calls, endpoints, wall)
	}
	if first := b.Endpoints[0]; first.Name != others {
		t.Errorf("most time is in %s, not in %s", first.Name, others)
	}
}

// A call runs beside what is on the path only if the path is not there for its sake.
func TestCallsBesideThePath(t *testing.T) {
	cause := &breakdown.Cause{}
	for _, c := range []struct {
		name   string
		caller int64
		beside int64
	}{
		{"of a branch", 3, 60},
		{"of the request's own goroutine, which waits for its rows", 1, 0},
		{"of the goroutine that the path is on", 2, 0},
	} {
		f := newFold(0)
		f.add(&breakdown.Request{Goroutine: 1, Start: 0, End: 100, Endpoint: "main.copy",
			Path: []breakdown.Segment{
				{Start: 0, End: 20, Goroutine: 1, Bucket: breakdown.CPU, Cause: cause},
				{Start: 20, End: 80, Goroutine: 2, Bucket: breakdown.Upstream, Cause: cause},
				{Start: 80, End: 100, Goroutine: 1, Bucket: breakdown.DB, Cause: cause}},
			Calls: []breakdown.Call{{Start: 20, End: 80, Goroutine: 2, Bucket: breakdown.Upstream, OnPath: 60}, {Start: 20, End: 100, Goroutine: c.caller, Bucket: breakdown.DB, OnPath: 20}}})
		if got := rendered(f)[0].Buckets[breakdown.Upstream].Shadowed; got != c.beside {
			t.Errorf("a call %s: %d ns beside the upstream, not %d", c.name, got, c.beside)
		}
	}
}

// Requests without a name are held back for the probes only while there is room.
func TestRequestsHeldBackKeepToTheirRoom(t *testing.T) {
	a := newAnswer(Options{})
	m := newMatcher(100, 10_000)
	const requests = 200
	for g := range int64(requests) {
		a.take(&breakdown.Request{Goroutine: g, Start: g, End: g + 5,
			Path: []breakdown.Segment{{Start: g, End: g + 5, Bucket: breakdown.CPU, Cause: &breakdown.Cause{}}}}, m)
	}
	if m.held == 0 || m.held > 30 {
		t.Errorf("%d requests are held back", m.held)
	}
	a.pair(m, nil, nil)
	if a.f.requests != requests {
		t.Errorf("%d requests of %d were folded", a.f.requests, requests)
	}
}

func TestASnapshotIsTheAnswerSoFar(t *testing.T) {
	f := newFold(0)
	if s := f.snapshot(5); s.Requests != 0 || s.Top.Requests != 0 || s.Covered != 5 {
		t.Errorf("of an empty fold it is %+v", s)
	}
	manySums(f, 3)
	manySums(f, 1)
	s := f.snapshot(7)
	if s.Requests != 4 || s.Endpoints != 3 || s.Top.Name != "main.endpoint0" || s.Top.Requests != 2 || s.TopShare != 0.499251 {
		t.Errorf("%+v", s)
	}
	if db := s.Top.Buckets[breakdown.DB]; db.Share != 1 || db.Total != 1000 {
		t.Errorf("%+v", db)
	}
	same := newFold(0)
	manySums(same, 3)
	manySums(same, 1)
	if looked, not := rendered(f), rendered(same); !reflect.DeepEqual(looked, not) {
		t.Error("the snapshot changed the fold")
	}
}

func TestTheProfilesPeriodIsReadWithinBounds(t *testing.T) {
	with := func(comments ...string) []byte {
		p := &profile.Profile{Period: 2_000_000, PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"},
			SampleType: []*profile.ValueType{{Type: "cpu", Unit: "nanoseconds"}}, Comments: comments}
		var buf bytes.Buffer
		if err := p.Write(&buf); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	for _, c := range []struct {
		name string
		part []byte
		want int64
		warn string
	}{
		{"a profile", with(), 2_000_000, ""},
		{"one that unpacks to more than is read", with(strings.Repeat("x", MinMemory)), defaultPeriod, "part-too-large"},
		{"nothing gzipped", []byte("<html>"), defaultPeriod, ""},
	} {
		path := filepath.Join(t.TempDir(), "case.zip")
		w, err := capture.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := w.CreatePart(capture.CPUPart)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(c.part)
		w.Manifest.AddPart(capture.Part{Name: capture.CPUPart})
		if err := errors.Join(f.Close(), w.Finish()); err != nil {
			t.Fatal(err)
		}
		from, err := capture.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		a := newAnswer(Options{Memory: MinMemory})
		a.readSamplePeriod(from)
		if a.samplePeriod != c.want {
			t.Errorf("%s: a period of %d ns, not %d", c.name, a.samplePeriod, c.want)
		}
		warned := ""
		for _, w := range from.Warnings() {
			warned += w.Code
		}
		if warned != c.warn {
			t.Errorf("%s: warnings %v", c.name, from.Warnings())
		}
		from.Close()
	}
}

func TestSamplesShowTheCPUTimeOfSystems(t *testing.T) {
	frames := []breakdown.Frame{{Function: "modernc.org/sqlite/lib._sqlite3VdbeExec"}}
	sqlite := &breakdown.Cause{State: "running", System: "sqlite", Rule: "modernc.org/sqlite.", Of: breakdown.DB, Stack: frames}
	inC := &breakdown.Cause{State: "syscall", System: "sqlite", Rule: "github.com/mattn/go-sqlite3.", Of: breakdown.DB, Stack: frames}
	file := &breakdown.Cause{State: "running", System: "os", Rule: "os.", Of: breakdown.File, Stack: frames}
	own := &breakdown.Cause{State: "running", Stack: frames}
	f := newFold(0)
	f.add(&breakdown.Request{Endpoint: "main.get", End: 8000,
		Path:    []breakdown.Segment{{End: 6000, Bucket: breakdown.CPU, Cause: own}, {Start: 6000, End: 8000, Bucket: breakdown.DB, Cause: inC}},
		Samples: []*breakdown.Cause{sqlite, inC, sqlite, file, own, inC}})
	f.add(&breakdown.Request{Endpoint: "main.get", Path: []breakdown.Segment{}})
	f.add(&breakdown.Request{Endpoint: "main.get", Incomplete: true, Samples: []*breakdown.Cause{sqlite}})
	want := breakdown.CPULibrary{Bucket: breakdown.DB, System: "sqlite", Samples: 2, OfSamples: 4, Estimate: 1500}
	if got := rendered(f)[0].CPULibraries; len(got) != 1 || got[0] != want {
		t.Errorf("CPU libraries %+v, want %+v", got, want)
	}
}

// Requests that hang never complete within a window: what they wait for must not be
// lost.
func TestThePhasesOfCutRequestsAreKept(t *testing.T) {
	f := newFold(0)
	whole := made{}.call(breakdown.DB, breakdown.Query, 5*msec, false).request()
	cut := made{}.spend(breakdown.DB, breakdown.PoolWait, 900*msec).spend(breakdown.DB, breakdown.Query, 20*msec).request()
	cut.Incomplete = true
	f.add(whole)
	f.add(cut)
	b := breakdown.Breakdown{Endpoints: rendered(f)}
	if err := b.Check(); err != nil {
		t.Error(err)
	}
	want := []breakdown.PhaseTime{
		{Phase: breakdown.PoolWait, IncompleteTotal: 900 * msec},
		{Phase: breakdown.Query, Total: 5 * msec, Mean: 5 * msec, IncompleteTotal: 20 * msec},
	}
	if got := b.Endpoints[0].Buckets[breakdown.DB].Phases; !slices.Equal(got, want) {
		t.Errorf("the phases are %+v, not %+v", got, want)
	}
}
