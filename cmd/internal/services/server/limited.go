package server

import (
	"context"
	"net"
	"net/http"

	"golang.org/x/net/netutil"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/scenario"
)

// Limited is a server that takes few connections at a time, with many clients that dial
// for each request. Its requests wait before the server reads them.
var Limited = scenario.Scenario{
	Name: "limited listener", Needs: []string{"postgres"}, Clients: 8, Open: openQuery,
	Server: scenario.Server{Listen: listenLimited, Dial: dialEach},
	Want:   scenario.Want{System: "postgres", Calls: 1, Kind: "http/1", Endpoint: named("(*shop).limited")},
}

const slots = 3

func listenLimited(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: http.HandlerFunc((&shop{do}).limited)}
	go s.Serve(netutil.LimitListener(l, slots))
	context.AfterFunc(ctx, func() { s.Close() })
	return "http://" + l.Addr().String(), nil
}

func (s *shop) limited(w http.ResponseWriter, r *http.Request) {
	scenario.Answer(w, s.do(r.Context()))
}

// dialEach returns a client that dials for each request.
func dialEach(_ scenario.Env, url string) load.Session { return dialer{url} }

type dialer struct{ url string }

func (d dialer) Get(ctx context.Context, _ string) (int, error) {
	s := scenario.Dial(load.Config{URL: d.url})
	defer s.Close()
	return s.Get(ctx, "")
}

func (d dialer) Close() {}
