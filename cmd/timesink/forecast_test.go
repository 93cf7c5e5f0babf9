package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
)

// Findings whose remedy the replay can make take their savings from it, and others from
// arithmetic; each says which.
func TestWhatFindingsSaveIsReplayed(t *testing.T) {
	for _, c := range []struct {
		file, finding, change string // "" if the replay cannot make it
	}{
		{"four-calls", "sequential-calls", "concurrent"},
		{"query-per-item", "many-queries", "once"},
		{"redis-dialed", "dial-per-call", "reuse-connections"},
		{"tls-per-call", "tls-per-call", "reuse-connections"},
		{"mutex-across-query", "lock-held-across-call", "no-lock"},
		{"two-workers", "worker-queue", "workers"},
		{"pool-too-small", "pool-too-small", "pool"},
		{"patterns-compiled", "compiles-per-request", ""},
		{"semaphore", "concurrency-limit", ""},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), []string{"analyze", "-f", "json", filepath.Join("testdata", "recorded", c.file+".zip")}, nil, &stdout, &stderr); code != 0 {
			t.Errorf("%s: exit code %d: %s", c.file, code, stderr.String())
			continue
		}
		var b breakdown.Breakdown
		if err := json.Unmarshal(stdout.Bytes(), &b); err != nil {
			t.Fatal(err)
		}
		var f *breakdown.Finding
		for i := range b.Findings {
			if b.Findings[i].ID == c.finding {
				f = &b.Findings[i]
			}
		}
		switch {
		case f == nil:
			t.Errorf("%s: there is no finding %s", c.file, c.finding)
		case c.change == "":
			if f.SavesBy != breakdown.ByArithmetic || f.Forecast != nil {
				t.Errorf("%s: saves %d by %q", c.file, f.SavesUpTo, f.SavesBy)
			}
		case f.SavesBy != breakdown.ByReplay || f.Forecast == nil || len(f.Forecast.Changes) != 1 || f.Forecast.Changes[0].Change != c.change:
			t.Errorf("%s: saves %d by %q: %+v", c.file, f.SavesUpTo, f.SavesBy, f.Forecast)
		default:
			t.Logf("%s: %s saves %.2f ms: %+v", c.file, c.finding, float64(f.SavesUpTo)/1e6, f.Forecast.Mean)
			if f.Forecast.Mean.After >= f.Forecast.Mean.Before {
				t.Errorf("%s: saves nothing: %+v", c.file, f.Forecast)
			}
		}
	}
}

// The last line says what the remedy brings, and how true such predictions were where that
// was measured.
func TestTheLastLineSaysWhatTheRemedyBrings(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"analyze", filepath.Join("testdata", "recorded", "redis-dialed.zip")}, nil, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	text := strings.Join(strings.Fields(stdout.String()), " ")
	if !regexp.MustCompile(`Reusing the connections for the cache brings 17\.9 → 8\.\d+ ms in a replay \(measured on \d+ such changes?: within \d+%\)`).MatchString(text) {
		t.Errorf("the answer is %s", stdout.String())
	}
}
