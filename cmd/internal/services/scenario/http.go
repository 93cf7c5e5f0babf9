package scenario

import (
	"context"
	"net"
	"net/http"

	"timesink/cmd/internal/load"
)

// HTTP1 is net/http's server, the default of a scenario.
var HTTP1 = Server{
	Listen: func(ctx context.Context, _ Env, do func(context.Context) error) (string, error) {
		return ServeHTTP(ctx, &http.Server{Handler: Handler(do)})
	},
	Dial: DialHTTP,
}

// Handled is HTTP1 with the scenario's own handler, so that its requests are a
// separate endpoint.
func Handled(handler func(do func(context.Context) error) http.HandlerFunc) Server {
	return Server{
		Listen: func(ctx context.Context, _ Env, do func(context.Context) error) (string, error) {
			return ServeHTTP(ctx, &http.Server{Handler: handler(do)})
		},
		Dial: DialHTTP,
	}
}

// Handler answers with the outcome of a request's work.
func Handler(do func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { Answer(w, do(r.Context())) })
}

// Around makes everything that a handler does one request, including the
// library's work before and after the Work.
func Around(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Serve(r.Context(), func(ctx context.Context) { h.ServeHTTP(w, r.WithContext(ctx)) })
	})
}

// Answer writes the outcome of a request.
func Answer(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// ServeHTTP serves on a free port until the context ends, and returns the URL.
func ServeHTTP(ctx context.Context, s *http.Server) (url string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go s.Serve(l)
	context.AfterFunc(ctx, func() { s.Close() })
	return "http://" + l.Addr().String(), nil
}

// DialHTTP returns an HTTP/1 connection to a URL.
func DialHTTP(_ Env, url string) load.Session { return Dial(load.Config{URL: url}) }

// Dial returns a connection that sends all requests to the Config's URL.
func Dial(c load.Config) load.Session {
	s, err := c.Session()
	if err != nil {
		panic(err) // the URL is our own
	}
	return fixed{s, c.URL}
}

// fixed sends all requests to one URL.
type fixed struct {
	load.Session
	url string
}

// Get requests the URL.
func (f fixed) Get(ctx context.Context, _ string) (int, error) { return f.Session.Get(ctx, f.url) }
