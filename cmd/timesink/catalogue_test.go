package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"timesink/analyze/diagnosis"
)

// Every code of a warning in the sources, every ID of advice, and every exit code has an entry in the
// catalogue, and there is no entry for any other.
func TestEveryWarningAndExitCodeIsExplained(t *testing.T) {
	codes, exits, advice := map[string]string{}, map[string]string{}, map[string]string{}
	for _, folder := range []string{"analyze", "collect", "cmd/timesink"} {
		eachSource(t, filepath.Join("..", "..", filepath.FromSlash(folder)), func(path string, file *ast.File) {
			for code := range warningCodes(file) {
				codes[code] = path
			}
			for id := range adviceIDs(file) {
				if e := diagnosis.Explain(id); e == nil || e.Kind != diagnosis.WarningEntry {
					advice[id] = path
				}
			}
			for code := range exitCodes(t, file) {
				exits[code] = path
			}
		})
	}
	compareIDs(t, "warnings", codes, diagnosis.Warnings())
	compareIDs(t, "advice", advice, diagnosis.Advice())
	compareIDs(t, "exit codes", exits, diagnosis.Exits())
	if len(codes) < 40 || len(exits) < 4 || len(advice) < 10 {
		t.Errorf("the sources hold the warnings %v, the advice %v and the exit codes %v", codes, advice, exits)
	}
}

func compareIDs(t *testing.T, what string, found map[string]string, entries []diagnosis.Entry) {
	t.Helper()
	var explained []string
	for _, e := range entries {
		explained = append(explained, e.ID)
	}
	if ids := slices.Sorted(maps.Keys(found)); !slices.Equal(ids, explained) {
		for _, id := range ids {
			if !slices.Contains(explained, id) {
				t.Errorf("%s in %s has no entry", id, found[id])
			}
		}
		for _, id := range explained {
			if found[id] == "" {
				t.Errorf("%s is explained, but the sources do not hold it: the %s are %v", id, what, ids)
			}
		}
	}
}

func eachSource(t *testing.T, folder string, each func(path string, file *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || filepath.Base(filepath.Dir(path)) == "diagnosis" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		if err == nil {
			each(path, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var codeForm = regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)

// warningCodes returns the codes that a file gives to warnings: as the first argument of
// a function that warns, or in a value with a code.
func warningCodes(file *ast.File) map[string]bool {
	codes := map[string]bool{}
	add := func(e ast.Expr) {
		if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if text, err := strconv.Unquote(l.Value); err == nil && codeForm.MatchString(text) {
				codes[text] = true
			}
		}
	}
	coded := map[string]int{"earlyEnd": 1, "unasked": 0} // the position of the code in values without keys
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"warn", "Warn", "add"}, s.Sel.Name) && len(n.Args) > 1 {
				add(n.Args[0])
			}
			if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "differ" {
				add(n.Args[0])
			}
		case *ast.CompositeLit:
			if at, ok := coded[fmt.Sprint(n.Type)]; ok && at < len(n.Elts) {
				add(n.Elts[at])
			}
			addCoded(n, add)
		}
		return true
	})
	return codes
}

// addCoded adds the codes of a list of values whose type has a field code, and those of
// values with the key code.
func addCoded(n *ast.CompositeLit, add func(ast.Expr)) {
	if list, ok := n.Type.(*ast.ArrayType); ok {
		if s, ok := list.Elt.(*ast.StructType); ok && len(s.Fields.List) > 0 && len(s.Fields.List[0].Names) > 0 && s.Fields.List[0].Names[0].Name == "code" {
			for _, e := range n.Elts {
				if row, ok := e.(*ast.CompositeLit); ok && len(row.Elts) > 0 {
					add(row.Elts[0])
				}
			}
		}
	}
	for _, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && strings.EqualFold(key.Name, "code") {
				add(kv.Value)
			}
		}
	}
}

// adviceIDs returns the IDs of a list of values whose type has a field id first, and a
// field that says when one of them holds.
func adviceIDs(file *ast.File) map[string]bool {
	ids := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		list, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		of, ok := list.Type.(*ast.ArrayType)
		if !ok {
			return true
		}
		s, ok := of.Elt.(*ast.StructType)
		if !ok || len(s.Fields.List) < 2 || s.Fields.List[0].Names[0].Name != "id" || s.Fields.List[1].Names[0].Name != "when" {
			return true
		}
		for _, e := range list.Elts {
			if l, ok := e.(*ast.CompositeLit).Elts[0].(*ast.BasicLit); ok {
				if id, err := strconv.Unquote(l.Value); err == nil {
					ids[id] = true
				}
			}
		}
		return true
	})
	return ids
}

// exitCodes returns the IDs of the exit codes that a file declares.
func exitCodes(t *testing.T, file *ast.File) map[string]bool {
	t.Helper()
	codes := map[string]bool{}
	for _, d := range file.Decls {
		d, ok := d.(*ast.GenDecl)
		if !ok || d.Tok != token.CONST {
			continue
		}
		for _, s := range d.Specs {
			s := s.(*ast.ValueSpec)
			if !regexp.MustCompile(`^exit[A-Z]`).MatchString(s.Names[0].Name) {
				continue
			}
			value, ok := s.Values[0].(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s is no number", s.Names[0].Name)
			}
			codes["exit-"+value.Value] = true
		}
	}
	return codes
}
