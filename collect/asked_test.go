package collect_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"timesink/collect"
)

// An asked service records its requests in order, and the end of its trace.
type asked struct {
	next http.Handler
	mu   sync.Mutex
	list []string
}

func (a *asked) note(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, what)
}

func (a *asked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/debug/pprof/")
	if r.URL.RawQuery != "" {
		name += "?" + r.URL.RawQuery
	}
	a.note(name)
	if strings.HasPrefix(name, "trace") {
		defer a.note("end of trace")
	}
	a.next.ServeHTTP(w, r)
}

// seen returns the requests so far.
func (a *asked) seen() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.list)
}

// sortFrom sorts n requests from i on, which are concurrent.
func sortFrom(list []string, i, n int) {
	if i+n <= len(list) {
		slices.Sort(list[i : i+n])
	}
}

func TestACollectionMakesTheseRequestsInOrder(t *testing.T) {
	a := &asked{next: newMux()}
	m, c := run(t, context.Background(), short(t, serve(t, a)))
	readTrace(t, c)
	if len(m.Warnings) > 0 {
		t.Errorf("warnings %v", m.Warnings)
	}
	want := []string{
		"", "goroutine", "goroutine?seconds=1&debug=1", // before the window
		"profile?seconds=1", "trace?seconds=0.3", // written in this order, on two connections
		"end of trace",
		"/metrics", "goroutine", "mutex?debug=1",
	}
	got := a.seen()
	sortFrom(got, 1, 2)
	sortFrom(got, 3, 2)
	sortFrom(got, 6, 3)
	if !slices.Equal(got, want) {
		t.Errorf("asked for %q\nwant      %q", got, want)
	}
}

func TestDoctorMakesOnlyTheseRequests(t *testing.T) {
	a := &asked{next: newMux()}
	d, err := collect.Doctor(context.Background(), collect.Config{Target: target(t, serve(t, a))})
	if err != nil || d.Err != nil {
		t.Fatal(err, d.Err)
	}
	got := slices.DeleteFunc(a.seen(), func(s string) bool { return s == "end of trace" }) // Doctor does not wait for it
	if trace := slices.Index(got, "trace?seconds=0.05"); trace < 0 || trace > slices.Index(got, "profile?seconds=1") {
		t.Errorf("the trace is not taken before the CPU profile: %q", got)
	}
	want := []string{
		"", "/metrics", "block?debug=1", "goroutine", "goroutine?seconds=10&debug=1", "mutex?debug=1",
		"profile?seconds=1", "trace?seconds=0.05",
	}
	sortFrom(got, 1, len(got)-1)
	if !slices.Equal(got, want) {
		t.Errorf("asked for %q\nwant      %q", got, want)
	}
}
