package collect_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"timesink/analyze/trace/tracetest"
	"timesink/collect/capture"
)

// endlessly answers with head, and then with piece for as long as the client reads.
func endlessly(head, piece []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, err := w.Write(head); err == nil; {
			_, err = w.Write(piece)
		}
	}
}

// bomb returns a gzip of a few hundred KB that unpacks to 200 MB.
func bomb(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	piece := make([]byte, 1<<20)
	for range 200 {
		if _, err := z.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// A service whose pages have no end, or unpack to far more than was sent, costs the
// capture that page alone, and the capture says so.
func TestAPageWithoutAnEndCostsThatPartAlone(t *testing.T) {
	if tracetest.Alone(t) {
		return
	}
	piece := bytes.Repeat([]byte("endless "), 1<<12)
	gzipHead := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}
	bombed := bomb(t)
	answer := func(data []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.Write(data) }
	}
	for _, c := range []struct {
		name, page string
		handler    http.HandlerFunc
		code, says string
	}{
		{"an endless CPU profile", "profile", endlessly(gzipHead, piece), "cpu-profile-missing", "has more than 67.1 MB"},
		{"a CPU profile that unpacks to 200 MB", "profile", answer(bombed), "cpu-profile-missing", "unpacks to more than 67.1 MB"},
		{"an endless goroutine profile", "goroutine", endlessly(gzipHead, piece), "goroutines-missing", "larger than 8.4 MB"},
		{"a goroutine profile that unpacks to 200 MB", "goroutine", answer(bombed), "goroutines-missing", "unpacks to more than 67.1 MB"},
		{"an endless page instead of a goroutine profile", "goroutine", endlessly([]byte("<html>"), piece), "goroutines-missing", ""},
		{"a goroutine profile that is cut off", "goroutine", answer(bombed[:1000]), "goroutines-missing", "unexpected EOF"},
		{"an endless mutex page", "mutex", endlessly([]byte("--- mutex:\n"), piece), "", ""},
		{"endless metrics", "/metrics", endlessly([]byte("go_info "), piece), "", ""},
		{"endless headers", "mutex", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["X"] = []string{strings.Repeat("x", 2<<20)}
		}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.Handle("/", newMux())
			page := "/debug/pprof/" + c.page
			if strings.HasPrefix(c.page, "/") {
				page = c.page
			}
			mux.Handle(page, c.handler)
			m, capt := run(t, context.Background(), short(t, serve(t, mux)))
			readTrace(t, capt)
			if m.Window.Ended != capture.EndedInTime {
				t.Errorf("the window ended %s: %v", m.Window.Ended, m.Warnings)
			}
			said := ""
			for _, w := range m.Warnings {
				if w.Code == c.code {
					said = w.Message
				}
			}
			if c.code != "" && (said == "" || !strings.Contains(said, c.says)) {
				t.Errorf("warnings %v", m.Warnings)
			}
			for _, p := range m.Parts {
				if p.Name != capture.TracePart && p.Size > 1<<20 {
					t.Errorf("%s has %d bytes", p.Name, p.Size)
				}
			}
		})
	}
}

func TestOfALongAnswerToAProbeOnlyTheBeginningIsRead(t *testing.T) {
	const most = 4_000_000
	var sent atomic.Int64
	mux := newMux()
	piece := make([]byte, 32<<10)
	body := func(n int64) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for left := n; left > 0; {
				n, err := w.Write(piece[:min(left, int64(len(piece)))])
				left -= int64(n)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		}
	}
	mux.Handle("/endless", body(1<<60))
	mux.Handle("/whole", body(most))
	url := serve(t, mux)
	cfg := short(t, url)
	cfg.Probing.URLs, cfg.Probing.Rate, cfg.Probing.Baseline = []string{url + "/endless", url + "/whole"}, 20, 200*time.Millisecond
	m, c := run(t, context.Background(), cfg)
	probes, err := c.Probes()
	if err != nil || len(probes) < 4 {
		t.Fatalf("%d probes, %v", len(probes), err)
	}
	for _, p := range probes {
		if p.Error != "" {
			continue // still in flight at the end
		}
		if p.Bytes != most || p.Cut != (p.Path == "/endless") || p.BodyRead <= 0 {
			t.Errorf("%+v", p)
		}
	}
	if !strings.Contains(codes(m.Warnings), "probes-long") {
		t.Errorf("warnings %v", m.Warnings)
	}
	// What is on its way in the buffers of the connections was written too.
	const buffers = 16 << 20
	if most := int64(len(probes)) * (most + buffers); sent.Load() > most {
		t.Errorf("the service sent %d bytes to %d probes", sent.Load(), len(probes))
	}
}
