package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/valyala/fasthttp"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/meter"
	"timesink/cmd/internal/services/scenario"
)

// Clients lists the scenarios of clients built on net/http's, and of
// fasthttp's.
var Clients = slices.Concat(clients, s3Clients)

var clients = []scenario.Scenario{
	{Name: "resty", Needs: []string{"http"}, Open: openResty, Want: once},
	{Name: "httputil.ReverseProxy", Needs: []string{"http"}, Server: scenario.Handled(proxyHandler), Open: openProxied,
		Want: scenario.Want{System: "http", Calls: 1, Endpoint: reflect.TypeFor[exchange]().PkgPath() + ".proxyHandler.func1"}},
	{Name: "fasthttp's client", Needs: []string{"http"}, Want: once, Open: fastWork("http", &fast{})},
	{Name: "fasthttp's client, a long request", Needs: []string{"http"}, Want: once, Open: fastWork("http", &fast{size: len(long)})},
	{Name: "fasthttp's client starved", Needs: []string{"http"}, Clients: 4, Want: once,
		Open: fastWork("http", &fast{HostClient: fasthttp.HostClient{MaxConns: 1, MaxConnWaitTimeout: time.Minute}})},
	{Name: "fasthttp's client starved, new connections", Needs: []string{"https"}, Clients: 4, Want: once,
		Open: fastWork("https", &fast{HostClient: fasthttp.HostClient{MaxConns: 1, MaxConnWaitTimeout: time.Minute, MaxConnDuration: 1}})},
	{Name: "fasthttp's client, new connections", Needs: []string{"https"}, Want: once, Open: openNewFast},
	{Name: "fasthttp's client, a timeout", Needs: []string{"http"}, Want: once, Open: openFastTimeout},
}

func openResty(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	c := resty.NewWithClient(client(env, nil))
	return func(ctx context.Context, w *scenario.Watch) error {
		ctx, s := traced(ctx, w)
		defer s.note()
		_, err := c.R().SetContext(ctx).Get("http://" + env["http"])
		return err
	}, nil
}

// An exchange is a request to proxied, and the destination of its answer.
type exchange struct {
	w http.ResponseWriter
	r *http.Request
}

type exchangeKey struct{}

// proxyHandler is the route's own function: it passes each request to the proxy, which is
// the scenario's work.
func proxyHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		do(context.WithValue(r.Context(), exchangeKey{}, exchange{w, r}))
	}
}

func openProxied(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	target, err := url.Parse("http://" + env["http"] + "/?size=1000") // the server buffers it
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL = target },
		Transport: client(env, nil).Transport,
	}
	return func(ctx context.Context, w *scenario.Watch) error {
		x := ctx.Value(exchangeKey{}).(exchange)
		ctx, s := traced(ctx, w)
		defer s.note()
		proxy.ServeHTTP(x.w, x.r.WithContext(ctx))
		return nil
	}, nil
}

// A mark is a request's body that records when it is first read, which is when
// there is a connection, and when that connection was dialed.
type mark struct {
	client              *fast
	watch               *scenario.Watch
	left                int
	dialed, first, last int64
}

func (m *mark) Read(p []byte) (int, error) {
	m.last = m.watch.Now()
	if m.first == 0 {
		m.dialed, m.first = m.client.dialed.Load(), m.last
	}
	if m.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), m.left)
	m.left -= n
	return n, nil
}

// A fast is a fasthttp client that records when it last dialed.
type fast struct {
	fasthttp.HostClient
	url    string
	size   int // of the requests' bodies
	dialed atomic.Int64
}

// open sets the client up for a peer.
func (c *fast) open(env scenario.Env, peer string) {
	clock := meter.NewClock()
	c.Addr, c.url, c.StreamResponseBody = env[peer], peer+"://"+env[peer]+"/?pause=500us", true
	c.Dial = func(address string) (net.Conn, error) {
		conn, err := fasthttp.Dial(address)
		c.dialed.Store(clock.Now())
		return conn, err
	}
	if peer == "https" {
		c.IsTLS, c.TLSConfig, c.WriteTimeout = true, anyTLS.Clone(), time.Minute // a write timeout makes the handshake part of dialing
	}
}

// post sends a mark. If it needs a new connection, the handshake takes time.
func (c *fast) post(w *scenario.Watch) error {
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	m := mark{client: c, watch: w, left: c.size}
	req.SetRequestURI(c.url)
	req.Header.SetMethod(fasthttp.MethodPost)
	req.SetBodyStream(&m, c.size)
	start := w.Now()
	err := c.Do(req, resp)
	answered := w.Now()
	if err == nil {
		_, err = io.Copy(io.Discard, resp.BodyStream())
		resp.CloseBodyStream()
	}
	end := w.Now()
	waited := m.first
	if m.dialed > start {
		waited = m.dialed
		w.Note(breakdown.Upstream, breakdown.TLS, waited, m.first)
	}
	w.Note(breakdown.Upstream, breakdown.PoolWait, start, waited)
	w.Note(breakdown.Upstream, breakdown.RequestWrite, m.first, m.last)
	w.Note(breakdown.Upstream, breakdown.ResponseWait, m.last, answered)
	w.Note(breakdown.Upstream, breakdown.BodyRead, answered, end)
	return err
}

func fastWork(peer string, c *fast) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, env scenario.Env) (scenario.Work, error) {
		c.open(env, peer)
		context.AfterFunc(ctx, c.CloseIdleConnections)
		return func(_ context.Context, w *scenario.Watch) error { return c.post(w) }, nil
	}
}

// openNewFast creates a client, and so a connection, for each request.
func openNewFast(_ context.Context, env scenario.Env) (scenario.Work, error) {
	return func(_ context.Context, w *scenario.Watch) error {
		var c fast
		c.open(env, "https")
		err := c.post(w)
		w.Time(breakdown.Upstream, breakdown.NoPhase, func() error {
			c.CloseIdleConnections()
			return nil
		})
		return err
	}, nil
}

func openFastTimeout(_ context.Context, env scenario.Env) (scenario.Work, error) {
	c := &fasthttp.HostClient{Addr: env["http"]}
	return func(_ context.Context, w *scenario.Watch) error {
		req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
		defer fasthttp.ReleaseRequest(req)
		defer fasthttp.ReleaseResponse(resp)
		req.SetRequestURI("http://" + env["http"] + "/?wait=300ms")
		return w.Time(breakdown.Upstream, breakdown.NoPhase, func() error { // this includes connecting
			err := c.DoTimeout(req, resp, 20*time.Millisecond)
			if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() || errors.Is(err, fasthttp.ErrTimeout) || errors.Is(err, fasthttp.ErrDialTimeout) {
				return nil
			}
			return fmt.Errorf("the call should have timed out: %v", err)
		})
	}, nil
}
