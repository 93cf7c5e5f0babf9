package collect_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"timesink/analyze/trace/tracetest"
	"timesink/collect"
	"timesink/collect/capture"
)

// serveSocket serves on a Unix domain socket and returns its path. Such a path must
// be short, which t.TempDir does not guarantee.
func serveSocket(t *testing.T, name string, h http.Handler) string {
	t.Helper()
	path := filepath.Join(socketDir(t), name)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return path
}

func socketDir(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "ts")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// socketURL returns the URL of the socket at a path.
func socketURL(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return "unix://" + path
}

// A service behind a socket is collected from and probed like any other, even with
// a proxy in the environment, and the stored URLs can be pasted into a command.
func TestCollectFromASocket(t *testing.T) {
	if tracetest.Alone(t) {
		return
	}
	t.Setenv("HTTP_PROXY", closedPort(t))
	mux := http.NewServeMux()
	mux.Handle("/internal/pprof/", http.StripPrefix("/internal", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = "/debug" + r.URL.Path
		newMux().ServeHTTP(w, r)
	})))
	mux.HandleFunc("/v1/vin/{vin}", func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "localhost" {
			t.Errorf("asked as %q", r.Host)
		}
		fmt.Fprintln(w, r.PathValue("vin"))
	})
	mux.Handle("/debug/pprof/", newMux())
	socket := socketURL(serveSocket(t, "app.sock", mux))
	for target, shown := range map[string]string{
		socket:                                     socket,
		socket + ":/debug/pprof/trace?seconds=5":   socket,
		socket + ":/internal/pprof":                socket + ":/internal/pprof/",
		strings.Replace(socket, "://", ":", 1):     socket,
		strings.Replace(socket, "unix", "UNIX", 1): socket,
	} {
		t.Run(target, func(t *testing.T) {
			cfg := short(t, target)
			cfg.Probing = collect.Probing{
				URLs: []string{socket + ":/v1/vin/{vin}?full={vin}"}, Values: map[string][]string{"vin": {"A", "B/C"}},
				Rate: 50, Baseline: 100 * time.Millisecond,
			}
			m, c := run(t, context.Background(), cfg)
			readTrace(t, c)
			if m.Target != shown || len(m.Warnings) > 0 || m.Service.Goroutines == 0 || m.Service.MutexRate == nil {
				t.Errorf("target %s, warnings %v, service %+v", m.Target, m.Warnings, m.Service)
			}
			if want := (capture.AskedURL{Route: "GET /v1/vin/{vin}", Host: socket + ":"}); m.Asked.URLs[0] != want {
				t.Errorf("asked URLs: %+v", m.Asked.URLs)
			}
			probes, err := c.Probes()
			if err != nil {
				t.Fatal(err)
			}
			checkProbes(t, probes, m.Window)
			if again := m.Asked.URLs[0].Host + "/v1/vin/A"; again != socket+":/v1/vin/A" || probes[0].Host != socket+":" {
				t.Errorf("%s, %+v", again, probes[0])
			}
		})
	}
}

func TestDoctorExaminesASocket(t *testing.T) {
	url := socketURL(serveSocket(t, "app.sock", newMux()))
	if d := diagnose(t, url); d.Err != nil || d.Target != url {
		t.Errorf("%s: %v", d.Target, d.Err)
	}
	// A redirect shows the socket, not the internal host that stands for it.
	url = socketURL(serveSocket(t, "app.sock", http.RedirectHandler("/login", http.StatusFound)))
	checkError(t, diagnose(t, url).Err, collect.ErrRedirected, "to "+url+":/login", "login")
}

func TestSocketErrorsAreOneLineAndAHint(t *testing.T) {
	folder := socketDir(t)
	dead := filepath.Join(folder, "dead.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	shut := serveSocket(t, "shut.sock", newMux())
	if err := os.Chmod(shut, 0); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, target string
		is           error
		want, hint   string
	}{
		{"none", socketURL(filepath.Join(folder, "none.sock")), collect.ErrRefused, "there is no such socket", "mounted"},
		{"nothing listens", socketURL(dead), collect.ErrRefused, "connection refused", "check that the service is running"},
		{"a path without its colon", socketURL(dead) + "/debug/pprof/", collect.ErrRefused, "there is no such socket", "unix:///run/app.sock:/path"},
		{"not allowed", socketURL(shut), collect.ErrUnauthorized, "permission denied", "user who may"},
	} {
		if tt.name == "not allowed" && os.Geteuid() == 0 {
			continue // root has permission
		}
		t.Run(tt.name, func(t *testing.T) {
			checkError(t, fail(t, context.Background(), short(t, tt.target)), tt.is, "get the pprof index of "+tt.target+": "+tt.want, tt.hint)
		})
	}
}
