package collect_test

import (
	"context"
	"net/http"
	"runtime/trace"
	"strings"
	"testing"
	"time"

	"timesink/collect"
	"timesink/collect/capture"
)

// A window ends when observing costs the service more than allowed, as its probes say or
// the time that its requests wait for a processor, and keeps what has arrived.
func TestAWindowThatCostsTooMuchEnds(t *testing.T) {
	mux := newMux()
	mux.HandleFunc("/work", func(w http.ResponseWriter, _ *http.Request) {
		if trace.IsEnabled() {
			time.Sleep(30 * time.Millisecond)
		}
		w.Write([]byte("done"))
	})
	url := serve(t, mux)
	for _, tt := range []struct {
		name string
		edit func(*collect.Config)
		want string
	}{
		{"the probes say so", func(cfg *collect.Config) {
			cfg.Probing = collect.Probing{URLs: []string{url + "/work"}, Rate: 50, Baseline: 600 * time.Millisecond}
		}, "longer than before the window"},
		{"the requests say so", func(cfg *collect.Config) { cfg.Runnable = func() float64 { return 0.2 } }, "requests wait for a processor for 20% of their time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wake(t)
			cfg := short(t, url)
			cfg.Window, cfg.MaxOverhead = time.Minute, 0.05
			tt.edit(&cfg)
			m, c := run(t, context.Background(), cfg)
			readTrace(t, c)
			if m.Window.Ended != capture.EndedOverhead || !strings.Contains(m.Part(capture.TracePart).Error, tt.want) {
				t.Errorf("ended %s, warnings %v", m.Window.Ended, m.Warnings)
			}
		})
	}
}
