package collect_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	runtimepprof "runtime/pprof"
	"runtime/trace"
	"strings"
	"testing"
	"time"

	"timesink/analyze/trace/tracetest"
	"timesink/collect"
	"timesink/collect/capture"
)

// blind serves what h serves but the list of goroutines, without which nothing can be
// sampled in place of a trace.
func blind(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/debug/pprof/goroutine" && r.FormValue("seconds") == "" {
			http.NotFound(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// with serves pprof's pages with h in place of one of them.
func with(page string, h http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", newMux())
	mux.Handle("/debug/pprof/"+page, h)
	return mux
}

func answers(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

func TestErrorsAreOneLineAndAHint(t *testing.T) {
	const login = "<!DOCTYPE html>\n<html><head><title>Log in</title></head><body>Please</body></html>"
	over := serve(t, answers(200, login))
	secure := httptest.NewUnstartedServer(newMux())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)

	for _, tt := range []struct {
		name   string
		target string
		is     error
		want   string
		hint   string
	}{
		{"no such host", "nowhere.invalid:6060", collect.ErrNoHost, "get the pprof index of http://nowhere.invalid:6060: no such host: nowhere.invalid", "spelling"},
		{"nothing listens", closedPort(t), collect.ErrRefused, "connection refused", "nothing listens there"},
		{"not HTTP", listenOnce(t, "SSH-2.0-OpenSSH_9.6\r\n"), collect.ErrUnreachable, "malformed HTTP", "address"},
		{"closes at once", listenOnce(t, ""), collect.ErrUnreachable, "closed the connection", "serves HTTP"},
		{"TLS where there is none", strings.Replace(over, "http:", "https:", 1), collect.ErrCertificate, "plain HTTP", "http://"},
		{"plain HTTP where there is TLS", strings.Replace(secure.URL, "https:", "http:", 1), collect.ErrCertificate, "HTTP 400", "https://"},
		{"unknown authority", secure.URL, collect.ErrCertificate, "unknown authority", "--cacert"},
		{"401", serve(t, answers(401, "no token\n")), collect.ErrUnauthorized, `get the pprof index of`, "--bearer-file"},
		{"403", serve(t, answers(403, "not you\n")), collect.ErrUnauthorized, `HTTP 403 Forbidden: "not you"`, "--bearer-file"},
		{"404", serve(t, http.NotFoundHandler()), collect.ErrNotFound, `HTTP 404 Not Found: "404 page not found"`, "net/http/pprof"},
		{"a page for everything", over, collect.ErrNotFound, `HTTP 200, but not a pprof index: "Log in"`, "net/http/pprof"},
		{"500", serve(t, answers(500, "boom\x1b[31m\n\tred")), collect.ErrStatus, `HTTP 500 Internal Server Error: "boom [31m red"`, "doctor"},
		{"redirect to a login", serve(t, http.RedirectHandler("https://sso.example.com/login?back=secret", http.StatusFound)), collect.ErrRedirected, "to https://sso.example.com/login", "login"},
		{"trace: page", serve(t, blind(with("trace", answers(200, login)))), capture.ErrNotTrace, `HTTP 200 with an HTML page ("Log in")`, `register mux.HandleFunc("/debug/pprof/trace", pprof.Trace)`},
		{"trace: JSON", serve(t, blind(with("trace", answers(200, `{"error":"off"}`)))), capture.ErrNotTrace, `HTTP 200 with JSON ("{\"error\":\"off\"}")`, "net/http/pprof"},
		{"trace: nothing", serve(t, blind(with("trace", answers(200, "")))), capture.ErrNotTrace, "HTTP 200 with nothing at all", "net/http/pprof"},
		{"trace: a profile", serve(t, blind(with("trace", func(w http.ResponseWriter, r *http.Request) { runtimepprof.Lookup("goroutine").WriteTo(w, 0) }))), capture.ErrNotTrace, "HTTP 200 with a pprof profile", "net/http/pprof"},
		{"trace: 404", serve(t, blind(with("trace", http.NotFound))), collect.ErrNotFound, "get trace of ", `add mux.HandleFunc("/debug/pprof/trace", pprof.Trace)`},
		{"trace: 401", serve(t, blind(with("trace", answers(401, "")))), collect.ErrUnauthorized, "HTTP 401 Unauthorized", "--bearer-file"},
		{"trace: already running, in the words of Go 1.22", serve(t, blind(with("trace", answers(500, "Could not enable tracing: tracing is already enabled\n")))), collect.ErrTraceRunning, "tracing is already enabled", "one trace at a time"},
		{"trace: longer than the write timeout", serve(t, blind(with("trace", answers(400, "profile duration exceeds server's WriteTimeout")))), collect.ErrWriteTimeout, "exceeds server's WriteTimeout", "-d"},
		{"trace: cut off before it began", serve(t, blind(with("trace", hangUp))), collect.ErrUnreachable, "closed the connection", "HTTP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkError(t, fail(t, context.Background(), short(t, tt.target)), tt.is, tt.want, tt.hint)
		})
	}
}

func hangUp(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }

// listenOnce serves text to each client and hangs up.
func listenOnce(t *testing.T, text string) string {
	t.Helper()
	return listen(t, func(c net.Conn) {
		defer c.Close()
		// Read the client's request, or closing would reset the connection.
		c.Read(make([]byte, 4096))
		io.WriteString(c, text)
	})
}

func TestARunningTraceIsAnErrorThatQuotesTheService(t *testing.T) {
	var out bytes.Buffer
	if err := trace.Start(&out); err != nil {
		t.Fatal(err)
	}
	defer trace.Stop()
	err := fail(t, context.Background(), short(t, serve(t, blind(newMux()))))
	checkError(t, err, collect.ErrTraceRunning, `HTTP 500 Internal Server Error: "Could not enable tracing: `, "one trace at a time")
}

func TestARunningCPUProfileIsAWarning(t *testing.T) {
	var out bytes.Buffer
	if err := runtimepprof.StartCPUProfile(&out); err != nil {
		t.Fatal(err)
	}
	defer runtimepprof.StopCPUProfile()
	m, c := run(t, context.Background(), short(t, serve(t, newMux())))
	readTrace(t, c)
	if codes(m.Warnings) != "cpu-profile-busy" || !strings.Contains(m.Part(capture.CPUPart).Error, "already in use") || m.Window.Ended != capture.EndedInTime {
		t.Errorf("warnings %v, part %+v", m.Warnings, m.Part(capture.CPUPart))
	}
}

func TestAMissingCPUProfileIsAWarning(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"404":  with("profile", http.NotFound),
		"page": with("profile", answers(200, "<html>not here</html>")),
	} {
		t.Run(name, func(t *testing.T) {
			m, c := run(t, context.Background(), short(t, serve(t, h)))
			readTrace(t, c)
			if codes(m.Warnings) != "cpu-profile-missing" {
				t.Errorf("warnings %v", m.Warnings)
			}
		})
	}
}

func TestTheIndexIsOptional(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/internal/pprof/trace", pprof.Trace)
	mux.HandleFunc("/internal/pprof/profile", briefly(pprof.Profile))
	mux.Handle("/internal/pprof/mutex", pprof.Handler("mutex"))
	mux.Handle("/internal/pprof/goroutine", pprof.Handler("goroutine"))
	m, c := run(t, context.Background(), short(t, serve(t, mux)+"/internal/pprof"))
	readTrace(t, c)
	if !strings.HasSuffix(m.Target, "/internal/pprof/") || len(m.Warnings) != 0 {
		t.Errorf("target %s, warnings %v", m.Target, m.Warnings)
	}
}

func TestTheWindowFitsTheWriteTimeoutOfOldServices(t *testing.T) {
	cfg := short(t, serveWithTimeout(t, beforeGo123(newMux()), 1500*time.Millisecond))
	cfg.Window = 5 * time.Second
	m, c := run(t, context.Background(), cfg)
	readTrace(t, c)
	if codes(m.Warnings) != "window-shortened" || m.Part(capture.CPUPart).Source != "profile?seconds=1" || m.Asked.Duration != int64(5*time.Second) {
		t.Errorf("warnings %v, asked %+v, window %+v", m.Warnings, m.Asked, m.Window)
	}

	cfg = short(t, serveWithTimeout(t, blind(beforeGo123(newMux())), time.Second))
	checkError(t, fail(t, context.Background(), cfg), collect.ErrWriteTimeout, "write timeout of 1 s or less", "Go 1.23")
}

// unwrappable hides the connection from http.ResponseController, as middleware
// without an Unwrap method does: the server's write timeout then cuts the
// stream with any version of Go.
type unwrappable struct{ http.ResponseWriter }

func TestATraceThatIsCutIsKept(t *testing.T) {
	wake(t)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { newMux().ServeHTTP(unwrappable{w}, r) })
	cfg := short(t, serveWithTimeout(t, h, 300*time.Millisecond))
	cfg.Window = time.Second
	cfg.SampleBudget = 0.5
	m, c := run(t, context.Background(), cfg)
	readTrace(t, c)
	if m.Window.Ended != capture.EndedInTime || !strings.Contains(codes(m.Warnings), "no-trace") || !strings.Contains(fmt.Sprint(m.Warnings), "write timeout") {
		t.Errorf("ended %s, warnings %v", m.Window.Ended, m.Warnings)
	}
}

func TestATraceThatEndsEarlyIsKept(t *testing.T) {
	h := with("trace", func(w http.ResponseWriter, r *http.Request) {
		r.Form = map[string][]string{"seconds": {"0.2"}}
		pprof.Trace(w, r)
	})
	cfg := short(t, serve(t, h))
	cfg.Window = 2 * time.Second
	m, c := run(t, context.Background(), cfg)
	readTrace(t, c)
	if m.Window.Ended != capture.EndedCut || !strings.Contains(codes(m.Warnings), "trace-short") {
		t.Errorf("ended %s, warnings %v", m.Window.Ended, m.Warnings)
	}
}

func TestATakenNameIsAnErrorBeforeAnyRequest(t *testing.T) {
	asked := false
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked = true }))
	_, err := collect.Run(context.Background(), short(t, url), t.TempDir())
	checkError(t, err, capture.ErrExists, "already exists", "-o")
	if asked {
		t.Error("the service was asked anyway")
	}
}

// ignoring serves a trace that begins like any other and does not keep to its duration.
func ignoring(seconds string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Form = map[string][]string{"seconds": {seconds}}
		pprof.Trace(w, r)
	}
}

// A service that ignores the duration and one that falls silent are told apart from a slow
// way to the service, of which TestATraceThatFallsBehindEnds tells.
func TestATraceThatDoesNotEndInTimeSaysWhy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		handler     http.HandlerFunc
		ended, code string
	}{
		{"the duration is ignored", ignoring("60"), capture.EndedOverlong, "trace-overlong"},
		{"silence", func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			pprof.Trace(&silenced{ResponseWriter: w, left: 5000}, r.WithContext(ctx))
			<-r.Context().Done()
		}, capture.EndedSilent, "trace-silent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tracetest.Alone(t) {
				return
			}
			wake(t)
			cfg := short(t, serve(t, with("trace", tt.handler)))
			cfg.MaxLag = 3 * time.Second
			m, c := run(t, context.Background(), cfg)
			readTrace(t, c)
			if m.Window.Ended != tt.ended || !strings.Contains(codes(m.Warnings), tt.code) || m.Part(capture.TracePart).Error == "" {
				t.Errorf("ended %s, warnings %v", m.Window.Ended, m.Warnings)
			}
		})
	}
}

// A silenced writer passes on some bytes and swallows the rest.
type silenced struct {
	http.ResponseWriter
	left int
}

func (s *silenced) Write(b []byte) (int, error) {
	n := min(len(b), s.left)
	s.left -= n
	if n > 0 {
		if _, err := s.ResponseWriter.Write(b[:n]); err != nil {
			return 0, err
		}
		s.ResponseWriter.(http.Flusher).Flush()
	}
	return len(b), nil
}

func (s *silenced) Unwrap() http.ResponseWriter { return s.ResponseWriter }
