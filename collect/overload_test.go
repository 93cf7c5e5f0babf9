package collect_test

import (
	"context"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"timesink/analyze/trace/tracetest"
	"timesink/collect"
	"timesink/collect/capture"
)

// overloaded answers 503 the first n times and then as h.
func overloaded(n int64, retryAfter string, h http.HandlerFunc) http.HandlerFunc {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if seen.Add(1) > n {
			h(w, r)
			return
		}
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		http.Error(w, "no healthy upstream", http.StatusServiceUnavailable)
	}
}

func TestAnOverloadedServiceIsAskedOnceMore(t *testing.T) {
	if tracetest.Alone(t) {
		return
	}
	for name, h := range map[string]http.Handler{
		"the index":                 overloaded(1, "0", newMux().ServeHTTP),
		"the trace":                 with("trace", overloaded(1, "0", pprof.Trace)),
		"the CPU profile":           with("profile", overloaded(1, "0", briefly(pprof.Profile))),
		"the trace, until a moment": with("trace", overloaded(1, time.Now().UTC().Format(http.TimeFormat), pprof.Trace)),
	} {
		t.Run(name, func(t *testing.T) {
			m, c := run(t, context.Background(), short(t, serve(t, h)))
			readTrace(t, c)
			// A service in which the first profile has not stopped yet is busy.
			if got := codes(m.Warnings); got != "" && got != "cpu-profile-busy" || m.Window.Ended != capture.EndedInTime {
				t.Errorf("warnings %v, window %+v, profile %+v", m.Warnings, m.Window, m.Part(capture.CPUPart))
			}
		})
	}
}

// Asked to wait for longer than the window, or refused twice, a collection ends at once and
// says for how long the service asked.
func TestAnOverloadedServiceIsNotWaitedFor(t *testing.T) {
	for _, tt := range []struct {
		name       string
		refusals   int64
		retryAfter string
		hint       string
	}{
		{"twice", 2, "0", "try again later"},
		{"for an hour", 1, "3600", "after 1h0m0s"},
		{"for ever", 1, "2147483647", "come again after"},
		{"for no time that can be read", 2, "soon", "try again later"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := with("trace", overloaded(tt.refusals, tt.retryAfter, pprof.Trace))
			cfg := short(t, serve(t, h))
			began := time.Now()
			checkError(t, fail(t, context.Background(), cfg), collect.ErrOverloaded, `HTTP 503 Service Unavailable: "no healthy upstream"`, tt.hint)
			if took := time.Since(began); took > time.Minute {
				t.Errorf("it took %s", took)
			}
		})
	}
	err := fail(t, context.Background(), short(t, serve(t, overloaded(1<<40, "", nil))))
	if err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a service that always refuses: %v", err)
	}
}
