package timeline_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/trace"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
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

// read reads a trace and holds each request against the accounting identity.
func read(t testing.TB, data []byte, workers int) (*timeline.Summary, []breakdown.Request) {
	t.Helper()
	var all []breakdown.Request
	sum, err := timeline.Read(t.Context(), bytes.NewReader(data), rules.New(), workers, func(r *breakdown.Request) {
		if err := r.Check(); err != nil {
			t.Error(err)
		}
		all = append(all, keep(r))
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum, all
}

func keep(r *breakdown.Request) breakdown.Request {
	kept := *r
	kept.Path, kept.Calls, kept.Samples = slices.Clone(r.Path), slices.Clone(r.Calls), slices.Clone(r.Samples)
	return kept
}

// A stopwatch is what a handler measures of itself.
type stopwatch struct {
	mu    sync.Mutex
	spent map[breakdown.Bucket]time.Duration
	wall  time.Duration
	n     int
}

// step measures a step whose waiting belongs to a bucket.
func (s *stopwatch) step(b breakdown.Bucket, f func()) {
	start := time.Now()
	f()
	s.add(b, time.Since(start))
}

func (s *stopwatch) add(b breakdown.Bucket, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spent == nil {
		s.spent = map[breakdown.Bucket]time.Duration{}
	}
	s.spent[b] += took
}

// handler is a handler that is measured as a whole.
func (s *stopwatch) handler(f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		f(w, r)
		took := time.Since(start)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wall += took
		s.n++
	}
}

// The parts of an endpoint's requests, summed.
type sums struct {
	requests []breakdown.Request
	n        int
	wall     time.Duration
	buckets  [breakdown.NumBuckets]time.Duration
	phases   [breakdown.NumPhases]time.Duration
	calls    [breakdown.NumBuckets]int
}

// of sums up the complete requests whose handler's name contains a text.
func of(all []breakdown.Request, name string) (s sums) {
	for _, r := range all {
		if r.Incomplete || !strings.Contains(r.Endpoint, name) {
			continue
		}
		s.n++
		s.requests = append(s.requests, r)
		s.wall += time.Duration(r.Wall())
		for _, seg := range r.Path {
			s.buckets[seg.Bucket] += time.Duration(seg.End - seg.Start)
			s.phases[seg.Phase] += time.Duration(seg.End - seg.Start)
		}
		for _, c := range r.Calls {
			s.calls[c.Bucket]++
		}
	}
	return s
}

func (s sums) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests of %v:", s.n, s.wall/time.Duration(max(s.n, 1)))
	for i, d := range s.buckets {
		if d > 0 || s.calls[i] > 0 {
			fmt.Fprintf(&b, " %s %v", breakdown.Bucket(i), d/time.Duration(max(s.n, 1)))
		}
		if s.calls[i] > 0 {
			fmt.Fprintf(&b, " (%d calls)", s.calls[i])
		}
	}
	for i, d := range s.phases {
		if d > 0 && i > 0 {
			fmt.Fprintf(&b, ", %s %v", breakdown.Phase(i), d/time.Duration(max(s.n, 1)))
		}
	}
	return b.String()
}

// processor is what the tool says was spent running, or ready to.
func (s sums) processor() time.Duration {
	return s.buckets[breakdown.CPU] + s.buckets[breakdown.GC] + s.buckets[breakdown.Scheduler]
}

// agree holds the tool's word against the handler's own: each step's bucket is at
// most the stopwatch around it, what it lacks was spent on the processor, no
// other bucket has more than a hundredth of the wall, and unknown next to none.
// It is true on a machine however busy.
func (s sums) agree(t *testing.T, w *stopwatch) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.n != w.n {
		t.Errorf("%d requests, the handler counted %d", s.n, w.n)
	}
	if s.wall < w.wall {
		t.Errorf("wall %v, the handler measured %v", s.wall, w.wall)
	}
	lacking := time.Duration(0)
	for b := breakdown.Bucket(0); b < breakdown.NumBuckets; b++ {
		switch b {
		case breakdown.CPU, breakdown.GC, breakdown.Scheduler:
			continue
		}
		want, measured := w.spent[b]
		switch got := s.buckets[b]; {
		case measured && got > want:
			t.Errorf("%s %v, the stopwatch around it %v", b, got, want)
		case measured:
			lacking += want - got
		case b == breakdown.Unknown && got > s.wall/200, b != breakdown.ClientIO && got > s.wall/100:
			t.Errorf("%s %v of %v", b, got, s.wall)
		}
	}
	if lacking > s.processor()+s.wall/100 {
		t.Errorf("the buckets lack %v, the processor has %v", lacking, s.processor())
	}
	if t.Failed() {
		t.Logf("%v; the handler: %v of %v", s, w.spent, w.wall)
		for _, r := range s.requests[:min(len(s.requests), 2)] {
			t.Log(path(&r))
		}
	}
}

// path writes a request's path out.
func path(r *breakdown.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "g%d %s:\n", r.Goroutine, r.Endpoint)
	for _, s := range r.Path {
		fmt.Fprintf(&b, "  %8dµs %8dµs g%d %s/%s %s %s", (s.Start-r.Start)/1000, (s.End-s.Start)/1000, s.Goroutine, s.Bucket, s.Phase, s.Cause.State, s.Cause.Reason)
		for _, f := range s.Cause.Stack[:min(len(s.Cause.Stack), 4+20*int(s.Bucket/breakdown.Unknown))] {
			fmt.Fprintf(&b, " < %s", f.Function)
		}
		b.WriteByte('\n')
	}
	for _, c := range r.Calls {
		fmt.Fprintf(&b, "  call %s %s at %s:%d g%d [%dµs, %dµs) on path %dµs dialed %t\n", c.Bucket, c.System, c.Site.Function, c.Site.Line, c.Goroutine, (c.Start-r.Start)/1000, (c.End-r.Start)/1000, c.OnPath/1000, c.Dialed)
	}
	return b.String()
}

// get fetches a URL once, with a client of its own connections.
func get(t testing.TB, c *http.Client, url string) {
	resp, err := c.Get(url)
	if err != nil {
		t.Error(err)
		return
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// each runs f n times, on several goroutines at once.
func each(clients, n int, f func(i int)) {
	var all sync.WaitGroup
	next := make(chan int)
	for range clients {
		all.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
}

// upstream serves answers after a delay; it is another service, as far as the
// requests to it are concerned.
func upstream(t testing.TB, delay time.Duration) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(delay)
		io.WriteString(w, "an answer")
	}))
	t.Cleanup(s.Close)
	return s
}

// serve traces a handler under clients that ask it n times, and returns what the
// tool makes of the handler's requests.
func serve(t *testing.T, clients, n int, w *stopwatch, f http.HandlerFunc) sums {
	t.Helper()
	s := httptest.NewServer(w.handler(f))
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	data := record(t, func() {
		each(clients, n, func(int) { get(t, c, s.URL) })
		s.Close()
	})
	_, all := read(t, data, 2)
	return of(all, "(*stopwatch).handler")
}
