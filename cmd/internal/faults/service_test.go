package faults_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"os"
	"regexp"
	"testing"
	"time"

	"timesink/cmd/internal/child"
	"timesink/cmd/internal/testbin"
)

// asService is the argument with which this test runs itself again as a service.
const asService = "as-service"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asService {
		serveUntilUnleashed()
		return
	}
	// Most rows wait for a window to end, so run more of them at once than there are
	// processors, unless -parallel is given.
	flag.Set("test.parallel", "6")
	testbin.Main(m)
}

// ready is what a service prints when it listens.
type ready struct{ URL string }

// serveUntilUnleashed is a service with net/http/pprof and some load of its own, until
// its standard input ends.
func serveUntilUnleashed() {
	mux := http.NewServeMux()
	mux.HandleFunc("/work", func(w http.ResponseWriter, _ *http.Request) {
		<-time.After(2 * time.Millisecond)
		io.WriteString(w, "done")
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := httptest.NewServer(mux)
	for range 2 {
		go func() {
			for {
				resp, err := http.Get(server.URL + "/work")
				if err != nil {
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		}()
	}
	json.NewEncoder(os.Stdout).Encode(ready{server.URL})
	io.Copy(io.Discard, os.Stdin)
}

// A target is a service in a process of its own.
type target struct {
	url     string
	process *child.Process
}

// newTarget starts a service that ends with the test.
func newTarget(t testing.TB, args ...string) *target {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var r ready
	p := testbin.Start(t, exe, append([]string{asService}, args...), &r)
	return &target{url: r.URL, process: p}
}

// settles is how long a service may take to notice that a client is gone.
const settles = 20 * time.Second

// check checks that nothing of a collection goes on in the service: no request for its
// pprof pages is being served, and a trace and a CPU profile can be had.
func (t *target) check(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), settles)
	defer cancel()
	var left []string
	for ctx.Err() == nil {
		if left = t.left(ctx); len(left) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	tb.Errorf("the service still has %v", left)
}

// handlers are functions that run in a service only while it is observed.
var handlers = regexp.MustCompile(`net/http/pprof\.(Trace|Profile|sleep)|runtime/trace\.Start\.func|runtime/pprof\.profileWriter`)

// left returns what of a collection goes on in the service.
func (t *target) left(ctx context.Context) []string {
	body, status, err := t.get(ctx, "goroutine?debug=2")
	if err != nil || status != http.StatusOK {
		return []string{fmt.Sprintf("HTTP %d, %v", status, err)}
	}
	if found := handlers.FindAllString(string(body), -1); found != nil {
		return found
	}
	if _, status, err = t.get(ctx, "trace?seconds=0.01"); err != nil || status != http.StatusOK {
		return []string{fmt.Sprintf("a trace: HTTP %d, %v", status, err)}
	}
	return nil
}

func (t *target) get(ctx context.Context, page string) (body []byte, status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url+"/debug/pprof/"+page, nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return body, resp.StatusCode, err
}
