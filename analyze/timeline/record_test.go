package timeline_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/trace"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// read reads a trace and checks each request against the accounting identity.
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
	kept.Chains, kept.Waits = slices.Clone(r.Chains), slices.Clone(r.Waits)
	return kept
}

// A stopwatch holds what a handler measures about itself. It has no lock, because a
// request might wait for it.
type stopwatch struct {
	steps, spent [breakdown.NumBuckets]atomic.Int64
	n, wall      atomic.Int64
	goroutines   sync.Map // the ones that serve the connections, by number
}

// step measures a step whose wait belongs to a bucket.
func (s *stopwatch) step(b breakdown.Bucket, f func()) {
	start := time.Now()
	f()
	s.add(b, time.Since(start))
}

func (s *stopwatch) add(b breakdown.Bucket, took time.Duration) {
	s.steps[b].Add(1)
	s.spent[b].Add(int64(took))
}

// in returns how long the steps of a bucket took.
func (s *stopwatch) in(b breakdown.Bucket) time.Duration { return time.Duration(s.spent[b].Load()) }

func (s *stopwatch) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests of %v in all:", s.n.Load(), time.Duration(s.wall.Load()))
	for bucket := range breakdown.NumBuckets {
		if n := s.steps[bucket].Load(); n > 0 {
			fmt.Fprintf(&b, " %s %v in %d steps", bucket, s.in(bucket), n)
		}
	}
	return b.String()
}

// handler returns a handler that is measured as a whole.
func (s *stopwatch) handler(f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		s.goroutines.LoadOrStore(goroutine(), true)
		f(w, r)
		s.wall.Add(int64(time.Since(start)))
		s.n.Add(1)
	}
}

// goroutine returns the number of the current goroutine, as in traces.
func goroutine() (id int64) {
	text := make([]byte, 64)
	fmt.Sscanf(string(text[:runtime.Stack(text, false)]), "goroutine %d ", &id)
	return id
}

// The parts of a handler's requests, summed.
type sums struct {
	requests []breakdown.Request
	n        int
	wall     time.Duration
	buckets  [breakdown.NumBuckets]time.Duration
	phases   [breakdown.NumPhases]time.Duration
	calls    [breakdown.NumBuckets]int
	// aside is the part of lock that a library spent waiting for one of its own
	// locks, such as that of all sync.Pools: the handler has no stopwatch there.
	aside time.Duration
	// How long the measurement took, and how long runnable threads of the process
	// waited for a core.
	lasted, coreless time.Duration
}

// of sums up the complete requests on the goroutines that ran a handler. A request
// that never waited in the handler shows no stack of it, and has no name.
func of(all []breakdown.Request, w *stopwatch) (s sums) {
	for _, r := range all {
		if _, ok := w.goroutines.Load(r.Goroutine); !ok || r.Incomplete {
			continue
		}
		s.n++
		s.requests = append(s.requests, r)
		s.wall += time.Duration(r.Wall())
		for _, seg := range r.Path {
			d := time.Duration(seg.End - seg.Start)
			s.buckets[seg.Bucket] += d
			s.phases[seg.Phase] += d
			if seg.Bucket == breakdown.Lock && librarys(seg.Cause.Stack) {
				s.aside += d
			}
		}
		for _, c := range r.Calls {
			s.calls[c.Bucket]++
		}
	}
	return s
}

// own is the prefix of the names of the project's functions.
var own = strings.TrimSuffix(reflect.TypeFor[stopwatch]().PkgPath(), "analyze/timeline_test")

// librarys reports whether the stack waits in package sync, but not on behalf of this
// package.
func librarys(stack []breakdown.Frame) bool {
	locks := false
	for _, f := range stack {
		switch {
		case strings.HasPrefix(f.Function, "sync."), strings.HasPrefix(f.Function, "internal/sync."):
			locks = true
		case !strings.HasPrefix(f.Function, "runtime."):
			return locks && !strings.HasPrefix(f.Function, own)
		}
	}
	return false
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

// processor returns the time that the tool reports as running or runnable.
func (s sums) processor() time.Duration {
	return s.buckets[breakdown.CPU] + s.buckets[breakdown.GC] + s.buckets[breakdown.Scheduler]
}

// A disagreement collects what contradicts the tool.
type disagreement []string

func (d *disagreement) Errorf(format string, args ...any) {
	*d = append(*d, fmt.Sprintf(format, args...))
}

// agree checks the tool's answer against the handler's own measurements. Each step's
// bucket is at most the stopwatch around it, and what it lacks was spent on the
// processor. No other bucket has more than a hundredth of the wall time, and next to
// nothing is unknown.
func (s sums) agree(d *disagreement, w *stopwatch) {
	if n := w.n.Load(); int64(s.n) != n {
		d.Errorf("%d requests, but the handler counted %d", s.n, n)
	}
	if wall := time.Duration(w.wall.Load()); s.wall < wall {
		d.Errorf("wall time %v, but the handler measured %v", s.wall, wall)
	}
	for _, r := range s.requests {
		if r.Endpoint != "" && !strings.Contains(r.Endpoint, "(*stopwatch).handler") {
			d.Errorf("a request is served by %s", r.Endpoint)
		}
	}
	lacking := time.Duration(0)
	for b := breakdown.Bucket(0); b < breakdown.NumBuckets; b++ {
		want, measured, got := w.in(b), w.steps[b].Load() > 0, s.buckets[b]
		switch b {
		case breakdown.CPU, breakdown.GC, breakdown.Scheduler:
			continue
		case breakdown.Lock:
			got -= s.aside
		}
		switch {
		case measured && got > want:
			d.Errorf("%s %v, but the stopwatch around it %v", b, got, want)
		case measured:
			lacking += want - got
		case b == breakdown.Unknown && got > s.wall/200, b != breakdown.ClientIO && got > s.wall/100:
			d.Errorf("%s %v of %v", b, got, s.wall)
		}
	}
	if lacking > s.processor()+s.aside+s.wall/100 {
		d.Errorf("the buckets lack %v, but the processor has only %v", lacking, s.processor())
	}
}

// tries is how often a measurement that lacked cores is repeated.
const tries = 6

// hold measures, and checks the tool's answer against the handler's and the other
// conditions.
//
// The runtime does not notice when the kernel takes the core from a thread: the
// goroutine appears to run. The trace may then show less than usual. What the goroutine
// would have waited for arrives in the meantime, so that it does not wait and no call is
// seen. Or the goroutine that it would have woken is not there yet, so that no hand-off
// is seen. Such a measurement is repeated if the kernel says that threads waited for a
// core for more than a hundredth of the time. A defect shows in the others.
func hold(t *testing.T, measure func(*stopwatch) sums, holds ...func(*disagreement, sums)) {
	t.Helper()
	for try := 1; ; try++ {
		var w stopwatch
		var d disagreement
		s := measure(&w)
		s.agree(&d, &w)
		for _, f := range holds {
			f(&d, s)
		}
		if len(d) > 0 && s.coreless > s.lasted/100 && try < tries {
			t.Logf("once more, threads waited for a core for %v in %v: %s", s.coreless, s.lasted, strings.Join(d, "; "))
			continue
		}
		for _, text := range d {
			t.Error(text)
		}
		if t.Failed() {
			t.Logf("%v; the handler: %v; threads waited for a core for %v in %v", s, &w, s.coreless, s.lasted)
			for _, r := range s.requests[:min(len(s.requests), 2)] {
				t.Log(path(&r))
			}
		}
		return
	}
}

// coreless returns how long threads of this process have waited for a core, or 0 if
// the system does not report it.
func coreless() (sum time.Duration) {
	names, _ := filepath.Glob("/proc/self/task/*/schedstat")
	for _, name := range names {
		var ran, waited int64
		if text, err := os.ReadFile(name); err == nil {
			fmt.Sscan(string(text), &ran, &waited)
		}
		sum += time.Duration(waited)
	}
	return sum
}

// path formats a request's path.
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

// get fetches a URL once, with a new client and its own connections.
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

// upstream serves answers after a delay. To the requests that call it, it is another
// service.
func upstream(t testing.TB, delay time.Duration) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(delay)
		io.WriteString(w, "an answer")
	}))
	t.Cleanup(s.Close)
	return s
}

// serving returns the goroutines that serve a connection or a stream of net/http.
func serving() map[string]bool {
	text, n := []byte(nil), 0
	for n == len(text) {
		text = make([]byte, 2*n+1<<16)
		n = runtime.Stack(text, true)
	}
	ids := map[string]bool{}
	for g := range strings.SplitSeq(string(text[:n]), "\n\n") {
		if strings.Contains(g, "net/http.(*conn).serve(") || strings.Contains(g, "ServerConn).runHandler(") || strings.Contains(g, "serverConn).runHandler(") {
			id, _, _ := strings.Cut(g, " [")
			ids[id] = true
		}
	}
	return ids
}

// shut closes a server and waits until the goroutines that served its clients have
// ended, except those that existed before. Closing the server does not wait for that,
// and a trace that ends earlier shows a request as incomplete.
func shut(s *httptest.Server, before map[string]bool) {
	s.Close()
	for left := true; left; {
		left = false
		for id := range serving() {
			left = left || !before[id]
		}
		if left {
			time.Sleep(ms)
		}
	}
}

// A service serves a handler with as few locks as net/http allows. The server of
// httptest has a lock that each request takes. If the kernel takes the core from its
// holder, other requests wait for it, and their handlers do not see that time.
type service struct {
	url    string
	open   atomic.Int64  // connections
	closed chan struct{} // receives whenever a connection was closed since the last receive
}

func newService(t *testing.T, h http.Handler) *service {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{url: "http://" + l.Addr().String(), closed: make(chan struct{}, 1)}
	srv := &http.Server{Handler: h, ConnState: s.connState}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	return s
}

func (s *service) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.open.Add(1)
	case http.StateHijacked, http.StateClosed:
		s.open.Add(-1)
		select {
		case s.closed <- struct{}{}:
		default:
		}
	}
}

// leave closes a client's connections, and waits until the service has noticed. Each
// of its goroutines has then tried to read another request, so that a trace shows the
// last one whole. If the server closed the connection, that might not be so.
func (s *service) leave(c *http.Client) {
	c.CloseIdleConnections()
	for s.open.Load() > 0 {
		<-s.closed
	}
}

// serve traces a handler while clients call it n times, and returns the tool's answer
// about the handler's requests.
func serve(t *testing.T, clients, n int, w *stopwatch, f http.HandlerFunc) sums {
	t.Helper()
	s := newService(t, w.handler(f))
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	before, start := coreless(), time.Now()
	data := record(t, func() {
		each(clients, n, func(int) { get(t, c, s.url) })
		s.leave(c)
	})
	lasted, waited := time.Since(start), coreless()-before
	_, all := read(t, data, 2)
	out := of(all, w)
	out.lasted, out.coreless = lasted, waited
	return out
}
