package timeline_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"sync"
	"testing"
	"time"

	"timesink/analyze/breakdown"
)

// delays are the minimum durations of the steps of a call.
var delays = map[breakdown.Phase]time.Duration{
	breakdown.DNS:          7 * ms,
	breakdown.Connect:      9 * ms,
	breakdown.TLS:          11 * ms,
	breakdown.ResponseWait: 14 * ms,
	breakdown.BodyRead:     8 * ms,
}

// nameserver returns a resolver for which every name has the address 127.0.0.1, after a
// delay.
func nameserver(t *testing.T) *net.Resolver {
	return resolver(t, func(query []byte) []byte {
		time.Sleep(delays[breakdown.DNS])
		return answerDNS(query)
	})
}

// resolver returns a resolver that asks a name server with these answers.
func resolver(t *testing.T, answer func(query []byte) []byte) *net.Resolver {
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
			query := slices.Clone(buf[:n])
			go func() { c.WriteTo(answer(query), from) }()
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

// answerDNS turns a query into its answer: one address for type A, otherwise none.
func answerDNS(q []byte) []byte {
	end := 12
	for end < len(q) && q[end] != 0 {
		end += int(q[end]) + 1
	}
	end += 5
	isA := binary.BigEndian.Uint16(q[end-4:]) == 1
	out := append([]byte(nil), q[:end]...)
	out[2], out[3] = 0x81, 0x80
	binary.BigEndian.PutUint16(out[6:], 0)
	binary.BigEndian.PutUint16(out[8:], 0)
	binary.BigEndian.PutUint16(out[10:], 0)
	if isA {
		out[7] = 1
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1)
	}
	return out
}

// slowServer delays each step.
func slowServer(t *testing.T, h2 bool) *httptest.Server {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(delays[breakdown.ResponseWait])
		io.WriteString(w, "a part of the answer")
		http.NewResponseController(w).Flush()
		time.Sleep(delays[breakdown.BodyRead])
		io.WriteString(w, "and the rest")
	}))
	s.EnableHTTP2 = h2
	s.StartTLS()
	// The handshake waits for its configuration.
	config := s.TLS.Clone()
	s.TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		time.Sleep(delays[breakdown.TLS])
		return config, nil
	}
	t.Cleanup(s.Close)
	return s
}

// phaseClock measures the phases of a call with net/http/httptrace.
type phaseClock struct {
	mu    sync.Mutex
	at    map[breakdown.Phase]time.Time
	spent map[breakdown.Phase]time.Duration
}

func (c *phaseClock) begin(p breakdown.Phase) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at == nil {
		c.at, c.spent = map[breakdown.Phase]time.Time{}, map[breakdown.Phase]time.Duration{}
	}
	c.at[p] = time.Now()
}

func (c *phaseClock) end(p breakdown.Phase) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spent[p] += time.Since(c.at[p])
}

func (c *phaseClock) with(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { c.begin(breakdown.DNS) },
		DNSDone:              func(httptrace.DNSDoneInfo) { c.end(breakdown.DNS) },
		TLSHandshakeStart:    func() { c.begin(breakdown.TLS) },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { c.end(breakdown.TLS) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { c.begin(breakdown.ResponseWait) },
		GotFirstResponseByte: func() { c.end(breakdown.ResponseWait); c.begin(breakdown.BodyRead) },
	})
}

// A call's phases match its steps: each is at least what the other side took for it,
// and at most what the client's own trace of the call says.
func TestCallPhases(t *testing.T) {
	for _, c := range []struct {
		name string
		h2   bool
	}{{"HTTP/1", false}, {"HTTP/2", true}} {
		t.Run(c.name, func(t *testing.T) {
			const n = 8
			up := slowServer(t, c.h2)
			_, port, _ := net.SplitHostPort(up.Listener.Addr().String())
			names := nameserver(t)
			var clock *phaseClock
			measure := func(w *stopwatch) sums {
				clock = &phaseClock{}
				return serve(t, 1, n, w, func(_ http.ResponseWriter, r *http.Request) {
					tr := &http.Transport{
						TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
						ForceAttemptHTTP2: c.h2,
						DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
							time.Sleep(delays[breakdown.Connect])
							return (&net.Dialer{Resolver: names}).DialContext(ctx, network, addr)
						},
					}
					w.step(breakdown.Upstream, func() {
						defer tr.CloseIdleConnections()
						req, _ := http.NewRequestWithContext(clock.with(r.Context()), "GET", "https://example.com:"+port, nil)
						do(t, &http.Client{Transport: tr}, req)
						clock.end(breakdown.BodyRead)
					})
				})
			}
			hold(t, measure, calls(breakdown.Upstream, 1), func(d *disagreement, s sums) {
				for p, delay := range delays {
					got, least, most := s.phases[p], n*delay, clock.spent[p]
					if p == breakdown.Connect {
						most = s.buckets[breakdown.Upstream] // httptrace does not report it
					}
					if got < least-least/50 || got > most+s.wall/50 {
						d.Errorf("%s is %v, but the other side took %v and the client measured %v", p, got, least, most)
					}
				}
			})
		})
	}
}

// TestCallsAreCounted checks the number of calls against what the other side served.
func TestCallsAreCounted(t *testing.T) {
	h2 := func(s *httptest.Server) *http.Client {
		s.EnableHTTP2 = true
		s.StartTLS()
		return s.Client()
	}
	kept := func(s *httptest.Server) *http.Client {
		s.Start()
		return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	}
	notKept := func(s *httptest.Server) *http.Client {
		s.Start()
		return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	}
	sequential := func(t *testing.T, c *http.Client, url string) {
		for range 3 {
			get(t, c, url)
		}
	}
	concurrent := func(t *testing.T, c *http.Client, url string) {
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { get(t, c, url) })
		}
		all.Wait()
	}
	withBody := func(t *testing.T, c *http.Client, url string) {
		for range 2 {
			req, _ := http.NewRequest("POST", url, io.LimitReader(zeros{}, 1<<18))
			do(t, c, req)
		}
	}
	timedOut := func(t *testing.T, c *http.Client, url string) {
		limited := *c
		limited.Timeout = 4 * ms
		if resp, err := limited.Get(url + "/late"); err == nil {
			resp.Body.Close()
			t.Error("an answer that should be late came in time")
		}
	}
	unread := func(t *testing.T, c *http.Client, url string) {
		for range 2 {
			resp, err := c.Get(url)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
		}
	}
	for _, c := range []struct {
		name  string
		start func(*httptest.Server) *http.Client
		ask   func(*testing.T, *http.Client, string)
		calls int
	}{
		{"one after another, kept alive", kept, sequential, 3},
		{"one after another, not kept alive", notKept, sequential, 3},
		{"one after another, HTTP/2", h2, sequential, 3},
		{"at once, kept alive", kept, concurrent, 3},
		{"at once, not kept alive", notKept, concurrent, 3},
		{"at once, HTTP/2", h2, concurrent, 3},
		{"with a body", kept, withBody, 2},
		{"with a body, HTTP/2", h2, withBody, 2},
		{"redirected: each hop is a call", kept, func(t *testing.T, c *http.Client, url string) { get(t, c, url+"/moved") }, 2},
		{"timed out by the client", kept, timedOut, 1},
		{"timed out by the client, HTTP/2", h2, timedOut, 1},
		{"answers that are not read", notKept, unread, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				switch r.URL.Path {
				case "/moved":
					time.Sleep(ms)
					http.Redirect(w, r, "/", http.StatusFound)
				case "/late":
					<-r.Context().Done()
				default:
					time.Sleep(ms)
					io.WriteString(w, "an answer")
				}
			}))
			client := c.start(up)
			defer up.Close()
			defer client.CloseIdleConnections()
			hold(t, func(w *stopwatch) sums {
				return serve(t, 2, 12, w, func(http.ResponseWriter, *http.Request) {
					w.step(breakdown.Upstream, func() { c.ask(t, client, up.URL) })
				})
			}, calls(breakdown.Upstream, c.calls))
		})
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }
