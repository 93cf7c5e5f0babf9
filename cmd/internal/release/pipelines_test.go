package release_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"timesink/cmd/internal/release/yamlfile"
)

// A platform is where an example pipeline runs: what it calls things, and its command, which
// keeps a folder of comments in the place of the platform.
type platform struct {
	file string
	env  []string
	name string // of the command
	// command is its script. $COMMENTS is the folder.
	command string
}

var platforms = []platform{
	{"github.yml", []string{"GITHUB_PATH=path", "GITHUB_STEP_SUMMARY=summary.md", "GITHUB_BASE_REF=main", "GITHUB_REPOSITORY=acme/shop", "PR=7"}, "gh", `
case "$*" in
"api --paginate repos/acme/shop/issues/7/comments --jq "*) case "$5" in *'startswith("<!-- timesink:ab -->")'*) cd "$COMMENTS"; for f in *; do [ "$(head -c 20 "$f")" = "<!-- timesink:ab -->" ] && echo "$f"; done; true ;; *) exit 9 ;; esac ;;
"api -X PATCH repos/acme/shop/issues/comments/"*" -F body=@verdict.md") [ -e "$COMMENTS/${4##*/}" ] && cp verdict.md "$COMMENTS/${4##*/}" ;;
"pr comment 7 --body-file verdict.md") cp verdict.md "$COMMENTS/$(($(ls "$COMMENTS" | wc -l) + 1))" ;;
*) echo "unexpected: gh $*"; exit 9 ;;
esac
`},
	{"gitlab.yml", []string{"CI_PROJECT_ID=3", "CI_MERGE_REQUEST_IID=7"}, "glab", `
notes=projects/3/merge_requests/7/notes
case "$*" in
"api --paginate $notes") cd "$COMMENTS"; for f in *; do [ -e "$f" ] && jq -n --argjson id "$f" --rawfile body "$f" '{id: $id, body: $body}'; done | jq -s . ;;
"api -X PUT $notes/"*" -F body=@verdict.md") [ -e "$COMMENTS/${4##*/}" ] && cp verdict.md "$COMMENTS/${4##*/}" ;;
"api -X POST $notes -F body=@verdict.md") cp verdict.md "$COMMENTS/$(($(ls "$COMMENTS" | wc -l) + 1))" ;;
*) echo "unexpected: glab $*"; exit 9 ;;
esac
`},
}

// TestPipelines runs the example pipelines unchanged but for the port and the time that they
// take: they install timesink from TIMESINK_REPOSITORY, build a project with make, compare
// its last two commits, and keep one comment up to date.
func TestPipelines(t *testing.T) {
	t.Parallel()
	repository := clone(t)
	commit := strings.TrimSpace(in(t, repository, "git", "rev-parse", "--short=12", "HEAD"))
	for i := range platforms {
		p := &platforms[i]
		t.Run(p.file, func(t *testing.T) {
			if _, err := exec.LookPath("jq"); err != nil && p.name == "glab" {
				t.Fatal("the example uses jq, which is not installed")
			}
			var doc any
			yamlfile.Decode(t, filepath.Join(root, "cmd/timesink/testdata/ci", p.file), &doc)
			steps := scripts(doc)
			if len(steps) < 4 {
				t.Fatalf("there are %d scripts: %q", len(steps), steps)
			}
			p.run(t, repository, commit, steps)
		})
	}
}

// A project has a service with a Makefile as the pipelines expect it.
var project = map[string]string{
	"go.mod": "module shop\n\ngo 1.26\n",
	"Makefile": `build:
	go build -o shop .
serve:
	./shop ADDRESS
load:
	./shop ADDRESS load
`,
	"main.go": `package main

import (
	"net/http"
	_ "net/http/pprof"
	"os"
	"time"
)

func main() {
	if len(os.Args) > 2 {
		for {
			if resp, err := http.Get("http://" + os.Args[1] + "/work"); err == nil {
				resp.Body.Close()
			}
		}
	}
	http.HandleFunc("/work", func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Millisecond) })
	panic(http.ListenAndServe(os.Args[1], nil))
}
`}

// run runs a pipeline's steps in a clone of a project, and the last one, which comments,
// again.
func (p *platform) run(t *testing.T, repository, commit string, steps []string) {
	dir, address := t.TempDir(), freeAddress(t)
	bin, work, comments := filepath.Join(dir, "bin"), filepath.Join(dir, "work"), filepath.Join(dir, "comments")
	origin := filepath.Join(dir, "origin")
	write := func(path, text string, mode os.FileMode) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range project {
		write(filepath.Join(origin, name), strings.ReplaceAll(text, "ADDRESS", address), 0o644)
	}
	as := []string{"-c", "user.name=test", "-c", "user.email=test@example.org"}
	in(t, origin, "git", "init", "-q", "-b", "main")
	in(t, origin, "git", "add", "-A")
	in(t, origin, "git", append(as, "commit", "-q", "-m", "before")...)
	in(t, dir, "git", "clone", "-q", origin, work)
	in(t, work, "git", append(as, "commit", "-q", "--allow-empty", "-m", "after")...)
	write(filepath.Join(bin, p.name), "#!/bin/sh"+p.command, 0o755)
	if err := os.Mkdir(comments, 0o755); err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(comments, "1"), "Looks good to me.\n", 0o644)
	env := append(os.Environ(), "TIMESINK_REPOSITORY=file://"+repository, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "GOFLAGS=-pgo=off -buildvcs=true",
		"RUNNER_TEMP="+dir, "CI_BUILDS_DIR="+dir, "GITHUB_SHA="+strings.TrimSpace(in(t, work, "git", "rev-parse", "HEAD")), "COMMENTS="+comments,
		"CI_COMMIT_SHA="+strings.TrimSpace(in(t, work, "git", "rev-parse", "HEAD")), "CI_MERGE_REQUEST_DIFF_BASE_SHA="+strings.TrimSpace(in(t, work, "git", "rev-parse", "HEAD~1")))
	env = append(env, p.env...)
	quick := strings.NewReplacer("localhost:6060", address, "--budget 10m", "-d 1s --warm-up 200ms --budget 1s", "/usr/local/bin", bin)
	sh := func(script string) string {
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", quick.Replace(script))
		cmd.Dir, cmd.Env = work, env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, script, out)
		}
		return string(out)
	}
	for _, step := range steps {
		sh(step)
	}
	if out := sh("timesink --version"); !strings.Contains(out, fmt.Sprintf("(commit %s)", commit)) {
		t.Errorf("the installed command does not state the commit %s: %s", commit, out)
	}
	for _, kept := range []string{"captures/before/0001.zip", "captures/after/0001.zip", "verdict.md"} {
		if _, err := os.Stat(filepath.Join(work, kept)); err != nil {
			t.Error(err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(work, "gates.sarif")); p.name == "gh" && !strings.Contains(string(text), `"version": "2.1.0"`) {
		t.Errorf("the gates are %q, %v", text, err)
	}
	write(filepath.Join(work, "verdict.md"), "<!-- timesink:ab -->\nanother verdict\n", 0o644)
	sh(steps[len(steps)-1])
	entries, err := os.ReadDir(comments)
	if err != nil || len(entries) != 2 {
		t.Fatalf("there are %d comments, %v", len(entries), err)
	}
	for name, want := range map[string]string{"1": "Looks good to me.\n", "2": "<!-- timesink:ab -->\nanother verdict\n"} {
		if text, err := os.ReadFile(filepath.Join(comments, name)); string(text) != want {
			t.Errorf("comment %s is %q, %v", name, text, err)
		}
	}
}

// freeAddress returns an address that nothing listens at.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// scripts returns the scripts of a pipeline, in the order in which they run.
func scripts(doc any) (out []string) {
	switch d := doc.(type) {
	case map[string]any:
		order := []string{"before_script", "run", "script", "after_script"}
		for _, key := range order {
			if value, ok := d[key]; ok {
				out = append(out, texts(value)...)
			}
		}
		for key, value := range d {
			if !slices.Contains(order, key) {
				out = append(out, scripts(value)...) // at most one of them has any
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
