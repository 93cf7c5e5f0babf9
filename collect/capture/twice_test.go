package capture

import (
	"archive/zip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// zipOf writes a zip of files, which may have the same name.
func zipOf(t *testing.T, files ...[2]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "case.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	zw := zip.NewWriter(f)
	for _, file := range files {
		w, err := zw.Create(file[0])
		if err == nil {
			_, err = w.Write([]byte(file[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(zw.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNamesThatAreTwiceInAZip(t *testing.T) {
	const manifest = `{"schema":"timesink.capture/1","parts":[{"name":"trace.out","size":5}]}`
	for _, name := range []string{"manifest.json", "./manifest.json", `.\manifest.json`} {
		_, err := Open(zipOf(t, [2]string{"manifest.json", manifest}, [2]string{"trace.out", "first"}, [2]string{name, manifest}))
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "two files manifest.json") || !strings.Contains(Hint(err), "again from its source") {
			t.Errorf("two manifests, the second as %s: %v", name, err)
		}
	}
	c, err := Open(zipOf(t, [2]string{"trace.out", "first"}, [2]string{"manifest.json", manifest}, [2]string{"trace.out", "other"}, [2]string{"trace.out", "third"}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if w := c.Warnings(); len(w) != 1 || w[0].Code != "part-twice" || !strings.Contains(w[0].Message, "trace.out") {
		t.Errorf("a trace three times: warnings %v", w)
	}
	r, err := c.Trace()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != "first" {
		t.Errorf("read %q, %v", got, err)
	}
}
