package timeline_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"timesink/analyze/breakdown"
)

// A pattern is a way in which a handler gets something done.
type pattern struct {
	name       string
	clients, n int
	// handler makes the handler; whatever else it starts ends with the test.
	handler func(t *testing.T, w *stopwatch) http.HandlerFunc
	holds   func(d *disagreement, s sums)
}

// fetcher calls an upstream that takes some time to answer.
func fetcher(t *testing.T, delay time.Duration) func() {
	s := upstream(t, delay)
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	t.Cleanup(c.CloseIdleConnections)
	return func() { get(t, c, s.URL) }
}

const ms = time.Millisecond

var patterns = []pattern{
	{name: "a call", handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		fetch := fetcher(t, 5*ms)
		return func(http.ResponseWriter, *http.Request) { w.step(breakdown.Upstream, fetch) }
	}, holds: calls(breakdown.Upstream, 1)},
	{name: "calls one after another", handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		fetch := fetcher(t, 3*ms)
		return func(http.ResponseWriter, *http.Request) {
			for range 3 {
				w.step(breakdown.Upstream, fetch)
			}
		}
	}, holds: calls(breakdown.Upstream, 3)},
	{name: "a WaitGroup, the slowest branch a sleep", handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		fetch := fetcher(t, 3*ms)
		return func(http.ResponseWriter, *http.Request) {
			var all sync.WaitGroup
			var last slowest
			all.Go(func() { fetch(); last.ends(breakdown.Upstream) })
			all.Go(func() { time.Sleep(15 * ms); last.ends(breakdown.Sleep) })
			all.Go(func() { fetch(); last.ends(breakdown.Upstream) })
			start := time.Now()
			all.Wait()
			w.add(last.bucket(), time.Since(start))
		}
	}, holds: calls(breakdown.Upstream, 2)},
	{name: "an errgroup, the slowest branch a call", handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		fetch := fetcher(t, 15*ms)
		return func(_ http.ResponseWriter, r *http.Request) {
			g, _ := errgroup.WithContext(r.Context())
			var last slowest
			g.Go(func() error { time.Sleep(3 * ms); last.ends(breakdown.Sleep); return nil })
			g.Go(func() error { fetch(); last.ends(breakdown.Upstream); return nil })
			start := time.Now()
			g.Wait()
			w.add(last.bucket(), time.Since(start))
		}
	}, holds: calls(breakdown.Upstream, 1)},
	{name: "an unbuffered channel", handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		fetch := fetcher(t, 5*ms)
		return func(http.ResponseWriter, *http.Request) {
			w.step(breakdown.Upstream, func() {
				answer := make(chan int)
				go func() { fetch(); answer <- 1 }()
				<-answer
			})
		}
	}, holds: calls(breakdown.Upstream, 1)},
	{name: "a buffered channel filled by two", handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		fetch := fetcher(t, 5*ms)
		return func(http.ResponseWriter, *http.Request) {
			w.step(breakdown.Upstream, func() {
				answers := make(chan int, 2)
				for range 2 {
					go func() { fetch(); answers <- 1 }()
				}
				<-answers
				<-answers
			})
		}
	}, holds: calls(breakdown.Upstream, 2)},
	{name: "a pipeline of three goroutines", handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		fetch := fetcher(t, 5*ms)
		return func(http.ResponseWriter, *http.Request) {
			var upstream, sleep time.Duration
			a, b := make(chan int), make(chan int)
			go func() {
				s := time.Now()
				fetch()
				upstream = time.Since(s)
				a <- 1
			}()
			go func() {
				<-a
				s := time.Now()
				time.Sleep(4 * ms)
				sleep = time.Since(s)
				b <- 1
			}()
			<-b
			w.add(breakdown.Upstream, upstream)
			w.add(breakdown.Sleep, sleep)
		}
	}, holds: calls(breakdown.Upstream, 1)},
	{name: "a result collected by a select with a timeout", handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		fetch := fetcher(t, 5*ms)
		return func(http.ResponseWriter, *http.Request) {
			w.step(breakdown.Upstream, func() {
				answer := make(chan int, 1)
				go func() { fetch(); answer <- 1 }()
				select {
				case <-answer:
				case <-time.After(time.Minute):
				}
			})
		}
	}, holds: calls(breakdown.Upstream, 1)},
	{name: "a timeout while a branch still works", handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		fetch := fetcher(t, 30*ms)
		return func(http.ResponseWriter, *http.Request) {
			w.step(breakdown.Upstream, func() {
				answer := make(chan int, 1)
				go func() { fetch(); answer <- 1 }()
				select {
				case <-answer:
				case <-time.After(5 * ms):
				}
			})
		}
	}, holds: calls(breakdown.Upstream, 1)},
	{name: "a timeout where nothing works", handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), 5*ms)
			w.step(breakdown.Sleep, func() { <-ctx.Done() })
			w.step(breakdown.Lock, cancel) // the timer may still hold the context's lock
		}
	}},
	{name: "a call that its context ends", handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		s := upstream(t, 100*ms)
		return func(_ http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), 6*ms)
			w.step(breakdown.Upstream, func() {
				req, _ := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
				if _, err := http.DefaultClient.Do(req); err == nil {
					t.Error("the context did not end the call")
				}
			})
			w.step(breakdown.Lock, cancel)
		}
	}, holds: calls(breakdown.Upstream, 1)},
	{name: "a sleep", handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		return func(http.ResponseWriter, *http.Request) { w.step(breakdown.Sleep, func() { time.Sleep(4 * ms) }) }
	}},
	{name: "a ticker", handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		return func(http.ResponseWriter, *http.Request) {
			w.step(breakdown.Sleep, func() {
				tick := time.NewTicker(2 * ms)
				defer tick.Stop()
				<-tick.C
				<-tick.C
			})
		}
	}},
	{name: "a function that a timer begins", handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		return func(http.ResponseWriter, *http.Request) {
			w.step(breakdown.Sleep, func() {
				done := make(chan int)
				time.AfterFunc(4*ms, func() { close(done) })
				<-done
			})
		}
	}},
	{name: "a mutex held over a call", clients: 4, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		fetch := fetcher(t, 3*ms)
		var mu sync.Mutex
		return func(http.ResponseWriter, *http.Request) {
			w.step(breakdown.Lock, mu.Lock)
			w.step(breakdown.Upstream, fetch)
			mu.Unlock()
		}
	}, holds: heldIn(breakdown.Lock, breakdown.Upstream)},
	{name: "a readers' lock behind a writer's sleep", clients: 4, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		var mu sync.RWMutex
		var turn atomic.Int64
		return func(http.ResponseWriter, *http.Request) {
			if turn.Add(1)%4 == 0 {
				w.step(breakdown.Lock, mu.Lock)
				w.step(breakdown.Sleep, func() { time.Sleep(5 * ms) })
				mu.Unlock()
				return
			}
			w.step(breakdown.Lock, mu.RLock)
			w.step(breakdown.Sleep, func() { time.Sleep(ms) })
			mu.RUnlock()
		}
	}, holds: heldIn(breakdown.Lock, breakdown.Sleep)},
	{name: "readers behind a writer that waits for a reader", clients: 4, n: 24, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		var mu sync.RWMutex
		var turn atomic.Int64
		written := 0
		write := sync.OnceFunc(func() {
			go func() {
				for t.Context().Err() == nil {
					mu.Lock()
					written++
					mu.Unlock()
					time.Sleep(2 * ms)
				}
			}()
		})
		return func(http.ResponseWriter, *http.Request) {
			write()
			w.step(breakdown.Lock, mu.RLock)
			if turn.Add(1)%4 == 0 {
				w.step(breakdown.Sleep, func() { time.Sleep(10 * ms) })
			}
			mu.RUnlock()
		}
	}, holds: heldThroughAnother(breakdown.Sleep)},
	{name: "a semaphore between requests", clients: 6, n: 40, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		fetch := fetcher(t, 4*ms)
		free := make(chan int, 2)
		return func(http.ResponseWriter, *http.Request) {
			w.step(breakdown.Wait, func() { free <- 1 })
			w.step(breakdown.Upstream, fetch)
			<-free
		}
	}, holds: all(calls(breakdown.Upstream, 1), heldIn(breakdown.Wait, breakdown.Upstream))},
	{name: "two workers for eight clients", clients: 8, n: 60, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		type job struct {
			began time.Time
			done  chan time.Time
		}
		fetch := fetcher(t, 4*ms)
		jobs := make(chan *job)
		t.Cleanup(func() { close(jobs) })
		for range 2 {
			go func() {
				for j := range jobs {
					j.began = time.Now()
					fetch()
					j.done <- time.Now()
				}
			}()
		}
		return func(http.ResponseWriter, *http.Request) {
			start := time.Now()
			j := &job{done: make(chan time.Time, 1)}
			jobs <- j
			end := <-j.done
			w.add(breakdown.Wait, j.began.Sub(start))
			w.add(breakdown.Upstream, end.Sub(j.began))
		}
	}, holds: all(calls(breakdown.Upstream, 1), heldIn(breakdown.Wait, breakdown.Upstream))},
	{name: "two workers with a queue for eight clients", clients: 8, n: 60, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		type job struct {
			began time.Time
			done  chan time.Time
		}
		fetch := fetcher(t, 4*ms)
		jobs := make(chan *job, 64)
		t.Cleanup(func() { close(jobs) })
		for range 2 {
			go func() {
				for j := range jobs {
					j.began = time.Now()
					fetch()
					j.done <- time.Now()
				}
			}()
		}
		return func(http.ResponseWriter, *http.Request) {
			start := time.Now()
			j := &job{done: make(chan time.Time, 1)}
			jobs <- j
			end := <-j.done
			w.add(breakdown.Wait, j.began.Sub(start))
			w.add(breakdown.Upstream, end.Sub(j.began))
		}
	}, holds: all(calls(breakdown.Upstream, 1), heldIn(breakdown.Wait, breakdown.Upstream))},
	{name: "three workers behind a dispatcher", clients: 6, n: 60, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		type job struct {
			began, ended, passed time.Time
			done                 chan int
		}
		fetch := fetcher(t, 6*ms)
		jobs, results := make(chan *job), make(chan *job)
		t.Cleanup(func() { close(jobs) })
		for range 3 {
			go func() {
				for j := range jobs {
					j.began = time.Now()
					fetch()
					j.ended = time.Now()
					results <- j
				}
			}()
		}
		go func() {
			for j := range results {
				j.passed = time.Now()
				close(j.done)
			}
		}()
		return func(http.ResponseWriter, *http.Request) {
			start := time.Now()
			j := &job{done: make(chan int)}
			jobs <- j
			<-j.done
			w.add(breakdown.Wait, j.began.Sub(start))
			w.add(breakdown.Upstream, j.ended.Sub(j.began))
			w.add(breakdown.Wait, j.passed.Sub(j.ended))
		}
	}, holds: calls(breakdown.Upstream, 1)},
	{name: "a worker after another", clients: 5, n: 60, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		type job struct {
			began, fetched, taken, slept time.Time
			done                         chan int
		}
		fetch := fetcher(t, 3*ms)
		first, second := make(chan *job, 8), make(chan *job)
		t.Cleanup(func() { close(first) })
		go func() {
			defer close(second)
			for j := range first {
				j.began = time.Now()
				fetch()
				j.fetched = time.Now()
				second <- j
			}
		}()
		go func() {
			for j := range second {
				j.taken = time.Now()
				time.Sleep(5 * ms)
				j.slept = time.Now()
				close(j.done)
			}
		}()
		return func(http.ResponseWriter, *http.Request) {
			start := time.Now()
			j := &job{done: make(chan int)}
			first <- j
			<-j.done
			w.add(breakdown.Wait, j.began.Sub(start))
			w.add(breakdown.Upstream, j.fetched.Sub(j.began))
			w.add(breakdown.Wait, j.taken.Sub(j.fetched))
			w.add(breakdown.Sleep, j.slept.Sub(j.taken))
		}
	}, holds: calls(breakdown.Upstream, 1)},
	{name: "singleflight", clients: 6, n: 48, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		fetch := fetcher(t, 5*ms)
		var group singleflight.Group
		return func(http.ResponseWriter, *http.Request) {
			w.step(breakdown.Upstream, func() {
				group.Do("", func() (any, error) { fetch(); return nil, nil })
			})
		}
	}},
	{name: "singleflight by a channel", clients: 6, n: 48, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		fetch := fetcher(t, 5*ms)
		var group singleflight.Group
		return func(http.ResponseWriter, *http.Request) {
			w.step(breakdown.Upstream, func() {
				<-group.DoChan("", func() (any, error) { fetch(); return nil, nil })
			})
		}
	}},
	{name: "once", clients: 6, n: 6, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		fetch := fetcher(t, 10*ms)
		var once sync.Once
		return func(http.ResponseWriter, *http.Request) {
			w.step(breakdown.Upstream, func() { once.Do(fetch) })
		}
	}},
	{name: "a file, synchronized", clients: 1, n: 10, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		name := filepath.Join(t.TempDir(), "log")
		return func(http.ResponseWriter, *http.Request) {
			w.step(breakdown.File, func() {
				f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
				if err != nil {
					t.Error(err)
					return
				}
				f.Write(make([]byte, 1<<20))
				f.Sync()
				f.Close()
			})
		}
	}},
	{name: "a log to a slow pipe", clients: 1, n: 10, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		r, p, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		go func() {
			for {
				if _, err := io.CopyN(io.Discard, r, 64<<10); err != nil {
					return
				}
				time.Sleep(ms)
			}
		}()
		return func(http.ResponseWriter, *http.Request) {
			w.step(breakdown.File, func() { p.Write(make([]byte, 256<<10)) })
		}
	}},
	{name: "an iterator that is pulled", handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		fetch := fetcher(t, 4*ms)
		return func(http.ResponseWriter, *http.Request) {
			w.step(breakdown.Upstream, func() {
				next, stop := iter.Pull(func(yield func(int) bool) {
					for i := range 3 {
						fetch()
						if !yield(i) {
							return
						}
					}
				})
				defer stop()
				next()
				next()
			})
		}
	}, holds: calls(breakdown.Upstream, 2)},
	{name: "allocations that the collector slows", clients: 4, n: 40, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		return func(http.ResponseWriter, *http.Request) {
			var list *node
			for range 20_000 {
				list = &node{next: list}
			}
			runtime.KeepAlive(list)
			w.step(breakdown.Sleep, func() { time.Sleep(ms / 10) }) // names the request
		}
	}, holds: func(d *disagreement, s sums) {
		if lock := s.buckets[breakdown.Lock] - s.aside; s.buckets[breakdown.GC] == 0 || lock > s.wall/1000 {
			d.Errorf("gc %v, lock %v", s.buckets[breakdown.GC], lock)
		}
	}},
	outlived(),
}

// outlived is a handler that does not wait for a call it started. On a busy machine
// the call may not have begun when the request ends; then it does not belong to the
// request. If the other side was asked, the call has begun and has waited for its
// connection.
func outlived() pattern {
	var asked atomic.Int64
	return pattern{name: "a branch that outlives the request", handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		asked.Store(0)
		var seen sync.Map
		up := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			seen.Store(r.URL.Path, true)
			time.Sleep(10 * ms)
		}))
		t.Cleanup(up.Close)
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		var open sync.WaitGroup
		t.Cleanup(open.Wait)
		return func(http.ResponseWriter, *http.Request) {
			call := fmt.Sprint("/", w.n.Load())
			open.Go(func() { get(t, c, up.URL+call) })
			w.step(breakdown.Sleep, func() { time.Sleep(4 * ms) })
			if _, ok := seen.Load(call); ok {
				asked.Add(1)
			}
		}
	}, holds: func(d *disagreement, s sums) {
		n := 0
		for _, r := range s.requests {
			for _, c := range r.Calls {
				if c.OnPath != 0 || c.End > r.End {
					d.Errorf("a call that no goroutine waited for has %d ns on the path and ends %d ns after the request", c.OnPath, c.End-r.End)
				}
			}
			if len(r.Calls) > 1 {
				d.Errorf("%d calls, want at most one: %s", len(r.Calls), path(&r))
			}
			n += len(r.Calls)
		}
		if int64(n) < asked.Load() {
			d.Errorf("%d calls of %d requests, but the other side was asked %d times before they ended", n, s.n, asked.Load())
		}
	}}
}

// slowest remembers which of several branches ended last: on a busy machine it can be
// any of them.
type slowest struct{ atomic.Int64 }

func (s *slowest) ends(b breakdown.Bucket)  { s.Store(int64(b)) }
func (s *slowest) bucket() breakdown.Bucket { return breakdown.Bucket(s.Load()) }

// A node keeps the collector busy.
type node struct {
	next *node
	_    [10]*node
}

// calls checks how many calls each request made, as far as it waited for them.
func calls(b breakdown.Bucket, each int) func(*disagreement, sums) {
	return func(d *disagreement, s sums) {
		for i := range s.requests {
			n := 0
			for _, c := range s.requests[i].Calls {
				if c.Bucket == b {
					n++
				}
			}
			if n != each && s.requests[i].Endpoint != "" {
				d.Errorf("%d %s calls, want %d: %s", n, b, each, path(&s.requests[i]))
				return
			}
		}
	}
}

// heldIn checks that what kept requests in one bucket was mostly in another, and that
// the holders' time is at most the wait's.
func heldIn(waited, doing breakdown.Bucket) func(*disagreement, sums) {
	return func(d *disagreement, s sums) {
		var in, total int64
		for _, r := range s.requests {
			for _, seg := range r.Path {
				for _, b := range seg.Behind {
					total += b.Time
					if b.Bucket == doing && seg.Bucket == waited {
						in += b.Time
					}
				}
			}
		}
		if int64(s.buckets[waited]) == 0 || 2*in < int64(s.buckets[waited]) {
			d.Errorf("of %v in %s, the holders were in %s for %v, %v in total", s.buckets[waited], waited, doing, time.Duration(in), time.Duration(total))
		}
	}
}

// heldThroughAnother checks that requests wait for locks mostly for holders in a bucket that
// released only the goroutine that released the request, and that the place shown is where
// they were in it.
func heldThroughAnother(doing breakdown.Bucket) func(*disagreement, sums) {
	return func(d *disagreement, s sums) {
		var in int64
		for _, r := range s.requests {
			for _, seg := range r.Path {
				for _, b := range seg.Behind {
					if seg.Bucket != breakdown.Lock || b.Bucket != doing || b.Through == nil || b.Doing == nil {
						continue
					}
					if b.Doing.Site.Function == b.Through.Site.Function {
						d.Errorf("%s is said to be in %s, and it only waited", b.Through.Site.Function, doing)
					}
					in += b.Time
				}
			}
		}
		if 2*in < int64(s.buckets[breakdown.Lock]) {
			d.Errorf("of %v in locks, holders behind another were in %s for %v", s.buckets[breakdown.Lock], doing, time.Duration(in))
		}
	}
}

func all(checks ...func(*disagreement, sums)) func(*disagreement, sums) {
	return func(d *disagreement, s sums) {
		for _, check := range checks {
			check(d, s)
		}
	}
}

// TestPatternsOfWaiting checks the attribution against handlers that measure
// themselves.
func TestPatternsOfWaiting(t *testing.T) {
	for _, p := range patterns {
		t.Run(p.name, func(t *testing.T) {
			holds := p.holds
			if holds == nil {
				holds = all()
			}
			hold(t, func(w *stopwatch) sums {
				return serve(t, max(p.clients, 1), cmp.Or(p.n, 12), w, p.handler(t, w))
			}, holds)
		})
	}
}
