package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime/trace"
	"slices"
	"strings"
	"testing"
)

func TestEachCommandTakesTheFormatsThatSuitIt(t *testing.T) {
	for what, c := range map[string]struct {
		takes func(*format) bool
		want  string
	}{
		"analyze": {(*format).answers, "text markdown json"},
		"compare": {(*format).compares, "text markdown html json bench"},
		"report":  {(*format).reports, "text markdown html json pprof cpu otlp otlp-proto perfetto"},
	} {
		if got := strings.Join(formatsThat(c.takes), " "); got != c.want {
			t.Errorf("%s takes %s, not %s", what, got, c.want)
		}
	}
	for _, name := range formatsThat((*format).answers) {
		if !slices.Contains(formatsThat((*format).compares), name) {
			t.Errorf("demo compares in %s, which compare does not take", name)
		}
	}
}

// A trace without a request has none to draw, which is an error with a hint.
func TestNothingIsDrawnOfATraceWithoutARequest(t *testing.T) {
	var recorded bytes.Buffer
	if err := trace.Start(&recorded); err != nil {
		t.Fatal(err)
	}
	trace.Stop()
	path := filepath.Join(t.TempDir(), "trace.out")
	if err := os.WriteFile(path, recorded.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"report", path, "-f", "perfetto"}, nil, &stdout, &stderr)
	if said := stderr.String(); code != exitFailed || !strings.HasPrefix(said, "timesink: draw a request: ") || !strings.Contains(said, "\nhint: ") || stdout.Len() > 0 {
		t.Errorf("exit code %d: %s%s", code, stdout.String(), said)
	}
}
