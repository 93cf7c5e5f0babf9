package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Polls lists scenarios with requests that wait for news, and the requests that
// publish it.
var Polls = []scenario.Scenario{
	{Name: "publish", Clients: 1, Server: calls((*shop).publish), Open: openPublish, Want: ordinary("(*shop).publish")},
	{Name: "long poll", Clients: 3, Server: calls((*shop).poll), Open: polling(&always, time.Second), Want: polls("(*shop).poll")},
	{Name: "long poll, mostly in vain", Clients: 4, Server: calls((*shop).pollInVain), Open: polling(&seldom, 40*time.Millisecond), Want: polls("(*shop).pollInVain")},
	{Name: "long poll by a Cond", Clients: 3, Server: calls((*shop).pollCond), Open: openCond, Want: polls("(*shop).pollCond")},
	{Name: "long poll by a hub", Clients: 3, Server: calls((*shop).pollHub), Open: openHub, Want: polls("(*shop).pollHub")},
	{Name: "long poll, told by a ticker", Clients: 3, Server: calls((*shop).pollTicker), Open: openTicker, Want: polls("(*shop).pollTicker")},
	{Name: "tokens of a rate", Clients: 3, Server: calls((*shop).token), Open: openTokens, Want: ordinary("(*shop).token")},
}

func calls(handler func(*shop, http.ResponseWriter, *http.Request)) scenario.Server {
	return handled(func(s *shop) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler(s, w, r) })
	})
}

// Each is an endpoint.
func (s *shop) publish(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, s.do(r.Context())) }
func (s *shop) poll(w http.ResponseWriter, r *http.Request)    { scenario.Answer(w, s.do(r.Context())) }
func (s *shop) pollInVain(w http.ResponseWriter, r *http.Request) {
	scenario.Answer(w, s.do(r.Context()))
}
func (s *shop) pollCond(w http.ResponseWriter, r *http.Request) {
	scenario.Answer(w, s.do(r.Context()))
}
func (s *shop) pollHub(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, s.do(r.Context())) }
func (s *shop) pollTicker(w http.ResponseWriter, r *http.Request) {
	scenario.Answer(w, s.do(r.Context()))
}
func (s *shop) token(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, s.do(r.Context())) }

func polls(endpoint string) scenario.Want {
	return scenario.Want{Calls: -1, Endpoint: named(endpoint), Kind: "http/1" + breakdown.LongPolling, Holds: isPoll(true)}
}

func ordinary(endpoint string) scenario.Want {
	return scenario.Want{Calls: -1, Endpoint: named(endpoint), Kind: "http/1", Holds: isPoll(false)}
}

func isPoll(want bool) func(*breakdown.Endpoint) error {
	return func(e *breakdown.Endpoint) error {
		if strings.HasSuffix(e.Kind, breakdown.LongPolling) != want {
			return fmt.Errorf("the endpoint's requests are %s", e.Kind)
		}
		return nil
	}
}

// A topic notifies all waiting requests.
type topic struct {
	mu   sync.Mutex
	next chan struct{}
}

// news is closed when there is news.
func (t *topic) news() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == nil {
		t.next = make(chan struct{})
	}
	return t.next
}

func (t *topic) tell() {
	t.mu.Lock()
	next := t.next
	t.next = nil
	t.mu.Unlock()
	if next != nil {
		close(next)
	}
}

// Every third publish notifies this topic, and one topic even less often.
var (
	always, seldom topic
	version        = struct {
		sync.Mutex
		*sync.Cond
		n int
	}{}
	hub = struct{ join, published chan chan struct{} }{make(chan chan struct{}), make(chan chan struct{})}
)

func init() { version.Cond = sync.NewCond(&version.Mutex) }

func openPublish(context.Context, scenario.Env) (scenario.Work, error) {
	n := 0
	return func(_ context.Context, w *scenario.Watch) error {
		err := w.Time(breakdown.Sleep, breakdown.NoPhase, func() error { time.Sleep(10 * time.Millisecond); return nil })
		if n++; n%3 != 0 {
			return err
		}
		if n%12 == 0 {
			seldom.tell()
		}
		always.tell()
		version.Lock()
		version.n++
		version.Unlock()
		version.Broadcast()
		select {
		case hub.published <- nil:
		default: // there is none
		}
		return err
	}, nil
}

// polling waits for news of a topic, with a timeout.
func polling(t *topic, most time.Duration) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(context.Context, scenario.Env) (scenario.Work, error) {
		return func(ctx context.Context, w *scenario.Watch) error {
			start := w.Now()
			select {
			case <-t.news():
				w.Note(breakdown.Wait, breakdown.NoPhase, start, w.Now())
			case <-time.After(most):
				w.Note(breakdown.Sleep, breakdown.NoPhase, start, w.Now())
			case <-ctx.Done():
				return ctx.Err()
			}
			return nil
		}, nil
	}
}

func openCond(context.Context, scenario.Env) (scenario.Work, error) {
	next := func() {
		version.Lock()
		version.n++
		version.Unlock()
		version.Broadcast()
	}
	return func(_ context.Context, w *scenario.Watch) error {
		defer time.AfterFunc(time.Second, next).Stop() // in case nothing is published anymore
		return w.Time(breakdown.Wait, breakdown.NoPhase, func() error {
			version.Lock()
			defer version.Unlock()
			for seen := version.n; version.n == seen; {
				version.Wait()
			}
			return nil
		})
	}, nil
}

// openHub starts a goroutine that tracks the waiting requests and notifies them.
func openHub(ctx context.Context, _ scenario.Env) (scenario.Work, error) {
	go func() {
		var waiting []chan struct{}
		for {
			select {
			case c := <-hub.join:
				waiting = append(waiting, c)
			case <-hub.published:
				for _, c := range waiting {
					close(c)
				}
				waiting = waiting[:0]
			case <-ctx.Done():
				return
			}
		}
	}()
	return func(ctx context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.Wait, breakdown.NoPhase, func() error {
			told := make(chan struct{})
			hub.join <- told
			select {
			case <-told:
				return nil
			case <-time.After(time.Second): // nothing is published anymore
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}, nil
}

// openTicker publishes news on a timer. It does so often, because a wait that began
// before the window has no stack, so its purpose is unknown.
func openTicker(ctx context.Context, _ scenario.Env) (scenario.Work, error) {
	var t topic
	go func() {
		tick, n := time.NewTicker(time.Millisecond), 0
		for range tick.C {
			if n++; n%40 == 0 {
				t.tell()
			}
			if ctx.Err() != nil {
				return
			}
		}
	}()
	return func(ctx context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.Sleep, breakdown.NoPhase, func() error {
			select {
			case <-t.news():
			case <-ctx.Done():
			}
			return ctx.Err()
		})
	}, nil
}

// openTokens limits the rate of requests with a goroutine that hands out one token
// at a time, with the time of the last one.
func openTokens(ctx context.Context, _ scenario.Env) (scenario.Work, error) {
	tokens := make(chan int64)
	var watch *scenario.Watch
	var once sync.Once
	started := make(chan struct{})
	go func() {
		<-started
		last := watch.Now()
		for tick := time.NewTicker(20 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			tokens <- last
			last = watch.Now()
		}
	}()
	return func(_ context.Context, w *scenario.Watch) error {
		once.Do(func() { watch = w; close(started) })
		start := w.Now()
		last := <-tokens
		end := w.Now()
		if last > start {
			w.Note(breakdown.Wait, breakdown.NoPhase, start, last)
		}
		w.Note(breakdown.Sleep, breakdown.NoPhase, max(start, last), end)
		return nil
	}, nil
}
