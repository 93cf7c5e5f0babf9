package tracetest

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Recorded returns recorded traces of a busy program by name, "go1.22" and so on: one for
// each version of Go with a format of its own.
//
// As all of this package it is for tests of the packages beside trace.
func Recorded(t testing.TB) map[string][]byte {
	t.Helper()
	return tracesIn(t, "../trace/testdata")
}

// Services returns recorded traces of a service by name: one of each version of Go, of a
// flight recorder and of another processor.
func Services(t testing.TB) map[string][]byte {
	t.Helper()
	return tracesIn(t, "../../cmd/internal/goversions/testdata")
}

func tracesIn(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.trace.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces in %s: %v", folder, err)
	}
	all := map[string][]byte{}
	for _, file := range files {
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
		all[strings.TrimSuffix(filepath.Base(file), ".trace.gz")] = data
	}
	return all
}
