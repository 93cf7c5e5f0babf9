package main

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A pkg is a package of the module, with its imports and its dependencies. Packages of
// the module are named by their path within it, as in "./analyze/rules".
type pkg struct{ imports, deps []string }

// packages returns the module's packages by their path within it. Imports of tests are
// not included.
func packages(t *testing.T) map[string]pkg {
	t.Helper()
	module := strings.TrimSpace(goList(t, "-m"))
	local := func(paths string) (list []string) {
		for _, p := range strings.Fields(paths) {
			if below(p, module) {
				p = "." + strings.TrimPrefix(p, module)
			}
			list = append(list, p)
		}
		return list
	}
	list := map[string]pkg{}
	own := 0 // imports of packages of the module
	for line := range strings.Lines(goList(t, "-f", `{{.ImportPath}}|{{join .Imports " "}}|{{join .Deps " "}}`, "./...")) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		name, ok := strings.CutPrefix(fields[0], module+"/")
		if !ok {
			t.Fatalf("%s is not a package of %s", fields[0], module)
		}
		p := pkg{local(fields[1]), local(fields[2])}
		for _, path := range p.imports {
			if below(path, ".") {
				own++
			}
		}
		list[name] = p
	}
	if own < len(list) {
		t.Fatalf("%d packages of %s have only %d imports of each other: the rules would check nothing", len(list), module, own)
	}
	return list
}

func goList(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = filepath.Join("..", "..")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	return string(out)
}

// below reports whether a package is folder or is within it.
func below(name, folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }

func TestImportsRunOneWay(t *testing.T) {
	const traceReader = "golang.org/x/exp/trace"
	list := packages(t)
	for _, rule := range []struct {
		what  string
		of    string // the folder that the rule applies to
		never []string
	}{
		{"bounded imports no other package of the project", "collect/bounded", []string{"."}},
		{"capture imports no other package of the project but bounded", "collect/capture", []string{"."}},
		{"breakdown imports no other package of the project", "analyze/breakdown", []string{"."}},
		{"collect knows nothing of what comes after it", "collect", []string{"./analyze", "./report", "./cmd", traceReader}},
		{"analyze is offline", "analyze", []string{"net", "./report", "./cmd"}},
		{"diagnosis rests on the breakdown, not on how it was made", "analyze/diagnosis", []string{"./collect", "./analyze/timeline", "./analyze/trace", "./analyze/rules"}},
		{"replay rests on the breakdown, not on how it was made", "analyze/replay", []string{"./collect", "./analyze/timeline", "./analyze/trace", "./analyze/rules", "./analyze/diagnosis"}},
		{"report reaches neither the trace reader nor the network", "report", []string{"net", traceReader, "./collect", "./cmd"}},
	} {
		for _, never := range rule.never {
			if folder, ok := strings.CutPrefix(never, "./"); ok && !slices.ContainsFunc(slices.Collect(maps.Keys(list)), func(name string) bool { return below(name, folder) }) {
				t.Errorf("%s: but there is no package in %s", rule.what, folder)
			}
		}
		seen := false
		for name, p := range list {
			if !below(name, rule.of) {
				continue
			}
			seen = true
			if hasCodecs(name) {
				p.deps = p.imports
			}
			for _, dep := range p.deps {
				if slices.ContainsFunc(rule.never, func(never string) bool { return below(dep, never) }) && !isVocabulary(dep) && !(rule.of == "collect/capture" && dep == "./collect/bounded") {
					t.Errorf("%s: but %s reaches %s", rule.what, name, dep)
				}
			}
		}
		if !seen {
			t.Errorf("%s: but there is no package in %s", rule.what, rule.of)
		}
	}
	for name, p := range list {
		if name != "analyze/trace" && slices.Contains(p.imports, traceReader) {
			t.Errorf("%s imports the trace reader; only analyze/trace may", name)
		}
	}
	const decoder = "analyze/trace"
	for name, p := range list {
		if !below(name, decoder) {
			continue
		}
		for _, dep := range p.deps {
			if below(dep, ".") && !below(dep, "./"+decoder) {
				t.Errorf("the decoder can be lifted out and knows no rules, breakdown or timeline, but %s reaches %s", name, dep)
			}
		}
	}
	for _, parser := range []string{traceReader, "github.com/google/pprof/profile"} {
		if slices.Contains(list["cmd/timesink"].imports, parser) {
			t.Errorf("the command parses nothing, but it imports %s", parser)
		}
	}
}

// hasCodecs reports whether a package writes Parquet: the library for that has codecs with
// handlers for HTTP, which reach net, so only what the package itself imports says anything.
func hasCodecs(name string) bool { return name == "report/rows/parquet" }

// isVocabulary reports whether a package below net makes no connections.
func isVocabulary(dep string) bool {
	return dep == "net/url" || dep == "net/netip" || dep == "net/textproto"
}

func TestTheTopLevelHoldsNothingElse(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"cmd", "collect", "analyze", "report", "go.mod", "go.sum", "README.md", "LICENSE"}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s does not belong at the top level", e.Name())
		}
	}
}
