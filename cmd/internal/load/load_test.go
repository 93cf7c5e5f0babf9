package load_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"timesink/cmd/internal/load"
)

// observed is a server that records its connections, the requests in flight, and
// the requested paths.
type observed struct {
	*httptest.Server
	connections atomic.Int64
	inFlight    atomic.Int64
	most        atomic.Int64
	mu          sync.Mutex
	paths       []string
	protos      map[string]bool
}

func observe(t *testing.T, handler http.HandlerFunc, start func(*httptest.Server)) *observed {
	t.Helper()
	o := &observed{protos: map[string]bool{}}
	o.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := o.inFlight.Add(1)
		defer o.inFlight.Add(-1)
		for {
			most := o.most.Load()
			if n <= most || o.most.CompareAndSwap(most, n) {
				break
			}
		}
		o.mu.Lock()
		o.paths = append(o.paths, r.URL.Path)
		o.protos[r.Proto] = true
		o.mu.Unlock()
		handler(w, r)
	}))
	o.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			o.connections.Add(1)
		}
	}
	start(o.Server)
	t.Cleanup(o.Close)
	return o
}

func fine(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "fine") }

// together holds requests back until n are there, so that none of n connections can be
// too late to send one.
func together(n int64, handler http.HandlerFunc) http.HandlerFunc {
	var arrived atomic.Int64
	all := make(chan struct{})
	return func(w http.ResponseWriter, r *http.Request) {
		if arrived.Add(1) == n {
			close(all)
		}
		select {
		case <-all:
		case <-r.Context().Done():
		}
		handler(w, r)
	}
}

func run(t *testing.T, ctx context.Context, c load.Config) *load.Result {
	t.Helper()
	result, err := load.Run(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestEachConnectionHasOneRequestAtATime(t *testing.T) {
	h2c := func(s *httptest.Server) {
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
	}
	h2 := func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() }
	for _, c := range []struct {
		name  string
		start func(*httptest.Server)
		http2 bool
		proto string
	}{
		{"HTTP/1", (*httptest.Server).Start, false, "HTTP/1.1"},
		{"HTTP/1 over TLS", (*httptest.Server).StartTLS, false, "HTTP/1.1"},
		{"HTTP/2", h2c, true, "HTTP/2.0"},
		{"HTTP/2 over TLS", h2, true, "HTTP/2.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := observe(t, together(3, fine), c.start)
			result := run(t, t.Context(), load.Config{
				URL: o.URL, Connections: 3, Requests: 60, Keep: 100, HTTP2: c.http2, Insecure: true,
			})
			if result.Count != 60 || result.Failed != 0 || result.Statuses[200] != 60 || len(result.Requests) != 60 {
				t.Errorf("%d answered, %d failed (%s), statuses %v, %d listed",
					result.Count, result.Failed, result.Error, result.Statuses, len(result.Requests))
			}
			if n := o.connections.Load(); n != 3 {
				t.Errorf("%d connections", n)
			}
			if n := o.most.Load(); n > 3 {
				t.Errorf("%d requests at a time", n)
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			if !o.protos[c.proto] || len(o.protos) != 1 {
				t.Errorf("it speaks %v", o.protos)
			}
			checkOrder(t, result)
		})
	}
}

// checkOrder checks that a connection's requests follow one another within the
// run.
func checkOrder(t *testing.T, result *load.Result) {
	t.Helper()
	ends := map[int]int64{}
	for _, r := range result.Requests {
		if r.Start < max(result.Start, ends[r.Connection]) || r.End < r.Start || r.End > result.End {
			t.Errorf("%+v, the one before ends at %d, the run is [%d, %d]", r, ends[r.Connection], result.Start, result.End)
		}
		ends[r.Connection] = r.End
	}
}

func TestValuesTakeTurns(t *testing.T) {
	o := observe(t, fine, (*httptest.Server).Start)
	run(t, t.Context(), load.Config{URL: o.URL + "/v/{vin}", Values: []string{"a", "b", "c"}, Connections: 2, Requests: 7})
	o.mu.Lock()
	defer o.mu.Unlock()
	slices.Sort(o.paths)
	if got := strings.Join(o.paths, " "); got != "/v/a /v/a /v/a /v/b /v/b /v/c /v/c" {
		t.Errorf("asked for %s", got)
	}
}

func TestItStopsAfterItsDuration(t *testing.T) {
	o := observe(t, fine, (*httptest.Server).Start)
	result := run(t, t.Context(), load.Config{URL: o.URL, Connections: 1, Duration: 50 * time.Millisecond, Keep: 10})
	if result.Count == 0 || result.Failed > 0 {
		t.Errorf("%d answered, %d failed: %s", result.Count, result.Failed, result.Error)
	}
	if took := time.Duration(result.End - result.Start); took < 50*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	if len(result.Requests) != min(10, result.Count) || result.Dropped != result.Count-len(result.Requests) {
		t.Errorf("%d listed and %d dropped of %d", len(result.Requests), result.Dropped, result.Count)
	}
}

// A request in flight when the time is up must not be cut off: the service would
// see a client that hangs up.
func TestRequestsInFlightAreWaitedFor(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := observe(t, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		<-ctx.Done()
		fmt.Fprint(w, "late")
	}, (*httptest.Server).Start)
	result := run(t, ctx, load.Config{URL: o.URL, Connections: 1, Keep: 1})
	if result.Count != 1 || result.Failed != 0 {
		t.Errorf("%d answered, %d failed: %s", result.Count, result.Failed, result.Error)
	}
}

func TestAServiceThatIsGoneEndsTheRun(t *testing.T) {
	o := observe(t, fine, (*httptest.Server).Start)
	o.Close()
	for _, http2 := range []bool{false, true} {
		result := run(t, t.Context(), load.Config{URL: o.URL, Connections: 2, HTTP2: http2})
		if result.Count != 0 || result.Failed != 6 || !strings.Contains(result.Error, "refused") {
			t.Errorf("%d answered, %d failed: %s", result.Count, result.Failed, result.Error)
		}
	}
}

// Error statuses count as answers, and a connection that the server closes is
// replaced.
func TestAnswersOfAllKinds(t *testing.T) {
	var n atomic.Int64
	o := observe(t, func(w http.ResponseWriter, _ *http.Request) {
		switch n.Add(1) % 3 {
		case 0:
			w.Header().Set("Connection", "close")
			http.Error(w, "no", http.StatusServiceUnavailable)
		case 1:
			w.(http.Flusher).Flush() // chunked
			fmt.Fprint(w, "in chunks")
		}
	}, (*httptest.Server).Start)
	result := run(t, t.Context(), load.Config{URL: o.URL, Connections: 1, Requests: 9, Keep: 9})
	if result.Statuses[200] != 6 || result.Statuses[503] != 3 || result.Failed != 0 {
		t.Errorf("statuses %v, %d failed: %s", result.Statuses, result.Failed, result.Error)
	}
	if n := o.connections.Load(); n != 3 {
		t.Errorf("%d connections", n)
	}
}

func TestInvalidConfigurationsAreErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		config load.Config
		says   string
	}{
		{"no URL", load.Config{}, `not ""`},
		{"another scheme", load.Config{URL: "ftp://localhost/"}, "http or https"},
		{"no host", load.Config{URL: "http:///x"}, "http or https"},
		{"no values", load.Config{URL: "http://localhost/{vin}"}, "no values"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := load.Run(t.Context(), c.config); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

func ExampleRun() {
	server := httptest.NewServer(http.HandlerFunc(fine))
	defer server.Close()
	result, err := load.Run(context.Background(), load.Config{URL: server.URL, Connections: 2, Requests: 10})
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Count, "answered,", result.Failed, "failed")
	// Output: 10 answered, 0 failed
}
