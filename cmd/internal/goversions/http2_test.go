package goversions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/trace/tracetest"
	"timesink/cmd/internal/accuracy"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/testbin"
	"timesink/cmd/internal/truth"
	"timesink/collect/capture"
)

// uploading lists the versions of Go whose HTTP/2 client is compared with
// stopwatches: its package and its names differ between them.
var uploading = []build{
	{language: "1.22", toolchain: "go1.22.12"},
	{language: "1.23", toolchain: "go1.23.12"},
	{language: "1.24", toolchain: "go1.24.13"},
	{language: "1.25", toolchain: "go1.25.8"},
	{language: "1.26", toolchain: "go1.26.8"},
	{language: "1.27", toolchain: "go1.27.3"},
}

// TestHTTP2 compares timesink's answer about calls over HTTP/2 with large bodies in
// both directions with the service's measurements, and prints the table. It uses a
// recorded trace of each version and a live one of the testing toolchain, and for
// the whole table of the newest one.
func TestHTTP2(t *testing.T) {
	var rows []accuracy.Row
	for _, b := range uploading {
		name := "http2-go" + b.language
		t.Run(name, func(t *testing.T) {
			if *update {
				b.uploads(t).save(t, name)
			}
			r := open(t, name)
			if !strings.HasPrefix(r.facts.Go, "go"+b.language+".") {
				t.Errorf("the service was built with %s", r.facts.Go)
			}
			row, broken := r.judgeUploads(t, name)
			for _, err := range broken {
				t.Error(err)
			}
			rows = append(rows, row)
		})
	}
	recorded := slices.Clone(rows)
	live := []string{*toolchain}
	if !tracetest.Long {
		live = nil
	}
	if *whole && *toolchain == "" {
		live = append(live, newest)
	}
	for _, toolchain := range live {
		name := strings.TrimSpace("http2 " + toolchain)
		t.Run("live "+name, func(t *testing.T) {
			b := build{language: languageOf(toolchain), toolchain: toolchain}
			if err := b.had(); err != nil { // the recorded trace is tested
				t.Logf("%s is not available: %v", toolchain, err)
				return
			}
			row, broken := b.uploads(t).judgeUploads(t, name)
			for _, err := range broken {
				t.Error(err)
			}
			rows = append(rows, row)
		})
	}
	fmt.Printf("\n%s\n", accuracy.Report(rows))
	phase := func(p breakdown.Phase) accuracy.Column {
		return accuracy.Column{Title: p.String(), Bucket: breakdown.Upstream, Phase: p}
	}
	published(t, "http2", recorded, len(uploading), phase(breakdown.RequestWrite), phase(breakdown.ResponseWait), phase(breakdown.BodyRead),
		accuracy.Column{Title: "sleep", Bucket: breakdown.Sleep})
}

// uploadBytes is the size of the bodies: several windows of a stream.
const uploadBytes = 4 << 20

// uploads measures the service under load.
func (b *build) uploads(t *testing.T) *recording {
	exe := filepath.Join(t.TempDir(), "uploads")
	b.sourceOf(t, "http2").run(t, "build", "-o", exe, ".")
	var s serving
	p := testbin.Start(t, exe, []string{serveUploads(t), strconv.Itoa(uploadBytes)}, &s)
	r, err := s.recordUploads(t.Context(), p.PID())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// serveUploads serves the calls of the service: it reads a body, waits, and sends
// one of the same size, in two pieces with a wait between them.
func serveUploads(t *testing.T) (url string) {
	half := bytes.Repeat([]byte("y"), uploadBytes/2)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		time.Sleep(20 * time.Millisecond)
		w.Write(half)
		http.NewResponseController(w).Flush()
		time.Sleep(20 * time.Millisecond)
		w.Write(half)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// uploadRequests is no larger than the bounds need: each request makes a thousand
// system calls.
const uploadRequests = 51

// recordUploads takes a trace of the service, the process pid, under load, with the
// measurements of the service and its clients.
func (s *serving) recordUploads(ctx context.Context, pid int) (*recording, error) {
	send := func(requests int) (*load.Result, error) {
		return load.Run(ctx, load.Config{URL: s.Work + "/work/x", Connections: 2, Requests: requests, Keep: 1 << 14})
	}
	if _, err := send(6); err != nil { // the first requests are atypical
		return nil, err
	}
	var data []byte
	traced := make(chan error, 1)
	go func() {
		var err error
		data, err = get(s.Admin + "/debug/pprof/trace?seconds=4")
		traced <- err
	}()
	time.Sleep(300 * time.Millisecond) // until the trace has started
	before := processors(pid)
	result, err := send(uploadRequests)
	after := processors(pid)
	if err := errors.Join(err, <-traced); err != nil {
		return nil, err
	}
	told, err := get(s.Admin + "/truth")
	if err != nil {
		return nil, err
	}
	var measured truth.Truth
	if err := json.Unmarshal(told, &measured); err != nil {
		return nil, err
	}
	machine := accuracy.Machine{Ran: after.Ran - before.Ran, Delayed: after.Delayed - before.Delayed}.Per(uploadRequests)
	return &recording{trace: data, facts: facts{s.Go, measured.Requests, result.Requests, machine}}, nil
}

// judgeUploads compares timesink's answer about the trace with the facts.
func (r *recording) judgeUploads(t *testing.T, name string) (accuracy.Row, []error) {
	cp, err := capture.Read(name, bytes.NewReader(r.trace))
	if err != nil {
		t.Fatal(err)
	}
	defer cp.Close()
	said, _, err := accuracy.OnTraceClock(t.Context(), cp, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	offset, broken := r.offset()
	said.Shift(offset)
	row := accuracy.Compare(name, said.Requests, r.facts.Requests, accuracy.Named, r.facts.Clients, said.Start, said.End)
	if row.Machine, err = r.machine(row.Requests); err != nil {
		t.Fatal(err)
	}
	broken = append(broken, row.Check()...)
	fail := func(format string, a ...any) { broken = append(broken, fmt.Errorf(format, a...)) }
	if math.Abs(row.Calls-1) > 0.005 {
		fail("%.3f calls a request, not one", row.Calls)
	}
	for _, e := range said.Breakdown.Endpoints {
		if e.Requests > 0 && e.Name != "main.(*service).work" {
			fail("%d requests to %q", e.Requests, e.Name)
		}
		for _, s := range e.Buckets[breakdown.Upstream].Sites {
			if s.Function != "main.(*service).send" && s.Total > 0 {
				fail("%d ns at %s, %s:%d", s.Total, s.Function, s.File, s.Line)
			}
		}
	}
	for _, f := range said.Breakdown.Findings {
		if f.ID != "no-processor" { // caused by the machine, and correct
			fail("a finding where nothing is wrong: %s: %s", f.ID, f.Title)
		}
	}
	return row, broken
}

// sourceOf returns the module in a folder of testdata, with the go command for it.
func (b *build) sourceOf(t *testing.T, module string) *source {
	s := &source{t.TempDir(), "go", append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")}
	if err := os.CopyFS(s.folder, os.DirFS(filepath.Join("testdata", module))); err != nil {
		t.Fatal(err)
	}
	if b.toolchain != "" {
		s.env = append(s.env, "GOTOOLCHAIN="+b.toolchain)
	}
	if b.language != "" {
		s.run(t, "mod", "edit", "-go="+b.language)
	}
	return s
}
