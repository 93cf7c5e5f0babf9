package tracetest

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Long is set if tests run their long versions: with the build tag servers, as the tests do
// that start servers.
const Long = long

// Recorded returns recorded traces of a busy program by name, such as "go1.22", one for each
// version of Go.
//
// Like the rest of this package it works only in tests of packages in folders next to trace,
// and of trace itself.
func Recorded(t testing.TB) map[string][]byte {
	t.Helper()
	return tracesIn(t, "../trace/testdata")
}

const services = "../../cmd/internal/goversions/testdata"

// Services returns recorded traces of a service by name: one for each version of Go, one from
// a flight recorder and one from another architecture.
func Services(t testing.TB) map[string][]byte {
	t.Helper()
	return tracesIn(t, services)
}

// Service returns one of Services.
func Service(t testing.TB, name string) []byte {
	t.Helper()
	return Unzipped(t, filepath.Join(services, name+extension))
}

const extension = ".trace.gz"

func tracesIn(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"+extension))
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces in %s: %v", folder, err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		all[strings.TrimSuffix(filepath.Base(file), extension)] = Unzipped(t, file)
	}
	return all
}

// Unzipped returns the content of a gzipped file.
func Unzipped(t testing.TB, file string) []byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
