package collect_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/pprof"
	"runtime/trace"
	"strings"
	"testing"
	"time"

	"timesink/collect"
	"timesink/collect/capture"
)

// sampledConfig gives sampling enough time for some snapshots, on a slow machine as well.
func sampledConfig(t *testing.T, url string) collect.Config {
	cfg := short(t, url)
	cfg.Window, cfg.SampleBudget = time.Second, 0.5
	return cfg
}

func TestAWindowWithoutATraceIsSampled(t *testing.T) {
	running := func(t *testing.T) http.Handler {
		var out bytes.Buffer
		if err := trace.Start(&out); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(trace.Stop)
		return newMux()
	}
	some := func(*testing.T) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/debug/pprof/goroutine", pprof.Handler("goroutine"))
		return mux
	}
	fixed := func(h http.Handler) func(*testing.T) http.Handler {
		return func(*testing.T) http.Handler { return h }
	}
	for _, tt := range []struct {
		name    string
		service func(*testing.T) http.Handler
		timeout time.Duration
		change  func(*collect.Config)
		why     string
		says    string
	}{
		{"the user wants none", fixed(newMux()), 0, func(cfg *collect.Config) { cfg.NoTrace = true }, capture.UntracedAsked, "none was wanted"},
		{"its handler is missing", fixed(with("trace", http.NotFound)), 0, nil, capture.UntracedMissing, "404"},
		{"only the goroutines are served", some, 0, nil, capture.UntracedMissing, "404"},
		{"a page answers in its place", fixed(with("trace", answers(200, "<html>no</html>"))), 0, nil, capture.UntracedMissing, "HTML"},
		{"another client is taking one", running, 0, nil, capture.UntracedBusy, "tracing"},
		{"the write timeout forbids it", fixed(beforeGo123(newMux())), time.Second, nil, capture.UntracedTimeout, "write timeout"},
		{"the connection is cut", fixed(with("trace", hangUp)), 0, nil, capture.UntracedCut, "closed the connection"},
		{"its format is too old", fixed(with("trace", answers(200, "go 1.7 trace\x00\x00\x00\x00"+strings.Repeat("x", 64)))), 0, nil, capture.UntracedOld, "go 1.7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := tt.service(t)
			url := ""
			if tt.timeout > 0 {
				url = serveWithTimeout(t, h, tt.timeout)
			} else {
				url = serve(t, h)
			}
			cfg := sampledConfig(t, url)
			if tt.change != nil {
				tt.change(&cfg)
			}
			m, c := run(t, context.Background(), cfg)
			if m.Sampling == nil || m.Sampling.Why != tt.why || m.Sampling.Snapshots < 2 || m.Sampling.Spent <= 0 || m.Window.Ended != capture.EndedInTime {
				t.Errorf("sampling %+v, window %+v", m.Sampling, m.Window)
			}
			if said := messageOf(m.Warnings, "no-trace"); !strings.Contains(said, tt.says) {
				t.Errorf("warnings %v", m.Warnings)
			}
			if n := snapshotsIn(t, c); n != m.Sampling.Snapshots {
				t.Errorf("%d snapshots are in the part, not %d", n, m.Sampling.Snapshots)
			}
		})
	}
}

func messageOf(list []capture.Warning, code string) string {
	for _, w := range list {
		if w.Code == code {
			return w.Message
		}
	}
	return ""
}

// snapshotsIn counts the snapshots of a capture. Each must show this test.
func snapshotsIn(t *testing.T, c *capture.Capture) (n int) {
	t.Helper()
	r, err := c.Part(capture.SamplesPart)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	samples := capture.NewSampleReader(r)
	for {
		s, err := samples.Next()
		if errors.Is(err, io.EOF) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
		found := false
		for _, g := range s.Goroutines {
			for _, f := range samples.Stacks()[g.Stack].Frames {
				found = found || strings.Contains(f.Function, "TestAWindowWithoutATraceIsSampled")
			}
		}
		if !found {
			t.Errorf("snapshot %d does not show the test", n)
		}
	}
}

func TestSamplingStaysWithinItsBudget(t *testing.T) {
	cfg := short(t, serve(t, newMux()))
	cfg.NoTrace, cfg.Window, cfg.SampleBudget = true, 2*time.Second, 0.05
	m, _ := run(t, context.Background(), cfg)
	window := m.Window.End - m.Window.Start
	// The last snapshot may be as long as any.
	if spent := m.Sampling.Spent - m.Sampling.Longest; float64(spent) > cfg.SampleBudget*float64(window) {
		t.Errorf("%d snapshots took %d ns of %d", m.Sampling.Snapshots, m.Sampling.Spent, window)
	}
}

func TestSamplingThatCostsTooMuchIsRefused(t *testing.T) {
	cfg := short(t, serve(t, newMux()))
	cfg.NoTrace, cfg.SampleBudget = true, 1e-6
	checkError(t, fail(t, context.Background(), cfg), collect.ErrTooCostly, "goroutines takes the service", "-d ")
	cfg = short(t, serve(t, with("trace", http.NotFound)))
	cfg.SampleBudget = 1e-6
	checkError(t, fail(t, context.Background(), cfg), collect.ErrTooCostly, "no execution trace (HTTP 404", "-d ")
}
