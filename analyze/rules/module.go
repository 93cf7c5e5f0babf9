package rules

import (
	"path"
	"strings"

	"timesink/analyze/breakdown"
)

// moduleOf returns an identifier of the module that a dependency's function belongs to:
// the path of its file up to where the module begins. It is "" for GOROOT and for code
// that is at no module's version, such as a local checkout.
//
//	/go/pkg/mod/github.com/jackc/pgx/v5@v5.7.1/pgxpool/pool.go   …/pgx/v5@v5.7.1
//	github.com/jackc/pgx/v5@v5.7.1/pgxpool/pool.go               the same, trimmed
//	/shop/vendor/github.com/jackc/pgx/v5/pgxpool/pool.go         /shop/vendor/github.com/jackc/pgx
//	external/com_github_jackc_pgx_v5/pgxpool/pool.go             external/com_github_jackc_pgx_v5 (Bazel)
//
// A build with -trimpath names the versions of vendored modules too. Other vendored
// files do not show where a module ends; repositoryOf supplies that.
func moduleOf(f breakdown.Frame) string {
	pkg, file := packageOf(f.Function), slashed(f.File)
	if isStandard(f) || strings.HasPrefix(pkg, "vendor/") {
		return ""
	}
	if end := versionEnd(file); end > 0 {
		return file[:end]
	}
	if i := strings.Index(file, "/vendor/"+pkg+"/"); i >= 0 {
		return file[:i] + "/vendor/" + repositoryOf(pkg)
	}
	return bazelRepository(pkg, path.Dir(file))
}

// versionEnd returns where the module's part of a path ends, behind its version:
// "…@v1.7.2/…". It returns 0 if there is no version.
func versionEnd(file string) int {
	for from := 0; ; {
		i := strings.Index(file[from:], "@v")
		if i < 0 {
			return 0
		}
		from += i + len("@v")
		if from < len(file) && '0' <= file[from] && file[from] <= '9' {
			if n := strings.IndexByte(file[from:], '/'); n >= 0 {
				return from + n
			}
			return len(file)
		}
	}
}

// repositoryOf returns the part of an import path that usually names a repository: two
// elements, or three on the hosts that have an owner for each.
func repositoryOf(pkg string) string {
	n := 2
	switch host, _, _ := strings.Cut(pkg, "/"); host {
	case "github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "gitee.com", "git.sr.ht", "golang.org":
		n = 3
	}
	for i := range pkg {
		if pkg[i] == '/' {
			if n--; n == 0 {
				return pkg[:i]
			}
		}
	}
	return pkg
}

// bazelRepository returns the folder of an external repository in which Bazel's rules
// for Go keep a module, "" if dir is in none. Its name is the module's path with the
// host's labels reversed, behind what the module system puts before it:
// external/gazelle++go_deps+com_github_jackc_pgx_v5.
func bazelRepository(pkg, dir string) string {
	const external = "external/"
	at := 0
	if !strings.HasPrefix(dir, external) {
		if at = strings.LastIndex(dir, "/"+external) + 1; at == 0 {
			return ""
		}
	}
	repo, sub, _ := strings.Cut(dir[at+len(external):], "/")
	module := pkg
	if sub != "" {
		var ok bool
		if module, ok = strings.CutSuffix(pkg, "/"+sub); !ok {
			return ""
		}
	}
	if repo[strings.LastIndexAny(repo, "~+")+1:] != bazelName(module) {
		return ""
	}
	return dir[:at+len(external)+len(repo)]
}

// bazelName returns the name of a module's repository: com_github_jackc_pgx_v5.
func bazelName(module string) string {
	host, rest, _ := strings.Cut(module, "/")
	labels := strings.Split(host, ".")
	var name []string
	for i := len(labels) - 1; i >= 0; i-- {
		name = append(name, labels[i])
	}
	if rest != "" {
		name = append(name, rest)
	}
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(strings.Join(name, "_")))
}

// workspaceOf returns the repository of a function whose file is where GOPATH has it,
// "" for other functions. Distributions build in that mode: no file shows a version, so
// dependencies look like the service's own code. So does the main module of a build
// with -trimpath.
func workspaceOf(f breakdown.Frame) string {
	pkg, dir := packageOf(f.Function), inSource(path.Dir(slashed(f.File)))
	if pkg == "main" {
		pkg = dir
	}
	host, _, _ := strings.Cut(pkg, "/")
	if dir != pkg || strings.Index(host, ".") < 1 || versionEnd(dir) > 0 {
		return ""
	}
	return repositoryOf(pkg)
}

// slashed returns a path with slashes, as on all systems but Windows.
func slashed(file string) string { return strings.ReplaceAll(file, `\`, "/") }
