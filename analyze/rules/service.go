package rules

import (
	"path"
	"strings"

	"timesink/analyze/breakdown"
)

// IsService reports whether a function is the service's own code. The path of its file
// separates that from dependencies and the standard library, even with -trimpath:
//
//	/home/me/shop/api.go, example.com/shop/api.go                the service
//	/go/pkg/mod/github.com/jackc/pgx/v5@v5.7.1/conn.go           a module
//	github.com/jackc/pgx/v5@v5.7.1/conn.go                       the same, trimmed
//	/home/me/shop/vendor/github.com/jackc/pgx/v5/conn.go         vendored
//	external/com_github_jackc_pgx_v5/conn.go                     Bazel
//	/usr/local/go/src/vendor/golang.org/x/net/idna/idna.go       vendored in GOROOT
//	/usr/local/go/src/net/http/server.go, net/http/server.go     GOROOT
//
// Package main is the service wherever its files are. A Home finds the service's code in
// binaries for which this is not enough.
func IsService(f breakdown.Frame) bool {
	pkg := packageOf(f.Function)
	file := slashed(f.File)
	switch {
	case isCgo(file):
		return false // whichever package calls C through it
	case pkg == "main":
		return !isStandard(f)
	case isGlue(f):
		return false
	case moduleOf(f) != "", strings.HasPrefix(pkg, "vendor/"):
		return false
	}
	return !isStandard(f)
}

// isGlue reports whether a function has no source file of its own: cgo or the
// compiler wrote it, in the package of the code that needs it. Its name does not
// tell the service's package from a library's.
func isGlue(f breakdown.Frame) bool {
	return f.File == "" || strings.HasPrefix(f.File, "<") || isCgo(slashed(f.File))
}

// isCgo reports whether cgo generated a file: _cgo_gotypes.go holds the Go side of
// each C function.
func isCgo(file string) bool { return strings.HasPrefix(path.Base(file), "_cgo_") }

// isStandard reports whether a function belongs to GOROOT: the first element of its
// package is one that GOROOT has, and its file is in GOROOT/src or, trimmed, in the
// package's own path. The runtime's files also hold functions of other packages, such as
// time.Sleep, and GOROOT's internal packages hold some of the runtime's, such as
// runtime.mapassign. A closure of GOROOT's that was inlined into a function of another
// package has a name in that package.
func isStandard(f breakdown.Frame) bool {
	pkg, dir := packageOf(f.Function), path.Dir(slashed(f.File))
	if !ofStandard(pkg) {
		return IsClosure(f.Function) && returnsClosures[inSource(dir)] && path.Base(dir) != path.Base(pkg) && isInlined(f.Function)
	}
	in := func(folder string) bool { return dir == folder || strings.HasSuffix(dir, "/src/"+folder) }
	internal := strings.HasPrefix(dir, "internal/") || strings.Contains(dir, "/src/internal/")
	return in(pkg) || in("runtime") || internal
}

// returnsClosures are the packages of GOROOT with short functions that return a closure,
// such as context.WithCancel and http.StripPrefix.
var returnsClosures = set("bytes", "context", "iter", "maps", "net/http", "reflect", "slices", "strings", "sync")

// inSource returns the part of a folder's path behind src, or all of it.
func inSource(dir string) string {
	if i := strings.LastIndex(dir, "/src/"); i >= 0 {
		return dir[i+len("/src/"):]
	}
	return dir
}

// ofStandard reports whether a package's path looks like one of GOROOT. The service's
// own may look the same.
func ofStandard(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	return standard[first]
}

// packageOf returns a function's import path. It restores the dots that the linker
// escapes in the last element.
func packageOf(fn string) string {
	return strings.ReplaceAll(packagePath(fn), "%2e", ".")
}

// packagePath returns the import path as it is spelled in the function's name.
func packagePath(fn string) string {
	slash := strings.LastIndexByte(fn, '/') + 1
	// A type argument may hold slashes: they come after the package's dot.
	if i := strings.IndexByte(fn, '['); i >= 0 && i < slash {
		slash = strings.LastIndexByte(fn[:i], '/') + 1
	}
	if dot := strings.IndexByte(fn[slash:], '.'); dot >= 0 {
		fn = fn[:slash+dot]
	}
	return fn
}

// standard are the first elements of the import paths in GOROOT/src.
var standard = set("archive", "bufio", "bytes", "cmp", "compress", "container", "context", "crypto", "database",
	"debug", "embed", "encoding", "errors", "expvar", "flag", "fmt", "go", "hash", "html", "image", "index",
	"internal", "io", "iter", "log", "maps", "math", "mime", "net", "os", "path", "plugin", "reflect", "regexp",
	"runtime", "slices", "sort", "strconv", "strings", "structs", "sync", "syscall", "testing", "text", "time",
	"unicode", "unique", "unsafe", "vendor", "weak")

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}
