package capture_test

import (
	"os"
	"path/filepath"
	"testing"

	"timesink/collect/capture"
)

func caseOf(t *testing.T, c *capture.Capture) string {
	t.Helper()
	name, err := c.Case()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCopiesHaveTheSameCase(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "case.zip")
	w := writeCapture(t, path)
	folder, err := w.Open()
	if err != nil {
		t.Fatal(err)
	}
	before := caseOf(t, folder)
	folder.Close()
	finish(t, w)
	c := open(t, path)
	if whole := caseOf(t, c); whole != before || len(whole) != len("ts-")+12 {
		t.Errorf("the folder is case %q, the file %q", before, whole)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "another-name.zip")
	if err := os.WriteFile(other, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if copied := caseOf(t, open(t, other)); copied != before {
		t.Errorf("a copy of %s is case %s", before, copied)
	}
	trace := filepath.Join(dir, "trace.out")
	if err := os.WriteFile(trace, readTrace(t, c), 0o600); err != nil {
		t.Fatal(err)
	}
	zipped := filepath.Join(dir, "trace.gz")
	if err := os.WriteFile(zipped, gzipped(readTrace(t, c)), 0o600); err != nil {
		t.Fatal(err)
	}
	if bare, gz := caseOf(t, open(t, trace)), caseOf(t, open(t, zipped)); bare == before || bare != gz {
		t.Errorf("the capture is case %s, its trace alone %s, and gzipped %s", before, bare, gz)
	}
}

func TestARedactedCaptureKeepsItsCase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "public.zip")
	w := writeCapture(t, path)
	w.Manifest.Redacted = &capture.Redacted{Case: "ts-0123456789ab"}
	finish(t, w)
	if name := caseOf(t, open(t, path)); name != "ts-0123456789ab" {
		t.Errorf("the case is %s", name)
	}
}
