package collect_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"timesink/collect"
	"timesink/collect/capture"
)

// The service under test is this process behind a port: handlers that do
// little, and net/http/pprof. A process has only one execution tracer and one
// CPU profiler, so tests that collect run in parallel only if they have a process for
// themselves, or mostly wait for a page that hangs and use both inTurn.
func newMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", briefly(pprof.Profile))
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/v1/vin/{vin}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "{\"vin\":%q}\n", r.PathValue("vin"))
	})
	return mux
}

// briefly makes a profile end after 0.3 s for each second requested: profiles are
// requested for whole seconds, and most tests do not depend on their length.
func briefly(profile http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		seconds, _ := strconv.Atoi(r.FormValue("seconds"))
		ctx, cancel := context.WithTimeout(r.Context(), time.Duration(seconds)*300*time.Millisecond)
		defer cancel()
		profile(w, r.WithContext(ctx))
	}
}

// turns are taken by those who use what the process has once, by the name of its page.
var turns = map[string]*sync.Mutex{"trace": {}, "profile": {}}

// inTurn makes traces and CPU profiles of parallel tests wait for each other.
func inTurn(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if turn := turns[path.Base(r.URL.Path)]; turn != nil {
			turn.Lock()
			defer turn.Unlock()
		}
		h.ServeHTTP(w, r)
	})
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func target(t *testing.T, s string) collect.Target {
	t.Helper()
	target, err := collect.ParseTarget(s)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// short returns a configuration that keeps tests short.
func short(t *testing.T, url string) collect.Config {
	return collect.Config{Target: target(t, url), Window: 300 * time.Millisecond, Tool: capture.Tool{Version: "v0.0.0-test"}}
}

// run collects into a new file and opens it.
func run(t *testing.T, ctx context.Context, cfg collect.Config) (*capture.Manifest, *capture.Capture) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "case.zip")
	m, err := collect.Run(ctx, cfg, path)
	if err != nil {
		t.Fatalf("%v (hint: %s)", err, capture.Hint(err))
	}
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return m, c
}

// fail runs a collection that must fail, checks that it leaves nothing behind,
// and returns its error.
func fail(t *testing.T, ctx context.Context, cfg collect.Config) error {
	t.Helper()
	folder := t.TempDir()
	m, err := collect.Run(ctx, cfg, filepath.Join(folder, "case.zip"))
	if err == nil {
		t.Fatalf("the collection succeeded: %+v", m)
	}
	left, lerr := os.ReadDir(folder)
	if lerr != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, lerr)
	}
	return err
}

// checkError checks the kind, the text and the hint of an error, which must be
// one line each.
func checkError(t *testing.T, err, is error, want, hint string) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Fatalf("error %v, want %v", err, is)
	}
	if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q, want one line with %q", err, want)
	}
	if got := capture.Hint(err); got == "" || !strings.Contains(got, hint) || strings.Contains(got, "\n") {
		t.Errorf("hint %q, want one line with %q", got, hint)
	}
}

func readPart(t *testing.T, c *capture.Capture, name string) []byte {
	t.Helper()
	r, err := c.Part(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readTrace(t *testing.T, c *capture.Capture) []byte {
	t.Helper()
	data := readPart(t, c, capture.TracePart)
	if !capture.IsTrace(data) {
		t.Errorf("the trace begins with %q", data[:min(len(data), 16)])
	}
	return data
}

func codes(warnings []capture.Warning) string {
	var s []string
	for _, w := range warnings {
		s = append(s, w.Code)
	}
	return strings.Join(s, " ")
}

// sortedCodes is codes in sorted order.
func sortedCodes(warnings []capture.Warning) string {
	s := strings.Fields(codes(warnings))
	slices.Sort(s)
	return strings.Join(s, " ")
}

func isGzip(data []byte) bool { return bytes.HasPrefix(data, []byte{0x1f, 0x8b}) }

func serveWithTimeout(t *testing.T, h http.Handler, timeout time.Duration) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.WriteTimeout = timeout
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

// closedPort returns an address where nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(nil)
	s.Close()
	return s.URL
}
