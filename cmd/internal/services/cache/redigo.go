package cache

import (
	"context"
	"errors"

	"github.com/gomodule/redigo/redis"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

var redigoScenarios = []scenario.Scenario{
	{
		Name: "redigo", Needs: []string{"redis"}, Open: redigoWork("redis", &redis.Pool{MaxIdle: 2}, breakdown.PoolWait, popDo),
		Want: scenario.Want{System: "redis", Calls: 1},
	},
	{
		Name: "redigo with a context", Needs: []string{"redis"}, Open: redigoWork("redis", &redis.Pool{MaxIdle: 2}, breakdown.PoolWait, popDoContext),
		Want: scenario.Want{System: "redis", Calls: 1},
	},
	{
		Name: "redigo starved", Needs: []string{"redis"}, Clients: 4,
		Open: redigoWork("redis", &redis.Pool{MaxIdle: 1, MaxActive: 1, Wait: true}, breakdown.PoolWait, popDo),
		Want: scenario.Want{System: "redis", Calls: 1},
	},
	{
		Name: "redigo, new connections", Needs: []string{"slow redis"},
		Open: redigoWork("slow redis", &redis.Pool{}, breakdown.Connect, get),
		Want: scenario.Want{System: "redis", Calls: 1},
	},
}

// popOf returns a command that waits for 8 ms on the server, because nothing is
// pushed to the key.
func popOf(key any) []any { return []any{"BLPOP", key, "0.008"} }

// redigoWork takes a connection from a pool, which is a separate phase, and uses
// it.
func redigoWork(server string, pool *redis.Pool, getting breakdown.Phase, do func(context.Context, redis.Conn) error) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, env scenario.Env) (scenario.Work, error) {
		pool.DialContext = func(ctx context.Context) (redis.Conn, error) {
			return redis.DialContext(ctx, "tcp", env[server], redis.DialDatabase(1))
		}
		context.AfterFunc(ctx, func() { pool.Close() })
		return func(ctx context.Context, w *scenario.Watch) error {
			var conn redis.Conn
			err := w.Time(breakdown.Cache, getting, func() (err error) {
				conn, err = pool.GetContext(ctx)
				return err
			})
			if err != nil {
				return err
			}
			err = w.Time(breakdown.Cache, breakdown.Command, func() error {
				defer conn.Close()
				return do(ctx, conn)
			})
			if errors.Is(err, redis.ErrNil) {
				return nil
			}
			return err
		}, nil
	}
}

func popDo(_ context.Context, c redis.Conn) error {
	_, err := redis.Strings(c.Do("BLPOP", popOf("nothing")[1:]...))
	return err
}

func popDoContext(ctx context.Context, c redis.Conn) error {
	_, err := redis.Strings(redis.DoContext(c, ctx, "BLPOP", popOf("nothing")[1:]...))
	return err
}

func get(_ context.Context, c redis.Conn) error {
	_, err := redis.String(c.Do("GET", "nothing"))
	return err
}
