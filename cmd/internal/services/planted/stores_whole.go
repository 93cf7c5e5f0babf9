//go:build whole

package main

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	goredis "github.com/redis/go-redis/v9"

	"timesink/cmd/internal/services/scenario"
)

func init() { families = append(families, family{"stores", storeRows}) }

// storeRows are about databases, caches and brokers that are slow because of how the service
// asks them, or not slow at all.
var storeRows = []row{
	{service: "a notification of PostgreSQL that requests wait for", plants: "awaited-message", needs: []string{"postgres"}, load: []clients{{number: 3}}, open: handled(openNotified)},
	{service: "an element of a list in Redis that requests wait for", plants: "awaited-message", needs: []string{"redis"}, load: []clients{{number: 3}}, open: handled(openPopped)},
	{service: "a message of NATS that requests wait for", plants: "awaited-message", needs: []string{"nats"}, load: []clients{{number: 3}}, open: handled(openNextMessage)},
	{service: "two connections to memcached kept for eight clients", plants: "dial-per-call", also: []string{"other-side"}, needs: []string{"memcached"}, load: []clients{{number: 8}}, open: handled(openMemcached(0))},
	{service: "eight connections to memcached kept for eight clients", also: []string{"other-side"}, needs: []string{"slow memcached"}, load: []clients{{number: 8}}, open: handled(openMemcached(8))},
	{service: "twelve commands at once by two connections", plants: "pool-too-small", also: []string{"other-side"}, needs: []string{"distant redis"}, open: handled(openManyAtOnce(2))},
	{service: "twelve commands at once by enough connections", also: []string{"other-side"}, needs: []string{"distant redis"}, open: handled(openManyAtOnce(32))},
	{service: "a script that keeps Redis busy", plants: "behind-long-calls", also: []string{"saturated-side"}, needs: []string{"redis"}, load: []clients{{number: 1, path: "/report"}, {number: 4, path: "/item"}}, open: openScript},
	{service: "a cache that saves what it drops under its lock", plants: "lock-held-across-call", needs: []string{"distant redis"}, load: six, open: handled(openEvicting)},
	{service: "a cache whose old entries are looked for under its lock", plants: "tail", slowly: true, also: []string{"lock-contended", "lock-held-across-call", "other-side", "no-processor", "processors-held"}, needs: []string{"http"}, load: six, open: handled(openJanitor)},
	{service: "a lock of a session of PostgreSQL held over a call", plants: "row-lock", also: []string{"transaction-across-call"}, needs: []string{"postgres", "http"}, load: six, open: handled(openSessionLock)},
	{service: "a named lock of MariaDB held over a call", plants: "row-lock", also: []string{"transaction-across-call"}, needs: []string{"mariadb", "http"}, load: six, open: handled(openNamedLock(8 * time.Millisecond))},
	{service: "a named lock of MariaDB held for a slow statement", plants: "row-lock", also: []string{"other-side"}, needs: []string{"mariadb", "http"}, load: six, open: handled(openNamedLock(0))},
	{service: "a connection kept for slow statements", also: []string{"other-side", "many-queries", "sequential-calls"}, needs: []string{"mariadb"}, load: six, open: handled(openKeptConnection)},
	{service: "ten messages confirmed one after another", plants: "synchronous-produce", also: []string{"many-queries", "sequential-calls", "other-side"}, needs: []string{"amqp"}, open: handled(openConfirmed(false))},
	{service: "ten messages confirmed at once", plants: "synchronous-produce", needs: []string{"amqp"}, open: handled(openConfirmed(true))},
	{service: "a channel of RabbitMQ shared under a lock", plants: "lock-held-across-call", also: []string{"synchronous-produce"}, needs: []string{"amqp"}, load: six, open: handled(openSharedChannel)},
	{service: "an outbox that is looked into now and then", plants: "sleeping", needs: []string{"postgres"}, load: []clients{{number: 3}}, open: handled(openOutbox)},
	{service: "events that one goroutine stores one by one", plants: "worker-queue", needs: []string{"postgres"}, load: six, open: handled(openFanIn)},
	{service: "workers that slow jobs keep busy", plants: "worker-queue", also: []string{"other-side"}, needs: []string{"http"}, load: []clients{{number: 6, path: "/slow"}, {number: 2, path: "/quick"}}, open: openKinds},
	{service: "a table that the first request loads", plants: "cold-start", cold: true, also: []string{"other-side", "tail"}, needs: []string{"postgres", "http"}, load: []clients{{number: 4}}, open: handled(openOnce)},
	{service: "a log that is compressed under its lock", plants: "tail", slowly: true, also: []string{"lock-contended", "lock-held-across-call", "compression", "other-side", "no-processor"}, needs: []string{"folder", "http"}, load: six, open: handled(openRotated)},
	{service: "a state saved under its lock", plants: "sync-file-write", also: []string{"no-processor"}, needs: []string{"folder"}, load: six, open: handled(openState)},
	{service: "rows fetched from a cursor one by one", plants: "many-queries", also: []string{"other-side"}, needs: []string{"postgres"}, open: handled(openCursor(1))},
	{service: "rows fetched from a cursor all at once", also: []string{"other-side"}, needs: []string{"postgres"}, open: handled(openCursor(40))},
	{service: "connections whose lifetime is short", plants: "dial-per-call", also: []string{"other-side"}, needs: []string{"distant postgres"}, load: []clients{{number: 4}}, open: handled(openLifetime)},
	{service: "a transaction open over a command", plants: "transaction-across-call", also: []string{"pool-held", "pool-starved", "sequential-calls", "other-side"}, needs: []string{"postgres", "distant redis"}, load: six, open: handled(openOverCommand)},
	{service: "a transaction open until a message is confirmed", plants: "transaction-across-call", also: []string{"pool-held", "pool-starved", "synchronous-produce", "other-side"}, needs: []string{"postgres", "amqp"}, load: six, open: handled(openOverMessage)},
	{service: "rows copied from what another service answers", plants: "other-side", names: "upstream", needs: []string{"postgres", "http"}, open: handled(openCopied("?wait=4ms&rest=0s&size=200"))},
	{service: "rows copied", also: []string{"other-side", "cpu-own-code"}, needs: []string{"postgres"}, open: handled(openCopied(""))},
	{service: "a pgx pool that pings before each statement", plants: "ping-per-call", also: []string{"other-side"}, needs: []string{"distant postgres"}, open: handled(openPinging)},
	{service: "a lock of PostgreSQL that is tried until it is free", plants: "retries", needs: []string{"postgres", "http"}, load: six, open: handled(openTriedLock)},
	{service: "a large value of Redis decoded", plants: "serialization", also: []string{"allocation", "other-side", "no-processor"}, needs: []string{"redis"}, load: one, open: handled(openLargeValue)},
}

// every calls do now and then until the context ends.
func every(ctx context.Context, d time.Duration, do func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

// openNotified waits for what happens every 30 ms.
func openNotified(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	go every(ctx, 30*time.Millisecond, func() { pool.Exec(ctx, "NOTIFY news") })
	return func(ctx context.Context) error { return awaitNews(ctx, pool) }, nil
}

func awaitNews(ctx context.Context, pool *pgxpool.Pool) error {
	c, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	if _, err := c.Exec(ctx, "LISTEN news"); err != nil {
		return err
	}
	_, err = c.Conn().WaitForNotification(ctx)
	return err
}

// An outbox keeps messages in a table until a relay has sent them.
type outbox struct {
	pool    *pgxpool.Pool
	mu      sync.Mutex
	waiting map[int]chan struct{}
}

func openOutbox(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	if _, err := pool.Exec(ctx, "CREATE TABLE IF NOT EXISTS outbox (id serial PRIMARY KEY)"); err != nil {
		return nil, err
	}
	o := &outbox{pool: pool, waiting: map[int]chan struct{}{}}
	go o.relay(ctx)
	return o.send, nil
}

func (o *outbox) send(ctx context.Context) error {
	var id int
	sent := make(chan struct{})
	o.mu.Lock()
	err := o.pool.QueryRow(ctx, "INSERT INTO outbox DEFAULT VALUES RETURNING id").Scan(&id)
	o.waiting[id] = sent
	o.mu.Unlock()
	if err != nil {
		return err
	}
	<-sent
	return nil
}

func (o *outbox) relay(ctx context.Context) {
	for ctx.Err() == nil {
		rows, err := o.pool.Query(ctx, "DELETE FROM outbox RETURNING id")
		if err != nil {
			return
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int])
		if err != nil {
			return
		}
		o.mu.Lock()
		for _, id := range ids {
			if sent := o.waiting[id]; sent != nil {
				close(sent)
				delete(o.waiting, id)
			}
		}
		o.mu.Unlock()
		if len(ids) == 0 {
			time.Sleep(40 * time.Millisecond)
		}
	}
}

func openCursor(number int) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		pool, err := openPostgres(ctx, env, 8)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return readCursor(ctx, tx, number) })
		}, nil
	}
}

func readCursor(ctx context.Context, tx pgx.Tx, number int) error {
	if _, err := tx.Exec(ctx, "DECLARE c CURSOR FOR SELECT n FROM generate_series(1, 40) n"); err != nil {
		return err
	}
	for {
		rows, err := tx.Query(ctx, "FETCH "+strconv.Itoa(number)+" FROM c")
		if err != nil {
			return err
		}
		ns, err := pgx.CollectRows(rows, pgx.RowTo[int])
		if err != nil || len(ns) == 0 {
			return err
		}
	}
}

func openLifetime(ctx context.Context, env scenario.Env) (work, error) {
	db, err := openDB(ctx, "postgres", env["distant postgres"], 8)
	if err != nil {
		return nil, err
	}
	db.SetConnMaxLifetime(10 * time.Millisecond)
	return func(ctx context.Context) error {
		_, err := db.ExecContext(ctx, "SELECT 1")
		return err
	}, nil
}

func openOverCommand(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 2)
	if err != nil {
		return nil, err
	}
	client := goredis.NewClient(&goredis.Options{Addr: env["distant redis"]})
	context.AfterFunc(ctx, func() { client.Close() })
	return func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT 'paid'"); err != nil {
				return err
			}
			return client.Del(ctx, "cart").Err()
		})
	}, nil
}

func openOverMessage(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 2)
	if err != nil {
		return nil, err
	}
	channels, err := openChannels(ctx, env["amqp"], 8)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		c := <-channels
		defer func() { channels <- c }()
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT 'paid'"); err != nil {
				return err
			}
			return publishConfirmed(ctx, c)
		})
	}, nil
}

// openCopied copies rows into a table, each of which a call brings if there is a query.
func openCopied(query string) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		pool, err := openPostgres(ctx, env, 8)
		if err != nil {
			return nil, err
		}
		if _, err := pool.Exec(ctx, "CREATE UNLOGGED TABLE IF NOT EXISTS copies (n int)"); err != nil {
			return nil, err
		}
		client, url := roomy(), "http://"+env["http"]+query
		return func(ctx context.Context) error {
			var fetch func(n int) error
			rows := 3000
			if query != "" {
				fetch, rows = func(int) error { return get(ctx, client, url) }, 5
			}
			return copyRows(ctx, pool, rows, fetch)
		}, nil
	}
}

func copyRows(ctx context.Context, pool *pgxpool.Pool, rows int, fetch func(n int) error) error {
	n := 0
	_, err := pool.CopyFrom(ctx, pgx.Identifier{"copies"}, []string{"n"}, pgx.CopyFromFunc(func() ([]any, error) {
		if n++; n > rows {
			return nil, nil
		}
		if fetch != nil {
			if err := fetch(n); err != nil {
				return nil, err
			}
		}
		return []any{n}, nil
	}))
	return err
}

func openPinging(ctx context.Context, env scenario.Env) (work, error) {
	config, err := pgxpool.ParseConfig(env["distant postgres"])
	if err != nil {
		return nil, err
	}
	config.MaxConns = 8
	config.BeforeAcquire = func(ctx context.Context, c *pgx.Conn) bool { return c.Ping(ctx) == nil }
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, pool.Close)
	return func(ctx context.Context) error {
		_, err := pool.Exec(ctx, "SELECT 1")
		return err
	}, nil
}

func openTriedLock(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	client, url := roomy(), "http://"+env["http"]+"?wait=8ms&rest=0s&size=200"
	locked := func(ctx context.Context, c *pgxpool.Conn) error {
		if err := tryLock(ctx, c); err != nil {
			return err
		}
		if err := get(ctx, client, url); err != nil {
			return err
		}
		_, err := c.Exec(ctx, "SELECT pg_advisory_unlock(11)")
		return err
	}
	return func(ctx context.Context) error {
		return pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error { return locked(ctx, c) })
	}, nil
}

func openSessionLock(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	client, url := roomy(), "http://"+env["http"]+"?wait=8ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		return pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
			if _, err := c.Exec(ctx, "SELECT pg_advisory_lock(12)"); err != nil {
				return err
			}
			failed := get(ctx, client, url)
			_, err := c.Exec(ctx, "SELECT pg_advisory_unlock(12)")
			return cmp.Or(failed, err)
		})
	}, nil
}

// openNamedLock holds a lock over a call that takes some time, or over a slow statement if
// that is 0.
func openNamedLock(wait time.Duration) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		db, err := sql.Open("mysql", env["mariadb"])
		if err != nil {
			return nil, err
		}
		db.SetMaxIdleConns(32)
		context.AfterFunc(ctx, func() { db.Close() })
		client, url := roomy(), fmt.Sprintf("http://%s?wait=%s&rest=0s&size=200", env["http"], wait)
		return func(ctx context.Context) error {
			c, err := db.Conn(ctx)
			if err != nil {
				return err
			}
			defer c.Close()
			if _, err := c.ExecContext(ctx, "DO GET_LOCK('stock', 10)"); err != nil {
				return err
			}
			if wait > 0 {
				err = get(ctx, client, url)
			} else {
				_, err = c.ExecContext(ctx, "DO SLEEP(0.008)")
			}
			_, released := c.ExecContext(ctx, "DO RELEASE_LOCK('stock')")
			return cmp.Or(err, released)
		}, nil
	}
}

// openKeptConnection keeps a connection for statements that wait for nobody.
func openKeptConnection(ctx context.Context, env scenario.Env) (work, error) {
	db, err := sql.Open("mysql", env["mariadb"])
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(32)
	context.AfterFunc(ctx, func() { db.Close() })
	return func(ctx context.Context) error {
		c, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer c.Close()
		for range 3 {
			if _, err := c.ExecContext(ctx, "DO SLEEP(0.004 + 0.004 * RAND())"); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func tryLock(ctx context.Context, c *pgxpool.Conn) error {
	for {
		var got bool
		if err := c.QueryRow(ctx, "SELECT pg_try_advisory_lock(11)").Scan(&got); err != nil || got {
			return err
		}
		time.Sleep(3 * time.Millisecond)
	}
}
