package capture_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"timesink/collect/capture"
)

// predictions returns those that a capture holds, and that are kept beside it.
func predictions(t *testing.T, c *capture.Capture) (list []string) {
	t.Helper()
	if err := c.EachPrediction(func(line []byte) error {
		list = append(list, string(line))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

// A prediction that is made on a finished capture is kept beside it, each once, and changes
// neither the capture nor its case.
func TestPredictionsAreKeptBesideTheCapture(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "case.zip")
	finish(t, writeCapture(t, path))
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, path)
	name := caseOf(t, c)
	if c.PredictedBeside() {
		t.Error("predictions are kept beside a new capture")
	}
	for _, lines := range [][][]byte{{[]byte(`{"a":1}`), []byte(`{"b":2}`)}, {[]byte(`{"b":2}`), []byte(`{"c":3}`)}, nil} {
		if err := c.KeepPredictions(lines...); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{`{"a":1}`, `{"b":2}`, `{"c":3}`}
	if got := predictions(t, open(t, path)); !slices.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
	after, err := os.ReadFile(path)
	if err != nil || string(after) != string(before) || !open(t, path).PredictedBeside() {
		t.Errorf("the capture has changed, %v", err)
	}
	if again := caseOf(t, open(t, path)); again != name {
		t.Errorf("the case was %s and is %s", name, again)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("there are %v, %v", entries, err)
	}
	if info, err := entries[1].Info(); err != nil || info.Mode() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}

// Those that a collection makes are a part, which is no evidence.
func TestPredictionsAreAPartOfNoCase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "case.zip")
	w := writeCapture(t, path)
	plain, err := w.Open()
	if err != nil {
		t.Fatal(err)
	}
	without := caseOf(t, plain)
	plain.Close()
	f, err := w.CreatePart(capture.PredictionsPart)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("{\"a\":1}\n"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	w.Manifest.AddPart(capture.Part{Name: capture.PredictionsPart})
	finish(t, w)
	c := open(t, path)
	if err := c.KeepPredictions([]byte(`{"a":1}`)); err != nil {
		t.Fatal(err)
	}
	if c.PredictedBeside() {
		t.Error("a prediction that the capture holds is kept beside it as well")
	}
	if err := c.KeepPredictions([]byte(`{"b":2}`)); err != nil {
		t.Fatal(err)
	}
	if got := predictions(t, c); !slices.Equal(got, []string{`{"a":1}`, `{"b":2}`}) {
		t.Errorf("kept %q", got)
	}
	if with := caseOf(t, c); with != without {
		t.Errorf("the case is %s with predictions and %s without", with, without)
	}
}

func TestPredictionsOfACaptureWithoutAName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "case.zip")
	finish(t, writeCapture(t, path))
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := capture.Read("standard input", f)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.KeepPredictions([]byte(`{"a":1}`)); err != nil || c.PredictedBeside() || len(predictions(t, c)) > 0 {
		t.Errorf("kept: %v", err)
	}
	if _, err := os.Stat("standard input." + capture.PredictionsPart); !os.IsNotExist(err) {
		t.Errorf("there is a file: %v", err)
	}
}

// What is damaged is left out with a warning, and does not keep the rest from being read.
func TestDamagedPredictions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "case.zip")
	finish(t, writeCapture(t, path))
	beside := path + "." + capture.PredictionsPart
	if err := os.WriteFile(beside, []byte("{\"a\":1}\n"+strings.Repeat("x", 2<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	c := open(t, path)
	if got := predictions(t, c); !slices.Equal(got, []string{`{"a":1}`}) || !strings.HasSuffix(codes(c), "predictions-damaged") {
		t.Errorf("%d predictions, warnings %v", len(got), c.Warnings())
	}
	if err := os.Remove(beside); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(beside, 0o700); err != nil {
		t.Fatal(err)
	}
	c = open(t, path)
	if got := predictions(t, c); len(got) > 0 {
		t.Errorf("a folder holds %q", got)
	}
	if err := c.KeepPredictions([]byte(`{"a":1}`)); err == nil || capture.Hint(err) == "" {
		t.Errorf("kept in a folder: %v", err)
	}
	if info, err := os.Stat(beside); err != nil || info.Mode()&fs.ModeDir == 0 {
		t.Errorf("the folder is gone: %v", err)
	}
}
