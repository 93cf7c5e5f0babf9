package collect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"timesink/collect/capture"
)

// probing sends the given number of probes, waits for their answers and returns
// the probes.
func probing(t *testing.T, p Probing, sent int) ([]capture.Probe, probeCount) {
	t.Helper()
	b, out := prepare(t, p)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	watch := time.NewTicker(time.Millisecond)
	defer watch.Stop()
	go func() {
		for range watch.C {
			if c := b.count(capture.InWindow); c.sent+c.dropped >= sent {
				stop()
				return
			}
		}
	}()
	b.send(ctx, capture.InWindow, 0)
	b.settle(context.Background())
	return probed(t, b, out), b.count(capture.InWindow)
}

func prepare(t *testing.T, p Probing) (*prober, *bytes.Buffer) {
	t.Helper()
	routes, err := p.routes()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	b, err := newProber(p, routes, capture.Tool{Version: "v1"}, newClock(), &out)
	if err != nil {
		t.Fatal(err)
	}
	return b, &out
}

// probed closes the prober, reads its output, and checks what must hold for
// every probe.
func probed(t *testing.T, b *prober, out *bytes.Buffer) []capture.Probe {
	t.Helper()
	if err := b.close(); err != nil {
		t.Error(err)
	}
	probes, err := capture.ReadProbes(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range probes {
		if sum := p.ConnWait + p.DNS + p.Connect + p.TLS + p.RequestWrite + p.FirstByte + p.BodyRead; sum != p.End-p.Start {
			t.Errorf("phases sum to %d of %d: %+v", sum, p.End-p.Start, p)
		}
		if (p.Error == "") != (p.Status != 0) && p.Proto == "" {
			t.Errorf("neither an answer nor an error: %+v", p)
		}
	}
	return probes
}

func server(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestASlowServiceDoesNotDelayTheProbes(t *testing.T) {
	release := make(chan struct{})
	var waiting atomic.Int64
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		if waiting.Add(1) == 5 {
			close(release) // no request is answered before the fifth has arrived
		}
		<-release
	})
	probes, count := probing(t, Probing{URLs: []string{url}, Rate: 200}, 5)
	if count.failed+count.refused+count.dropped > 0 || len(probes) < 5 {
		t.Errorf("%d probes: %+v", len(probes), count)
	}
}

func TestProbesBeyondTheLimitAreCountedButNotSent(t *testing.T) {
	release := make(chan struct{})
	url := server(t, func(w http.ResponseWriter, r *http.Request) { <-release })
	b, out := prepare(t, Probing{URLs: []string{url}, MaxInFlight: 2})
	for range 5 {
		b.launch(capture.InWindow, time.Now())
	}
	count := b.count(capture.InWindow)
	close(release)
	b.settle(context.Background())
	if probes := probed(t, b, out); count.sent != 2 || count.dropped != 3 || len(probes) != 2 {
		t.Errorf("%d probes: %+v", len(probes), count)
	}
}

func TestAProbeSendsTheConfiguredRequest(t *testing.T) {
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		if r.Method != "POST" || r.Host != "shop.example.com" || r.Header.Get("X-A") != "1" || string(body) != "hello" ||
			user+":"+password != "ann:pw" || r.UserAgent() != "timesink/v1" || r.URL.Path != "/a b/x" || r.URL.RawQuery != "q=1%2F2" {
			t.Errorf("%s %s %s %v %q", r.Method, r.Host, r.URL, r.Header, body)
		}
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "12345")
	})
	h := Header{}
	for _, line := range []string{"x-a: 1", "Host: shop.example.com"} {
		if err := h.Add(line); err != nil {
			t.Fatal(err)
		}
	}
	probes, count := probing(t, Probing{
		URLs: []string{strings.Replace(url, "http://", "http://ann:pw@", 1) + "/a%20b/{id}?q={q}"}, Method: "POST", AllowUnsafe: true, Rate: 100,
		Header: h, Body: []byte("hello"), Values: map[string][]string{"id": {"x"}, "q": {"1/2"}},
	}, 2)
	p := probes[0]
	if p.Route != "POST /a%20b/{id}" || p.Method != "POST" || p.Path != "/a b/x" || p.Host != url || p.Status != http.StatusTeapot || p.Bytes != 5 {
		t.Errorf("%+v", p)
	}
	if count.refused != len(probes) || count.refusal != "HTTP 418 I'm a teapot" {
		t.Errorf("%+v", count)
	}
}

func TestURLsAndValuesAreUsedInTurn(t *testing.T) {
	url := server(t, func(w http.ResponseWriter, r *http.Request) {})
	probes, _ := probing(t, Probing{
		URLs: []string{url + "/a/{x}/{y}", url + "/b"}, Rate: 500, MaxInFlight: 1000,
		Values: map[string][]string{"x": {"1", "2", "3"}, "y": {"p", "q"}},
	}, 8)
	paths := make(map[string]int)
	for _, p := range probes {
		paths[p.Path]++
	}
	for _, want := range []string{"/a/1/p", "/a/2/q", "/a/3/p", "/a/1/q"} {
		if paths[want] == 0 {
			t.Errorf("%s was not asked for: %v", want, paths)
		}
	}
	if n := paths["/b"]; n < len(probes)/2 {
		t.Errorf("/b was asked for %d times of %d", n, len(probes))
	}
}

func TestARedirectIsRecordedAndNotFollowed(t *testing.T) {
	followed := false
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/to" {
			followed = true
		}
		http.Redirect(w, r, "/to", http.StatusFound)
	})
	probes, count := probing(t, Probing{URLs: []string{url + "/from"}, Rate: 100}, 1)
	if followed || probes[0].Status != 302 || count.failed+count.refused != 0 {
		t.Errorf("followed: %v, %+v", followed, probes[0])
	}
}

func TestFailedProbesHaveAnErrorAndAPhase(t *testing.T) {
	never := make(chan struct{})
	closed := httptest.NewServer(nil)
	closed.Close()
	silent := func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-never:
		case <-r.Context().Done():
		}
	}
	for _, tt := range []struct {
		name string
		url  string
		want string
		in   func(*capture.Probe) int64 // the phase in which it failed
	}{
		{"refused", closed.URL, "connection refused", func(p *capture.Probe) int64 { return p.Connect + p.ConnWait }},
		{"no such host", "http://nowhere.invalid/", "no such host", func(p *capture.Probe) int64 { return p.DNS + p.ConnWait }},
		{"no answer in time", server(t, silent), "Client.Timeout", func(p *capture.Probe) int64 { return p.FirstByte }},
		{"hangs up", server(t, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }), "EOF", func(p *capture.Probe) int64 { return p.FirstByte }},
		{"body cut", server(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "12345")
		}), "unexpected EOF", func(p *capture.Probe) int64 { return p.BodyRead }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			probes, count := probing(t, Probing{URLs: []string{tt.url}, Rate: 100, Timeout: 200 * time.Millisecond}, 1)
			p := probes[0]
			if !strings.Contains(p.Error, tt.want) || strings.Contains(p.Error, "http") || tt.in(&p) == 0 {
				t.Errorf("%+v", p)
			}
			if count.failed != len(probes) || count.failure == "" {
				t.Errorf("%+v", count)
			}
		})
	}
	close(never)
}

func TestProbesInFlightAreRecordedAtTheEnd(t *testing.T) {
	arrived := make(chan struct{})
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	b, out := prepare(t, Probing{URLs: []string{url}})
	b.launch(capture.InWindow, time.Now())
	<-arrived
	interrupted, interrupt := context.WithCancel(context.Background())
	interrupt()
	b.settle(interrupted) // does not wait
	probes := probed(t, b, out)
	if len(probes) != 1 || probes[0].Error != "not answered when the collection ended" || probes[0].FirstByte == 0 {
		t.Errorf("%+v", probes)
	}
	if count := b.count(capture.InWindow); count.cut != 1 || count.failed != 0 {
		t.Errorf("%+v", count)
	}
}

func TestNewConnectionsAreDistinguishedFromReusedOnes(t *testing.T) {
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/close" {
			w.Header().Set("Connection", "close")
		}
	})
	for path, reused := range map[string]bool{"/keep": true, "/close": false} {
		b, out := prepare(t, Probing{URLs: []string{url + path}})
		for range 4 { // one after another
			b.launch(capture.Baseline, time.Now())
			b.settle(context.Background())
		}
		for i, p := range probed(t, b, out) {
			conn, seq := i+1, 1
			if reused {
				conn, seq = 1, i+1
			}
			if p.Conn != conn || p.ConnSeq != seq || p.Reused != (seq > 1) || (p.Connect > 0) == p.Reused {
				t.Errorf("%s: probe %d: %+v", path, i, p)
			}
		}
	}
}

func TestTheBaselineIsTenProbesWithinBounds(t *testing.T) {
	for _, tt := range []struct {
		p    Probing
		want time.Duration
	}{
		{Probing{}, 0}, // no URLs
		{Probing{URLs: []string{"x"}}, 2 * time.Second},
		{Probing{URLs: []string{"x"}, Rate: 2.5}, 4 * time.Second},
		{Probing{URLs: []string{"x"}, Rate: 0.1}, 5 * time.Second},
		{Probing{URLs: []string{"x"}, Rate: 1000}, 2 * time.Second},
		{Probing{URLs: []string{"x"}, Baseline: -1}, 0},
		{Probing{URLs: []string{"x"}, Baseline: time.Minute}, time.Minute},
	} {
		if got := tt.p.baseline(); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.p, got, tt.want)
		}
	}
}

// full is a writer to a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestProbesThatCannotBeWrittenAreAnError(t *testing.T) {
	b, _ := prepare(t, Probing{URLs: []string{server(t, func(http.ResponseWriter, *http.Request) {})}})
	b.out = full{}
	b.launch(capture.Baseline, time.Now())
	b.settle(context.Background())
	if err := b.close(); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Error(err)
	}
}
