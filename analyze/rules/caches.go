package rules

import "timesink/analyze/breakdown"

// caches are the clients of caches.
var caches = []Rule{
	// Redis: go-redis, which dials on a separate goroutine.
	{Func: "github.com/redis/go-redis/v9/internal/pool.(*ConnPool).waitTurn", Bucket: breakdown.Cache, Phase: breakdown.PoolWait, System: "redis"},
	{Func: "github.com/redis/go-redis/v9/internal/pool.(*ConnPool).queuedNewConn", Bucket: breakdown.Cache, Phase: breakdown.Connect, System: "redis"},
	{Func: "github.com/redis/go-redis/v9.(*baseClient).initConn", Bucket: breakdown.Cache, Phase: breakdown.Connect, System: "redis"},
	{Func: "github.com/redis/go-redis/", Bucket: breakdown.Cache, Phase: breakdown.Command, System: "redis", Default: true},

	// rueidis, whose pool makes connections, and whose connections are written and read
	// on separate goroutines.
	{Func: "github.com/redis/rueidis.(*pool).Acquire", Bucket: breakdown.Cache, Phase: breakdown.PoolWait, System: "redis"},
	{Func: "github.com/redis/rueidis.NewClient", Bucket: breakdown.Cache, Phase: breakdown.Connect, System: "redis"},
	{Func: "github.com/redis/rueidis._newPipe", Bucket: breakdown.Cache, Phase: breakdown.Connect, System: "redis"},
	{Func: "github.com/redis/rueidis.(*pipe).Do", Bucket: breakdown.Cache, Phase: breakdown.Command, System: "redis", Default: true, Whole: true},
	{Func: "github.com/redis/rueidis.(*pipe).DoMulti", Bucket: breakdown.Cache, Phase: breakdown.Command, System: "redis", Default: true, Whole: true},
	{Func: "github.com/redis/rueidis.(*pipe).Close", Bucket: breakdown.Cache, Phase: breakdown.Command, System: "redis", Default: true, Whole: true},
	{Func: "github.com/redis/rueidis.", Bucket: breakdown.Cache, Phase: breakdown.Command, System: "redis", Default: true},

	// redigo.
	{Func: "github.com/gomodule/redigo/redis.(*Pool).waitVacantConn", Bucket: breakdown.Cache, Phase: breakdown.PoolWait, System: "redis"},
	{Func: "github.com/gomodule/redigo/redis.DialContext", Bucket: breakdown.Cache, Phase: breakdown.Connect, System: "redis"},
	{Func: "github.com/gomodule/redigo/", Bucket: breakdown.Cache, Phase: breakdown.Command, System: "redis", Default: true},

	// memcached.
	{Func: "github.com/bradfitz/gomemcache/", Bucket: breakdown.Cache, Phase: breakdown.Command, System: "memcached", Default: true},
}
