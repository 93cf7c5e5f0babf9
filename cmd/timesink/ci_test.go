package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"
)

// TestPipelines runs what the example pipelines do with timesink: their commands,
// as bash has them, on a service of the test and for a second. What they leave to
// the project, the service and its load, make stands for.
func TestPipelines(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"github.yml", "gitlab.yml"} {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", "ci", file))
			if err != nil {
				t.Fatal(err)
			}
			var doc any
			if err := yaml.Unmarshal(text, &doc); err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, script := range scripts(doc) {
				if strings.Contains(script, "timesink co") {
					lines = append(lines, script)
				}
			}
			if len(lines) != 2 {
				t.Fatalf("%d scripts run timesink: %q", len(lines), lines)
			}
			// The same build on both sides differs by chance, but not by that much.
			pipeline := strings.NewReplacer("localhost:6060", "$TARGET -d 1s", "+10%", "+1000%", "+5ms", "+5s").Replace(strings.Join(lines, "\n"))
			script := "serve\nenv GITHUB_STEP_SUMMARY=summary.md\nchmod 755 bin\nchmod 755 bin/make\nchmod 755 bin/git\nenv PATH=$WORK/bin:$PATH\nexec bash -eu pipeline.sh\n! stdout 'gate broken'\nexists after-4.zip\n" +
				"-- pipeline.sh --\n" + pipeline + "\n-- bin/make --\n#!/bin/sh\n-- bin/git --\n#!/bin/sh\n"
			script = strings.Replace(script, "serve\n", "serve\nenv GITHUB_BASE_REF=main\nenv GITHUB_SHA=1\nenv CI_MERGE_REQUEST_DIFF_BASE_SHA=1\nenv CI_COMMIT_SHA=2\n", 1)
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "pipeline.txtar"), []byte(script), 0o644); err != nil {
				t.Fatal(err)
			}
			testscript.Run(t, testscript.Params{Dir: dir, Cmds: map[string]func(*testscript.TestScript, bool, []string){"serve": serve}})
		})
	}
}

// scripts are the texts below "run" and "script" in a pipeline.
func scripts(doc any) (out []string) {
	switch d := doc.(type) {
	case map[string]any:
		for key, value := range d {
			if key == "run" || key == "script" {
				out = append(out, texts(value)...)
			} else {
				out = append(out, scripts(value)...)
			}
		}
	case []any:
		for _, value := range d {
			out = append(out, scripts(value)...)
		}
	}
	return out
}

func texts(value any) (out []string) {
	switch v := value.(type) {
	case []any:
		for _, x := range v {
			out = append(out, fmt.Sprint(x))
		}
	default:
		out = append(out, fmt.Sprint(v))
	}
	return out
}
