package analyze_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"runtime/trace"
	"slices"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// A recording is a trace of a test server, and the probes as their client saw them.
type recording struct {
	trace  []byte
	probes []capture.Probe
}

// A shop has two endpoints: one that blocks, so that its stack names it, and one that
// does not.
type shop struct{ wait time.Duration }

func (s *shop) Order(http.ResponseWriter, *http.Request)  { time.Sleep(s.wait) }
func (s *shop) Health(http.ResponseWriter, *http.Request) {}

// recordShop traces a server with two clients: one sends probes on one connection,
// alternating between the endpoints, and the other sends ordinary requests on another
// connection.
func recordShop(t *testing.T) recording {
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
	server.Close() // and the last request has ended
	trace.Stop()
	return recording{buf.Bytes(), probes}
}

// save writes a capture in which the probes' clock is ahead of the server's.
func (s recording) save(t *testing.T, ahead time.Duration) *capture.Capture {
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
	w.Manifest.Warn("probes-dropped", "some probes were not sent")
	w.Manifest.Target, w.Manifest.Service.GoVersion = "http://shop:6060", "go1.26.8"
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return openedFile(t, w.Path())
}

func openedFile(t *testing.T, path string) *capture.Capture {
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func answerOf(t *testing.T, captures ...*capture.Capture) *breakdown.Breakdown {
	t.Helper()
	b, err := analyze.Captures(t.Context(), captures, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func textOf(t *testing.T, b *breakdown.Breakdown) string {
	out, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestALiveAnalysisGivesTheSameAnswer(t *testing.T) {
	s := recordShop(t)
	c := s.save(t, 0)
	live := analyze.NewLive(100, analyze.Options{})
	live.Read(t.Context(), bytes.NewReader(s.trace))
	b, err := live.Finish(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := textOf(t, b), textOf(t, answerOf(t, c)); got != want {
		t.Errorf("live\n%s\nafterwards\n%s", got, want)
	}
	cut := analyze.NewLive(100, analyze.Options{})
	cut.Read(t.Context(), bytes.NewReader(s.trace[:len(s.trace)/2]))
	if _, err := cut.Finish(t.Context(), c); err == nil || capture.Hint(err) == "" {
		t.Errorf("half a generation: error %v", err)
	}
}

// A panic in the analysis of a window that is being collected costs the answer, not the
// window.
func TestAPanicIsAnErrorOfTheAnswer(t *testing.T) {
	s := recordShop(t)
	c := s.save(t, 0)
	opts := analyze.Options{Each: func(*breakdown.Request) { panic("no such thing") }}
	live := analyze.NewLive(100, opts)
	live.Read(t.Context(), bytes.NewReader(s.trace))
	_, finished := live.Finish(t.Context(), c)
	_, afterwards := analyze.Captures(t.Context(), []*capture.Capture{c}, opts)
	for name, err := range map[string]error{"live": finished, "afterwards": afterwards} {
		if d, ok := errors.AsType[*timeline.Defect](err); !ok || d.What != "no such thing" || len(d.At) == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWarningsOfTheCollectionAppearOnce(t *testing.T) {
	b := answerOf(t, recordShop(t).save(t, 0))
	n := 0
	for _, w := range b.Warnings {
		if w.Code == "probes-dropped" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the collection's warning appears %d times: %v", n, b.Warnings)
	}
}

func TestProbesMatchTheirRequestsOnAnyClock(t *testing.T) {
	s := recordShop(t)
	for _, ahead := range []time.Duration{0, -7 * time.Second, 26 * time.Hour} {
		b := answerOf(t, s.save(t, ahead))
		// Probes name their requests to the endpoint that does not block. A few other
		// requests there may have a name too: the runtime can make any function wait.
		matched, requests := map[string]int{}, map[string]int64{}
		for _, e := range b.Endpoints {
			requests[e.Name] += e.Requests
			if e.Client != nil {
				matched[e.Route] += e.Client.Matched
			}
			if e.Name == breakdown.Unnamed && e.Route != "" && e.Route != "GET /health" {
				t.Errorf("clock %s ahead: unnamed requests were attributed to %s", ahead, e.Route)
			}
		}
		if matched["GET /order"] < 14 || matched["GET /health"] < 14 {
			t.Errorf("clock %s ahead: matched %v, want 15 probes each", ahead, matched)
		}
		own := reflect.TypeFor[shop]().PkgPath() + ".(*shop)"
		if rest := requests[breakdown.Unnamed] + requests[own+".Health"]; requests[own+".Order"] != 60 || rest != 60 {
			t.Errorf("clock %s ahead: %v, want 60 orders and 60 health checks", ahead, requests)
		}
		if b.Source.Cost == nil || b.Source.Cost.BaselineProbes != 10 {
			t.Errorf("the cost of looking is %+v", b.Source.Cost)
		}
	}
}
