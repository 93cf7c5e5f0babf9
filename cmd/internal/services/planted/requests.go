package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"sync"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"timesink/cmd/internal/services/scenario"
)

// requestRows are about requests as a whole.
var requestRows = []row{
	{service: "a server that takes three connections at a time", plants: "accept-queue", also: []string{"other-side"}, needs: []string{"postgres"},
		load: []clients{{number: 10, dials: true}}, open: handled(openBriefStatement), listen: listenLimited},
	{service: "a service that has just started", plants: "cold-start", cold: true, also: []string{"other-side"}, needs: []string{"https"}, load: []clients{{number: 4}}, open: handled(openCold(false))},
	{service: "uploads by HTTP/2, answered in pieces", plants: "other-side", needs: []string{"https"}, load: []clients{{number: 3}}, open: handled(openUploads)},
	{service: "handlers behind two closures, and a gateway", also: []string{"sleeping", "other-side"}, needs: []string{"http"}, endpoints: []string{"(*menu).one", "(*menu).two", "(*menu).three", "(*menu).gate"},
		load: []clients{{number: 1, path: "/one"}, {number: 1, path: "/two"}, {number: 1, path: "/three"}, {number: 1, path: "/gate/x"}}, open: openMenu},
	{service: "a service that was ready before its first request", cold: true, also: []string{"other-side"}, needs: []string{"https"}, load: []clients{{number: 4}}, open: handled(openCold(true))},
}

func openBriefStatement(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	return asks(pool, "SELECT pg_sleep(0.010)"), nil
}

// openCold calls another service, for which it loads its settings first. Unless it is ready
// beforehand, the first requests load them and dial.
func openCold(ready bool) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		url := sync.OnceValue(func() string { return "https://" + env["https"] + "?wait=4ms&rest=0s&size=" + strconv.Itoa(settings()) })
		do := func(ctx context.Context) error { return get(ctx, client, url()) }
		if !ready {
			return do, nil
		}
		var first errgroup.Group
		for range 16 {
			first.Go(func() error { return do(ctx) })
		}
		return do, first.Wait()
	}
}

// settings returns the size of an answer, after as much computing as loading a large
// configuration takes.
func settings() int {
	sum := sha256.Sum256(nil)
	for range 500_000 {
		sum = sha256.Sum256(sum[:])
	}
	return 200 + int(sum[0])
}

// listenLimited serves few connections at a time.
func listenLimited(ctx context.Context, h http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: h}
	go s.Serve(netutil.LimitListener(l, 3))
	context.AfterFunc(ctx, func() { s.Close() })
	return "http://" + l.Addr().String(), nil
}
