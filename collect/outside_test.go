package collect_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"timesink/collect"
	"timesink/collect/capture"
)

// bare is a service without net/http/pprof, whose answers state their time.
func bare(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/work" {
		http.NotFound(w, r)
		return
	}
	w.Header().Add("Server-Timing", `cache;desc="hit \"1\", warm", db;dur=1.25`)
	w.Header().Add("Server-Timing", "total;dur=2")
	fmt.Fprint(w, "done")
}

func probed(t *testing.T, target string, service string) collect.Config {
	cfg := short(t, target)
	cfg.Probing = collect.Probing{URLs: []string{service + "/work"}, Rate: 50, Baseline: 200 * time.Millisecond}
	return cfg
}

func TestAServiceThatShowsNothingIsProbed(t *testing.T) {
	for _, tt := range []struct {
		name   string
		target func(t *testing.T, service string) string
		change func(*collect.Config)
		why    string
		says   string
	}{
		{"no pprof at its port", func(_ *testing.T, service string) string { return service }, nil, capture.UntracedMissing, "HTTP 404"},
		{"no trace is wanted there", func(_ *testing.T, service string) string { return service }, func(cfg *collect.Config) { cfg.NoTrace = true }, capture.UntracedAsked, "HTTP 404"},
		{"nothing listens at the pprof port", func(t *testing.T, _ string) string { return closedPort(t) }, nil, capture.UntracedMissing, "connection refused"},
		{"a page answers everywhere", func(t *testing.T, _ string) string {
			return serve(t, http.HandlerFunc(answers(200, "<html>shop</html>")))
		}, nil, capture.UntracedMissing, "not a pprof index"},
		{"all pages redirect", func(t *testing.T, _ string) string {
			return serve(t, http.RedirectHandler("https://login.example.com/", http.StatusFound))
		}, nil, capture.UntracedMissing, "HTTP 302"},
		{"trace and goroutines alone are missing", func(t *testing.T, _ string) string {
			return serve(t, without("trace", "goroutine"))
		}, nil, capture.UntracedMissing, `mux.HandleFunc("/debug/pprof/trace", pprof.Trace)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			service := serve(t, http.HandlerFunc(bare))
			cfg := probed(t, tt.target(t, service), service)
			if tt.change != nil {
				tt.change(&cfg)
			}
			m, c := run(t, context.Background(), cfg)
			if m.Outside == nil || m.Outside.Why != tt.why || m.Window.Ended != capture.EndedInTime || m.Window.End <= m.Window.Start {
				t.Errorf("outside %+v, window %+v", m.Outside, m.Window)
			}
			if said := messageOf(m.Warnings, "no-pprof"); !strings.Contains(said, tt.says) {
				t.Errorf("warnings %v", m.Warnings)
			}
			probes, err := c.Probes()
			if err != nil || len(probes) < 5 {
				t.Fatalf("%d probes, %v", len(probes), err)
			}
			want := []capture.ServerTiming{{Name: "cache", Description: `hit "1", warm`}, {Name: "db", Duration: 1250000}, {Name: "total", Duration: 2e6}}
			if i := slices.IndexFunc(probes, func(p capture.Probe) bool { return !slices.Equal(p.ServerTiming, want) }); i >= 0 {
				t.Errorf("probe %+v", probes[i])
			}
		})
	}
}

// without is a service's pprof that lacks some pages.
func without(pages ...string) http.Handler {
	mux := newMux()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, page := range pages {
			if r.URL.Path == "/debug/pprof/"+page {
				http.NotFound(w, r)
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}

// Where probes cannot help either, the error is the one without them.
func TestProbesDoNotHideAnError(t *testing.T) {
	service, gone := serve(t, http.HandlerFunc(bare)), closedPort(t)
	guarded := serve(t, http.HandlerFunc(answers(401, "who are you?")))
	checkError(t, fail(t, context.Background(), probed(t, guarded, service)), collect.ErrUnauthorized, "401", "--user")
	checkError(t, fail(t, context.Background(), probed(t, service, gone)), collect.ErrNotFound, "404", "net/http/pprof")
	checkError(t, fail(t, context.Background(), short(t, service)), collect.ErrNotFound, "404", "--url URL would")
	cfg := probed(t, service, gone)
	cfg.Probing.Baseline = -1
	checkError(t, fail(t, context.Background(), cfg), collect.ErrNotFound, "404", "net/http/pprof")
}

func TestAWindowFromOutsideCanBeInterrupted(t *testing.T) {
	service := serve(t, http.HandlerFunc(bare))
	cfg := probed(t, service, service)
	cfg.Window = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	cfg.Observe = func(p collect.Progress) {
		if p.Stage == collect.StageWindow && p.Sent > 3 {
			cancel()
		}
	}
	m, _ := run(t, ctx, cfg)
	if m.Window.Ended != capture.EndedInterrupted || messageOf(m.Warnings, "interrupted") == "" {
		t.Errorf("window %+v, warnings %v", m.Window, m.Warnings)
	}
}
