// Command publish moves the project to another module path, for a fork or a new
// repository:
//
//	publish example.org/timesink
//
// Run it in the project's root. It rewrites the module lines, requirements and
// replacements of the project's modules, the imports of their Go files, and the
// function names in the compiler's profile. The path appears nowhere else: code that
// needs it at run time derives it.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/pprof/profile"
)

func main() {
	if len(os.Args) != 2 || strings.HasPrefix(os.Args[1], "-") {
		fmt.Fprintln(os.Stderr, "usage: publish-as PATH, such as example.org/timesink")
		os.Exit(2)
	}
	if err := publish(".", os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

// A move renames one module path to another.
type move struct{ from, to string }

// path returns an import path or a module's name after the move.
func (m move) path(p string) string {
	if rest, ok := strings.CutPrefix(p, m.from); ok && (rest == "" || rest[0] == '/') {
		return m.to + rest
	}
	return p
}

// symbol returns the name of a function after the move. The type arguments in a name
// contain import paths too: a path begins where the previous character cannot be part
// of one.
func (m move) symbol(s string) string {
	old := regexp.MustCompile(`(^|[^\w./%-])` + regexp.QuoteMeta(m.from) + "/")
	return old.ReplaceAllString(s, "${1}"+m.to+"/")
}

// publish moves the project in a folder.
func publish(root, to string) error {
	main, err := readModule(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	m := move{main.Module.Path, to}
	if m.from == m.to {
		return nil
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := ""
		if err == nil {
			name = d.Name()
		}
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == ".git" || name == "node_modules"):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		case name == "go.mod":
			err = m.module(path)
		case strings.HasSuffix(name, ".go"):
			err = rewrite(path, m.source)
		case name == "default.pgo":
			err = rewrite(path, m.profile)
		}
		if err != nil {
			return fmt.Errorf("moving %s: %w", path, err)
		}
		return nil
	})
}

// rewrite writes a file only if its content changes.
func rewrite(path string, change func([]byte) ([]byte, error)) error {
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	after, err := change(before)
	if err != nil || bytes.Equal(before, after) {
		return err
	}
	return os.WriteFile(path, after, 0o644)
}

// A module is the go command's description of a go.mod.
type module struct {
	Module  struct{ Path string }
	Require []struct{ Path, Version string }
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
}

func readModule(file string) (m module, err error) {
	out, err := command("edit", "-json", file)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(out, &m)
}

// command is "go mod".
func command(args ...string) ([]byte, error) {
	out, err := exec.Command("go", append([]string{"mod"}, args...)...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("go mod %s: %w: %s", strings.Join(args, " "), err, exit.Stderr)
	}
	return out, err
}

// module rewrites a go.mod if it belongs to the project.
func (m move) module(file string) error {
	mod, err := readModule(file)
	if err != nil {
		return err
	}
	args := []string{"edit"}
	if to := m.path(mod.Module.Path); to != mod.Module.Path {
		args = append(args, "-module="+to)
	}
	for _, r := range mod.Require {
		if to := m.path(r.Path); to != r.Path {
			args = append(args, "-droprequire="+r.Path, "-require="+to+"@"+r.Version)
		}
	}
	for _, r := range mod.Replace {
		if to := m.path(r.Old.Path); to != r.Old.Path {
			args = append(args, "-dropreplace="+at(r.Old.Path, r.Old.Version), "-replace="+at(to, r.Old.Version)+"="+at(r.New.Path, r.New.Version))
		}
	}
	if len(args) == 1 {
		return nil
	}
	_, err = command(append(args, file)...)
	return err
}

func at(path, version string) string {
	if version == "" {
		return path
	}
	return path + "@" + version
}

// source rewrites the imports of a Go file.
func (m move) source(text []byte) ([]byte, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "", text, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	out, changed := bytes.Clone(text), false
	for _, spec := range slices.Backward(file.Imports) { // so that offsets stay valid
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		if to := m.path(path); to != path {
			start, end := files.Position(spec.Path.Pos()).Offset, files.Position(spec.Path.End()).Offset
			out = slices.Replace(out, start, end, []byte(strconv.Quote(to))...)
			changed = true
		}
	}
	if !changed {
		return text, nil
	}
	return format.Source(out) // which sorts the imports
}

// profile renames the functions in a profile, because the compiler finds hot
// functions by name.
func (m move) profile(data []byte) ([]byte, error) {
	p, err := profile.ParseData(data)
	if err != nil {
		return nil, err
	}
	for _, f := range p.Function {
		f.Name, f.SystemName, f.Filename = m.symbol(f.Name), m.symbol(f.SystemName), m.path(f.Filename)
	}
	var out bytes.Buffer
	err = p.Write(&out)
	return out.Bytes(), err
}
