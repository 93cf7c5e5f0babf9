//go:build whole

package cache

import (
	"context"

	"github.com/redis/rueidis"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

var rueidisScenarios = []scenario.Scenario{
	{
		Name: "rueidis", Needs: []string{"redis"}, Open: openRueidis,
		Want: scenario.Want{System: "redis", Calls: 1},
	},
	{
		Name: "rueidis pipelining", Needs: []string{"redis"}, Open: openRueidisPipelining,
		Want: scenario.Want{System: "redis", Calls: 3},
	},
	{
		// The wait, and the command that ends subscriptions before the connection
		// is returned.
		Name: "rueidis starved", Needs: []string{"redis"}, Clients: 4, Open: openRueidisStarved,
		Want: scenario.Want{System: "redis", Calls: 2},
	},
	{
		// The command, and the PING that closes a client.
		Name: "rueidis, new connections", Needs: []string{"slow redis"}, Open: openNewRueidis,
		Want: scenario.Want{System: "redis", Calls: 2},
	},
}

func rueidisClient(ctx context.Context, env scenario.Env, set func(*rueidis.ClientOption)) (rueidis.Client, error) {
	options := rueidis.ClientOption{InitAddress: []string{env["redis"]}, DisableCache: true}
	set(&options)
	c, err := rueidis.NewClient(options)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, c.Close)
	return c, nil
}

// openRueidis waits on a separate connection for each request, as blocking
// commands do.
func openRueidis(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	c, err := rueidisClient(ctx, env, func(*rueidis.ClientOption) {})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.Cache, breakdown.Command, func() error {
			return noReply(c.Do(ctx, c.B().Blpop().Key("nothing").Timeout(0.008).Build()))
		})
	}, nil
}

// openRueidisPipelining sends all requests' commands over one connection, which
// goroutines of the client write and read. The server answers one after another.
func openRueidisPipelining(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	c, err := rueidisClient(ctx, env, func(o *rueidis.ClientOption) { o.AlwaysPipelining, o.PipelineMultiplex = true, -1 })
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.Cache, breakdown.Command, func() error {
			for range 2 {
				// There is no replica to wait for, so the command takes 4 ms.
				if err := c.Do(ctx, c.B().Arbitrary("WAIT").Args("1", "4").Build()).Error(); err != nil {
					return err
				}
			}
			for _, r := range c.DoMulti(ctx, c.B().Incr().Key("counted").Build(), c.B().Arbitrary("WAIT").Args("1", "4").Build()) {
				if err := r.Error(); err != nil {
					return err
				}
			}
			return nil
		})
	}, nil
}

func openRueidisStarved(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	c, err := rueidisClient(ctx, env, func(o *rueidis.ClientOption) { o.BlockingPoolSize = 1 })
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, w *scenario.Watch) error {
		var conn rueidis.DedicatedClient
		var release func()
		w.Time(breakdown.Cache, breakdown.PoolWait, func() error {
			conn, release = c.Dedicate()
			return nil
		})
		return w.Time(breakdown.Cache, breakdown.Command, func() error {
			defer release()
			return noReply(conn.Do(ctx, conn.B().Blpop().Key("nothing").Timeout(0.008).Build()))
		})
	}, nil
}

// openNewRueidis creates a client for each request, which includes the handshake
// with the server.
func openNewRueidis(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, w *scenario.Watch) error {
		var c rueidis.Client
		err := w.Time(breakdown.Cache, breakdown.Connect, func() (err error) {
			c, err = rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{env["slow redis"]}, ForceSingleClient: true, DisableCache: true,
				PipelineMultiplex: -1}) // otherwise a second connection may be opened later
			return err
		})
		if err != nil {
			return err
		}
		return w.Time(breakdown.Cache, breakdown.Command, func() error {
			defer c.Close()
			return noReply(c.Do(ctx, c.B().Get().Key("nothing").Build()))
		})
	}, nil
}

// noReply returns nil for the answer to a wait that timed out.
func noReply(r rueidis.RedisResult) error {
	if err := r.Error(); !rueidis.IsRedisNil(err) {
		return err
	}
	return nil
}
