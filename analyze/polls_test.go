package analyze

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/trace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"timesink/analyze/breakdown"
	"timesink/analyze/trace/tracetest"
	"timesink/collect/capture"
)

// tasks is a service with two handlers, each with several concurrent clients.
// Goroutines that it starts end with the context.
type tasks struct {
	name string
	// asked is what clients wait for, beside what other clients ask.
	made  func(ctx context.Context, t *testing.T) (asked, beside func())
	polls bool
}

// announced wakes everyone who waits.
type announced struct {
	mu   sync.Mutex
	next chan struct{}
}

func (a *announced) wait() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == nil {
		a.next = make(chan struct{})
	}
	return a.next
}

func (a *announced) tell() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next != nil {
		close(a.next)
		a.next = nil
	}
}

// every calls f at intervals of d until the context is done.
func every(ctx context.Context, d time.Duration, f func()) {
	for tick := time.NewTicker(d); ctx.Err() == nil; <-tick.C {
		f()
	}
}

func compute(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}

func nap() { time.Sleep(4 * time.Millisecond) }

// pool lets two callers work at a time.
type pool struct {
	mu   sync.Mutex
	free int
	cond *sync.Cond
}

func newPool() *pool {
	p := &pool{free: 2}
	p.cond = sync.NewCond(&p.mu)
	return p
}

func (p *pool) do(work func()) {
	p.mu.Lock()
	for p.free == 0 {
		p.cond.Wait()
	}
	p.free--
	p.mu.Unlock()
	work()
	p.mu.Lock()
	p.free++
	p.mu.Unlock()
	p.cond.Signal()
}

// worked returns a function that passes work to workers behind a queue and waits for
// it.
func worked(ctx context.Context, size int, work func()) func() {
	jobs := make(chan chan struct{}, size)
	for range 2 {
		go func() {
			for {
				select {
				case done := <-jobs:
					work()
					close(done)
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	return func() {
		done := make(chan struct{})
		jobs <- done
		<-done
	}
}

var services = []tasks{
	{"news from another request", func(context.Context, *testing.T) (func(), func()) {
		var a announced
		return func() { <-a.wait() }, func() { time.Sleep(2 * time.Millisecond); a.tell(); time.Sleep(20 * time.Millisecond) }
	}, true},
	{"news from another request, or a long wait without any", func(context.Context, *testing.T) (func(), func()) {
		var a announced
		var n atomic.Int64
		return func() {
				select {
				case <-a.wait():
				case <-time.After(15 * time.Millisecond):
				}
			}, func() {
				// It tells at once: the waits begin at times that follow from the last telling,
				// and a nap before the next one might begin before all of them each time.
				if n.Add(1)%20 == 1 {
					a.tell()
				}
				nap()
			}
	}, true},
	{"news from a goroutine of a request", func(context.Context, *testing.T) (func(), func()) {
		var a announced
		return func() { <-a.wait() }, func() { nap(); go a.tell(); time.Sleep(20 * time.Millisecond) }
	}, true},
	{"news by the clock", func(ctx context.Context, _ *testing.T) (func(), func()) {
		var a announced
		go every(ctx, 25*time.Millisecond, a.tell)
		return func() { <-a.wait() }, nap
	}, true},
	{"workers", func(ctx context.Context, _ *testing.T) (func(), func()) {
		do := worked(ctx, 0, nap)
		return do, do
	}, false},
	{"workers that compute, behind a queue", func(ctx context.Context, _ *testing.T) (func(), func()) {
		do := worked(ctx, 64, func() { compute(time.Millisecond) })
		return do, do
	}, false},
	{"an idle worker", func(ctx context.Context, _ *testing.T) (func(), func()) {
		return worked(ctx, 64, nap), nap
	}, false},
	{"a channel as a semaphore", func(context.Context, *testing.T) (func(), func()) {
		free := make(chan struct{}, 2)
		do := func() { free <- struct{}{}; nap(); <-free }
		return do, do
	}, false},
	{"a pool with a Cond, where newcomers may go first", func(context.Context, *testing.T) (func(), func()) {
		p := newPool()
		return func() { p.do(nap) }, func() { p.do(nap) }
	}, false},
	{"work that the first to arrive does for all", func(context.Context, *testing.T) (func(), func()) {
		var mu sync.Mutex
		var flight chan struct{}
		do := func() {
			mu.Lock()
			if f := flight; f != nil {
				mu.Unlock()
				<-f
				return
			}
			own := make(chan struct{})
			flight = own
			mu.Unlock()
			nap()
			mu.Lock()
			flight = nil
			mu.Unlock()
			close(own)
		}
		return do, do
	}, false},
	{"a batch that the last to arrive does for all", func(context.Context, *testing.T) (func(), func()) {
		var mu sync.Mutex
		var batch []chan struct{}
		do := func() {
			done := make(chan struct{})
			mu.Lock()
			batch = append(batch, done)
			var full []chan struct{}
			if len(batch) == 3 {
				full, batch = batch, nil
			}
			mu.Unlock()
			for _, c := range full {
				close(c)
			}
			select {
			case <-done:
			case <-time.After(300 * time.Millisecond): // no more requests come
			}
			time.Sleep(time.Millisecond)
		}
		return do, do
	}, false},
	{"a batch by the clock, of work handed over", func(ctx context.Context, _ *testing.T) (func(), func()) {
		jobs := make(chan chan struct{})
		go func() {
			var batch []chan struct{}
			for tick := time.NewTicker(10 * time.Millisecond); ; {
				select {
				case c := <-jobs:
					batch = append(batch, c)
				case <-tick.C:
					for _, c := range batch {
						close(c)
					}
					batch = nil
				case <-ctx.Done():
					return
				}
			}
		}()
		do := func() {
			done := make(chan struct{})
			jobs <- done
			<-done
		}
		return do, do
	}, false},
	{"a batch by the clock that goes into a file", func(ctx context.Context, t *testing.T) (func(), func()) {
		f, err := os.Create(filepath.Join(t.TempDir(), "log"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		var a announced
		go every(ctx, 10*time.Millisecond, func() {
			f.WriteString("batch\n")
			f.Sync()
			a.tell()
		})
		return func() { <-a.wait() }, nap
	}, false},
	{"a rate, one token at a time", func(ctx context.Context, _ *testing.T) (func(), func()) {
		tokens := make(chan struct{})
		go every(ctx, 5*time.Millisecond, func() {
			select {
			case tokens <- struct{}{}:
			default:
			}
		})
		return func() { <-tokens }, nap
	}, false},
	{"a short wait for a branch", func(context.Context, *testing.T) (func(), func()) {
		return func() {
			done := make(chan struct{}, 1)
			go func() { time.Sleep(30 * time.Millisecond); done <- struct{}{} }()
			select {
			case <-done:
			case <-time.After(10 * time.Millisecond):
			}
		}, nap
	}, false},
}

// A wait for news is a poll. A wait for a worker, a pool, a batch or a rate limit is
// not, even if it looks similar.
func TestOnlyNewsMakesALongPoll(t *testing.T) {
	t.Parallel()
	for _, s := range services {
		t.Run(s.name, func(t *testing.T) {
			if tracetest.Alone(t) {
				return
			}
			b := looked(t, s)
			for _, e := range b.Endpoints {
				asked := strings.Contains(e.Name, "ask")
				if polls := strings.HasSuffix(e.Kind, breakdown.LongPolling); e.Requests > 0 && polls != (asked && s.polls) {
					t.Errorf("%d requests to %s are of %s", e.Requests, e.Name, e.Kind)
				}
			}
			if len(b.Endpoints) < 2 || b.Endpoints[0].Lasts() {
				t.Errorf("a long poll comes first of the endpoints %v", b.Endpoints)
			}
			for _, f := range b.Findings {
				if s.polls && strings.Contains(f.Endpoint, "ask") {
					t.Errorf("a finding about a long poll: %+v", f)
				}
			}
		})
	}
}

type handlers struct{ asked, beside func() }

func (h *handlers) ask(http.ResponseWriter, *http.Request)   { h.asked() }
func (h *handlers) other(http.ResponseWriter, *http.Request) { h.beside() }

// looked analyzes a trace of a service with three clients for one handler and two for
// the other.
func looked(t *testing.T, s tasks) *breakdown.Breakdown {
	ctx, cancel := context.WithCancel(t.Context())
	h := &handlers{}
	h.asked, h.beside = s.made(ctx, t)
	mux := http.NewServeMux()
	mux.HandleFunc("/ask", h.ask)
	mux.HandleFunc("/other", h.other)
	server := httptest.NewServer(mux)
	defer server.Close()
	defer cancel()
	var buf bytes.Buffer
	var asking, beside sync.WaitGroup
	asked, other := make(chan struct{}), make(chan struct{})
	load := func(all *sync.WaitGroup, path string, served chan<- struct{}, end chan struct{}) {
		all.Go(func() {
			c := &http.Client{Transport: &http.Transport{}}
			defer c.CloseIdleConnections()
			for {
				select {
				case <-end:
					return
				default:
				}
				resp, err := c.Get(server.URL + path)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				select {
				case served <- struct{}{}:
				default:
				}
			}
		})
	}
	// The window holds enough requests, however slow the machine is.
	askedFor, toldBy := make(chan struct{}), make(chan struct{})
	for i := range 5 {
		if i < 3 {
			load(&asking, "/ask", askedFor, asked)
		} else {
			load(&beside, "/other", toldBy, other)
		}
	}
	if err := trace.Start(&buf); err != nil {
		t.Fatal(err)
	}
	for asks, others := 0, 0; asks < 25 || others < 100; {
		select {
		case <-askedFor:
			asks++
		case <-toldBy:
			others++
		case <-t.Context().Done():
			t.Fatal("the service does not answer")
		}
	}
	trace.Stop()
	close(asked) // end those first that wait for news from the others
	asking.Wait()
	close(other)
	beside.Wait()
	c, err := capture.Read("trace.out", &buf)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := Captures(t.Context(), []*capture.Capture{c}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What ends the waits at a place decides whether requests poll there.
func TestAPlaceWhereRequestsPoll(t *testing.T) {
	site := &breakdown.Frame{Function: "main.ask", File: "api.go", Line: 7}
	tell := breakdown.Teller{Endpoint: "main.tell"}
	told := breakdown.Waited{By: breakdown.ByRequest, Teller: tell, Later: true}
	earlier := breakdown.Waited{By: breakdown.ByRequest, Teller: tell}
	own, timer, open := breakdown.Waited{By: breakdown.ByOwn}, breakdown.Waited{By: breakdown.ByTimer}, breakdown.Waited{By: breakdown.ByNobody}
	first, also := breakdown.Waited{By: breakdown.ByNews, First: true}, breakdown.Waited{By: breakdown.ByNews}
	last, alone := breakdown.Waited{By: breakdown.ByNews, Last: true}, breakdown.Waited{By: breakdown.ByNews, First: true, Last: true}
	for _, c := range []struct {
		name  string
		waits []breakdown.Waited
		share int64 // of the wall time spent waiting, in percent
		polls bool
	}{
		{"told by later requests", []breakdown.Waited{told, told}, 80, true},
		{"told once only", []breakdown.Waited{told, timer, timer}, 80, false},
		{"told, and most in vain", []breakdown.Waited{told, told, timer, timer, timer, timer}, 80, true},
		{"told, and cut by the window", []breakdown.Waited{told, told, open, open, open, open}, 80, true},
		{"told by requests that were there", []breakdown.Waited{earlier, earlier, earlier, earlier}, 80, false},
		{"told by such and by others", []breakdown.Waited{earlier, earlier, earlier, told, told}, 80, true},
		{"told, but given as much to do", []breakdown.Waited{told, told, own, own}, 80, false},
		{"told, and given little to do", []breakdown.Waited{told, told, told, told, own}, 80, true},
		{"told by requests that wait there themselves", []breakdown.Waited{{By: breakdown.ByRequest, Teller: breakdown.Teller{Endpoint: "main.ask"}, Later: true}, told}, 80, false},
		{"told, but not for long", []breakdown.Waited{told, told}, 30, false},
		{"in vain only", []breakdown.Waited{timer, timer, timer}, 80, false},
		{"news for all", []breakdown.Waited{first, last, first, last}, 80, true},
		{"news for one at a time", []breakdown.Waited{first, first, first, first}, 80, false},
		{"news for some of many", []breakdown.Waited{first, also, first, also, first, also}, 80, false},
		{"news for the only one", []breakdown.Waited{alone, alone, alone}, 80, false},
		{"news for the only one, and sometimes none", []breakdown.Waited{alone, alone, timer}, 80, true},
	} {
		f := newFold(0)
		for i, w := range c.waits {
			w.Site, w.Count, w.Time = site, 1, c.share
			start := int64(1000 * i)
			f.add(&breakdown.Request{Start: start, End: start + 100, Endpoint: "main.ask", Kind: "http/1", Waits: []breakdown.Waited{w},
				Path: []breakdown.Segment{{Start: start, End: start + 100, Bucket: breakdown.Wait, Cause: &breakdown.Cause{Site: *site}}}})
		}
		sums := settle(f)
		got := render(sums, defaultPeriod, nil)
		want := map[bool]string{false: "http/1", true: "http/1 long poll"}[c.polls]
		if len(got) != 1 || got[0].Kind != want {
			t.Errorf("%s: %s, not %s", c.name, got[0].Kind, want)
		}
		b := breakdown.Breakdown{Endpoints: got, Passages: sums.passages}
		if name, kind := b.EndpointOf(&breakdown.Request{Endpoint: "main.ask", Kind: "http/1"}); name != "main.ask" || kind != want {
			t.Errorf("%s: a request has kind %s and endpoint %s", c.name, kind, name)
		}
	}
}
