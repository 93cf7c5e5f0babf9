package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"time"

	"golang.org/x/net/http2"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// NetHTTP lists the scenarios of net/http's client and of
// golang.org/x/net/http2.
var NetHTTP = []scenario.Scenario{
	{Name: "net/http's client", Needs: []string{"http"}, Open: getWork("http", nil), Want: once},
	{Name: "net/http's client, new connections", Needs: []string{"https", "dns"}, Open: getByName, Want: once},
	{Name: "net/http's client starved", Needs: []string{"http"}, Clients: 4, Want: once,
		Open: getWork("http", func(_ scenario.Env, t *http.Transport) { t.MaxConnsPerHost = 1 })},
	{Name: "net/http's client starved, new connections", Needs: []string{"https"}, Clients: 4, Want: once,
		Open: getWork("https", func(_ scenario.Env, t *http.Transport) { t.MaxConnsPerHost, t.DisableKeepAlives = 1, true })},
	{Name: "net/http's client to a unix socket", Needs: []string{"http on a unix socket"}, Open: getByUnix, Want: once},
	{Name: "net/http's client by a proxy", Needs: []string{"http", "http proxy"}, Want: once,
		Open: getWork("http", func(env scenario.Env, t *http.Transport) { t.Proxy = proxyAt(env) })},
	{Name: "net/http's client by a tunnel", Needs: []string{"https", "http proxy"}, Want: once,
		Open: getWork("https", func(env scenario.Env, t *http.Transport) { t.Proxy, t.DisableKeepAlives = proxyAt(env), true })},
	{Name: "net/http's client, a long request", Needs: []string{"http"}, Open: postWork("http", nil), Want: once},
	{Name: "net/http's client, a timeout", Needs: []string{"http"}, Open: timeoutWork, Want: once},
	{Name: "net/http's client, HTTP/2", Needs: []string{"https"}, Open: getWork("https", http2OverTLS), Want: once},
	{Name: "net/http's client, HTTP/2, new connections", Needs: []string{"https"}, Want: once,
		Open: newClients(func(env scenario.Env) *http.Client { return client(env, http2OverTLS) })},
	{Name: "net/http's client, HTTP/2 in clear", Needs: []string{"http"}, Open: getWork("http", http2InClear), Want: once},
	{Name: "net/http's client, HTTP/2, a long request", Needs: []string{"http"}, Open: postWork("http", http2InClear), Want: once},
	{Name: "x/net/http2", Needs: []string{"https"}, Want: once, Open: func(ctx context.Context, env scenario.Env) (scenario.Work, error) {
		t := &http2.Transport{TLSClientConfig: anyTLS}
		return clientWork(&http.Client{Transport: t}, "https://"+env["https"]), nil
	}},
	{Name: "x/net/http2, new connections", Needs: []string{"https"}, Want: once,
		Open: newClients(func(scenario.Env) *http.Client {
			return &http.Client{Transport: &http2.Transport{DialTLSContext: dialTLS}}
		})},
	{Name: "x/net/http2 in clear", Needs: []string{"http"}, Want: once, Open: func(ctx context.Context, env scenario.Env) (scenario.Work, error) {
		t := &http2.Transport{AllowHTTP: true, DialTLSContext: func(ctx context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		}}
		return clientWork(&http.Client{Transport: t}, "http://"+env["http"]), nil
	}},
}

// once is one call of HTTP.
var once = scenario.Want{System: "http", Calls: 1}

// anyTLS trusts the peers' certificates, and keeps the computation of the
// handshake small compared with its waiting.
var anyTLS = &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519}}

func proxyAt(env scenario.Env) func(*http.Request) (*url.URL, error) {
	return http.ProxyURL(&url.URL{Scheme: "http", Host: env["http proxy"]})
}

func http2OverTLS(_ scenario.Env, t *http.Transport) { t.ForceAttemptHTTP2 = true }

func http2InClear(_ scenario.Env, t *http.Transport) {
	t.Protocols = new(http.Protocols)
	t.Protocols.SetUnencryptedHTTP2(true)
}

// client returns a separate client for a scenario, changed by set.
func client(env scenario.Env, set func(scenario.Env, *http.Transport)) *http.Client {
	t := &http.Transport{TLSClientConfig: anyTLS.Clone()}
	if set != nil {
		set(env, t)
	}
	return &http.Client{Transport: t}
}

// clientWork calls a URL in each request.
func clientWork(c *http.Client, url string) scenario.Work {
	return func(ctx context.Context, w *scenario.Watch) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		return fetch(c, req, w)
	}
}

// getWork calls a peer, named like its protocol.
func getWork(peer string, set func(scenario.Env, *http.Transport)) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, env scenario.Env) (scenario.Work, error) {
		return clientWork(client(env, set), peer+"://"+env[peer]), nil
	}
}

// getByName opens a connection for each call and resolves a name for it.
func getByName(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	_, port, err := net.SplitHostPort(env["https"])
	if err != nil {
		return nil, err
	}
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", env["dns"])
	}}
	c := client(env, func(_ scenario.Env, t *http.Transport) {
		t.DisableKeepAlives, t.DialContext = true, (&net.Dialer{Resolver: resolver}).DialContext
	})
	return clientWork(c, "https://peer.test:"+port), nil
}

func getByUnix(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	c := client(env, func(_ scenario.Env, t *http.Transport) {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", env["http on a unix socket"])
		}
	})
	return clientWork(c, "http://socket"), nil
}

// newClients creates a client for each request, and so a connection that no
// other request shares.
func newClients(client func(scenario.Env) *http.Client) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(_ context.Context, env scenario.Env) (scenario.Work, error) {
		return func(ctx context.Context, w *scenario.Watch) error {
			c := client(env)
			err := clientWork(c, "https://"+env["https"])(ctx, w)
			w.Time(breakdown.Upstream, breakdown.NoPhase, func() error {
				c.CloseIdleConnections()
				return nil
			})
			return err
		}, nil
	}
}

// dialTLS records when the handshake begins, which x/net/http2 does not
// report.
func dialTLS(ctx context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	httptrace.ContextClientTrace(ctx).TLSHandshakeStart()
	config := anyTLS.Clone()
	config.NextProtos = []string{http2.NextProtoTLS}
	c := tls.Client(conn, config)
	return c, c.HandshakeContext(ctx)
}

// long is a request's body that the peer reads in 32 parts.
var long = make([]byte, 32*part)

// postWork sends a body that the peer reads slowly.
func postWork(peer string, set func(scenario.Env, *http.Transport)) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, env scenario.Env) (scenario.Work, error) {
		c := client(env, set)
		return func(ctx context.Context, w *scenario.Watch) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, peer+"://"+env[peer]+"/?pause=500us", bytes.NewReader(long))
			if err != nil {
				return err
			}
			return fetch(c, req, w)
		}, nil
	}
}

// timeoutWork times out before the peer answers.
func timeoutWork(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	c := client(env, nil)
	c.Timeout = 10 * time.Millisecond
	work := clientWork(c, "http://"+env["http"]+"/?wait=300ms")
	return func(ctx context.Context, w *scenario.Watch) error {
		if err := work(ctx, w); !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("the call should have timed out: %v", err)
		}
		return nil
	}, nil
}
