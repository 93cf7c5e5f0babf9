package release_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// clone copies the project's files: the tracked ones, and new ones that are not
// ignored.
func clone(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	copying := exec.Command("bash", "-euo", "pipefail", "-c", `git ls-files -z --cached --others --exclude-standard |
		while IFS= read -rd '' f; do [[ ! -e $f ]] || printf '%s\0' "$f"; done |
		tar --null -T - -c | tar -x -C "$0"`, dir)
	copying.Dir = root
	if out, err := copying.CombinedOutput(); err != nil {
		t.Fatalf("copying the project: %v\n%s", err, out)
	}
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "-A"},
		{"-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-q", "-m", "all"},
	} {
		in(t, dir, "git", args...)
	}
	return dir
}

// in runs a command in a folder and returns its output.
func in(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// hotFunctions counts the functions below a path in the compiler's profile.
func hotFunctions(t *testing.T, dir, path string) int {
	return strings.Count(in(t, dir, "go", "tool", "pprof", "-raw", "cmd/timesink/default.pgo"), " "+path+"/")
}

// TestPublishAs moves a copy of the project, builds it, and checks that the old path
// is gone and the layout is unchanged.
func TestPublishAs(t *testing.T) {
	t.Parallel()
	old := strings.TrimSpace(in(t, root, "go", "list", "-m"))
	dir := clone(t)
	const to = "example.org/some/where"
	in(t, dir, "bash", ".ci/publish-as", to)

	// git grep exits with status 1 if it finds nothing.
	if out := in(t, dir, "bash", "-c", `git grep -nIE "$0" || (($? == 1))`, `(^|[^a-zA-Z0-9_./-])`+old+`/(analyze|cmd|collect|report)\b`); out != "" {
		t.Errorf("the path stays in\n%s", out)
	}
	if before, after := hotFunctions(t, root, old), hotFunctions(t, dir, to); before != after || before < 100 {
		t.Errorf("%d of the project's functions in the compiler's profile became %d", before, after)
	}
	if out := in(t, dir, "gofmt", "-l", "cmd", "collect", "analyze", "report"); out != "" {
		t.Errorf("gofmt would change %s", out)
	}
	in(t, dir, "go", "build", "-o", os.DevNull, "./...")
	in(t, dir, "go", "test", "-vet=off", "-count", "1", "-run", "TestImportsRunOneWay|TestTheTopLevel", "./cmd/timesink")
	for _, nested := range []string{"services", "ticket", "otlp", "release"} {
		path := filepath.Join(dir, "cmd/internal", nested)
		if got := strings.TrimSpace(in(t, path, "go", "list", "-m")); got != to+"/cmd/internal/"+nested {
			t.Errorf("%s is module %s", nested, got)
		}
		in(t, path, "go", "list", "-deps", "-test", "./...")
	}
}
