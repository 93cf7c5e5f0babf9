package rules

import (
	"path"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
)

// A layout says where a build has its files: the folder of a package by its import path,
// of which the longest prefix counts. Other packages are where fileOf has them.
type layout map[string]string

func (l layout) fileOf(pkg string) string {
	if dir, ok := l[pkg]; ok {
		return path.Join(dir, "x.go")
	}
	for under := pkg; under != "."; under = path.Dir(under) {
		if dir, ok := l[under]; ok {
			return path.Join(dir, strings.TrimPrefix(pkg, under), "x.go")
		}
	}
	return fileOf(pkg + ".F")
}

func (l layout) stack(functions string) []breakdown.Frame {
	frames := stack(functions)
	for i, f := range frames {
		frames[i].File = l.fileOf(packageOf(f.Function))
	}
	return frames
}

// moved classifies stacks as a trace's are: again whenever one changes whose code the
// service's is.
func moved(stacks [][]breakdown.Frame) (classes []*Class) {
	table := New()
	home := NewHome(table)
	for _, frames := range stacks {
		c := table.Classify(frames)
		if home.Moved() {
			c = home.Classify(frames)
		}
		classes = append(classes, c)
		for changed := home.See(c); changed; {
			for i := range classes {
				classes[i] = home.Classify(classes[i].Stack)
			}
			changed = false
			for _, c := range classes {
				changed = home.See(c) || changed
			}
		}
	}
	return classes
}

func TestTheServiceIsTheModuleOfMainAndOfItsHandlers(t *testing.T) {
	const (
		conn    = "net/http.serverHandler.ServeHTTP < net/http.(*conn).serve"
		mux     = "net/http.HandlerFunc.ServeHTTP < net/http.(*ServeMux).ServeHTTP < " + conn
		mainOf  = "runtime.selectgo < example.com/dns/server.Run < main.main < runtime.main"
		asks    = "internal/poll.(*FD).Read < github.com/other/store.(*Client).Get < "
		worker  = asks + "example.com/dns/server.(*worker).run < example.com/dns/server.New.gowrap1"
		handler = asks + "example.com/dns/server.(*Server).lookup < example.com/dns/server.(*Server).query < " + mux
		around  = asks + "example.com/dns/server.(*Server).query < net/http.HandlerFunc.ServeHTTP < github.com/some/limit.(*Limiter).Handle.func1 < " + mux
	)
	const query, lookup, run = "example.com/dns/server.(*Server).query", "example.com/dns/server.(*Server).lookup", "example.com/dns/server.(*worker).run"
	cache := layout{"main": "/go/pkg/mod/example.com/dns@v1.2.3/cmd/dns", "example.com/dns": "/go/pkg/mod/example.com/dns@v1.2.3", "github.com/some": "/go/pkg/mod/github.com/some@v1.0.0", "golang.org/x/net": "/go/pkg/mod/golang.org/x/net@v0.30.0"}
	with := func(l layout, changes layout) layout {
		out := layout{}
		for k, v := range l {
			out[k] = v
		}
		for k, v := range changes {
			out[k] = v
		}
		return out
	}
	trimmed := layout{"main": "example.com/dns@v1.2.3/cmd/dns", "example.com/dns": "example.com/dns@v1.2.3", "github.com/some": "github.com/some@v1.0.0"}
	thin := with(cache, layout{"main": "/tmp/buildenv_1"})
	// Each case lists stacks, and for some of them "handler at site".
	for _, c := range []struct {
		name   string
		build  layout
		stacks []string
		want   []string
	}{
		{"go install pkg@version", cache, []string{mainOf, handler, worker}, []string{"", query + " at " + lookup, " at " + run}},
		{"the same, -trimpath", trimmed, []string{mainOf, handler, worker}, []string{"", query + " at " + lookup, " at " + run}},
		{"the same on Windows", with(cache, layout{"main": `C:\go\pkg\mod\example.com\dns@v1.2.3\cmd\dns`, "example.com/dns": `C:\go\pkg\mod\example.com\dns@v1.2.3`}),
			[]string{mainOf, worker}, []string{"", " at " + run}},
		{"main is seen last", cache, []string{worker, handler, mainOf}, []string{" at " + run, query + " at " + lookup, ""}},
		{"main is not seen", cache, []string{worker, handler}, []string{" at " + run, query + " at " + lookup}},
		{"no request is seen", cache, []string{mainOf, worker}, []string{"", " at " + run}},
		{"a thin main in a folder of its own", thin, []string{mainOf, worker, handler}, []string{"", " at " + run, query + " at " + lookup}},
		{"a thin main that wraps the handler", thin, []string{mainOf, worker,
			"example.com/dns/server.(*Server).lookup < example.com/dns/server.(*Server).query < net/http.HandlerFunc.ServeHTTP < main.logged.func1 < " + mux, "os.(*File).Write < main.logged.func1 < " + mux},
			[]string{"", " at " + run, query + " at " + lookup, "main.logged.func1 at main.logged.func1"}},
		{"a thin main with a vendored service", layout{"main": "/src/x", "example.com/dns": "/src/x/vendor/example.com/dns", "github.com/some": "/src/x/vendor/github.com/some"},
			[]string{mainOf, worker, handler}, []string{"", " at " + run, query + " at " + lookup}},
		{"a thin main built by Bazel", layout{"main": "cmd/dns", "example.com/dns": "external/gazelle++go_deps+com_example_dns", "github.com/some": "external/gazelle++go_deps+com_github_some"},
			[]string{mainOf, worker, handler}, []string{"", " at " + run, query + " at " + lookup}},
		{"a builder's main, with a plugin that has a handler", thin, []string{mainOf, handler, "time.Sleep < github.com/some/plugin.(*Cache).ServeHTTP < " + mux},
			[]string{"", query + " at " + lookup, "github.com/some/plugin.(*Cache).ServeHTTP at github.com/some/plugin.(*Cache).ServeHTTP"}},
		{"in GOPATH mode, as distributions build", layout{"main": "/build/src/example.com/dns/cmd/dns", "example.com": "/build/src/example.com", "github.com": "/build/src/github.com", "golang.org/x": "/build/src/golang.org/x"},
			[]string{mainOf, handler, worker, "internal/poll.(*FD).Accept < golang.org/x/net/netutil.(*limitListener).Accept < example.com/dns/server.Run.func1"}, []string{"", query + " at " + lookup, " at " + run, ""}},
		{"the same, -trimpath", layout{"main": "example.com/dns/cmd/dns", "example.com": "example.com", "github.com": "github.com", "golang.org/x": "golang.org/x"},
			[]string{mainOf, handler, worker, "internal/poll.(*FD).Accept < golang.org/x/net/netutil.(*limitListener).Accept < example.com/dns/server.Run.func1"}, []string{"", query + " at " + lookup, " at " + run, ""}},

		// Code at no version stays the service's, and only that.
		{"a local checkout", layout{"main": "/src/dns/cmd", "example.com/dns": "/src/dns", "github.com/some": "/go/pkg/mod/github.com/some@v1.0.0"},
			[]string{mainOf, around, worker, asks + "github.com/some/limit.(*Limiter).clean < github.com/some/limit.New.func1"}, []string{"", query + " at " + query, " at " + run, ""}},
		{"a workspace of several modules, trimmed", layout{"main": "example.com/dns/cmd", "example.com/dns": "example.com/dns", "example.com/store": "example.com/store", "github.com/some": "github.com/some@v1.0.0"},
			[]string{mainOf, asks + "example.com/store.Load < example.com/dns/server.(*Server).query < " + mux}, []string{"", query + " at example.com/store.Load"}},
		{"a library's middleware that waits, in a local checkout", layout{"main": "/src/dns/cmd", "example.com/dns": "/src/dns", "github.com/some": "/go/pkg/mod/github.com/some@v1.0.0"},
			[]string{asks + "github.com/some/limit.(*Limiter).take < github.com/some/limit.(*Limiter).Handle.func1 < " + mux, handler, asks + "github.com/some/limit.Take < " + strings.TrimPrefix(handler, asks)},
			[]string{"github.com/some/limit.(*Limiter).Handle.func1 at github.com/some/limit.(*Limiter).take", query + " at " + lookup, query + " at " + lookup}},
		{"a library's handler alone in a stack answers for itself", layout{"main": "/src/dns/cmd", "example.com/dns": "/src/dns", "github.com/some": "/go/pkg/mod/github.com/some@v1.0.0"},
			[]string{handler, "internal/poll.(*FD).Read < database/sql.(*DB).Query < github.com/some/ui.(*UI).page < github.com/some/ui.(*UI).ServeHTTP < " + mux},
			[]string{query + " at " + lookup, "github.com/some/ui.(*UI).ServeHTTP at github.com/some/ui.(*UI).page"}},
		{"infrastructure does not become the service by its handlers", with(thin, layout{"github.com/prometheus/client_golang": "/go/pkg/mod/github.com/prometheus/client_golang@v1.20.0"}),
			[]string{"sync.(*Mutex).Lock < github.com/prometheus/client_golang/prometheus.(*Registry).Gather < github.com/prometheus/client_golang/prometheus/promhttp.HandlerForTransactional.func1 < " + mux},
			[]string{"github.com/prometheus/client_golang/prometheus/promhttp.HandlerForTransactional.func1"}},
	} {
		var stacks [][]breakdown.Frame
		for _, s := range c.stacks {
			stacks = append(stacks, c.build.stack(s))
		}
		for i, got := range moved(stacks) {
			said := got.Handler
			if got.InService {
				said += " at " + got.Site.Function
			}
			if i < len(c.want) && c.want[i] != "" && said != c.want[i] {
				t.Errorf("%s: stack %d is %q, not %q", c.name, i+1, said, c.want[i])
			}
			if strings.HasPrefix(got.Site.Function, "github.com/other/store") && got.InService {
				t.Errorf("%s: stack %d: the client counts as the service", c.name, i+1)
			}
		}
	}
}

func TestModulesOfFiles(t *testing.T) {
	for _, c := range []struct{ function, file, module, repository string }{
		{"example.com/dns.Run", "/go/pkg/mod/example.com/dns@v1.2.3/dns.go", "/go/pkg/mod/example.com/dns@v1.2.3", ""},
		{"example.com/dns/v2/x.Run", "example.com/dns/v2@v2.0.0-20260102030405-abcdefabcdef/x/dns.go", "example.com/dns/v2@v2.0.0-20260102030405-abcdefabcdef", ""},
		{"github.com/BurntSushi/toml.Decode", "/go/pkg/mod/github.com/!burnt!sushi/toml@v1.4.0/decode.go", "/go/pkg/mod/github.com/!burnt!sushi/toml@v1.4.0", ""},
		{"github.com/a/b/c/d.F", "/src/x/vendor/github.com/a/b/c/d/f.go", "/src/x/vendor/github.com/a/b", ""},
		{"go.example.org/a/b/c.F", "/src/x/vendor/go.example.org/a/b/c/f.go", "/src/x/vendor/go.example.org/a", ""},
		{"github.com/jackc/pgx/v5/pgxpool.F", "external/com_github_jackc_pgx_v5/pgxpool/pool.go", "external/com_github_jackc_pgx_v5", ""},
		{"github.com/jackc/pgx/v5.F", "/tmp/bazel/execroot/_main/external/gazelle~~go_deps~com_github_jackc_pgx_v5/conn.go", "/tmp/bazel/execroot/_main/external/gazelle~~go_deps~com_github_jackc_pgx_v5", ""},
		{"shop/external/client.F", "/home/me/shop/external/client/f.go", "", ""},
		{"example.com/shop/api.F", "/home/me/external/shop/api/f.go", "", ""},
		{"example.com/shop/api.F", "example.com/shop/api/f.go", "", "example.com/shop"},
		{"main.main", "github.com/a/b/cmd/b/main.go", "", "github.com/a/b"},
		{"main.main", "/build/x/obj/src/github.com/a/b/main.go", "", "github.com/a/b"},
		{"main.main", "/home/me/src/shop/main.go", "", ""},
		{"main.main", "./main.go", "", ""},
		{"net/http.Get", "/usr/local/go/src/net/http/client.go", "", ""},
		{"net/http.Get", "/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.26.8.linux-amd64/src/net/http/client.go", "", ""},
		{"vendor/golang.org/x/net/idna.F", "/usr/local/go/src/vendor/golang.org/x/net/idna/idna.go", "", ""},
	} {
		f := breakdown.Frame{Function: c.function, File: c.file}
		if m, r := moduleOf(f), workspaceOf(f); m != c.module || r != c.repository {
			t.Errorf("%s in %s: module %q, repository %q", c.function, c.file, m, r)
		}
	}
}

func TestInfrastructureIsNamedByPathsOfPackages(t *testing.T) {
	for i, under := range infrastructure {
		for j, other := range infrastructure {
			if i != j && (under == other || strings.HasPrefix(under, other+"/")) {
				t.Errorf("%s covers %s", other, under)
			}
		}
		if !isInfrastructure(under) || !isInfrastructure(under+"/x") || isInfrastructure(under+"x") {
			t.Errorf("%s does not cover itself and the packages below, or more", under)
		}
	}
	for pkg, is := range map[string]bool{
		"github.com/prometheus/client_golang/prometheus/promhttp": true,
		"github.com/prometheus/prometheus/web":                    false,
		"github.com/redis/go-redis/v9/internal/pool":              true, // by a rule
		"github.com/go-chi/chi/v5":                                true, // by a router's row
		"golang.org/x/tools/godoc":                                false,
		"example.com/shop":                                        false,
	} {
		if got := isInfrastructure(pkg); got != is {
			t.Errorf("%s: infrastructure is %t", pkg, got)
		}
	}
}
