package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"timesink/cmd/internal/services/scenario"
)

// Shapes of programs that are hard to read: a client whose work is on other goroutines, and
// handlers that closures lead to.

// openUploads sends more than a stream's window, and gets the answer in two pieces.
func openUploads(_ context.Context, env scenario.Env) (work, error) {
	client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	to, body := "https://"+env["https"]+"?wait=10ms&rest=10ms&size=200", bytes.Repeat([]byte("x"), 4<<20)
	return func(ctx context.Context) error { return post(ctx, client, to, body) }, nil
}

func post(ctx context.Context, client *http.Client, to string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// A menu answers differently for each of its routes.
type menu struct {
	ready bool
	proxy http.Handler
}

// A dish is what a route answers, before it is written.
type dish func(*http.Request) string

// openMenu registers handlers that two closures of one function lead to, and one that
// leads to a library's.
func openMenu(_ context.Context, env scenario.Env) (http.Handler, error) {
	to, err := url.Parse("http://" + env["http"])
	if err != nil {
		return nil, err
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	direct := proxy.Director
	proxy.Director = func(r *http.Request) {
		direct(r)
		r.URL.RawQuery = "wait=6ms&rest=0s&size=200"
	}
	m := &menu{ready: true, proxy: proxy}
	mux := http.NewServeMux()
	m.register(mux)
	mux.HandleFunc("GET /gate/", m.gate)
	return mux, nil
}

//go:noinline
func (m *menu) register(mux *http.ServeMux) {
	answer := func(d dish) http.HandlerFunc {
		inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, d(r)) })
		return func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(w, r) }
	}
	checked := func(d dish) http.HandlerFunc {
		return answer(func(r *http.Request) string {
			if !m.ready {
				return "not yet"
			}
			return d(r)
		})
	}
	mux.Handle("GET /one", checked(m.one))
	mux.Handle("GET /two", checked(m.two))
	mux.Handle("GET /three", checked(m.three))
}

func (m *menu) one(*http.Request) string   { time.Sleep(2 * time.Millisecond); return "1" }
func (m *menu) two(*http.Request) string   { time.Sleep(9 * time.Millisecond); return "2" }
func (m *menu) three(*http.Request) string { time.Sleep(5 * time.Millisecond); return "3" }

func (m *menu) gate(w http.ResponseWriter, r *http.Request) {
	time.Sleep(4 * time.Millisecond)
	m.proxy.ServeHTTP(w, r)
}
