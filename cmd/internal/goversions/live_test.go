package goversions_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"timesink/analyze/trace/tracetest"
	"timesink/cmd/internal/accuracy"
)

var whole = flag.Bool("whole", false, "measure every way to build a service, not a sample")

// builds lists the ways to build a service that change its stacks. A sample compiles
// only what the other tests need too.
var builds = []struct {
	name   string
	how    build
	sample bool
}{
	{"-trimpath", build{flags: []string{"-trimpath"}}, false},
	{"vendored", build{vendor: true}, true},
	{"vendored, -trimpath", build{vendor: true, flags: []string{"-trimpath"}}, false},
	{"stripped", build{flags: []string{"-ldflags=-s -w"}}, true},
	{"cgo, with its resolver", build{cgo: true, flags: []string{"-tags=netcgo"}}, false},
}

// TestBuilds tests timesink on services built with other flags: the boundary between
// the service's own code and its dependencies must not depend on them.
func TestBuilds(t *testing.T) {
	var rows []accuracy.Row
	for _, b := range builds {
		if !tracetest.Long || !b.sample && !*whole && *toolchain == "" { // every one must be compiled
			continue
		}
		t.Run(b.name, func(t *testing.T) { rows = append(rows, hold(t, b.name, record(t, live(b.how), traced))) })
	}
	fmt.Printf("\n%s\n", accuracy.Report(rows))
}

// TestOtherSources tests timesink on traces from sources other than net/http/pprof.
func TestOtherSources(t *testing.T) {
	if !tracetest.Long { // the recorded traces are tested
		return
	}
	var rows []accuracy.Row
	t.Run("flight recorder", func(t *testing.T) {
		rows = append(rows, hold(t, "flight recorder", record(t, live(build{}), dumped)))
	})
	t.Run("go test -trace", func(t *testing.T) {
		rows = append(rows, hold(t, "go test -trace", tested(t)))
	})
	fmt.Printf("\n%s\n", accuracy.Report(rows))
}

// hold fails the test for each bound that a recording breaks.
func hold(t *testing.T, name string, r *recording) accuracy.Row {
	row, broken := r.judge(t, name)
	for _, err := range broken {
		t.Error(err)
	}
	return row
}

// tested runs the service's own test with -trace. The trace includes the clients and
// the peer.
func tested(t *testing.T) *recording {
	b := live(build{})
	s := b.source(t)
	traceFile, truthFile := filepath.Join(s.folder, "trace.out"), filepath.Join(s.folder, "truth.json")
	s.run(t, "test", "-count=1", "-trace", traceFile, "./work", "-truth", truthFile)
	r := &recording{beside: "steps/work_test.peer"}
	var err error
	if r.trace, err = os.ReadFile(traceFile); err != nil {
		t.Fatal(err)
	}
	told, err := os.ReadFile(truthFile)
	if err != nil {
		t.Fatal(err)
	}
	var m measured
	if err := json.Unmarshal(told, &m); err != nil {
		t.Fatal(err)
	}
	r.facts = facts{Requests: m.Requests, Machine: accuracy.Machine{Ran: m.Ran, Delayed: m.Delayed}.Per(len(m.Requests))}
	return r
}
