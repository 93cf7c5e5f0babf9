package ticket_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect/capture"
	"timesink/report"
)

// captures holds the demo's captures, before and after its fix, recorded once for
// all tests.
var captures struct {
	folder string
	once   sync.Once
	err    error
	out    []byte
}

// demo records the demo's service before and after its fix and returns the two
// captures.
func demo(t *testing.T) (before, after string) {
	t.Helper()
	c := &captures
	c.once.Do(func() {
		exe := filepath.Join(c.folder, "timesink")
		build := exec.Command("go", "build", "-buildvcs=false", "-o", exe, "./cmd/timesink")
		build.Dir = filepath.Join("..", "..", "..")
		if c.out, c.err = build.CombinedOutput(); c.err == nil {
			c.out, c.err = exec.Command(exe, "demo", "-d", "3s", "-o", filepath.Join(c.folder, "case.zip")).CombinedOutput()
		}
	})
	if c.err != nil {
		t.Fatalf("recording the demo: %v\n%s", c.err, c.out)
	}
	return filepath.Join(c.folder, "case.zip"), filepath.Join(c.folder, "case-after.zip")
}

// analyzed analyzes a capture for a report, with the requests that its page
// shows.
func analyzed(t *testing.T, file string, opts analyze.Options) (*breakdown.Breakdown, []breakdown.Specimen) {
	t.Helper()
	c, err := capture.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	opts.Detail = true
	b, err := analyze.Captures(context.Background(), []*capture.Capture{c}, opts)
	if err != nil {
		t.Fatal(err)
	}
	specimens, err := analyze.Requests(context.Background(), []*capture.Capture{c}, opts, b, report.ToShow(b, 0))
	if err != nil {
		t.Fatal(err)
	}
	return b, specimens
}

func html(t *testing.T, b *breakdown.Breakdown, specimens []breakdown.Specimen) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := report.HTML(&buf, b, specimens, report.HTMLOptions{}); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func file(t *testing.T, page []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "incident.html")
	if err := os.WriteFile(path, page, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
