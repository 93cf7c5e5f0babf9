package collect

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"timesink/collect/capture"
)

// counted is a test server that counts the connections that it accepts.
func counted(t *testing.T, start func(*httptest.Server)) (url string, accepted func() int) {
	t.Helper()
	var mu sync.Mutex
	n := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			mu.Lock()
			n++
			mu.Unlock()
		}
	}
	start(s)
	t.Cleanup(s.Close)
	return s.URL, func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// dueEvery launches that many probes of the window, due at a fixed interval, one after
// another.
func dueEvery(t *testing.T, p Probing, probes int, interval time.Duration) ([]capture.Probe, probeCount) {
	t.Helper()
	b, out := prepare(t, p)
	at := time.Now()
	for i := range probes {
		b.launch(capture.InWindow, at.Add(time.Duration(i)*interval))
		b.flight.Wait()
	}
	return probed(t, b, out), b.count(capture.InWindow)
}

func TestOneProbeInFourDials(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){
		"HTTP/1": (*httptest.Server).Start,
		"TLS":    (*httptest.Server).StartTLS,
		"HTTP/2": func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() },
	} {
		t.Run(name, func(t *testing.T) {
			url, accepted := counted(t, start)
			probes, count := dueEvery(t, Probing{URLs: []string{url}, TLS: TLS{Insecure: true}}, 20, 200*time.Millisecond)
			if count.sent != 20 || count.failed+count.refused > 0 || count.fresh != 4 || accepted() != 5 {
				t.Fatalf("%+v on %d connections", count, accepted())
			}
			if handshakes := map[bool]int{true: 4}[name != "HTTP/1"]; count.handshakes != handshakes {
				t.Errorf("%d TLS handshakes, not %d", count.handshakes, handshakes)
			}
			conns := map[int]bool{}
			for _, p := range probes {
				if p.Fresh && (p.Reused || p.Connect <= 0 || conns[p.Conn]) || !p.Fresh && len(conns) > 0 && !p.Reused && p.Conn != probes[0].Conn {
					t.Errorf("a probe on the wrong connection: %+v", p)
				}
				conns[p.Conn] = true
			}
		})
	}
}

// The rate of dials and their number stay within bounds, however high the probes' rate.
func TestDialsAreFew(t *testing.T) {
	var f freshConns
	at, r, dialed := time.Now(), &route{}, 0
	for i := range 100_000 { // ten seconds
		if f.take(r, at.Add(time.Duration(i)*100*time.Microsecond)) {
			dialed++
		}
	}
	if dialed < 40 || dialed > 50 {
		t.Errorf("%d dials in ten seconds", dialed)
	}
	for i := range 100_000 { // a day
		if f.take(r, at.Add(time.Duration(i)*time.Second)) {
			dialed++
		}
	}
	if dialed != mostFresh {
		t.Errorf("%d dials, not %d", dialed, mostFresh)
	}
}

// Every value of a name in a route is sent on new connections too.
func TestDialsTakeAllValues(t *testing.T) {
	var f freshConns
	r, seen := &route{}, map[int]int{}
	for i := range 4 + 64 {
		if f.take(r, time.Now().Add(time.Duration(i)*time.Second)) {
			seen[i%4]++
		}
	}
	for value := range 4 {
		if seen[value] != 4 {
			t.Errorf("value %d is sent on %d new connections of 16", value, seen[value])
		}
	}
}

// Before the window, nothing dials: the cost of looking is measured on connections that
// are kept.
func TestTheBaselineKeepsItsConnections(t *testing.T) {
	url, accepted := counted(t, (*httptest.Server).Start)
	b, out := prepare(t, Probing{URLs: []string{url}})
	for range 12 {
		b.launch(capture.Baseline, time.Now())
		b.flight.Wait()
	}
	if probed(t, b, out); accepted() != 1 {
		t.Errorf("%d connections", accepted())
	}
}
