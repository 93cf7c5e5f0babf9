package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/avast/retry-go/v4"
	"github.com/gomodule/redigo/redis"
	"github.com/hashicorp/go-retryablehttp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"timesink/cmd/internal/services/scenario"
)

// patternRows are about the way in which calls follow one another, and what bounds them.
var patternRows = []row{
	{service: "a call that ends by its deadline", plants: "timeout-reached", also: []string{"dial-per-call"}, needs: []string{"http"}, open: handled(openDeadline)},
	{service: "statements that their deadline ends", plants: "timeout-reached", also: []string{"dial-per-call"}, needs: []string{"postgres"}, open: handled(openDeadlineOfStatement("pgx"))},
	{service: "statements that the connection's deadline ends", plants: "timeout-reached", also: []string{"dial-per-call"}, needs: []string{"mariadb"}, open: handled(openReadTimeout)},
	{service: "commands that the connection's deadline ends", plants: "timeout-reached", also: []string{"dial-per-call"}, needs: []string{"redis"}, open: handled(openCommandTimeout)},
	{service: "calls that are given up", plants: "timeout-reached", needs: []string{"http"}, open: handled(openGivenUp)},
	{service: "calls within their deadline", also: []string{"other-side"}, needs: []string{"http"}, open: handled(openInTime)},
	{service: "a command for each item of a list", plants: "many-queries", needs: []string{"redis"}, open: handled(openKeys)},
	{service: "a call for each item of a list", plants: "many-queries", also: []string{"sequential-calls"}, needs: []string{"http"}, open: handled(openPrices)},
	{service: "a pipeline of commands for a list", also: []string{"other-side"}, needs: []string{"redis"}, open: handled(openPipeline)},
	{service: "a batch of statements for a list", also: []string{"other-side"}, needs: []string{"postgres"}, open: handled(openBatch)},
	{service: "twelve calls at once", also: []string{"other-side"}, needs: []string{"http"}, open: handled(openFanOut)},
	{service: "a session, and a statement", also: []string{"other-side"}, needs: []string{"redis", "postgres"}, open: handled(openSession)},
	{service: "messages that nobody waits for", needs: []string{"kafka"}, open: handled(openAsync)},
	{service: "three statements, one after another", plants: "sequential-calls", also: []string{"other-side"}, needs: []string{"postgres"}, open: handled(openReports)},
	{service: "a cache that never has it", plants: "cache-then-database", also: []string{"other-side", "slow-cache", "sequential-calls"}, needs: []string{"redis", "postgres"}, open: handled(openMissed("redis", "0.004", false))},
	{service: "a cache that is slower than the database", plants: "slow-cache", also: []string{"other-side", "cache-then-database", "sequential-calls"}, needs: []string{"slow redis", "postgres"}, open: handled(openMissed("slow redis", "0.001", true))},
	{service: "a cache that mostly has it", also: []string{"other-side"}, needs: []string{"redis", "postgres"}, open: handled(openCached)},
	{service: "retries with back-off, by retry-go", plants: "retries", needs: []string{"unreliable http"}, open: handled(openRetrying)},
	{service: "retries with back-off, by go-retryablehttp", plants: "retries", needs: []string{"unreliable http"}, open: handled(openRetryable)},
	{service: "a loop that tries again", plants: "retries", needs: []string{"unreliable http"}, open: handled(openLoop)},
	{service: "calls that are spread over time", plants: "sleeping", also: []string{"sequential-calls"}, needs: []string{"http"}, open: handled(openSpread)},
	{service: "a semaphore of two", plants: "concurrency-limit", needs: []string{"http"}, load: []clients{{number: 6}}, open: handled(openSemaphore)},
	{service: "a channel of two places", plants: "concurrency-limit", needs: []string{"http"}, load: []clients{{number: 6}}, open: handled(openPlaces)},
	{service: "a rate limiter", plants: "rate-limiter", load: []clients{{number: 4}}, open: handled(openLimited)},
	{service: "a writer that waits for more messages", plants: "batch-delay", also: []string{"synchronous-produce"}, needs: []string{"kafka"}, open: handled(openBatching(60 * time.Millisecond))},
	{service: "a message for each request, confirmed", plants: "synchronous-produce", also: []string{"other-side", "batch-delay"}, needs: []string{"kafka"}, open: handled(openBatching(time.Millisecond))},
	{service: "a poll that sleeps", plants: "sleeping", open: handled(openSleeping)},
	{service: "a call that nothing bounds", plants: "no-deadline", also: []string{"stuck-requests", "other-side"}, hangs: true, needs: []string{"http"}, load: []clients{{number: 3}}, open: handled(openUnbounded)},
}

// openRedis opens a pool until the context ends.
func openRedis(ctx context.Context, address string) *redis.Pool {
	pool := &redis.Pool{MaxIdle: 16, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", address) }}
	context.AfterFunc(ctx, func() { pool.Close() })
	return pool
}

func openKeys(ctx context.Context, env scenario.Env) (work, error) {
	pool := openRedis(ctx, env["redis"])
	return func(context.Context) (err error) {
		c := pool.Get()
		defer func() { err = errors.Join(err, c.Close()) }()
		for n := range 40 {
			if _, err := c.Do("GET", fmt.Sprint("item:", n)); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func openPrices(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=1ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		for range 16 {
			if err := get(ctx, client, url); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// openPipeline asks for all items in one round trip, which takes 4 ms.
func openPipeline(ctx context.Context, env scenario.Env) (work, error) {
	pool := openRedis(ctx, env["redis"])
	return func(context.Context) (err error) {
		c := pool.Get()
		defer func() { err = errors.Join(err, c.Close()) }()
		for n := range 40 {
			if err := c.Send("GET", fmt.Sprint("item:", n)); err != nil {
				return err
			}
		}
		_, err = c.Do("BLPOP", "never", "0.004")
		return err
	}, nil
}

func openBatch(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		batch := &pgx.Batch{}
		for n := range 26 {
			batch.Queue("SELECT pg_sleep(0.0005), $1::int", n)
		}
		return pool.SendBatch(ctx, batch).Close()
	}, nil
}

func openFanOut(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=12ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		all, ctx := errgroup.WithContext(ctx)
		for range 12 {
			all.Go(func() error { return get(ctx, client, url) })
		}
		return all.Wait()
	}, nil
}

// openSession reads a session from Redis, which has nothing to do with what the database
// is asked for.
func openSession(ctx context.Context, env scenario.Env) (work, error) {
	s, err := newShelf(ctx, env, "redis", "0.010")
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		c := s.cache.Get()
		_, err := c.Do("GET", "session")
		return errors.Join(err, c.Close(), s.read(ctx))
	}, nil
}

func openAsync(ctx context.Context, env scenario.Env) (work, error) {
	w := &kafka.Writer{Addr: kafka.TCP(env["kafka"]), Topic: "events", BatchTimeout: 50 * time.Millisecond, Async: true, AllowAutoTopicCreation: true}
	context.AfterFunc(ctx, func() { w.Close() })
	return func(ctx context.Context) error { return w.WriteMessages(ctx, kafka.Message{Value: []byte("event")}) }, nil
}

func openReports(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		return errors.Join(orders(ctx, pool), returns(ctx, pool), visits(ctx, pool))
	}, nil
}

func orders(ctx context.Context, pool *pgxpool.Pool) error {
	_, err := pool.Exec(ctx, "SELECT pg_sleep(0.008), 'orders'")
	return err
}

func returns(ctx context.Context, pool *pgxpool.Pool) error {
	_, err := pool.Exec(ctx, "SELECT pg_sleep(0.007), 'returns'")
	return err
}

func visits(ctx context.Context, pool *pgxpool.Pool) error {
	_, err := pool.Exec(ctx, "SELECT pg_sleep(0.006), 'visits'")
	return err
}

// A shelf has items in a cache before a database.
type shelf struct {
	cache   *redis.Pool
	pool    *pgxpool.Pool
	seconds string // that the statement takes
	missing func(n int) bool
}

// item looks into the cache, and otherwise into the database.
func (s *shelf) item(ctx context.Context, n int) error {
	c := s.cache.Get()
	defer c.Close()
	if _, err := c.Do("GET", fmt.Sprint("shelf:", n)); err != nil {
		return err
	}
	if !s.missing(n) {
		return nil
	}
	if err := s.read(ctx); err != nil {
		return err
	}
	_, err := c.Do("SET", fmt.Sprint("shelf:", n), n)
	return err
}

func (s *shelf) read(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, "SELECT pg_sleep("+s.seconds+")")
	return err
}

func newShelf(ctx context.Context, env scenario.Env, cache, seconds string) (*shelf, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	return &shelf{cache: openRedis(ctx, env[cache]), pool: pool, seconds: seconds}, nil
}

// openMissed asks the database after the cache, each time or every other time.
func openMissed(cache, seconds string, other bool) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		s, err := newShelf(ctx, env, cache, seconds)
		if err != nil {
			return nil, err
		}
		s.missing = func(n int) bool { return !other || n%2 == 0 }
		return s.numbered(), nil
	}
}

func openCached(ctx context.Context, env scenario.Env) (work, error) {
	s, err := newShelf(ctx, env, "redis", "0.020")
	if err != nil {
		return nil, err
	}
	s.missing = func(n int) bool { return n%20 == 0 }
	return s.numbered(), nil
}

// numbered asks for one item after another.
func (s *shelf) numbered() work {
	var number atomic.Int64
	return func(ctx context.Context) error { return s.item(ctx, int(number.Add(1))) }
}

func openRetrying(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), env["unreliable http"]
	return func(ctx context.Context) error {
		return retry.Do(func() error { return succeed(ctx, client, url) }, retry.Context(ctx), retry.Attempts(20), retry.DelayType(retry.FixedDelay), retry.Delay(10*time.Millisecond))
	}, nil
}

func openRetryable(_ context.Context, env scenario.Env) (work, error) {
	client := retryablehttp.NewClient()
	client.Logger, client.RetryMax, client.RetryWaitMin, client.RetryWaitMax = nil, 20, 8*time.Millisecond, 16*time.Millisecond
	return func(ctx context.Context) error {
		req, err := retryablehttp.NewRequestWithContext(ctx, "GET", env["unreliable http"], nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}, nil
}

func openLoop(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), env["unreliable http"]
	return func(ctx context.Context) (err error) {
		for range 20 {
			if err = succeed(ctx, client, url); err == nil {
				return nil
			}
			time.Sleep(12 * time.Millisecond)
		}
		return err
	}, nil
}

func openSpread(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=1ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		for n := range 3 {
			if n > 0 {
				time.Sleep(10 * time.Millisecond)
			}
			if err := get(ctx, client, url); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func openSemaphore(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=8ms&rest=0s&size=200"
	places := semaphore.NewWeighted(2)
	return func(ctx context.Context) error {
		if err := places.Acquire(ctx, 1); err != nil {
			return err
		}
		defer places.Release(1)
		return get(ctx, client, url)
	}, nil
}

func openPlaces(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=8ms&rest=0s&size=200"
	places := make(chan struct{}, 2)
	return func(ctx context.Context) error {
		places <- struct{}{}
		defer func() { <-places }()
		return get(ctx, client, url)
	}, nil
}

func openLimited(context.Context, scenario.Env) (work, error) {
	limiter := rate.NewLimiter(120, 1)
	return limiter.Wait, nil
}

func openBatching(timeout time.Duration) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		w := &kafka.Writer{Addr: kafka.TCP(env["kafka"]), Topic: fmt.Sprint("orders-", int64(timeout)), BatchTimeout: timeout, RequiredAcks: kafka.RequireAll, AllowAutoTopicCreation: true}
		context.AfterFunc(ctx, func() { w.Close() })
		for try := 0; ; try++ { // creating the topic takes a while
			err := w.WriteMessages(ctx, kafka.Message{Value: []byte("first")})
			if err == nil {
				break
			}
			if try == 20 {
				return nil, err
			}
		}
		return func(ctx context.Context) error { return w.WriteMessages(ctx, kafka.Message{Value: []byte("order")}) }, nil
	}
}

func openSleeping(context.Context, scenario.Env) (work, error) {
	return func(context.Context) error { await(time.Now().Add(18 * time.Millisecond)); return nil }, nil
}

// await polls until something has happened.
func await(done time.Time) {
	for time.Now().Before(done) {
		time.Sleep(5 * time.Millisecond)
	}
}

func openUnbounded(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=10m"
	return func(ctx context.Context) error { return get(context.WithoutCancel(ctx), client, url) }, nil
}
