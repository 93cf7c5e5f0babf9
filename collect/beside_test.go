package collect_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"timesink/collect"
	"timesink/collect/capture"
)

// A slow service has pages that wait: held ones until the trace is requested, hung
// ones until their client gives up.
type slow struct {
	t          *testing.T
	held, hung map[string]bool // "" is the index
	next       http.Handler

	traced  chan struct{} // closed when the trace has been requested
	once    sync.Once
	mu      sync.Mutex
	givenUp map[string]bool // held pages whose client gave up
}

func slowService(t *testing.T, held, hung string) (*slow, string) {
	s := &slow{t: t, held: set(held), hung: set(hung), next: inTurn(newMux()), traced: make(chan struct{}), givenUp: map[string]bool{}}
	return s, serve(t, s)
}

func set(words string) map[string]bool {
	s := make(map[string]bool)
	for _, w := range strings.Split(words, " ") {
		s[strings.TrimSuffix(w, "index")] = w != ""
	}
	if words == "" {
		return nil
	}
	return s
}

func (s *slow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/debug/pprof/"), "/")
	switch {
	case name == "trace":
		s.once.Do(func() { close(s.traced) })
	case s.hung[name]:
		<-r.Context().Done()
		return
	case s.held[name]:
		select {
		case <-s.traced:
		case <-r.Context().Done():
			s.mu.Lock()
			s.givenUp[name] = true
			s.mu.Unlock()
			return
		}
	}
	s.next.ServeHTTP(w, r)
}

// The test needs no clock: the pages answer only after the window has opened, so
// the window did not wait for them.
func TestSlowPagesDoNotDelayTheWindow(t *testing.T) {
	s, url := slowService(t, "mutex metrics heap block cmdline symbol", "")
	m, c := run(t, context.Background(), short(t, url))
	readTrace(t, c)
	if len(s.givenUp) > 0 || len(m.Warnings) > 0 {
		t.Errorf("given up before the window: %v, warnings %v", s.givenUp, m.Warnings)
	}
	if m.Service.MutexRate == nil || m.Part(capture.GoroutineBeforePart) == nil {
		t.Errorf("service %+v, parts %+v", m.Service, m.Parts)
	}
}

func TestPagesThatHangAreWarnings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		hung  string
		codes string // sorted
		names []string
	}{
		{"index mutex profile", "cpu-profile-missing goroutines-missing page-late", []string{
			"no goroutine profiles: the index, which counts the goroutines, gave no answer in 2.0 s",
			"the mutex page gave no answer",
			"no CPU profile: no answer in 3.0 s after the window",
		}},
		{"goroutine metrics cmdline symbol heap block", "goroutines-missing page-late", []string{
			"no goroutine profiles: no answer in 2.0 s",
			"the metrics page gave no answer",
		}},
	} {
		t.Run(tt.hung, func(t *testing.T) {
			t.Parallel()
			_, url := slowService(t, "", tt.hung)
			m, c := run(t, context.Background(), short(t, url))
			readTrace(t, c)
			if got := sortedCodes(m.Warnings); got != tt.codes || m.Window.Ended != capture.EndedInTime {
				t.Errorf("ended %s, warnings %v", m.Window.Ended, m.Warnings)
			}
			for _, name := range tt.names {
				if !strings.Contains(fmt.Sprint(m.Warnings), name) {
					t.Errorf("no warning of %q: %v", name, m.Warnings)
				}
			}
		})
	}
}

// The second goroutine profile is a side part too.
func TestAGoroutineProfileThatHangsAfterTheWindowIsAWarning(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	h := with("goroutine", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("seconds") == "" && asked.Add(1) > 1 {
			<-r.Context().Done()
			return
		}
		pprof.Handler("goroutine").ServeHTTP(w, r)
	})
	m, c := run(t, context.Background(), short(t, serve(t, inTurn(h))))
	readPart(t, c, capture.GoroutineBeforePart)
	if codes(m.Warnings) != "goroutines-missing" || !strings.Contains(m.Warnings[0].Message, "after the window") || m.Part(capture.GoroutineAfterPart).Error == "" {
		t.Errorf("warnings %v, parts %+v", m.Warnings, m.Parts)
	}
}

func TestATraceAloneIsEnough(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	url := serve(t, mux)
	m, c := run(t, context.Background(), short(t, url))
	readTrace(t, c)
	if got := sortedCodes(m.Warnings); got != "cpu-profile-missing goroutines-missing" || !strings.Contains(fmt.Sprint(m.Warnings), `mux.HandleFunc("/debug/pprof/profile", pprof.Profile)`) {
		t.Errorf("warnings %v", m.Warnings)
	}
	if d := diagnose(t, url); d.Err != nil {
		t.Errorf("doctor disagrees: %v", d.Err)
	}
}

func TestAMissingTraceHintsAtTheLineToAdd(t *testing.T) {
	mux := http.NewServeMux()
	for _, name := range []string{"mutex", "heap"} {
		mux.Handle("/internal/pprof/"+name, pprof.Handler(name))
	}
	const line = `add mux.HandleFunc("/internal/pprof/trace", pprof.Trace)`
	url := serve(t, mux) + "/internal/pprof/"
	checkError(t, fail(t, context.Background(), short(t, url)), collect.ErrNotFound, "get trace of ", line)
	checkError(t, diagnose(t, url).Err, collect.ErrNotFound, "get trace of ", line)
}

func TestTheWriteTimeoutIsFoundWithoutTheGoroutinePage(t *testing.T) {
	h := with("goroutine", http.NotFound)
	cfg := short(t, serveWithTimeout(t, beforeGo123(h), 1500*time.Millisecond))
	cfg.Window = 5 * time.Second
	m, c := run(t, context.Background(), cfg)
	readTrace(t, c)
	if got := sortedCodes(m.Warnings); got != "goroutines-missing window-shortened" || m.Part(capture.CPUPart).Source != "profile?seconds=1" || m.Part(capture.CPUPart).Error != "" || m.Window.Ended != capture.EndedInTime {
		t.Errorf("warnings %v, parts %+v, window %+v", m.Warnings, m.Parts, m.Window)
	}
}

// CapturedAt is when the window opened, however long the work before it took and
// however long the service took to begin.
func TestCapturedAtIsWhenTheWindowOpened(t *testing.T) {
	var opened, closed time.Time
	h := with("trace", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(50 * time.Millisecond)
		opened = time.Now()
		pprof.Trace(w, r)
		closed = time.Now()
	})
	m, _ := run(t, context.Background(), short(t, serve(t, h)))
	const grain = time.Millisecond // accuracy of comparing the clocks
	if m.CapturedAt.Before(opened.Add(-grain)) || m.CapturedAt.After(closed) || m.CapturedAt.UnixNano() < m.Window.Start {
		t.Errorf("captured at %s, the trace ran from %s to %s", m.CapturedAt, opened, closed)
	}
}

func TestDoctorRequestsAllPagesConcurrently(t *testing.T) {
	t.Parallel()
	s, url := slowService(t, "mutex block goroutine metrics", "")
	d := diagnose(t, url)
	if len(s.givenUp) > 0 || d.Err != nil {
		t.Errorf("given up before the trace: %v, %v", s.givenUp, d.Err)
	}
	var names []string
	for _, e := range d.Service.Endpoints {
		if names = append(names, e.Name); !e.OK {
			t.Errorf("%+v", e)
		}
	}
	if got := strings.Join(names, " "); got != "index mutex block goroutine trace profile" {
		t.Errorf("listed: %s", got)
	}

	_, url = slowService(t, "", "index")
	d = diagnose(t, url)
	if d.Err != nil || !strings.Contains(ids(d), "index-late") || endpoint(t, d, "goroutine").OK {
		t.Errorf("%v, advice %s", d.Err, ids(d))
	}
}
