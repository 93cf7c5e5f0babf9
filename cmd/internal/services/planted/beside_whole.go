//go:build whole

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"timesink/cmd/internal/services/scenario"
)

func init() {
	peers = append(peers, besidePeers...)
	families = append(families, family{"beside", besideRows})
}

var besidePeers = []scenario.Peer{
	{Name: "redirecting http", Serve: serveRedirecting},
	{Name: "http, a connection each", Serve: serveClosing},
	{Name: "http, idle for a moment", Serve: serveImpatient},
}

// besideRows are causes beside the requests: what runs in the same process, what stands
// between, and what the other side does with connections.
var besideRows = []row{
	{service: "metrics written under the lock that requests take", plants: "lock-contended", also: []string{"cpu-own-code", "no-processor", "no-core", "processors-held"}, load: []clients{{number: 4, path: "/order"}, {number: 1, path: "/metrics", think: 10 * time.Millisecond}}, open: openRegistry},
	{service: "calls that are redirected", plants: "sequential-calls", also: []string{"other-side"}, needs: []string{"redirecting http"}, open: handled(openRedirected)},
	{service: "calls that ask for where they were redirected to", also: []string{"other-side"}, needs: []string{"redirecting http"}, open: handled(openDirect)},
	{service: "a server that closes each connection", plants: "dial-per-call", also: []string{"other-side"}, needs: []string{"http, a connection each"}, open: handled(openAsking("http, a connection each"))},
	{service: "a server that closes connections that are idle for a moment", plants: "dial-per-call", also: []string{"other-side"}, needs: []string{"http, idle for a moment"}, load: []clients{{number: 3, think: 60 * time.Millisecond}}, open: handled(openAsking("http, idle for a moment"))},
	{service: "a body that comes slowly", plants: "other-side", needs: []string{"http"}, open: handled(openSlowBody)},
	{service: "a hub that writes to slow clients under its lock", plants: "lock-contended", also: []string{"slow-client"}, load: []clients{{number: 1, path: "/events", slowly: 2 * time.Millisecond}, {number: 4, path: "/publish", think: time.Millisecond}}, open: openHub},
	{service: "a lock of gin's middleware around the handler", plants: "lock-held-across-call", needs: []string{"http"}, load: []clients{{number: 5, path: "/order"}}, open: openGuarded},
	{service: "log lines sent to a collector under a lock", plants: "lock-held-across-call", also: []string{"other-side", "many-queries", "sequential-calls"}, needs: []string{"http"}, load: []clients{{number: 4}}, open: handled(openShipping)},
	{service: "a reverse proxy that keeps two connections", plants: "dial-per-call", also: []string{"other-side"}, needs: []string{"http"}, load: []clients{{number: 8}}, open: openForwarding},
	{service: "keys fetched for each token", plants: "sequential-calls", also: []string{"other-side"}, needs: []string{"http"}, open: openAuthorizing},
}

// A registry counts, by labels.
type registry struct {
	mu     sync.Mutex
	counts map[string]int
}

func openRegistry(context.Context, scenario.Env) (http.Handler, error) {
	r := &registry{counts: map[string]int{}}
	for n := range 60_000 {
		r.counts[fmt.Sprintf(`requests_total{customer="%d"}`, n)] = n
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /order", r.order)
	mux.HandleFunc("GET /metrics", r.write)
	return mux, nil
}

func (r *registry) order(w http.ResponseWriter, _ *http.Request) {
	r.add(`requests_total{customer="7"}`)
	io.WriteString(w, "done")
}

func (r *registry) add(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[name]++
}

func (r *registry) write(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out strings.Builder
	for name, n := range r.counts {
		fmt.Fprintf(&out, "%s %d\n", name, n)
	}
	io.WriteString(w, out.String())
}

// serveRedirecting sends clients on twice.
func serveRedirecting(ctx context.Context, _ scenario.Env, ready func(string)) error {
	to := map[string]string{"/items": "/items/", "/items/": "/v2/items/"}
	return serveHandler(ctx, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(4 * time.Millisecond)
		if next, ok := to[r.URL.Path]; ok {
			http.Redirect(w, r, next, http.StatusMovedPermanently)
			return
		}
		io.WriteString(w, "the items")
	}, ready)
}

func openRedirected(_ context.Context, env scenario.Env) (work, error) {
	client := roomy()
	return func(ctx context.Context) error { return items(ctx, client, env["redirecting http"]+"/items") }, nil
}

func openDirect(_ context.Context, env scenario.Env) (work, error) {
	client := roomy()
	return func(ctx context.Context) error { return items(ctx, client, env["redirecting http"]+"/v2/items/") }, nil
}

func items(ctx context.Context, client *http.Client, url string) error {
	return succeed(ctx, client, url)
}

// serveClosing answers one request on each connection.
func serveClosing(ctx context.Context, _ scenario.Env, ready func(string)) error {
	return serveHandler(ctx, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Millisecond)
		w.Header().Set("Connection", "close")
		io.WriteString(w, "done")
	}, func(url string) { ready(strings.TrimPrefix(url, "http://")) })
}

// serveImpatient closes connections that are idle for a moment.
func serveImpatient(ctx context.Context, _ scenario.Env, ready func(string)) error {
	h := func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Millisecond)
		io.WriteString(w, "done")
	}
	url, err := scenario.ServeHTTP(ctx, &http.Server{Handler: http.HandlerFunc(h), IdleTimeout: 25 * time.Millisecond})
	if err != nil {
		return err
	}
	ready(strings.TrimPrefix(url, "http://"))
	<-ctx.Done()
	return nil
}

func openAsking(peer string) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		client := roomy()
		return func(ctx context.Context) error { return get(ctx, client, "http://"+env[peer]) }, nil
	}
}

func openSlowBody(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=1ms&rest=20ms&size=400000"
	return func(ctx context.Context) error { return get(ctx, client, url) }, nil
}

// A hub sends what is published to all who listen.
type hub struct {
	mu        sync.Mutex
	listeners map[http.ResponseWriter]bool
}

func openHub(context.Context, scenario.Env) (http.Handler, error) {
	h := &hub{listeners: map[http.ResponseWriter]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /events", h.events)
	mux.HandleFunc("GET /publish", h.publish)
	return mux, nil
}

// events lets a client listen for a while.
func (h *hub) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	http.NewResponseController(w).Flush()
	h.mu.Lock()
	h.listeners[w] = true
	h.mu.Unlock()
	select {
	case <-r.Context().Done():
	case <-time.After(time.Second):
	}
	h.mu.Lock()
	delete(h.listeners, w)
	h.mu.Unlock()
}

func (h *hub) publish(w http.ResponseWriter, _ *http.Request) {
	h.broadcast(make([]byte, 128<<10))
	io.WriteString(w, "done")
}

func (h *hub) broadcast(event []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.listeners {
		w.Write(event)
		http.NewResponseController(w).Flush()
	}
}

// A counterDesk takes orders, one at a time.
type counterDesk struct {
	client *http.Client
	url    string
}

func openGuarded(_ context.Context, env scenario.Env) (http.Handler, error) {
	d := &counterDesk{roomy(), "http://" + env["http"] + "?wait=4ms&rest=0s&size=200"}
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.Use(gin.Recovery(), oneAtATime())
	e.GET("/order", d.order)
	return e, nil
}

func oneAtATime() gin.HandlerFunc {
	var mu sync.Mutex
	return func(c *gin.Context) {
		mu.Lock()
		defer mu.Unlock()
		c.Next()
	}
}

func (d *counterDesk) order(c *gin.Context) {
	if err := get(c.Request.Context(), d.client, d.url); err != nil {
		c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	c.String(http.StatusOK, "done")
}

// A shipper is a handler of log lines that sends each to a collector.
type shipper struct {
	mu     sync.Mutex
	client *http.Client
	url    string
}

func (s *shipper) Enabled(context.Context, slog.Level) bool { return true }
func (s *shipper) WithAttrs([]slog.Attr) slog.Handler       { return s }
func (s *shipper) WithGroup(string) slog.Handler            { return s }

func (s *shipper) Handle(ctx context.Context, _ slog.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return get(ctx, s.client, s.url)
}

func openShipping(_ context.Context, env scenario.Env) (work, error) {
	logger := slog.New(&shipper{client: roomy(), url: "http://" + env["http"] + "?wait=2ms&rest=0s&size=100"})
	return func(ctx context.Context) error {
		logger.InfoContext(ctx, "an order")
		time.Sleep(time.Millisecond)
		logger.InfoContext(ctx, "a payment")
		return nil
	}, nil
}

// openForwarding forwards requests by a transport that nobody has configured.
func openForwarding(_ context.Context, env scenario.Env) (http.Handler, error) {
	to, err := url.Parse("http://" + env["http"])
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.URL.RawQuery = "wait=1ms&rest=0s&size=200"
	}}, nil
}

// openAuthorizing fetches the keys of an issuer before it lets a request in.
func openAuthorizing(_ context.Context, env scenario.Env) (http.Handler, error) {
	client, keys, item := roomy(), "http://"+env["http"]+"?wait=5ms&rest=0s&size=2000", "http://"+env["http"]+"?wait=3ms&rest=0s&size=200"
	shown := answers(func(ctx context.Context) error { return get(ctx, client, item) })
	return authorized(client, keys, shown), nil
}

func authorized(client *http.Client, keys string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := fetchKeys(r.Context(), client, keys); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func fetchKeys(ctx context.Context, client *http.Client, url string) error {
	return get(ctx, client, url)
}
