package redact_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"timesink/collect/redact"
)

// TestTheToolsOwnTextIsNotMasked checks that no text of a finding or a warning,
// and no function of a rule, is masked as private.
func TestTheToolsOwnTextIsNotMasked(t *testing.T) {
	r := redact.New(acme)
	seen := 0
	for _, dir := range []string{"../../analyze", "../../report"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && d.Name() == "testdata" {
				return errorsOrSkip(err)
			}
			if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			for _, text := range literals(t, path) {
				seen++
				if got := r.Text(text); got != text {
					t.Errorf("%s: %q\nbecame %q", path, text, got)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 500 {
		t.Errorf("only %d texts were found", seen)
	}
}

func errorsOrSkip(err error) error {
	if err != nil {
		return err
	}
	return fs.SkipDir
}

// literals returns the strings in a source file that users may see. It leaves out
// patterns, and strings that are only a URL, which name a format.
func literals(t *testing.T, path string) (texts []string) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "MustCompile" {
				return false
			}
		}
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			if u, err := url.Parse(text); err != nil || u.Host == "" {
				texts = append(texts, text)
			}
		}
		return true
	})
	return texts
}

// TestNamesInTracesAreNotMasked checks that in the strings of real traces only
// the home directories in paths change.
func TestNamesInTracesAreNotMasked(t *testing.T) {
	r := redact.New(acme)
	for name, data := range recorded(t) {
		rewritten(t, data, func(text string) string {
			want := text
			for _, home := range []string{"/root/", "/home/me/"} {
				if rest, ok := strings.CutPrefix(text, home); ok {
					want = "/[home]/" + rest
				}
			}
			if got := r.Text(text); got != want {
				t.Errorf("%s: %s\nbecame %s", name, text, got)
			}
			return text
		}, same)
	}
}
