// Package goversions_test tests timesink on services built with each supported version
// of Go, for other processors, and with other flags.
//
// The service in testdata/service takes known steps and times each. Its traces by older
// versions are recorded in testdata, with the measurements of the service and its
// clients. To record them again, until they are within the bounds:
//
//	go test -run 'TestGoVersions/go1.22' ./cmd/internal/goversions -update
//
// The service in testdata/http2 makes calls over HTTP/2 with large bodies. Live
// services are built with the go command that runs the tests, or with -toolchain. The
// file newest names the newest tested release; .ci/toolchains looks for newer ones.
//
// For arm64 the service runs under qemu-aarch64-static, of qemu-user-static.
package goversions_test

import (
	"cmp"
	"flag"
	"fmt"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/accuracy"
	"timesink/cmd/internal/testbin"
)

func TestMain(m *testing.M) { testbin.Main(m) }

var (
	update = flag.Bool("update", false, "record the fixtures of the selected tests")
	write  = flag.Bool("write", false, "write the tables of the recorded traces into ACCURACY.md, if nothing broke a bound")
)

// fixtures lists the recorded traces.
var fixtures = []struct {
	name string
	how  build
	take func(*serving) ([]byte, error)
}{
	{"go1.19", build{language: "1.19", toolchain: "go1.19.13"}, traced},
	{"go1.20", build{language: "1.20", toolchain: "go1.20.14"}, traced},
	{"go1.21", build{language: "1.21", toolchain: "go1.21.13"}, traced},
	{"go1.22", build{language: "1.22", toolchain: "go1.22.12"}, traced},
	{"go1.23", build{language: "1.23", toolchain: "go1.23.12"}, traced},
	{"go1.24", build{language: "1.24", toolchain: "go1.24.13"}, traced},
	{"go1.25", build{language: "1.25", toolchain: "go1.25.8"}, traced},
	{"go1.26", build{language: "1.26", toolchain: "go1.26.8"}, traced},
	{"go1.27", build{language: "1.27", toolchain: "go1.27.3"}, traced},
	{"go1.25-flight-recorder", build{language: "1.25", toolchain: "go1.25.8"}, dumped},
	{"go1.26-arm64", build{language: "1.26", toolchain: "go1.26.8", arch: "arm64", under: "qemu-aarch64-static", scale: 4}, tracedLonger},
}

// TestGoVersions compares timesink's answer about each recorded trace with the
// service's measurements, and prints the table.
func TestGoVersions(t *testing.T) {
	var rows []accuracy.Row
	for _, f := range fixtures {
		t.Run(f.name, func(t *testing.T) {
			if *update {
				record(t, f.how, f.take).save(t, f.name)
			}
			r := open(t, f.name)
			if version, arch, _ := strings.Cut(r.facts.Go, " "); !strings.HasPrefix(version, "go"+f.how.language+".") || arch != cmp.Or(f.how.arch, "amd64") {
				t.Errorf("the service was built with %s", r.facts.Go)
			}
			rows = append(rows, hold(t, f.name, r))
		})
	}
	fmt.Printf("\n%s\n", accuracy.Report(rows))
	published(t, "versions", rows, len(fixtures), accuracy.Column{Title: "upstream", Bucket: breakdown.Upstream}, accuracy.Column{Title: "lock", Bucket: breakdown.Lock},
		accuracy.Column{Title: "sleep", Bucket: breakdown.Sleep}, accuracy.Column{Title: "file", Bucket: breakdown.File})
}

// published checks that ACCURACY.md has the table of the recorded traces, or writes it.
// It does nothing if only some of the tests run, because the table then lacks rows.
func published(t *testing.T, name string, rows []accuracy.Row, all int, columns ...accuracy.Column) {
	if t.Failed() || len(rows) < all {
		return
	}
	for i := range rows {
		rows[i].Scenario = title(rows[i].Scenario)
	}
	put := accuracy.Published
	if *write {
		put = accuracy.Publish
	}
	if err := put("../services/ACCURACY.md", name, accuracy.Grid("trace", rows, false, columns...)); err != nil {
		t.Error(err)
	}
}

// title returns the name of a recorded trace in the table: "go1.25-flight-recorder" is
// "Go 1.25, flight recorder".
func title(fixture string) string {
	name, protocol := strings.CutPrefix(fixture, "http2-")
	version, kind, _ := strings.Cut(strings.TrimPrefix(name, "go"), "-")
	name = "Go " + version
	if kind != "" {
		name += ", " + strings.ReplaceAll(kind, "-", " ")
	}
	if protocol {
		name = "HTTP/2, " + name
	}
	return name
}
