package collect_test

import (
	"context"
	"io"
	"net/http"
	"runtime/trace"
	"strings"
	"testing"
	"time"

	"timesink/collect"
	"timesink/collect/capture"
)

// A refused trace says who takes the one that runs, as the service's goroutines tell, also
// where sampling the goroutines instead costs the service too much.
func TestARunningTraceSaysWhoseItIs(t *testing.T) {
	mux := newMux()
	url := serve(t, mux)
	check := func(t *testing.T, want string) {
		t.Helper()
		cfg := short(t, url)
		cfg.SampleBudget = 1e-9 // allows no snapshot instead
		err := fail(t, context.Background(), cfg)
		checkError(t, err, collect.ErrTraceRunning, "HTTP 500", want)
		if d := diagnose(t, url); !strings.Contains(capture.Hint(d.Err), want) || !strings.Contains(advice(d, "trace-running"), want) {
			t.Errorf("doctor: %v (hint: %s), %+v", d.Err, capture.Hint(d.Err), d.Advice)
		}
	}
	t.Run("the service itself", func(t *testing.T) {
		if err := trace.Start(io.Discard); err != nil {
			t.Fatal(err)
		}
		defer trace.Stop()
		check(t, "the service does so itself")
	})
	t.Run("another client", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/debug/pprof/trace?seconds=60", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			cancel()
			resp.Body.Close()
			// The service stops the trace when it notices.
			for deadline := time.Now().Add(time.Minute); trace.IsEnabled() && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
		}()
		check(t, "another client of the service's pprof port takes it")
	})
}

func advice(d *collect.Diagnosis, id string) string {
	for _, a := range d.Advice {
		if a.ID == id {
			return a.What
		}
	}
	return ""
}
