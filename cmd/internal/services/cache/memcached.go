package cache

import (
	"context"
	"net"

	"github.com/bradfitz/gomemcache/memcache"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

var memcached = []scenario.Scenario{
	{
		Name: "gomemcache", Needs: []string{"slow memcached"}, Open: openMemcache,
		Want: scenario.Want{System: "memcached", Calls: 2},
	},
	{
		Name: "gomemcache, new connections", Needs: []string{"slow memcached"}, Open: openNewMemcache,
		Want: scenario.Want{System: "memcached", Calls: 1},
	},
}

func openMemcache(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	c := memcache.New(env["slow memcached"])
	context.AfterFunc(ctx, func() { c.Close() })
	return func(ctx context.Context, w *scenario.Watch) error {
		err := w.Time(breakdown.Cache, breakdown.Command, func() error {
			return c.Set(&memcache.Item{Key: "key", Value: []byte("value")})
		})
		if err != nil {
			return err
		}
		return w.Time(breakdown.Cache, breakdown.Command, func() error {
			_, err := c.Get("key")
			return err
		})
	}, nil
}

// openNewMemcache creates a client for each request, and times its dialing.
func openNewMemcache(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, w *scenario.Watch) error {
		c := memcache.New(env["slow memcached"])
		var dialed int64
		c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			dialed = w.Now()
			return conn, err
		}
		start := w.Now()
		_, err := c.Get("nothing")
		c.Close()
		end := w.Now()
		w.Note(breakdown.Cache, breakdown.Connect, start, dialed)
		w.Note(breakdown.Cache, breakdown.Command, dialed, end)
		if err == memcache.ErrCacheMiss {
			return nil
		}
		return err
	}, nil
}
