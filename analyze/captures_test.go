package analyze_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/trace"
	"slices"
	"strings"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect/capture"
)

// served is what a test's server served while it was traced: the trace, and the
// probes as their client saw them.
type served struct {
	trace  []byte
	probes []capture.Probe
}

// The server's endpoints: one that blocks, so that its stack names it, and one
// that does not.
type shop struct{ wait time.Duration }

func (s *shop) Order(http.ResponseWriter, *http.Request)  { time.Sleep(s.wait) }
func (s *shop) Health(http.ResponseWriter, *http.Request) {}

// serve traces a server with two clients: one that sends probes on one
// connection, now to the one endpoint and now to the other, and one that sends
// requests of its own on another.
func serve(t *testing.T) served {
	s := &shop{wait: 300 * time.Microsecond}
	mux := http.NewServeMux()
	mux.HandleFunc("/order", s.Order)
	mux.HandleFunc("/health", s.Health)
	server := httptest.NewServer(mux)
	defer server.Close()
	var buf bytes.Buffer
	if err := trace.Start(&buf); err != nil {
		t.Fatal(err)
	}
	load := func(client *http.Client, path string) (from, to time.Time) {
		from = time.Now()
		resp, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		return from, time.Now()
	}
	own, others := &http.Client{Transport: &http.Transport{}}, &http.Client{Transport: &http.Transport{}}
	var probes []capture.Probe
	for i := range 30 {
		path := []string{"/order", "/health"}[i%2]
		from, to := load(own, path)
		probes = append(probes, capture.Probe{Route: "GET " + path, Method: "GET", Path: path, Phase: capture.InWindow, Start: from.UnixNano(),
			End: to.UnixNano(), FirstByte: int64(to.Sub(from)), Conn: 1, ConnSeq: i + 1, Reused: i > 0, Status: 200, Proto: "HTTP/1.1"})
		for range 3 {
			load(others, path)
		}
	}
	trace.Stop()
	return served{buf.Bytes(), probes}
}

// save writes a capture with the probes' clock so far ahead of the server's.
func (s served) save(t *testing.T, ahead time.Duration) *capture.Capture {
	w, err := capture.Create(filepath.Join(t.TempDir(), "case.zip"))
	if err != nil {
		t.Fatal(err)
	}
	probes := slices.Clone(s.probes)
	for i := range probes {
		probes[i].Start += int64(ahead)
		probes[i].End += int64(ahead)
	}
	base := probes[0]
	base.Phase = capture.Baseline
	for range 10 {
		probes = append(probes, base)
	}
	var lines bytes.Buffer
	if err := capture.WriteProbes(&lines, probes...); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{capture.TracePart: s.trace, capture.ProbesPart: lines.Bytes()} {
		f, err := w.CreatePart(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		f.Close()
		w.Manifest.Parts = append(w.Manifest.Parts, capture.Part{Name: name})
	}
	w.Manifest.Target, w.Manifest.Service.GoVersion = "http://shop:6060", "go1.26.8"
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return opened(t, w.Path())
}

func opened(t *testing.T, path string) *capture.Capture {
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func bare(t *testing.T, data []byte) *capture.Capture {
	path := filepath.Join(t.TempDir(), "trace.out")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return opened(t, path)
}

func answer(t *testing.T, captures ...*capture.Capture) *breakdown.Breakdown {
	t.Helper()
	b, err := analyze.Captures(t.Context(), captures, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func text(t *testing.T, b *breakdown.Breakdown) string {
	out, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func find(t *testing.T, b *breakdown.Breakdown, name, route string) *breakdown.Endpoint {
	t.Helper()
	for i := range b.Endpoints {
		if e := &b.Endpoints[i]; strings.HasSuffix(e.Name, name) && e.Route == route {
			return e
		}
	}
	t.Fatalf("no endpoint %s with route %q", name, route)
	return nil
}

func codes(b *breakdown.Breakdown) (out []string) {
	for _, w := range b.Warnings {
		out = append(out, w.Code)
	}
	return out
}

func TestTheAnswerIsTheSameWhateverTheProcessors(t *testing.T) {
	c := serve(t).save(t, 0)
	want := text(t, answer(t, c))
	for _, procs := range []int{1, 2, 4, 1} {
		before := runtime.GOMAXPROCS(procs)
		got := text(t, answer(t, c))
		runtime.GOMAXPROCS(before)
		if got != want {
			t.Fatalf("with %d processors\n%s\nbefore\n%s", procs, got, want)
		}
	}
}

func TestALiveAnalysisGivesTheSameAnswer(t *testing.T) {
	s := serve(t)
	c := s.save(t, 0)
	live := analyze.NewLive(100)
	live.Read(t.Context(), bytes.NewReader(s.trace))
	b, err := live.Finish(c)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := text(t, b), text(t, answer(t, c)); got != want {
		t.Errorf("live\n%s\nafterwards\n%s", got, want)
	}
	cut := analyze.NewLive(100)
	cut.Read(t.Context(), bytes.NewReader(s.trace[:len(s.trace)/2]))
	if _, err := cut.Finish(c); err == nil || capture.Hint(err) == "" {
		t.Errorf("half a generation gave %v", err)
	}
}

func TestProbesFindTheirRequestsOnWhateverClock(t *testing.T) {
	s := serve(t)
	for _, ahead := range []time.Duration{0, -7 * time.Second, 26 * time.Hour} {
		b := answer(t, s.save(t, ahead))
		// The probes' own requests to the endpoint that never blocks are named
		// by them, the others stay without a name.
		order, health := find(t, b, ".(*shop).Order", "GET /order"), find(t, b, breakdown.Unnamed, "GET /health")
		for _, e := range []*breakdown.Endpoint{order, health} {
			if c := e.Client; c == nil || c.Matched < 14 || c.Server == 0 {
				t.Errorf("clock %s ahead: %s: the probes were matched as %+v", ahead, e.Name, c)
			}
		}
		if order.Requests != 60 || health.Requests < 14 || health.Requests+find(t, b, breakdown.Unnamed, "").Requests != 60 {
			t.Errorf("clock %s ahead: %d orders, %d of the health checks named", ahead, order.Requests, health.Requests)
		}
		if b.Source.Cost == nil || b.Source.Cost.BaselineProbes != 10 {
			t.Errorf("the cost of looking is %+v", b.Source.Cost)
		}
	}
}

func TestSeveralCapturesAreInstancesOfOneService(t *testing.T) {
	s := serve(t)
	one, two := answer(t, bare(t, s.trace)), answer(t, bare(t, s.trace), bare(t, s.trace))
	a, b := find(t, one, ".(*shop).Order", ""), find(t, two, ".(*shop).Order", "")
	if two.Source.Instances != 2 || b.Requests != 2*a.Requests || b.Wall.Total != 2*a.Wall.Total || b.Wall.P95 != a.Wall.P95 {
		t.Errorf("one capture: %d requests, %+v; twice the same: %d, %+v", a.Requests, a.Wall, b.Requests, b.Wall)
	}
	for i := range a.Buckets {
		if b.Buckets[i].Total != 2*a.Buckets[i].Total || b.Buckets[i].Share != a.Buckets[i].Share {
			t.Errorf("%s: %d once, %d twice", a.Buckets[i].Bucket, a.Buckets[i].Total, b.Buckets[i].Total)
		}
	}
}

func TestABareTraceLeavesOutWhatItDoesNotKnow(t *testing.T) {
	out := text(t, answer(t, bare(t, serve(t).trace)))
	for _, field := range []string{"captured_at", "target", "cost", "asked_ns", `"client"`} {
		if strings.Contains(out, field) {
			t.Errorf("%s is in %s", field, out)
		}
	}
	if strings.Contains(out, "null") {
		t.Errorf("a null is in %s", out)
	}
}

func TestATraceWithoutRequestsIsShownByRoot(t *testing.T) {
	var buf bytes.Buffer
	if err := trace.Start(&buf); err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	go batch(done)
	<-done
	trace.Stop()
	b := answer(t, bare(t, buf.Bytes()))
	if len(b.Endpoints) != 0 || !slices.Contains(codes(b), "no-requests") {
		t.Errorf("endpoints %v, warnings %v", b.Endpoints, codes(b))
	}
	i := slices.IndexFunc(b.Roots, func(r breakdown.Root) bool { return strings.HasSuffix(r.Function, ".batch") })
	if i < 0 || b.Roots[i].Goroutines != 1 || b.Roots[i].Buckets[breakdown.Sleep].Share < 0.5 {
		t.Errorf("the job that slept is %d of %+v", i, b.Roots)
	}
}

func batch(done chan bool) {
	time.Sleep(20 * time.Millisecond)
	close(done)
}

func TestNoCaptureIsAnError(t *testing.T) {
	if _, err := analyze.Captures(t.Context(), nil, analyze.Options{}); err == nil {
		t.Error("nothing was analyzed without an error")
	}
}
