package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// unbounded lists what reads or unpacks as much as there is, by import path. Package
// bounded has a counterpart with a limit for each.
var unbounded = map[string][]string{
	"io":                                  {"ReadAll", "Copy", "CopyBuffer"},
	"io/ioutil":                           {"ReadAll", "ReadFile"},
	"io/fs":                               {"ReadFile"},
	"os":                                  {"ReadFile"},
	"compress/bzip2":                      {"NewReader"},
	"compress/flate":                      {"NewReader", "NewReaderDict"},
	"compress/gzip":                       {"NewReader"},
	"compress/lzw":                        {"NewReader"},
	"compress/zlib":                       {"NewReader", "NewReaderDict"},
	"archive/tar":                         {"NewReader"},
	"archive/zip":                         {"NewReader", "OpenReader"},
	"encoding/json":                       {"NewDecoder"},
	"github.com/google/pprof/profile":     {"Parse", "ParseData", "ParseUncompressed"},
	"golang.org/x/exp/trace":              {"NewReader"},
	"net/http/httputil":                   {"DumpResponse"},
	"(a method of any type, by its name)": {"ReadFrom"},
}

const anyMethod = "(a method of any type, by its name)"

// mayRead lists the places that use one of them all the same, and why they may.
var mayRead = map[string]string{
	"analyze/trace/ordinary.go NewReader":  "reads a generation, whose size the splitter limits",
	"analyze/trace/split.go Copy":          "counts what follows damage, and keeps none of it",
	"analyze/trace/split.go ReadFrom":      "reads through a LimitReader of Budget.Old",
	"cmd/timesink/answer.go ReadFrom":      "the user's own file of rules",
	"cmd/timesink/flags.go ReadFile":       "the user's own files of probe bodies, values and tokens",
	"collect/capture/case.go Copy":         "hashes a part, and keeps none of it",
	"collect/capture/writer.go Copy":       "copies the collection's own parts from the folder to the zip",
	"collect/discover/forward.go Copy":     "drops what kubectl prints, and keeps none of it",
	"collect/target.go ReadFile":           "the user's own file of certificates",
	"collect/redact/capture.go NewDecoder": "decodes one line of predictions, whose length package capture limits",
	"collect/send/destination.go Copy":     "copies the user's own capture to a store",
	"collect/send/spool.go Copy":           "reads through a LimitReader of what the spool has room for",
	"collect/send/store.go Copy":           "hashes a file, and keeps none of it",
}

func TestPackagesReadWhatComesFromOutsideWithinBounds(t *testing.T) {
	root := filepath.Join("..", "..")
	used, files := map[string]bool{}, 0
	for _, top := range []string{"collect", "analyze", "report", "cmd/timesink"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(file string, e fs.DirEntry, err error) error {
			name, _ := filepath.Rel(root, file)
			name = filepath.ToSlash(name)
			switch {
			case err != nil:
				return err
			case e.IsDir() && (e.Name() == "testdata" || e.Name() == "node_modules" || name == "collect/bounded" || name == "analyze/trace/tracetest"):
				return fs.SkipDir
			case e.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
				return nil
			}
			files++
			for _, use := range unboundedIn(t, file) {
				place := name + " " + use
				if used[place] = true; mayRead[place] == "" {
					t.Errorf("%s: use package bounded, or say in mayRead why not", place)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for place := range mayRead {
		if !used[place] {
			t.Errorf("%s is in mayRead, but not there", place)
		}
	}
	if files < 100 {
		t.Errorf("only %d files were looked at", files)
	}
}

// unboundedIn returns which of the unbounded functions a file uses.
func unboundedIn(t *testing.T, file string) (uses []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string]string{} // paths, by the name in the file
	for _, spec := range f.Imports {
		of, _ := strconv.Unquote(spec.Path.Value)
		name := path.Base(of)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imports[name] = of
	}
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		of := anyMethod
		if x, ok := sel.X.(*ast.Ident); ok && imports[x.Name] != "" {
			of = imports[x.Name]
			if sel.Sel.Name == "ReadFrom" {
				of = anyMethod
			}
		}
		for _, name := range unbounded[of] {
			if sel.Sel.Name == name {
				uses = append(uses, name)
			}
		}
		return true
	})
	return uses
}

// A check that finds nothing would pass for ever.
func TestPackagesAreSearchedForUnboundedReading(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.go")
	err := os.WriteFile(file, []byte(`package a
import (
	"io"
	zipped "compress/gzip"
	"github.com/google/pprof/profile"
)
func f(r io.Reader, b *bytes.Buffer) {
	io.ReadAll(r)
	z, _ := zipped.NewReader(r)
	parse := profile.Parse
	b.ReadFrom(z)
	io.ReadFull(r, nil)
}`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(unboundedIn(t, file), " "), "ReadAll NewReader Parse ReadFrom"; got != want {
		t.Errorf("found %q, want %q", got, want)
	}
}
