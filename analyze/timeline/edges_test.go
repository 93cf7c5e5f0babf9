package timeline_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"timesink/analyze/breakdown"
)

// A client sends requests to a server in some way; addr is the server's host and
// port.
type client struct {
	name string
	tls  bool
	h2c  bool
	// kind is the kind of the requests, "http/1" if empty.
	kind string
	ask  func(t *testing.T, s *httptest.Server, addr string)
}

// raw sends text on a new connection, in pieces, and reads all answers.
func raw(t *testing.T, addr string, pieces ...string) string {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i, p := range pieces {
		if i > 0 {
			time.Sleep(2 * ms)
		}
		io.WriteString(c, p)
	}
	answer, _ := io.ReadAll(c)
	return string(answer)
}

const (
	getKeep  = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	getClose = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
)

var clients = []client{
	{name: "kept alive", ask: func(t *testing.T, s *httptest.Server, _ string) {
		for range 20 {
			get(t, s.Client(), s.URL)
		}
	}},
	{name: "kept alive by four", ask: func(t *testing.T, s *httptest.Server, _ string) {
		each(4, 60, func(int) { get(t, s.Client(), s.URL) })
	}},
	{name: "a connection for each", ask: func(t *testing.T, s *httptest.Server, _ string) {
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		each(4, 30, func(int) { get(t, c, s.URL) })
	}},
	{name: "a connection for each of one that does not say so", ask: func(t *testing.T, s *httptest.Server, _ string) {
		for range 10 {
			tr := &http.Transport{}
			get(t, &http.Client{Transport: tr}, s.URL)
			tr.CloseIdleConnections()
		}
	}},
	{name: "pipelined", ask: func(t *testing.T, _ *httptest.Server, addr string) {
		for range 5 {
			raw(t, addr, strings.Repeat(getKeep, 7)+getClose)
		}
	}},
	{name: "pipelined in pieces", ask: func(t *testing.T, _ *httptest.Server, addr string) {
		for range 3 {
			raw(t, addr, getKeep+getKeep[:9], getKeep[9:]+getKeep, getClose)
		}
	}},
	{name: "a header in pieces", ask: func(t *testing.T, _ *httptest.Server, addr string) {
		for range 5 {
			raw(t, addr, "GET / HT", "TP/1.1\r\nHo", "st: x\r\nConnection: close\r\n", "\r\n")
		}
	}},
	{name: "a second header in pieces", ask: func(t *testing.T, _ *httptest.Server, addr string) {
		for range 3 {
			raw(t, addr, getKeep, "GET / HT", "TP/1.1\r\nHo", "st: x\r\nConnection: close\r\n", "\r\n")
		}
	}},
	{name: "small bodies", ask: post(func() io.Reader { return strings.NewReader("a small body") })},
	{name: "large bodies", ask: post(func() io.Reader { return bytes.NewReader(make([]byte, 1<<20)) })},
	{name: "chunked bodies", ask: post(func() io.Reader { return io.MultiReader(strings.NewReader("one"), strings.NewReader("two")) })},
	{name: "bodies that come slowly", ask: post(func() io.Reader { return &slowReader{pieces: 4} })},
	{name: "bodies that wait for a continue", ask: func(t *testing.T, s *httptest.Server, _ string) {
		c := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
		for range 5 {
			req, _ := http.NewRequest("POST", s.URL, strings.NewReader("a body"))
			req.Header.Set("Expect", "100-continue")
			do(t, c, req)
		}
		c.CloseIdleConnections()
	}},
	{name: "without an answer's body", ask: func(t *testing.T, s *httptest.Server, _ string) {
		for range 10 {
			get(t, s.Client(), s.URL+"/204")
		}
	}},
	{name: "HEAD", ask: func(t *testing.T, s *httptest.Server, _ string) {
		for range 10 {
			req, _ := http.NewRequest("HEAD", s.URL, nil)
			do(t, s.Client(), req)
		}
	}},
	{name: "large answers", ask: func(t *testing.T, s *httptest.Server, _ string) {
		for range 5 {
			get(t, s.Client(), s.URL+"/large")
		}
	}},
	{name: "gone in the middle of a request", ask: func(t *testing.T, _ *httptest.Server, addr string) {
		for range 5 {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(c, "GET /gone HTTP/1.1\r\nHost: x\r\n\r\n")
			time.Sleep(2 * ms)
			c.Close()
		}
	}},
	{name: "connections that ask nothing", ask: func(t *testing.T, s *httptest.Server, addr string) {
		for range 5 {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(ms)
			c.Close()
		}
		get(t, s.Client(), s.URL)
	}},
	{name: "garbage", ask: func(t *testing.T, s *httptest.Server, addr string) {
		for range 5 {
			if answer := raw(t, addr, "this is no request\r\n\r\n"); !strings.Contains(answer, "400 Bad Request") {
				t.Errorf("garbage was answered %q", answer)
			}
		}
		get(t, s.Client(), s.URL)
	}},
	{name: "a fast handler", ask: func(t *testing.T, s *httptest.Server, _ string) {
		each(2, 200, func(int) { get(t, s.Client(), s.URL+"/fast") })
	}},
	{name: "a fast handler that is asked without a pause", ask: func(t *testing.T, _ *httptest.Server, addr string) {
		for range 3 {
			raw(t, addr, strings.Repeat("GET /fast HTTP/1.1\r\nHost: x\r\n\r\n", 99)+getClose)
		}
	}},
	{name: "TLS", tls: true, ask: func(t *testing.T, s *httptest.Server, _ string) {
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: s.Client().Transport.(*http.Transport).TLSClientConfig}}
		each(3, 30, func(int) { get(t, c, s.URL) })
		c.CloseIdleConnections()
	}},
	{name: "TLS, large answers of a known length", tls: true, ask: func(t *testing.T, s *httptest.Server, _ string) {
		each(4, 200, func(int) { get(t, s.Client(), s.URL+"/sized") })
	}},
	{name: "TLS that fails", tls: true, ask: func(t *testing.T, s *httptest.Server, addr string) {
		for range 3 {
			if c, err := tls.Dial("tcp", addr, &tls.Config{ServerName: "elsewhere"}); err == nil {
				c.Close()
				t.Error("a wrong certificate was accepted")
			}
		}
		raw(t, addr, getClose)
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: s.Client().Transport.(*http.Transport).TLSClientConfig}}
		get(t, c, s.URL)
		c.CloseIdleConnections()
	}},
	{name: "HTTP/2", tls: true, kind: "http/2", ask: func(t *testing.T, s *httptest.Server, _ string) {
		each(4, 40, func(int) { get(t, s.Client(), s.URL) })
	}},
	{name: "HTTP/2 with bodies", tls: true, kind: "http/2", ask: post(func() io.Reader { return bytes.NewReader(make([]byte, 1<<18)) })},
	{name: "HTTP/2 without TLS", h2c: true, kind: "http/2", ask: func(t *testing.T, s *httptest.Server, _ string) {
		tr := &http.Transport{Protocols: new(http.Protocols)}
		tr.Protocols.SetUnencryptedHTTP2(true)
		each(3, 30, func(int) { get(t, &http.Client{Transport: tr}, s.URL) })
		tr.CloseIdleConnections()
	}},
	{name: "a fast HTTP/2 handler", tls: true, kind: "http/2", ask: func(t *testing.T, s *httptest.Server, _ string) {
		each(2, 100, func(int) { get(t, s.Client(), s.URL+"/fast") })
	}},
}

type slowReader struct{ pieces int }

func (r *slowReader) Read(b []byte) (int, error) {
	if r.pieces == 0 {
		return 0, io.EOF
	}
	r.pieces--
	time.Sleep(ms)
	return copy(b, "a piece"), nil
}

func post(body func() io.Reader) func(*testing.T, *httptest.Server, string) {
	return func(t *testing.T, s *httptest.Server, _ string) {
		for range 8 {
			req, _ := http.NewRequest("POST", s.URL, body())
			do(t, s.Client(), req)
		}
	}
}

func do(t *testing.T, c *http.Client, req *http.Request) {
	resp, err := c.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// counting is a handler that counts what it serves.
type counting struct {
	n, spent atomic.Int64
}

func (h *counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	defer func() {
		h.spent.Add(int64(time.Since(start)))
		h.n.Add(1)
	}()
	io.Copy(io.Discard, r.Body)
	switch r.URL.Path {
	case "/fast":
		return
	case "/204":
		w.WriteHeader(http.StatusNoContent)
	case "/sized":
		w.Header().Set("Content-Length", "100000")
		w.Write(make([]byte, 100000))
	case "/large":
		w.Write(make([]byte, 4<<20))
	case "/gone":
		<-r.Context().Done()
	default:
		time.Sleep(ms)
		io.WriteString(w, "an answer")
	}
}

// start serves a handler the way a client needs, without delaying shutdown for
// connections that the client abandoned.
func (c *client) start(h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = c.kind == "http/2"
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	switch {
	case c.h2c:
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetHTTP1(true)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
	case c.tls:
		s.StartTLS()
	default:
		s.Start()
	}
	return s
}

// TestEachRequestIsOne checks the requests in the trace against those that the
// handler counted.
func TestEachRequestIsOne(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			var h counting
			before := serving()
			data := record(t, func() {
				s := c.start(&h)
				c.ask(t, s, s.Listener.Addr().String())
				shut(s, before)
			})
			_, all := read(t, data, 2)
			n, wall, kind := int64(0), int64(0), c.kind
			if kind == "" {
				kind = "http/1"
			}
			for _, r := range all {
				if r.Incomplete {
					t.Errorf("a request on goroutine %d is incomplete", r.Goroutine)
				}
				if r.Kind != kind {
					t.Errorf("a request of kind %s has kind %s", kind, r.Kind)
				}
				if r.Endpoint != "" && r.Endpoint != reflect.TypeFor[counting]().PkgPath()+".(*counting).ServeHTTP" {
					t.Errorf("a request is served by %s", r.Endpoint)
				}
				n++
				wall += r.Wall()
			}
			if n != h.n.Load() {
				t.Errorf("%d requests, but the handler counted %d", n, h.n.Load())
				for i := range all {
					t.Log(path(&all[i]))
				}
			}
			if wall < h.spent.Load() {
				t.Errorf("the requests took %v, the handler alone %v", time.Duration(wall), time.Duration(h.spent.Load()))
			}
			explained(t, all)
		})
	}
}

// explained checks that next to nothing of the requests is unknown, and that none of
// it is idle time of the connection.
func explained(t *testing.T, all []breakdown.Request) {
	t.Helper()
	wall, unknown := int64(0), int64(0)
	var worst *breakdown.Request
	for i := range all {
		wall += all[i].Wall()
		for _, s := range all[i].Path {
			if s.Bucket == breakdown.Unknown {
				unknown += s.End - s.Start
				worst = &all[i]
			}
		}
	}
	if unknown > wall/200 {
		t.Errorf("%v of %v is unknown: %s", time.Duration(unknown), time.Duration(wall), path(worst))
	}
}

// Requests that the window's edges cut are incomplete, and counted once.
func TestRequestsInFlightAtTheEdges(t *testing.T) {
	for _, c := range []client{{name: "HTTP/1"}, {name: "HTTP/2", kind: "http/2", tls: true}} {
		t.Run(c.name, func(t *testing.T) {
			began, goOn := make(chan int), make(chan int)
			s := c.start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				began <- 1
				<-goOn
				time.Sleep(2 * ms)
			}))
			defer s.Close()
			var asked sync.WaitGroup
			ask := func() { get(t, s.Client(), s.URL) }
			const before, within, after = 3, 4, 2
			for range before {
				asked.Go(ask)
				<-began
			}
			data := record(t, func() {
				for range before {
					goOn <- 1
				}
				asked.Wait()
				for range within {
					asked.Go(ask)
					<-began
					goOn <- 1
					asked.Wait()
				}
				for range after {
					asked.Go(ask)
					<-began
				}
			})
			for range after {
				goOn <- 1
			}
			asked.Wait()
			sum, all := read(t, data, 1)
			counts := map[string]int{}
			for _, r := range all {
				switch {
				case !r.Incomplete:
					counts["within"]++
				case r.Start == sum.Start:
					counts["before"]++
				case r.End == sum.End:
					counts["after"]++
				}
			}
			if counts["within"] != within || counts["before"] != before || counts["after"] != after || len(all) != before+within+after {
				t.Errorf("%v of %d requests", counts, len(all))
				for i := range all {
					t.Log(all[i].Incomplete, path(&all[i]))
				}
			}
		})
	}
}

// A connection that its handler hijacks stops being a request then, however long the
// handler stays.
func TestHijackedConnections(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(ms)
		c, in, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\n")
		for line, err := in.ReadString('\n'); err == nil; line, err = in.ReadString('\n') {
			time.Sleep(2 * ms)
			io.WriteString(c, line)
		}
	}))
	var asked time.Duration // until the answer came, which is after the handler hijacked the connection
	before := serving()
	data := record(t, func() {
		start := time.Now()
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		answers := bufio.NewReader(c)
		io.WriteString(c, getKeep)
		answers.ReadString('\n')
		asked = time.Since(start)
		for range 5 {
			io.WriteString(c, "a line\n")
			answers.ReadString('\n')
		}
		c.Close()
		shut(s, before)
	})
	_, all := read(t, data, 1)
	if len(all) != 1 || all[0].Incomplete || !strings.Contains(all[0].Endpoint, "TestHijackedConnections") {
		t.Fatalf("%d requests: %+v", len(all), all)
	}
	if wall := time.Duration(all[0].Wall()); wall < ms || wall > asked {
		t.Errorf("the request takes %v, but the client had its answer after %v", wall, asked)
	}
}

// A slow reader's requests are client_io, as are those of a client that sends its
// body slowly.
func TestWaitingForTheClient(t *testing.T) {
	var w stopwatch
	answer := make([]byte, 8<<20)
	s := httptest.NewServer(w.handler(func(out http.ResponseWriter, r *http.Request) {
		w.step(breakdown.ClientIO, func() { io.Copy(io.Discard, r.Body) })
		w.step(breakdown.ClientIO, func() { out.Write(answer) })
	}))
	before := serving()
	data := record(t, func() {
		for range 3 {
			c, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\nConnection: close\r\n\r\n")
			time.Sleep(2 * ms)
			io.WriteString(c, "a ")
			time.Sleep(2 * ms)
			io.WriteString(c, "body. ")
			in := bufio.NewReaderSize(c, 1<<20)
			for {
				if _, err := io.CopyN(io.Discard, in, 1<<20); err != nil {
					break
				}
				time.Sleep(ms)
			}
			c.Close()
		}
		shut(s, before)
	})
	_, all := read(t, data, 1)
	got := of(all, &w)
	if int64(got.n) != w.n.Load() || got.buckets[breakdown.ClientIO]+got.processor() < w.in(breakdown.ClientIO) || got.buckets[breakdown.Unknown] > got.wall/200 {
		t.Errorf("%v, but the handler measured %v", got, &w)
	}
}
