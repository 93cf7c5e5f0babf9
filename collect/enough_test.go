package collect_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"timesink/analyze/trace"
	"timesink/analyze/trace/tracetest"
	"timesink/collect"
	"timesink/collect/capture"
)

// wholeGenerations returns how many generations a trace has, all of which must be whole.
func wholeGenerations(t *testing.T, data []byte) (n int) {
	t.Helper()
	r, err := trace.NewReader(bytes.NewReader(data), trace.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range r.Generations(t.Context()) {
		n++
	}
	if r.Err() != nil {
		t.Errorf("after %d generations: %v", n, r.Err())
	}
	return n
}

// untilTwo is a configuration whose window ends when two generations have arrived, and
// returns what had arrived then.
func untilTwo(t *testing.T, url string) (collect.Config, *collect.Arrived) {
	cfg := short(t, url)
	cfg.Window = time.Minute
	cfg.Probing = busy(url)
	cfg.Auto = &capture.Auto{Least: 1, Endpoints: []string{"GET /slow"}}
	var got collect.Arrived
	cfg.Enough = func(a collect.Arrived) bool {
		got = a
		return a.Generations >= 2
	}
	return cfg, &got
}

func TestAWindowEndsWhenEnoughHasArrived(t *testing.T) {
	if tracetest.Alone(t) {
		return
	}
	cfg, got := untilTwo(t, serve(t, with("profile", pprof.Profile)))
	var mu sync.Mutex
	var followed []byte
	read := make(chan struct{})
	cfg.Growing = func(r io.ReadCloser) {
		defer close(read)
		defer r.Close()
		data, err := io.ReadAll(r)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		followed = data
		mu.Unlock()
	}
	m, c := run(t, context.Background(), cfg)
	data := readTrace(t, c)
	<-read
	if !bytes.Equal(followed, data) {
		t.Errorf("the trace was followed to byte %d of %d", len(followed), len(data))
	}
	if n := wholeGenerations(t, data); n < got.Generations || got.Bytes > int64(len(data)) || got.After <= 0 {
		t.Errorf("%d generations of %d bytes, asked at %+v", n, len(data), *got)
	}
	if w := m.Window; w.Ended != capture.EndedEnough || w.TraceAsked != 0 || codes(kept(m.Warnings)) != "" || m.Part(capture.TracePart).Error != "" {
		t.Errorf("window %+v, warnings %v", w, m.Warnings)
	}
	if a := m.Asked; a.Auto == nil || a.Auto.Endpoints[0] != "GET /slow" || a.Duration != int64(time.Minute) {
		t.Errorf("asked %+v", a)
	}
	// The service sends the profile although only a part of its time is over.
	if !isGzip(readPart(t, c, capture.CPUPart)) {
		t.Error("no CPU profile")
	}
	if m.Window.End-m.Window.Start > int64(30*time.Second) {
		t.Errorf("the window lasted until it was over: %+v", m.Window)
	}
}

// A proxy that takes the end of requests for the end of the connection leaves the
// generations that have arrived, and the CPU profile's samples in the trace.
func TestAProxyThatHangsUpLeavesWholeGenerations(t *testing.T) {
	if tracetest.Alone(t) {
		return
	}
	cfg, got := untilTwo(t, serve(t, with("profile", pprof.Profile)))
	cfg.Target = target(t, closing(t, cfg.Target.String()))
	m, c := run(t, context.Background(), cfg)
	data := readTrace(t, c)
	if n := wholeGenerations(t, data); n != got.Generations || m.Part(capture.TracePart).Size != int64(len(data)) {
		t.Errorf("%d generations in %d bytes, asked at %+v", n, len(data), *got)
	}
	if m.Window.Ended != capture.EndedEnough || codes(kept(m.Warnings)) != "" || m.Part(capture.CPUPart).Error == "" {
		t.Errorf("window %+v, profile %+v, warnings %v", m.Window, m.Part(capture.CPUPart), m.Warnings)
	}
}

// closing returns the URL of a proxy that closes both connections when one side ends.
func closing(t *testing.T, service string) string {
	return between(t, service, func(client, server net.Conn) {
		pass := func(to, from net.Conn) {
			io.Copy(to, from)
			to.Close()
			from.Close()
		}
		go pass(server, client)
		pass(client, server)
	})
}

// deaf serves what h does for a client that stays.
func deaf(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { h(w, r.WithContext(context.WithoutCancel(r.Context()))) }
}

func TestAServiceThatDoesNotStopIsCutAfterWholeGenerations(t *testing.T) {
	if tracetest.Alone(t) {
		return
	}
	cfg, got := untilTwo(t, serve(t, with("trace", deaf(pprof.Trace))))
	cfg.Window = 10 * time.Second
	m, c := run(t, context.Background(), cfg)
	if n := wholeGenerations(t, readTrace(t, c)); n < got.Generations || m.Window.Ended != capture.EndedEnough {
		t.Errorf("%d generations, asked at %+v; window %+v", n, *got, m.Window)
	}
}

func TestAWindowThatIsNeverEnoughIsOver(t *testing.T) {
	if tracetest.Alone(t) {
		return
	}
	url := serve(t, newMux())
	cfg := short(t, url)
	cfg.Window, cfg.Probing = 3500*time.Millisecond, busy(url)
	asked := 0
	cfg.Enough = func(collect.Arrived) bool { asked++; return false }
	m, c := run(t, context.Background(), cfg)
	wholeGenerations(t, readTrace(t, c))
	if m.Window.Ended != capture.EndedInTime || m.Window.TraceAsked != int64(3500*time.Millisecond) || codes(kept(m.Warnings)) != "" || asked == 0 {
		t.Errorf("window %+v, warnings %v; asked %d times", m.Window, m.Warnings, asked)
	}
}

// Without a trace, and with one that can only be read whole, the window is a fixed one.
func TestAWindowThatCannotEndEarlyIsFixed(t *testing.T) {
	if tracetest.Alone(t) {
		return
	}
	never := func(collect.Arrived) bool { t.Error("asked whether it is enough"); return true }
	t.Run("no trace", func(t *testing.T) {
		cfg := short(t, serve(t, with("trace", http.NotFound)))
		cfg.Window, cfg.Fixed, cfg.Enough, cfg.SampleBudget = time.Minute, 400*time.Millisecond, never, 0.5
		m, _ := run(t, context.Background(), cfg)
		if m.Sampling == nil || m.Sampling.Asked != int64(cfg.Fixed) || codes(m.Warnings) != "window-fixed no-trace" {
			t.Errorf("sampling %+v, warnings %v", m.Sampling, m.Warnings)
		}
	})
	t.Run("no generations", func(t *testing.T) {
		old := tracetest.Unzipped(t, "../cmd/internal/goversions/testdata/go1.19.trace.gz")
		var asked atomic.Int64
		cfg := short(t, serve(t, with("trace", func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			seconds, _ := strconv.ParseFloat(r.FormValue("seconds"), 64)
			w.Write(old)
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(time.Duration(seconds * float64(time.Second))):
			}
		})))
		cfg.Window, cfg.Fixed, cfg.Enough = time.Minute, 400*time.Millisecond, never
		m, c := run(t, context.Background(), cfg)
		if got := readPart(t, c, capture.TracePart); !bytes.Equal(got, old) || asked.Load() != 2 {
			t.Errorf("%d bytes of %d, asked for %d times", len(got), len(old), asked.Load())
		}
		if m.Window.Ended != capture.EndedInTime || m.Window.TraceAsked != int64(cfg.Fixed) || m.Warnings[0].Code != "window-fixed" {
			t.Errorf("window %+v, warnings %v", m.Window, m.Warnings)
		}
	})
}
