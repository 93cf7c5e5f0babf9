//go:build whole

package cache

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

var goRedis = []scenario.Scenario{
	{
		Name: "go-redis", Needs: []string{"redis"}, Open: redisWork(popOnce, nil),
		Want: scenario.Want{System: "redis", Calls: 1},
	},
	{
		Name: "go-redis pipeline", Needs: []string{"redis"}, Open: redisWork(popPipelined, nil),
		Want: scenario.Want{System: "redis", Calls: 1},
	},
	{
		// WATCH, the wait and the transaction.
		Name: "go-redis transaction", Needs: []string{"redis"}, Open: redisWork(popWatched, nil),
		Want: scenario.Want{System: "redis", Calls: 3},
	},
	{
		Name: "go-redis starved", Needs: []string{"redis"}, Clients: 4,
		Open: redisWork(popOnce, func(o *redis.Options) { o.PoolSize = 1 }),
		Want: scenario.Want{System: "redis", Calls: 1},
	},
	{
		Name: "go-redis, new connections", Needs: []string{"slow redis"}, Open: openNewRedis,
		Want: scenario.Want{System: "redis", Calls: 1},
	},
}

// A marker is a command's argument that records when the command is written to
// its connection.
type marker struct {
	watch *scenario.Watch
	at    int64
}

// MarshalBinary is called on the request's goroutine.
func (m *marker) MarshalBinary() ([]byte, error) {
	m.at = m.watch.Now()
	return []byte("nothing"), nil
}

// redisWork opens a client, with the defaults changed by set.
func redisWork(do func(context.Context, *redis.Client, *scenario.Watch) error, set func(*redis.Options)) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, env scenario.Env) (scenario.Work, error) {
		options := &redis.Options{Addr: env["redis"]}
		if set != nil {
			set(options)
		}
		c := redis.NewClient(options)
		context.AfterFunc(ctx, func() { c.Close() })
		return func(ctx context.Context, w *scenario.Watch) error { return do(ctx, c, w) }, nil
	}
}

// nothing returns nil for the answer to a wait that timed out.
func nothing(err error) error {
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}

func popOnce(ctx context.Context, c *redis.Client, w *scenario.Watch) error {
	m := marker{watch: w}
	start := w.Now()
	err := nothing(c.Do(ctx, popOf(&m)...).Err())
	end := w.Now()
	w.Note(breakdown.Cache, breakdown.PoolWait, start, m.at)
	w.Note(breakdown.Cache, breakdown.Command, m.at, end)
	return err
}

func popPipelined(ctx context.Context, c *redis.Client, w *scenario.Watch) error {
	return w.Time(breakdown.Cache, breakdown.Command, func() error {
		_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Do(ctx, popOf("nothing")...)
			p.Set(ctx, "pipelined", "value", 0)
			p.Do(ctx, popOf("nothing either")...)
			return nil
		})
		return nothing(err)
	})
}

func popWatched(ctx context.Context, c *redis.Client, w *scenario.Watch) error {
	return w.Time(breakdown.Cache, breakdown.Command, func() error {
		return c.Watch(ctx, func(tx *redis.Tx) error {
			if err := nothing(tx.Do(ctx, popOf("nothing")...).Err()); err != nil {
				return err
			}
			_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
				p.Incr(ctx, "counted")
				p.Incr(ctx, "counted twice")
				return nil
			})
			return err
		}, "watched")
	})
}

// openNewRedis opens a connection for each request, which includes the
// handshake with the server.
func openNewRedis(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	c := redis.NewClient(&redis.Options{Addr: env["slow redis"]})
	context.AfterFunc(ctx, func() { c.Close() })
	return func(ctx context.Context, w *scenario.Watch) error {
		m := marker{watch: w}
		start := w.Now()
		conn := c.EphemeralConn()
		err := conn.Do(ctx, "GET", &m).Err()
		conn.Close()
		end := w.Now()
		w.Note(breakdown.Cache, breakdown.Connect, start, m.at)
		w.Note(breakdown.Cache, breakdown.Command, m.at, end)
		return nothing(err)
	}, nil
}
