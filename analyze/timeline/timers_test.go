package timeline_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"timesink/analyze/breakdown"
)

// patience is the time of the timers here, and slack by how much two clocks on either
// side of a connection may differ about it.
const (
	patience = 50 * ms
	slack    = 100 * time.Microsecond
)

// A deaf server does not say that a request's body may be sent. It answers some time
// after the body came. It returns its address, and where it puts how long it waited for
// the last body and how long it then took.
func deaf(t *testing.T) (url string, waited, took *atomic.Int64) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	waited, took = new(atomic.Int64), new(atomic.Int64)
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
					came := time.Now()
					io.Copy(io.Discard, r.Body)
					read := time.Now()
					time.Sleep(10 * ms)
					waited.Store(int64(read.Sub(came)))
					took.Store(int64(time.Since(read)))
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			}()
		}
	}()
	return "http://" + l.Addr().String(), waited, took
}

// timerPatterns are handlers whose client waits for a timer of its own.
var timerPatterns = []pattern{
	{name: "a server that never says to go on", n: 6, handler: func(t *testing.T, w *stopwatch) http.HandlerFunc {
		url, waited, took := deaf(t)
		c := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: patience}}
		t.Cleanup(c.CloseIdleConnections)
		return func(http.ResponseWriter, *http.Request) {
			start := time.Now()
			r, _ := http.NewRequest("POST", url, strings.NewReader("a body"))
			r.Header.Set("Expect", "100-continue")
			answer, err := c.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			answer.Body.Close()
			all := time.Since(start)
			w.add(breakdown.Sleep, all-time.Duration(took.Load())+slack)
			w.add(breakdown.Upstream, all-time.Duration(waited.Load())+slack)
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
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			answer := answerDNS(buf[:n])
			if answer[7] == 0 {
				answer[7] = 1
				answer = append(append(answer, 0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16), net.IPv6loopback...)
			}
			c.WriteTo(answer, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
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
