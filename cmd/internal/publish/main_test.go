package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var files = map[string]string{
	"go.mod": "module old\n\ngo 1.26\n\nrequire older.org/old v1.0.0\n",
	"nested/go.mod": `module old/nested

go 1.26

replace old => ../

require (
	old v0.0.0
	older.org/old v1.0.0 // the path only ends alike
)
`,
	"foreign/go.mod": "module other\n\ngo 1.26\n",
	"a.go":           "// Package a imports old/b.\npackage a\n\nimport (\n\t\"fmt\"\n\n\t_ \"old/b\"\n\tname \"old/c\" // why\n\t\"older/d\"\n)\n\nvar s = fmt.Sprint(\"old/b\")\n",
	"single.go":      "package a\n\nimport \"old\"\n",
}

var moved = map[string]string{
	"go.mod": "module new.org/x\n\ngo 1.26\n\nrequire older.org/old v1.0.0\n",
	"nested/go.mod": `module new.org/x/nested

go 1.26

replace new.org/x => ../

require (
	new.org/x v0.0.0
	older.org/old v1.0.0 // the path only ends alike
)
`,
	"foreign/go.mod": files["foreign/go.mod"],
	"a.go":           "// Package a imports old/b.\npackage a\n\nimport (\n\t\"fmt\"\n\n\t_ \"new.org/x/b\"\n\tname \"new.org/x/c\" // why\n\t\"older/d\"\n)\n\nvar s = fmt.Sprint(\"old/b\")\n",
	"single.go":      "package a\n\nimport \"new.org/x\"\n",
}

func TestPublish(t *testing.T) {
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second run changes nothing
		if err := publish(root, "new.org/x"); err != nil {
			t.Fatal(err)
		}
		for name, want := range moved {
			got, err := os.ReadFile(filepath.Join(root, name))
			if err != nil || !sameLines(string(got), want) {
				t.Errorf("%s: %v\n%s", name, err, got)
			}
		}
	}
}

// sameLines reports whether two texts have the same lines in any order: the go
// command appends a requirement that replaces another.
func sameLines(a, b string) bool {
	count := map[string]int{}
	for line := range strings.Lines(a) {
		count[line]++
	}
	for line := range strings.Lines(b) {
		count[line]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func TestSymbols(t *testing.T) {
	m := move{"old", "new.org/x"}
	for name, want := range map[string]string{
		"old/a.(*T).M": "new.org/x/a.(*T).M",
		"slices.SortFunc[go.shape.struct { B old/a.x; C []old/a.y }]": "slices.SortFunc[go.shape.struct { B new.org/x/a.x; C []new.org/x/a.y }]",
		"old/a.F[old/b.T,*old/c.U]":                                   "new.org/x/a.F[new.org/x/b.T,*new.org/x/c.U]",
		"older/a.F":                                                   "older/a.F",
		"main.old":                                                    "main.old",
	} {
		if got := m.symbol(name); got != want {
			t.Errorf("%s is %s, not %s", name, got, want)
		}
	}
}
