package analyze_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"timesink/analyze/breakdown"
	"timesink/analyze/trace/tracetest"
)

// A hanging is a service whose requests stand still, or seem to.
type hanging struct {
	work    func()
	release func() // lets everything end
	found   string // the ID of the only cause that is shown, "" for none
	at      string // a function that it names
}

// batches hands jobs to a worker and takes the results once all are handed over. The
// worker does not take another job before its result is taken.
func batches() hanging {
	jobs, results, quit := make(chan int), make(chan int), make(chan struct{})
	go func() {
		for j := range jobs {
			results <- j
		}
	}()
	return hanging{func() { handOver(jobs, results, 3) }, func() {
		go func() {
			for {
				select {
				case <-results:
				case <-jobs:
				case <-quit:
					return
				}
			}
		}()
	}, "deadlock", "batches"}
}

func handOver(jobs chan<- int, results <-chan int, n int) {
	for i := range n {
		jobs <- i
	}
	for range n {
		select {
		case <-results:
		case <-time.After(time.Second):
		}
	}
}

// awaiting waits for news, without a time limit.
func awaiting() hanging {
	news := make(chan struct{})
	return hanging{func() { <-news }, func() { close(news) }, "", ""}
}

// slow works for a long time under a lock, step by step.
func slow() hanging {
	var mu sync.Mutex
	over := make(chan struct{})
	return hanging{func() {
		mu.Lock()
		defer mu.Unlock()
		for range 500 {
			select {
			case <-over:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}, func() { close(over) }, "", ""}
}

// Requests that stand still are a cause only if that is no wait for news and nobody is at
// work for them.
func TestRequestsThatStandStill(t *testing.T) {
	t.Parallel()
	for name, made := range map[string]func() hanging{"a worker waits for those who wait for it": batches, "a long poll": awaiting, "slow work under a lock": slow} {
		t.Run(name, func(t *testing.T) {
			if tracetest.Alone(t) {
				return
			}
			h := made()
			s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { h.work() }))
			defer s.Close()
			defer h.release()
			for range 5 { // without a goroutine that waits for the answer
				c, err := net.Dial("tcp", s.Listener.Addr().String())
				if err == nil {
					_, err = c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
				}
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
			}
			<-time.After(100 * time.Millisecond)
			b := analyzed(t, bare(t, record(t, func() { <-time.After(1500 * time.Millisecond) })))
			found, at := "", ""
			for _, f := range b.Findings {
				found += f.ID
				for _, fact := range f.Facts {
					at += fact.Function + " "
				}
			}
			if found != h.found || !strings.Contains(at, h.at) {
				t.Errorf("found %q at %q, want %q at %s; conclusion %+v", found, at, h.found, h.at, b.Conclusion)
			}
			for _, e := range b.Endpoints {
				cut := int64(0)
				for _, t := range e.Buckets {
					for _, s := range t.IncompleteSites {
						cut += s.Total
					}
				}
				if e.Requests == 0 && cut != e.IncompleteTime {
					t.Errorf("the sites of cut requests sum to %d ns of %d", cut, e.IncompleteTime)
				}
			}
		})
	}
}

// Goroutines that outlast the request that started them grow in number; those that end
// after a while do not.
func TestGoroutinesThatStay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		stays time.Duration // 0 for ever
		grows bool
	}{"for ever": {0, true}, "for a second": {time.Second, false}} {
		t.Run(name, func(t *testing.T) {
			if tracetest.Alone(t) {
				return
			}
			results, over := make(chan int), make(chan struct{})
			defer close(over)
			leave := func() {
				done := make(chan int)
				if tt.stays > 0 {
					time.AfterFunc(tt.stays, func() { close(done) })
				}
				go func() {
					select {
					case results <- 1:
					case <-done:
					case <-over:
					}
				}()
			}
			s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(5 * time.Millisecond); leave() }))
			defer s.Close()
			load := func(d time.Duration) {
				for begin := time.Now(); time.Since(begin) < d; time.Sleep(20 * time.Millisecond) {
					if resp, err := http.Get(s.URL); err == nil {
						resp.Body.Close()
					}
				}
			}
			load(time.Second)
			b := analyzed(t, bare(t, record(t, func() { load(3300 * time.Millisecond) })))
			grows := false
			for _, f := range b.Findings {
				if f.ID == "goroutines-grow" {
					grows = strings.Contains(f.Facts.Frame(breakdown.FactGrown).Function, "TestGoroutinesThatStay")
				}
			}
			if grows != tt.grows {
				t.Errorf("the goroutines grow: %v, want %v; found %+v", grows, tt.grows, b.Findings)
			}
		})
	}
}
