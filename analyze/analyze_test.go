package analyze_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/trace"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// record traces this process while f runs.
func record(t testing.TB, f func()) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := trace.Start(&buf); err != nil {
		t.Fatal(err)
	}
	func() {
		defer trace.Stop()
		f()
	}()
	return buf.Bytes()
}

// bare opens a bare trace as a capture.
func bare(t testing.TB, data []byte) *capture.Capture {
	t.Helper()
	c, err := capture.Read("trace.out", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// written writes a capture with a trace and opens it.
func written(t testing.TB, data []byte) *capture.Capture {
	t.Helper()
	w, err := capture.Create(filepath.Join(t.TempDir(), "case.zip"))
	if err != nil {
		t.Fatal(err)
	}
	part, err := w.CreatePart(capture.TracePart)
	if err != nil {
		t.Fatal(err)
	}
	_, err = part.Write(data)
	w.Manifest.Target = "http://service:6060"
	w.Manifest.Parts = []capture.Part{{Name: capture.TracePart}}
	if err := errors.Join(err, part.Close(), w.Finish()); err != nil {
		t.Fatal(err)
	}
	c, err := capture.Open(w.Path())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func analyzed(t testing.TB, captures ...*capture.Capture) *breakdown.Breakdown {
	t.Helper()
	b, err := analyze.Captures(t.Context(), captures, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func endpoint(t testing.TB, b *breakdown.Breakdown, name string) *breakdown.Endpoint {
	t.Helper()
	for i := range b.Endpoints {
		if strings.Contains(b.Endpoints[i].Name, name) {
			return &b.Endpoints[i]
		}
	}
	t.Fatalf("no endpoint is named like %q", name)
	return nil
}

func codes(b *breakdown.Breakdown) (out []string) {
	for _, w := range b.Warnings {
		out = append(out, w.Code)
	}
	return out
}

const ms = time.Millisecond

// sleeping is a handler, and so is locking.
func sleeping(http.ResponseWriter, *http.Request) { time.Sleep(2 * ms) }

var lock sync.Mutex

func locking(http.ResponseWriter, *http.Request) {
	lock.Lock()
	defer lock.Unlock()
	time.Sleep(2 * ms)
}

// ask sends n requests for a URL from each client.
func ask(t testing.TB, c *http.Client, url string, clients, n int) {
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range n {
				resp, err := c.Get(url)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
	all.Wait()
}

// twoEndpoints returns a trace of a service with two endpoints: 24 requests that sleep,
// and 24 that sleep while they hold a lock.
func twoEndpoints(t testing.TB) []byte {
	mux := http.NewServeMux()
	mux.HandleFunc("/sleep", sleeping)
	mux.HandleFunc("/lock", locking)
	s := httptest.NewServer(mux)
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	return record(t, func() {
		ask(t, c, s.URL+"/sleep", 2, 12)
		ask(t, c, s.URL+"/lock", 4, 6)
		s.Close()
	})
}

func TestRequestsAreFoldedByEndpoint(t *testing.T) {
	b := analyzed(t, bare(t, twoEndpoints(t)))
	for name, most := range map[string]breakdown.Bucket{"analyze_test.sleeping": breakdown.Sleep, "analyze_test.locking": breakdown.Lock} {
		e := endpoint(t, b, name)
		if e.Requests != 24 || e.Incomplete != 0 || e.Kind != "http/1" {
			t.Errorf("%s: %d requests of %s, %d incomplete", name, e.Requests, e.Kind, e.Incomplete)
		}
		for _, bucket := range e.Buckets {
			if bucket.Total > e.Buckets[most].Total {
				t.Errorf("%s: %s has %d ns, %s only %d", name, bucket.Bucket, bucket.Total, most, e.Buckets[most].Total)
			}
		}
	}
	if !slices.IsSortedFunc(b.Endpoints, func(x, y breakdown.Endpoint) int { return int(y.Wall.Total - x.Wall.Total) }) {
		t.Error("the endpoints are not sorted by their time")
	}
	holders := endpoint(t, b, "analyze_test.locking").Buckets[breakdown.Lock].Holders
	if len(holders) == 0 || holders[0].Doing != breakdown.Sleep || !strings.HasSuffix(holders[0].Function, ".locking") {
		t.Errorf("the lock's holders are %+v", holders)
	}
}

func TestABareTraceLeavesOutWhatIsUnknown(t *testing.T) {
	b := analyzed(t, bare(t, twoEndpoints(t)))
	oldest, _ := strings.CutSuffix(b.Source.GoVersion, " or newer")
	if s := b.Source; s.Target != "" || s.CapturedAt != nil || s.Cost != nil || s.Asked != 0 || s.Instances != 0 || !version.IsValid(oldest) || version.Compare(oldest, runtime.Version()) > 0 {
		t.Errorf("the source is %+v", s)
	}
	if len(b.Roots) != 0 {
		t.Errorf("%d roots although there are requests", len(b.Roots))
	}
	if null := []byte(": null"); bytes.Contains(encode(t, b), null) {
		t.Errorf("an array is null:\n%s", encode(t, b))
	}
}

func TestATraceWithoutRequestsHasAnAnswer(t *testing.T) {
	b := analyzed(t, bare(t, record(t, func() {
		// Who begins late finds that what it is to wait for has happened: the others
		// wait for the last one to begin, and again and again.
		begun, done, all, tick := make(chan int), make(chan int), make(chan int), time.NewTicker(5*ms)
		defer tick.Stop()
		const often = 20
		sleeps := func() {
			<-begun
			for range often {
				time.Sleep(5 * ms)
			}
			done <- 1
		}
		ticks := func() {
			<-begun
			for range often {
				<-tick.C
			}
			done <- 1
		}
		waits := func() { close(begun); <-done; <-done; close(all) }
		go sleeps()
		go ticks()
		go waits()
		<-all
	})))
	if len(b.Endpoints) != 0 || b.Endpoints == nil || !slices.Contains(codes(b), "no-requests") {
		t.Errorf("%d endpoints, warnings %v", len(b.Endpoints), codes(b))
	}
	// Sorted by their text.
	for i, bucket := range []breakdown.Bucket{breakdown.Sleep, breakdown.Sleep, breakdown.Wait} {
		name := fmt.Sprintf("TestATraceWithoutRequestsHasAnAnswer.func1.%d", i+1)
		at := slices.IndexFunc(b.Roots, func(r breakdown.Root) bool { return strings.HasSuffix(r.Function, name) })
		// How long depends on when the goroutines began to run.
		if at < 0 || b.Roots[at].Buckets[bucket].Total == 0 {
			t.Errorf("%s was never in %s, or is not among the %d roots", name, bucket, len(b.Roots))
		}
	}
}

func TestCapturesOfInstancesAreMerged(t *testing.T) {
	one, two := twoEndpoints(t), twoEndpoints(t)
	a, b := analyzed(t, bare(t, one)), analyzed(t, bare(t, two))
	both := analyzed(t, written(t, one), written(t, two))
	if both.Source.Instances != 2 || both.Source.Target != "http://service:6060" || both.Source.Window != max(a.Source.Window, b.Source.Window) {
		t.Errorf("the source is %+v", both.Source)
	}
	for _, name := range []string{"analyze_test.sleeping", "analyze_test.locking"} {
		x, y, sum := endpoint(t, a, name), endpoint(t, b, name), endpoint(t, both, name)
		if sum.Requests != x.Requests+y.Requests || sum.Wall.Total != x.Wall.Total+y.Wall.Total || sum.Wall.Max != max(x.Wall.Max, y.Wall.Max) {
			t.Errorf("%s: %d requests of %d ns, want the sum of %d of %d and %d of %d", name,
				sum.Requests, sum.Wall.Total, x.Requests, x.Wall.Total, y.Requests, y.Wall.Total)
		}
		for i := range sum.Buckets {
			if sum.Buckets[i].Total != x.Buckets[i].Total+y.Buckets[i].Total {
				t.Errorf("%s: %s has %d ns, want the sum of %d and %d", name, sum.Buckets[i].Bucket, sum.Buckets[i].Total, x.Buckets[i].Total, y.Buckets[i].Total)
			}
		}
	}
	swapped := analyzed(t, written(t, two), written(t, one))
	if x, y := encode(t, both), encode(t, swapped); !bytes.Equal(x, y) {
		t.Errorf("the order of the captures matters:\n%s\n%s", x, y)
	}
}

func encode(t testing.TB, b *breakdown.Breakdown) []byte {
	data, err := json.MarshalIndent(b, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTheSameCaptureGivesTheSameBytes(t *testing.T) {
	data := twoEndpoints(t)
	want := encode(t, analyzed(t, bare(t, data)))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, procs := range []int{1, 2, 4, 4, 4} {
		runtime.GOMAXPROCS(procs)
		if got := encode(t, analyzed(t, bare(t, data))); !bytes.Equal(got, want) {
			t.Fatalf("on %d processors the answer is\n%s\nnot\n%s", procs, got, want)
		}
	}
}

// burning is a handler that computes.
func burning(w http.ResponseWriter, r *http.Request) {
	time.Sleep(ms) // so that a stack names it
	for until := time.Now().Add(20 * ms); time.Now().Before(until); {
		if spin() == 1 {
			panic("the loop is not so short")
		}
	}
}

//go:noinline
func spin() int {
	sum := 0
	for i := range 1_000_000 {
		sum += i ^ sum
	}
	return sum
}

func TestACutTraceHasAnAnswer(t *testing.T) {
	var beside *trace.FlightRecorder
	s := httptest.NewServer(http.HandlerFunc(sleeping))
	data := record(t, func() {
		beside = trace.NewFlightRecorder(trace.FlightRecorderConfig{})
		if err := beside.Start(); err != nil {
			t.Fatal(err)
		}
		defer beside.Stop()
		for range 3 {
			ask(t, s.Client(), s.URL, 1, 5)
			beside.WriteTo(io.Discard) // ends a generation
		}
		s.Close()
	})
	b := analyzed(t, bare(t, data[:len(data)-20]))
	if !slices.Contains(codes(b), "trace-truncated") {
		t.Errorf("the warnings are %v", codes(b))
	}
	if e := endpoint(t, b, "analyze_test.sleeping"); e.Requests < 10 {
		t.Errorf("%d requests", e.Requests)
	}
}

func TestBadInputHasAHint(t *testing.T) {
	folder := t.TempDir()
	header := filepath.Join(folder, "header.out")
	if err := os.WriteFile(header, []byte("go 1.26 trace\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := capture.Open(header)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = analyze.Captures(t.Context(), []*capture.Capture{c}, analyze.Options{})
	var hinted *capture.Error
	if !errors.Is(err, timeline.ErrNoGeneration) || !errors.As(err, &hinted) || hinted.Hint == "" {
		t.Errorf("a header alone: error %v", err)
	}
	if _, err := analyze.Captures(t.Context(), nil, analyze.Options{}); err == nil {
		t.Error("no error for no captures")
	}
	_, err = analyze.Captures(t.Context(), []*capture.Capture{bare(t, twoEndpoints(t)), c}, analyze.Options{})
	if err == nil || !strings.Contains(err.Error(), header) {
		t.Errorf("of two captures the bad one is not named: %v", err)
	}
}
