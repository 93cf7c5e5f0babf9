package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sources creates a folder to bundle: a page that uses one of two libraries.
func sources(t *testing.T, page string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"src/page.ts":                          page,
		"src/style.css":                        "p { color: red; }",
		"node_modules/@of/used/package.json":   `{"name": "@of/used", "version": "1.2.3", "license": "ISC", "main": "main.js"}`,
		"node_modules/@of/used/main.js":        "export const answer = Math.random();",
		"node_modules/@of/used/LICENSE":        "Do what you like.\r\n",
		"node_modules/unused/package.json":     `{"name": "unused", "version": "9.9.9", "license": "MIT", "main": "main.js"}`,
		"node_modules/unused/main.js":          "export const nothing = Math.random();",
		"node_modules/unlicensed/package.json": `{"name": "unlicensed", "version": "1.0.0", "main": "main.js"}`,
		"node_modules/unlicensed/main.js":      "export const mine = Math.random();",
	} {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, "dist"), 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

const page = `import "./style.css"; import { answer } from "@of/used"; document.title = String(answer);`

func TestLicensesAreThoseOfTheBundledLibraries(t *testing.T) {
	folder := sources(t, page)
	if err := bundle(folder); err != nil {
		t.Fatal(err)
	}
	licenses, err := os.ReadFile(filepath.Join(folder, "dist", "LICENSES.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "@of/used 1.2.3 (ISC)\n\nDo what you like.\n"; string(licenses) != want {
		t.Errorf("%q, not %q", licenses, want)
	}
}

func TestTheSameSourcesMakeTheSameBundle(t *testing.T) {
	var before [2][]byte
	for range 2 {
		folder := sources(t, page)
		if err := bundle(folder); err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"page.js", "page.css"} {
			text, err := os.ReadFile(filepath.Join(folder, "dist", name))
			if err != nil {
				t.Fatal(err)
			}
			if before[i] != nil && !bytes.Equal(text, before[i]) {
				t.Errorf("%s differs", name)
			}
			before[i] = text
		}
	}
}

func TestContentThatCannotBeEmbeddedIsAnError(t *testing.T) {
	for what, c := range map[string]struct{ page, want string }{
		"a library without a license": {`import { mine } from "unlicensed"; document.title = String(mine);`, "license of unlicensed"},
		"an import that is not there": {`import "nowhere";`, "nowhere"},
		"the start of a comment":      {"document.title = '<!" + "--' + location.hash;", "which a page cannot embed"},
	} {
		if err := bundle(sources(t, c.page)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := bundle(t.TempDir()); err == nil || !strings.Contains(err.Error(), "npm ci") {
		t.Errorf("without libraries: %v", err)
	}
}
