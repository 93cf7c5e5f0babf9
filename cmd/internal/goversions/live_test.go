package goversions_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"timesink/cmd/internal/accuracy"
)

var whole = flag.Bool("whole", false, "measure each way to build a service, and not a sample")

// builds are the ways to build a service that change what its stacks look like. A
// sample needs nothing compiled that the other tests do not.
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

// TestBuilds holds timesink against services built with other flags: where the
// service's own code ends and its dependencies begin does not depend on them.
func TestBuilds(t *testing.T) {
	var rows []accuracy.Row
	for _, b := range builds {
		if testing.Short() || !b.sample && !*whole && *toolchain == "" { // each is built
			continue
		}
		t.Run(b.name, func(t *testing.T) { rows = append(rows, hold(t, b.name, record(t, live(b.how), traced))) })
	}
	fmt.Printf("\n%s\n", accuracy.Report(rows))
}

// TestOtherSources holds timesink against traces from elsewhere than
// net/http/pprof.
func TestOtherSources(t *testing.T) {
	if testing.Short() { // what is recorded is tested
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

// hold reports the bounds that a recording breaks.
func hold(t *testing.T, name string, r *recording) accuracy.Row {
	row, broken := r.judge(t, name)
	for _, err := range broken {
		t.Error(err)
	}
	return row
}

// tested runs the service's own test with -trace. Clients and peer are in the trace as
// well.
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
