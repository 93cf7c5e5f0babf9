package timeline_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"timesink/analyze/breakdown"
)

// patience is how long the timers here run, and slack by how much later than a timer its
// stopwatch may start or stop.
const (
	patience = 50 * ms
	slack    = 100 * time.Microsecond
)

// deaf starts a server that never says that a request's body may be sent, and answers
// some time after the body came. It returns the server's URL.
func deaf(t *testing.T) (url string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for in := bufio.NewReader(c); ; {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					io.Copy(io.Discard, r.Body)
					time.Sleep(10 * ms)
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// A lateBody is a request's body that notes when it was first read, in ns.
type lateBody struct {
	io.Reader
	readAt atomic.Int64
}

func (b *lateBody) Read(p []byte) (int, error) {
	b.readAt.CompareAndSwap(0, time.Now().UnixNano())
	return b.Reader.Read(p)
}

// timerPatterns are handlers whose client waits for its own timer.
var timerPatterns = []pattern{
	{name: "a server that never says to go on", n: 6, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		const text = "a body"
		url := deaf(t)
		c := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: patience}}
		t.Cleanup(c.CloseIdleConnections)
		return func(_ http.ResponseWriter, r *http.Request) {
			start := time.Now()
			var waits atomic.Int64 // since when, in ns
			ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{Wait100Continue: func() { waits.Store(time.Now().UnixNano()) }})
			body := &lateBody{Reader: strings.NewReader(text)}
			call, _ := http.NewRequestWithContext(ctx, "POST", url, body)
			call.ContentLength = int64(len(text))
			call.Header.Set("Expect", "100-continue")
			answer, err := c.Do(call)
			if err != nil {
				t.Error(err)
				return
			}
			answer.Body.Close()
			all, waited := time.Since(start), time.Duration(body.readAt.Load()-waits.Load())
			w.add(breakdown.Sleep, waited)
			w.add(breakdown.Upstream, all-waited+slack) // the body is read after the timer fires
		}
	}, holds: both(calls(breakdown.Upstream, 1), timedBy("net/http (Expect: 100-continue)"))},
	{name: "an address that does not answer", n: 6, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		url := upstream(t, 10*ms).URL
		var tried atomic.Int64 // when the address that is tried first was, 0 while none is
		var waited atomic.Int64
		d := &net.Dialer{FallbackDelay: patience, Resolver: twofold(t), Control: func(string, string, syscall.RawConn) error {
			now := time.Now().UnixNano()
			if tried.CompareAndSwap(0, now) {
				time.Sleep(4 * patience)
			} else {
				waited.Store(now - tried.Swap(0))
			}
			return nil
		}}
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
			return d.DialContext(ctx, network, "twofold.test:"+port)
		}}}
		return func(http.ResponseWriter, *http.Request) {
			start := time.Now()
			get(t, c, url)
			all := time.Since(start)
			w.add(breakdown.Sleep, time.Duration(waited.Load())+slack)
			w.add(breakdown.Upstream, all-time.Duration(waited.Load())+slack)
		}
	}, holds: timedBy("net (dual-stack fallback)")},
}

// twofold returns a resolver for which every name has an address of each family.
func twofold(t *testing.T) *net.Resolver {
	return resolver(t, func(query []byte) []byte {
		answer := answerDNS(query)
		if answer[7] == 0 {
			answer[7] = 1
			answer = append(append(answer, 0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16), net.IPv6loopback...)
		}
		return answer
	})
}

// both combines two conditions.
func both(a, b func(*disagreement, sums)) func(*disagreement, sums) {
	return func(d *disagreement, s sums) { a(d, s); b(d, s) }
}

// timedBy checks that all sleep is a library's timer, and that there is as much of it as
// the timer takes.
func timedBy(library string) func(*disagreement, sums) {
	return func(d *disagreement, s sums) {
		for i := range s.requests {
			r := &s.requests[i]
			sleep := time.Duration(0)
			for _, seg := range r.Path {
				if seg.Bucket != breakdown.Sleep {
					continue
				}
				sleep += time.Duration(seg.End - seg.Start)
				if seg.Cause.Timer != library || !strings.Contains(seg.Cause.Site.Function, "timerPatterns") && !strings.Contains(seg.Cause.Site.Function, "timeline_test") {
					d.Errorf("sleep for a timer of %q, at %s", seg.Cause.Timer, seg.Cause.Site.Function)
				}
			}
			if sleep < patience {
				d.Errorf("only %v of sleep: %s", sleep, path(r))
			}
		}
	}
}

func TestTimersOfClients(t *testing.T) {
	for _, p := range timerPatterns {
		t.Run(p.name, func(t *testing.T) {
			hold(t, func(w *stopwatch) sums { return serve(t, 1, p.n, w, p.handler(t, w)) }, p.holds)
		})
	}
}
