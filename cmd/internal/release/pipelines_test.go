package release_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"timesink/cmd/internal/release/yamlfile"
)

// TestPipelines runs the example pipelines unchanged: they install timesink from
// TIMESINK_REPOSITORY and run it on a service of the test for a second. Fake make and
// git checkout commands replace the project's own service, load and commits.
func TestPipelines(t *testing.T) {
	t.Parallel()
	repository := clone(t)
	commit := strings.TrimSpace(in(t, repository, "git", "rev-parse", "--short=12", "HEAD"))
	for _, file := range []string{"github.yml", "gitlab.yml"} {
		t.Run(file, func(t *testing.T) {
			var doc any
			yamlfile.Decode(t, filepath.Join(root, "cmd/timesink/testdata/ci", file), &doc)
			lines := scripts(doc)
			if len(lines) != 3 {
				t.Fatalf("there are %d scripts: %q", len(lines), lines)
			}
			runPipeline(t, repository, commit, strings.Join(lines, "\n"))
		})
	}
}

func runPipeline(t *testing.T, repository, commit, pipeline string) {
	service, dir := serve(t), t.TempDir()
	bin := filepath.Join(dir, "bin")
	// Two captures of the same build differ by chance, but not by this much.
	pipeline = strings.NewReplacer("localhost:6060", service+" -d 1s", "+10%", "+1000%", "+5ms", "+5s",
		"/usr/local/bin", bin).Replace(pipeline)
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"bin/make":    "#!/bin/sh\n",
		"bin/git":     "#!/bin/sh\n[ \"$1\" = checkout ] || exec " + git + " \"$@\"\n",
		"pipeline.sh": pipeline + "\ntimesink --version\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", "-eu", "pipeline.sh")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"TIMESINK_REPOSITORY=file://"+repository, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "GOFLAGS=-pgo=off -buildvcs=true",
		"RUNNER_TEMP="+dir, "GITHUB_PATH="+filepath.Join(dir, "path"), "GITHUB_STEP_SUMMARY="+filepath.Join(dir, "summary.md"), "GITHUB_BASE_REF=main", "GITHUB_SHA=1",
		"CI_BUILDS_DIR="+dir, "CI_MERGE_REQUEST_DIFF_BASE_SHA=1", "CI_COMMIT_SHA=2")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "gate broken") {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), fmt.Sprintf("(commit %s)", commit)) {
		t.Errorf("the installed command does not state the commit %s:\n%s", commit, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "after-4.zip")); err != nil {
		t.Error(err)
	}
}

// serve serves pprof, and one request after another.
func serve(t *testing.T) string {
	mux := http.NewServeMux()
	mux.HandleFunc("/work", func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Millisecond) })
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := httptest.NewServer(mux)
	ended := make(chan bool)
	go func() {
		defer close(ended)
		for {
			resp, err := http.Get(server.URL + "/work")
			if err != nil {
				return
			}
			resp.Body.Close()
		}
	}()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		<-ended
	})
	return server.URL
}

// scripts returns the scripts under "run" and "script" in a pipeline.
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
	list, ok := value.([]any)
	if !ok {
		return []string{fmt.Sprint(value)}
	}
	for _, x := range list {
		out = append(out, fmt.Sprint(x))
	}
	return out
}
