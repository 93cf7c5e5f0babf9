package collect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/pprof"
	"runtime"
	runtimepprof "runtime/pprof"
	"runtime/trace"
	"slices"
	"strings"
	"testing"
	"time"

	"timesink/collect"
	"timesink/collect/capture"
)

func diagnose(t *testing.T, url string) *collect.Diagnosis {
	t.Helper()
	d, err := collect.Doctor(context.Background(), collect.Config{Target: target(t, url), Window: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// endpoint returns the entry of an endpoint.
func endpoint(t *testing.T, d *collect.Diagnosis, name string) capture.Endpoint {
	t.Helper()
	for _, e := range d.Service.Endpoints {
		if e.Name == name {
			return e
		}
	}
	t.Fatalf("%s was not asked: %+v", name, d.Service.Endpoints)
	return capture.Endpoint{}
}

func ids(d *collect.Diagnosis) string {
	var s []string
	for _, a := range d.Advice {
		s = append(s, a.ID)
	}
	return strings.Join(s, " ")
}

func TestAHealthyServiceExposesEverything(t *testing.T) {
	d := diagnose(t, serve(t, newMux()))
	if d.Err != nil {
		t.Errorf("cannot be collected from: %v", d.Err)
	}
	for _, name := range []string{"index", "mutex", "block", "goroutine", "trace", "profile"} {
		if e := endpoint(t, d, name); !e.OK || e.Status != 200 {
			t.Errorf("%+v", e)
		}
	}
	if !ofThisGo(d.Service.GoVersion) {
		t.Errorf("Go version %q, want %q or its beginning", d.Service.GoVersion, runtime.Version())
	}
	if d.Longest != int64(10*time.Second) || d.TraceRunning || d.ProfileRunning {
		t.Errorf("%+v", d)
	}
	// Blocking in other tests stays in the block profile.
	if got := ids(d); got != "mutex-off block-off" && got != "mutex-off" {
		t.Errorf("advice: %s", got)
	}
	if data, err := json.Marshal(d); err != nil || bytes.Contains(data, []byte("null")) {
		t.Errorf("as JSON: %s, %v", data, err)
	}
}

func TestDoctorLeavesNothingRunning(t *testing.T) {
	diagnose(t, serve(t, newMux()))
	var out bytes.Buffer
	if err := trace.Start(&out); err != nil {
		t.Errorf("the tracer is still in use: %v", err)
	}
	trace.Stop()
	// The profile's handler notices only after a moment that its client is
	// gone.
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		err := runtimepprof.StartCPUProfile(&out)
		if err == nil {
			break
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatalf("the CPU profiler is still in use: %v", err)
		}
	}
	runtimepprof.StopCPUProfile()
}

func TestDoctorSeesProfileRates(t *testing.T) {
	for _, tt := range []struct {
		rate         int
		note, advice string
	}{
		{1, "on: every contention", "mutex-each"},
		{100, "on: one contention of 100", ""},
	} {
		old := runtime.SetMutexProfileFraction(tt.rate)
		d := diagnose(t, serve(t, newMux()))
		runtime.SetMutexProfileFraction(old)
		if *d.Service.MutexRate != tt.rate || endpoint(t, d, "mutex").Note != tt.note || !strings.Contains(ids(d), tt.advice) || strings.Contains(ids(d), "mutex-off") {
			t.Errorf("rate %d: %+v, advice %s", tt.rate, endpoint(t, d, "mutex"), ids(d))
		}
	}

	runtime.SetBlockProfileRate(1)
	defer runtime.SetBlockProfileRate(0)
	c := make(chan bool)
	go close(c)
	<-c
	d := diagnose(t, serve(t, newMux()))
	if *d.Service.BlockEvents == 0 || !strings.HasPrefix(endpoint(t, d, "block").Note, "on, or was") || strings.Contains(ids(d), "block-off") {
		t.Errorf("%+v, advice %s", endpoint(t, d, "block"), ids(d))
	}
}

func TestDoctorSeesRunningTracesAndProfiles(t *testing.T) {
	url := serve(t, newMux())
	var out bytes.Buffer
	if err := runtimepprof.StartCPUProfile(&out); err != nil {
		t.Fatal(err)
	}
	d := diagnose(t, url)
	runtimepprof.StopCPUProfile()
	if !d.ProfileRunning || d.Err != nil || !strings.Contains(ids(d), "profile-running") || strings.Contains(ids(d), "profile-missing") {
		t.Errorf("%+v, advice %s", endpoint(t, d, "profile"), ids(d))
	}

	if err := trace.Start(&out); err != nil {
		t.Fatal(err)
	}
	d = diagnose(t, url)
	trace.Stop()
	if !d.TraceRunning || !strings.Contains(ids(d), "trace-running") {
		t.Errorf("%+v, advice %s", endpoint(t, d, "trace"), ids(d))
	}
	checkError(t, d.Err, collect.ErrTraceRunning, "HTTP 500", "one trace at a time")
}

// beforeGo123 checks the server's write timeout like net/http/pprof from Go
// 1.15 to 1.22, and then calls next.
func beforeGo123(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		srv, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
		var seconds float64
		if _, err := fmt.Sscan(r.FormValue("seconds"), &seconds); err == nil && srv.WriteTimeout != 0 && seconds >= srv.WriteTimeout.Seconds() {
			w.Header().Set("X-Go-Pprof", "1")
			http.Error(w, "profile duration exceeds server's WriteTimeout", http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func TestTheWriteTimeoutIsFoundWithoutWaiting(t *testing.T) {
	for _, tt := range []struct {
		timeout time.Duration
		longest time.Duration
	}{
		{time.Minute, 10 * time.Second},
		{10 * time.Second, 9 * time.Second},
		{2500 * time.Millisecond, 2 * time.Second},
		{time.Second, 0},
	} {
		d := diagnose(t, serveWithTimeout(t, beforeGo123(newMux()), tt.timeout))
		if d.Longest != int64(tt.longest) {
			t.Errorf("write timeout %s: longest window %s, want %s", tt.timeout, time.Duration(d.Longest), tt.longest)
		}
		if limited := tt.longest < 10*time.Second; strings.Contains(ids(d), "write-timeout") != limited {
			t.Errorf("write timeout %s: advice %s", tt.timeout, ids(d))
		}
	}
	// Go 1.23 and later extend the timeout.
	if d := diagnose(t, serveWithTimeout(t, newMux(), time.Second)); d.Longest != int64(10*time.Second) || strings.Contains(ids(d), "write-timeout") {
		t.Errorf("longest window %s, advice %s", time.Duration(d.Longest), ids(d))
	}
}

func TestDoctorAdvisesWhatToAdd(t *testing.T) {
	indexOnly := http.NewServeMux()
	indexOnly.HandleFunc("/debug/pprof/", pprof.Index)
	noProfile := http.NewServeMux()
	noProfile.HandleFunc("/debug/pprof/", pprof.Index)
	noProfile.HandleFunc("/debug/pprof/trace", pprof.Trace)
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "<!doctype html><title>Shop</title>")
	})
	replaced := http.NewServeMux()
	replaced.HandleFunc("/debug/pprof/", pprof.Index)
	replaced.Handle("/debug/pprof/trace", page)
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "who are you?", http.StatusUnauthorized) })

	for _, tt := range []struct {
		name   string
		h      http.Handler
		is     error // nil if it can be collected from
		want   string
		advice string
		code   string
	}{
		{"no pprof", http.NewServeMux(), collect.ErrNotFound, "HTTP 404", "pprof-missing", `import _ "net/http/pprof"`},
		{"a page for everything", page, collect.ErrNotFound, `"Shop"`, "pprof-missing", `import _ "net/http/pprof"`},
		{"no trace", indexOnly, collect.ErrNotFound, "Unknown profile", "trace-missing", "pprof.Trace"},
		{"a page for the trace", replaced, capture.ErrNotTrace, `"Shop"`, "trace-replaced", "pprof.Trace"},
		{"no CPU profile", noProfile, nil, "", "profile-missing", "pprof.Profile"},
		{"a guard", guarded, collect.ErrUnauthorized, "who are you?", "access", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := diagnose(t, serve(t, tt.h))
			i := slices.IndexFunc(d.Advice, func(a collect.Advice) bool { return a.ID == tt.advice })
			if i < 0 || !strings.Contains(d.Advice[i].Code, tt.code) || d.Advice[i].What == "" {
				t.Errorf("advice: %+v", d.Advice)
			}
			switch {
			case tt.is != nil:
				checkError(t, d.Err, tt.is, tt.want, "")
			case d.Err != nil:
				t.Error(d.Err)
			}
		})
	}
}

func TestAnUnreachableServiceIsAnError(t *testing.T) {
	_, err := collect.Doctor(context.Background(), collect.Config{Target: target(t, closedPort(t))})
	checkError(t, err, collect.ErrRefused, "connection refused", "nothing listens there")
}

func TestAnInterruptedDoctorIsAnError(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := collect.Doctor(ctx, collect.Config{Target: target(t, serve(t, newMux()))})
	if !errors.Is(err, collect.ErrInterrupted) {
		t.Error(err)
	}
}

func TestTheExactVersionComesFromMetrics(t *testing.T) {
	mux := newMux()
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "# TYPE go_info gauge\ngo_info{version=%q} 1\ngo_sched_gomaxprocs_threads 7\n", runtime.Version())
	})
	d := diagnose(t, serve(t, mux))
	if d.Service.GoVersion != runtime.Version() || d.Service.GOMAXPROCS != 7 {
		t.Errorf("%+v", d.Service)
	}
}
