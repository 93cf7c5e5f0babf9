package analyze_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime/trace"
	"slices"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect/capture"
)

// recordSteady returns a capture of 1.5 s of a service that sleeps for each request, whose
// window was to end as soon as the answer is known.
func recordSteady(t *testing.T, endpoints ...string) (*capture.Capture, []byte) {
	s := &shop{wait: 4 * time.Millisecond}
	server := httptest.NewServer(http.HandlerFunc(s.Order))
	defer server.Close()
	var buf bytes.Buffer
	if err := trace.Start(&buf); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(1500 * time.Millisecond); time.Now().Before(end); {
		resp, err := server.Client().Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	server.Close()
	trace.Stop()
	w, err := capture.Create(filepath.Join(t.TempDir(), "case.zip"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := w.CreatePart(capture.TracePart)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(buf.Bytes()); err != nil {
		t.Fatal(err)
	}
	f.Close()
	w.Manifest.Parts = []capture.Part{{Name: capture.TracePart}}
	w.Manifest.Asked.Duration = int64(30 * time.Second)
	w.Manifest.Asked.Auto = &capture.Auto{Least: int64(2 * time.Second), Endpoints: endpoints}
	w.Manifest.Window.Ended = capture.EndedEnough
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return openedFile(t, w.Path()), buf.Bytes()
}

func TestAWindowThatEndsByItselfSaysHowPreciseItIs(t *testing.T) {
	c, data := recordSteady(t, "main.rare")
	b := answerOf(t, c)
	e := b.Busiest()
	if e == nil || e.Precision == nil {
		t.Fatalf("no precision: %+v", e)
	}
	p := e.Precision
	if in := p.MeanCI95; in[0] > e.Wall.Mean || in[1] < e.Wall.Mean || p.P95CI95[0] > e.Wall.P95 || p.P95CI95[1] < e.Wall.P95 || p.Batches <= 0 {
		t.Errorf("mean %d, p95 %d: %+v", e.Wall.Mean, e.Wall.P95, p)
	}
	if len(p.SharesCI95) != int(breakdown.NumBuckets) {
		t.Fatalf("%d intervals of shares", len(p.SharesCI95))
	}
	for i, in := range p.SharesCI95 {
		if share := e.Buckets[i].Share; in[0] > share || in[1] < share {
			t.Errorf("%s: %v does not hold %v", e.Buckets[i].Bucket, in, share)
		}
	}
	auto := b.Source.Auto
	if auto == nil || auto.Most != int64(30*time.Second) || auto.Known != breakdown.Undetermined || !slices.Contains(auto.Open, "main.rare") {
		t.Errorf("auto: %+v", auto)
	}
	if b.Source.Asked != 0 {
		t.Errorf("asked for %d ns", b.Source.Asked)
	}

	live := analyze.NewLive(0, analyze.Options{Precision: true})
	live.Read(t.Context(), bytes.NewReader(data))
	again, err := live.Finish(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := textOf(t, again), textOf(t, b); got != want {
		t.Errorf("live\n%s\nafterwards\n%s", got, want)
	}
}

// steady returns an answer about one endpoint with intervals of these widths.
func steady(mean, shares float64) *breakdown.Breakdown {
	e := breakdown.Endpoint{Name: "main.work", Kind: "http/1", Requests: 1000, Wall: breakdown.Stats{Mean: 1e8, Total: 1e11, P95: 2e8}}
	half := int64(mean * 1e8)
	e.Precision = &breakdown.Precision{MeanCI95: breakdown.Interval{1e8 - half, 1e8 + half}, P95CI95: breakdown.Interval{19e7, 21e7}, Batches: 30}
	for b := range breakdown.NumBuckets {
		share := 0.0
		if b == breakdown.Sleep {
			share = 0.5
		}
		e.Buckets = append(e.Buckets, breakdown.BucketTime{Bucket: b, Share: share})
		e.Precision.SharesCI95 = append(e.Precision.SharesCI95, breakdown.ShareInterval{share - shares, share + shares})
	}
	return &breakdown.Breakdown{Source: breakdown.Source{Auto: &breakdown.Auto{}}, Endpoints: []breakdown.Endpoint{e}}
}

func TestAnAnswerIsKnown(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*breakdown.Breakdown)
		margin float64
		want   breakdown.Knowledge
	}{
		{"narrow", nil, 0, breakdown.Precise},
		{"not narrow enough for the margin", nil, 0.2, breakdown.Undetermined},
		{"a wide mean", func(b *breakdown.Breakdown) { b.Endpoints[0] = steady(0.031, 0.005).Endpoints[0] }, 0, breakdown.Undetermined},
		{"wide shares", func(b *breakdown.Breakdown) { b.Endpoints[0] = steady(0.01, 0.011).Endpoints[0] }, 0, breakdown.Undetermined},
		{"no precision", func(b *breakdown.Breakdown) { b.Endpoints[0].Precision = nil }, 0, breakdown.Undetermined},
		{"requests that the window cuts", func(b *breakdown.Breakdown) { b.Endpoints[0].IncompleteTime = 3e10 }, 0, breakdown.Undetermined},
		{"few requests", func(b *breakdown.Breakdown) { b.Endpoints[0].Requests = 19 }, 0, breakdown.Undetermined},
		{"an endpoint that the user asked for and got no request", func(b *breakdown.Breakdown) { b.Source.Auto.Asked = []string{"GET /rare"} }, 0, breakdown.Undetermined},
		{"the route of a probe", func(b *breakdown.Breakdown) {
			b.Source.Auto.Asked, b.Endpoints[0].Routes = []string{"GET /work"}, []string{"GET /work"}
		}, 0, breakdown.Precise},
		{"a rare endpoint beside it", func(b *breakdown.Breakdown) {
			rare := steady(0.5, 0.5).Endpoints[0]
			rare.Name, rare.Wall.Total = "main.rare", 1e9
			b.Endpoints = append(b.Endpoints, rare)
		}, 0, breakdown.Precise},
		{"a rare endpoint that the user asked for", func(b *breakdown.Breakdown) {
			rare := steady(0.5, 0.5).Endpoints[0]
			rare.Name, rare.Wall.Total = "main.rare", 1e9
			b.Endpoints = append(b.Endpoints, rare)
			b.Source.Auto.Asked = []string{"rare"}
		}, 0, breakdown.Undetermined},
		{"no endpoint", func(b *breakdown.Breakdown) { b.Endpoints = nil }, 0, breakdown.Undetermined},
	} {
		b := steady(0.025, 0.009)
		if tt.change != nil {
			tt.change(b)
		}
		if got, open := analyze.Known(b, tt.margin); got != tt.want || (got == breakdown.Undetermined) != (len(open) > 0) && len(b.Endpoints) > 0 {
			t.Errorf("%s: %s, open %v; want %s", tt.name, got, open, tt.want)
		}
	}
}
