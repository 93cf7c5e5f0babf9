package timeline_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"timesink/analyze/breakdown"
)

// within returns a call of a URL, with a context that may be nil.
func within(c *http.Client, url string) func(ctx context.Context) {
	return func(ctx context.Context) {
		r, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
		if answer, err := c.Do(r); err == nil {
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
	}
}

// deadlinePatterns are handlers that make one call each. The other side answers after
// 30 ms.
var deadlinePatterns = []struct {
	name    string
	expires bool // the call ends by its deadline
	handler func(t *testing.T, url string) http.HandlerFunc
}{
	{"a context's deadline", true, func(t *testing.T, url string) http.HandlerFunc {
		call := within(clientOf(t, &http.Transport{}), url)
		return func(_ http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), 10*ms)
			defer cancel()
			call(ctx)
		}
	}},
	{"a deadline further out", true, func(t *testing.T, url string) http.HandlerFunc {
		call := within(clientOf(t, &http.Transport{}), url)
		return func(_ http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), 10*ms)
			defer cancel()
			ctx, stop := context.WithCancel(ctx)
			defer stop()
			call(ctx)
		}
	}},
	{"a client's time-out", true, func(t *testing.T, url string) http.HandlerFunc {
		c := clientOf(t, &http.Transport{})
		c.Timeout = 10 * ms
		call := within(c, url)
		return func(_ http.ResponseWriter, r *http.Request) { call(r.Context()) }
	}},
	{"a transport's time-out", true, func(t *testing.T, url string) http.HandlerFunc {
		call := within(clientOf(t, &http.Transport{ResponseHeaderTimeout: 10 * ms}), url)
		return func(_ http.ResponseWriter, r *http.Request) { call(r.Context()) }
	}},
	{"a branch that is given up", true, func(t *testing.T, url string) http.HandlerFunc {
		call := within(clientOf(t, &http.Transport{}), url)
		return func(http.ResponseWriter, *http.Request) {
			done := make(chan bool, 1)
			go func() { call(context.Background()); done <- true }()
			select {
			case <-done:
			case <-time.After(10 * ms):
			}
		}
	}},
	{"a branch that is given up by a context", true, func(t *testing.T, url string) http.HandlerFunc {
		call := within(clientOf(t, &http.Transport{}), url)
		return func(_ http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), 10*ms)
			defer cancel()
			done := make(chan bool, 1)
			go func() { call(context.Background()); done <- true }()
			select {
			case <-done:
			case <-ctx.Done():
			}
		}
	}},
	{"a handler that is given up", true, func(t *testing.T, url string) http.HandlerFunc {
		call := within(clientOf(t, &http.Transport{}), url)
		limited := http.TimeoutHandler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			call(context.Background())
		}), 10*ms, "too late")
		return func(w http.ResponseWriter, r *http.Request) { limited.ServeHTTP(w, r) }
	}},
	{"a deadline that is not reached", false, func(t *testing.T, url string) http.HandlerFunc {
		call := within(clientOf(t, &http.Transport{ResponseHeaderTimeout: time.Minute}), url)
		return func(_ http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
			defer cancel()
			call(ctx)
		}
	}},
	{"a call that is canceled", false, func(t *testing.T, url string) http.HandlerFunc {
		call := within(clientOf(t, &http.Transport{}), url)
		return func(_ http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			go func() { time.Sleep(10 * ms); cancel() }()
			call(ctx)
		}
	}},
	{"a branch that is asked for now and then", false, func(t *testing.T, url string) http.HandlerFunc {
		call := within(clientOf(t, &http.Transport{}), url)
		return func(http.ResponseWriter, *http.Request) {
			done := make(chan bool, 1)
			go func() { call(context.Background()); done <- true }()
			for tick := time.NewTicker(4 * ms); ; {
				select {
				case <-done:
					tick.Stop()
					return
				case <-tick.C:
				}
			}
		}
	}},
	{"a deadline between two calls", false, func(t *testing.T, url string) http.HandlerFunc {
		call := within(clientOf(t, &http.Transport{}), url)
		return func(_ http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), 5*ms)
			defer cancel()
			<-ctx.Done()
			call(r.Context())
		}
	}},
}

func TestCallsThatEndByTheirDeadline(t *testing.T) {
	for _, p := range deadlinePatterns {
		t.Run(p.name, func(t *testing.T) {
			w := &stopwatch{}
			s := serve(t, 1, 8, w, p.handler(t, upstream(t, 30*ms).URL))
			calls, expired, waited, unread := 0, 0, 0, 0
			for _, r := range s.requests {
				for _, c := range r.Calls {
					if c.Bucket == breakdown.Upstream {
						calls++
					}
					if c.TimedOut {
						expired++
					}
					if c.TimedOut && 2*c.OnPath > c.Time() {
						waited++
					}
					if c.Unread {
						unread++
					}
				}
			}
			// On a busy machine a deadline may pass before the call waits for anything.
			ended := expired == 0
			if p.expires {
				ended = 4*expired >= 3*calls && 4*waited >= 3*expired
			}
			if calls < 6 || !ended || unread > 0 {
				t.Errorf("of %d calls %d ended by their deadline, %d of them on the path, and after %d nothing was read: %s", calls, expired, waited, unread, s)
			}
		})
	}
}

// clientOf returns a client whose connections are closed when the test ends.
func clientOf(t *testing.T, transport *http.Transport) *http.Client {
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
