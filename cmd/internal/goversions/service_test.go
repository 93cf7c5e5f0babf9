package goversions_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"timesink/cmd/internal/accuracy"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/testbin"
	"timesink/cmd/internal/truth"
)

// A build is a way to build and run the service.
type build struct {
	language  string   // of its go.mod, which determines the default GODEBUG
	toolchain string   // value of GOTOOLCHAIN; "" means the one that runs the tests
	module    string   // folder of testdata with its source; "" means service
	arch      string   // "" means this machine's
	under     string   // the emulator, if it needs one
	scale     int      // factor for all waits, if running takes longer
	flags     []string // of go build
	cgo       bool
	vendor    bool
}

// A source is a copy of the service's module, with the go command for it.
type source struct {
	folder, command string
	env             []string
}

func (b *build) source(t *testing.T) *source {
	s := &source{t.TempDir(), "go", append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")}
	if err := os.CopyFS(s.folder, os.DirFS(filepath.Join("testdata", cmp.Or(b.module, "service")))); err != nil {
		t.Fatal(err)
	}
	if b.cgo {
		s.env = append(s.env, "CGO_ENABLED=1")
	}
	if b.toolchain != "" {
		s.env = append(s.env, "GOTOOLCHAIN="+b.toolchain)
	}
	if strings.HasPrefix(b.toolchain, "go1.19.") || strings.HasPrefix(b.toolchain, "go1.20.") {
		s.outsideModules(t)
	}
	if b.arch != "" {
		s.env = append(s.env, "GOARCH="+b.arch)
	}
	s.run(t, "mod", "edit", "-go="+cmp.Or(b.language, "1.26"))
	if b.vendor {
		s.run(t, "mod", "vendor")
	}
	return s
}

// outsideModules makes the toolchain available under a path outside the module
// cache: toolchains before Go 1.21 were not meant to be modules, and 1.19 does not
// find the standard library's dependencies there.
func (s *source) outsideModules(t *testing.T) {
	cmd := exec.Command("go", "env", "GOROOT")
	cmd.Env = s.env
	root, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "go")
	if err := os.Symlink(strings.TrimSpace(string(root)), link); err != nil {
		t.Fatal(err)
	}
	s.command, s.env = filepath.Join(link, "bin", "go"), append(s.env, "GOROOT="+link)
}

// run runs the go command.
func (s *source) run(t *testing.T, args ...string) {
	cmd := exec.Command(s.command, args...)
	cmd.Dir, cmd.Env = s.folder, s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", s.command, args, err, out)
	}
}

// clients is the number of concurrent clients.
const clients = 4

// A serving is a running service.
type serving struct {
	Go          string // toolchain and architecture, "go1.26.8 amd64"
	Work, Admin string // URLs
}

// serve runs the service and the peer that it calls.
func (b *build) serve(t *testing.T) *serving {
	exe := filepath.Join(t.TempDir(), "service")
	b.source(t).run(t, slices.Concat([]string{"build", "-o", exe}, b.flags, []string{"."})...)
	args := []string{servePeer(t), strconv.Itoa(max(b.scale, 1))}
	if b.under != "" {
		exe, args = b.under, append([]string{exe}, args...)
	}
	var s serving
	testbin.Start(t, exe, args, &s)
	return &s
}

// servePeer serves the calls of the service: it answers after d, and ends its answer
// after body more.
func servePeer(t *testing.T) (url string) {
	// Use the name, so that it must be resolved.
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wait := func(name string) {
			d, _ := time.ParseDuration(r.FormValue(name))
			time.Sleep(d)
		}
		wait("d")
		io.WriteString(w, "head")
		http.NewResponseController(w).Flush()
		wait("body")
		io.WriteString(w, "body")
	})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "http://localhost:" + port
}

// traced takes a trace through net/http/pprof.
func traced(s *serving) ([]byte, error) { return get(s.Admin + "/debug/pprof/trace?seconds=2") }

// tracedLonger is traced for a service with fewer requests per second.
func tracedLonger(s *serving) ([]byte, error) { return get(s.Admin + "/debug/pprof/trace?seconds=5") }

// dumped takes the content of a flight recorder after a while.
func dumped(s *serving) ([]byte, error) {
	if _, err := get(s.Admin + "/flight/start"); err != nil {
		return nil, err
	}
	time.Sleep(2500 * time.Millisecond)
	return get(s.Admin + "/flight/dump")
}

func get(url string) ([]byte, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, resp.Status, body)
	}
	return body, err
}

// record records a service under load.
func record(t *testing.T, how build, take func(*serving) ([]byte, error)) *recording {
	r, err := how.serve(t).record(t.Context(), take)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// record takes a trace of the service under load, with the measurements of the
// service and its clients.
func (s *serving) record(ctx context.Context, take func(*serving) ([]byte, error)) (*recording, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	seen := make(chan *load.Result, 1)
	failed := make(chan error, 1)
	go func() {
		result, err := load.Run(ctx, load.Config{URL: s.Work + "/work/x", Connections: clients, Keep: 1 << 14})
		seen <- result
		failed <- err
	}()
	time.Sleep(500 * time.Millisecond) // the first requests are atypical
	before, err := s.truth()
	if err != nil {
		return nil, err
	}
	data, err := take(s)
	if err != nil {
		return nil, err
	}
	during, err := s.truth()
	if err != nil {
		return nil, err
	}
	stop()
	result := <-seen
	if err := <-failed; err != nil {
		return nil, err
	}
	if result.Failed > 0 || result.Dropped > 0 || result.Statuses[http.StatusOK] != result.Count {
		return nil, fmt.Errorf("of the requests %d failed, %d were dropped, the others' answers were %v: %s", result.Failed, result.Dropped, result.Statuses, result.Error)
	}
	last, err := s.truth()
	if err != nil {
		return nil, err
	}
	return &recording{trace: data, facts: facts{
		Go: s.Go, Requests: slices.Concat(before.Requests, during.Requests, last.Requests), Clients: result.Requests,
		Machine: accuracy.Machine{Ran: during.Ran - before.Ran, Delayed: during.Delayed - before.Delayed}.Per(len(during.Requests)),
	}}, nil
}

// measured is what the service reports: the requests since the last report, and how
// long its threads have run, and were ready to run, so far.
type measured struct {
	Requests []truth.Request `json:"requests"`
	Ran      int64           `json:"ran_ns"`
	Delayed  int64           `json:"delayed_ns"`
}

func (s *serving) truth() (*measured, error) {
	body, err := get(s.Admin + "/truth")
	if err != nil {
		return nil, err
	}
	var m measured
	return &m, json.Unmarshal(body, &m)
}
