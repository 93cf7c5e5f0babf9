package server

import (
	"context"
	"io/fs"
	"net/http"
	"net/http/httputil"
	"testing/fstest"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/scenario"
)

// ledOn lists handlers whose name takes more than the innermost function that a library
// calls: wrapped twice by one function, chosen by a router that is a function, or ending
// in a library's handler.
var ledOn = []scenario.Scenario{
	serving("net/http, two closures of one function", handled(func(s *shop) http.Handler { return registered(s.lease) }), "http/1", "(*shop).lease"),
	serving("net/http, two closures of one function, to another", handled(func(s *shop) http.Handler { return registered(s.sublet) }), "http/1", "(*shop).sublet"),
	serving("net/http, a switch on the path", switched("/hire"), "http/1", "(*shop).hire"),
	serving("net/http, a switch on the path, to another", switched("/fire"), "http/1", "(*shop).fire"),
	serving("net/http, a reverse proxy behind a function", handled(func(s *shop) http.Handler { return http.HandlerFunc(s.gate) }), "http/1", "(*shop).gate"),
	serving("net/http, a file server behind a function", handled(func(s *shop) http.Handler { return http.HandlerFunc(s.files) }), "http/1", "(*shop).files"),
}

// registered wraps a call in two closures, both made here. Assigned after they are
// declared, they are not inlined, so each is one function for all calls.
func registered(f func(context.Context) error) http.Handler {
	var answer, checked func(func(context.Context) error) http.HandlerFunc
	answer = func(f func(context.Context) error) http.HandlerFunc {
		inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, f(r.Context())) })
		return func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(w, r) }
	}
	checked = func(f func(context.Context) error) http.HandlerFunc {
		return answer(func(ctx context.Context) error {
			if err := admit(ctx, ""); err != nil {
				return err
			}
			return f(ctx)
		})
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", checked(f))
	return mux
}

//go:noinline
func (s *shop) lease(ctx context.Context) error { return s.do(ctx) }

//go:noinline
func (s *shop) sublet(ctx context.Context) error { return s.do(ctx) }

// switched returns a server whose only handler is a router, and clients for one of its
// routes.
func switched(route string) scenario.Server {
	server := handled(func(s *shop) http.Handler { return http.HandlerFunc(s.route) })
	server.Dial = func(_ scenario.Env, url string) load.Session { return scenario.Dial(load.Config{URL: url + route}) }
	return server
}

func (s *shop) route(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/hire":
		s.hire(w, r)
	case "/fire":
		s.fire(w, r)
	default:
		http.NotFound(w, r)
	}
}

//go:noinline
func (s *shop) hire(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, s.do(r.Context())) }

//go:noinline
func (s *shop) fire(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, s.do(r.Context())) }

// gate works itself before a reverse proxy does, whose transport it also is.
func (s *shop) gate(w http.ResponseWriter, r *http.Request) {
	if err := admit(r.Context(), ""); err != nil {
		scenario.Answer(w, err)
		return
	}
	proxy := httputil.ReverseProxy{Transport: s, Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Host = "shop" }}
	proxy.ServeHTTP(w, r)
}

// RoundTrip answers like the service behind a proxy.
func (s *shop) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusNoContent, Request: r, Header: http.Header{}, Body: http.NoBody}, s.do(r.Context())
}

func (s *shop) files(w http.ResponseWriter, r *http.Request) {
	http.FileServerFS(s).ServeHTTP(w, r)
}

// Open opens the files that files serves.
func (s *shop) Open(name string) (fs.File, error) {
	if name == "." {
		if err := s.do(context.Background()); err != nil {
			return nil, err
		}
	}
	return fstest.MapFS{"index.html": {Data: []byte("<p>")}}.Open(name)
}
