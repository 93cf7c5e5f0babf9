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

func TestCommandsAcceptTheirFormats(t *testing.T) {
	for what, c := range map[string]struct {
		takes      func(*format) bool
		some, none []string
	}{
		"analyze": {(*format).answers, []string{"text", "markdown", "json"}, []string{"html", "pprof", "otlp", "perfetto", "bench"}},
		"compare": {(*format).compares, []string{"text", "markdown", "html", "json", "bench"}, []string{"pprof", "otlp"}},
		"report":  {(*format).reports, []string{"text", "markdown", "html", "json", "pprof", "otlp", "perfetto"}, []string{"bench"}},
	} {
		for _, f := range formats {
			takes := c.takes(&f)
			if slices.Contains(c.some, f.name) && !takes || slices.Contains(c.none, f.name) && takes {
				t.Errorf("%s accepts %s: %v", what, f.name, takes)
			}
		}
		if names := formatsThat(c.takes); !slices.Contains(names, "text") || formatNamed(names[0]) == nil {
			t.Errorf("%s accepts %v", what, names)
		}
	}
}

// Drawing a request of a trace without requests is an error with a hint.
func TestDrawingARequestOfATraceWithoutRequests(t *testing.T) {
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
