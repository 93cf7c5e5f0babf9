package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	goredis "github.com/redis/go-redis/v9"

	"timesink/cmd/internal/services/scenario"
)

// holdingRows are about what is held while others wait: connections, rows, locks.
var holdingRows = []row{
	{service: "a row locked over a call", plants: "row-lock", also: []string{"transaction-across-call"}, needs: []string{"postgres", "http"}, load: []clients{{number: 8}}, open: handled(openStock("FOR UPDATE", 20))},
	{service: "a transaction open over a call", plants: "transaction-across-call", also: []string{"pool-held", "pool-starved"}, needs: []string{"postgres", "http"}, load: []clients{{number: 8}}, open: handled(openStock("", 2))},
	{service: "a transaction of statements only", also: []string{"other-side"}, needs: []string{"postgres"}, open: handled(openTransaction)},
	{service: "a connection held over a call", plants: "pool-held", also: []string{"pool-starved"}, needs: []string{"postgres", "http"}, load: []clients{{number: 8}}, open: handled(openHeld)},
	{service: "a Redis client of two connections", plants: "pool-too-small", also: []string{"other-side"}, needs: []string{"distant redis"}, load: []clients{{number: 8}}, open: handled(openFewRedis)},
	{service: "a connection to Redis held over a call", plants: "pool-held", also: []string{"pool-starved"}, needs: []string{"redis", "http"}, load: []clients{{number: 8}}, open: handled(openHeldRedis)},
	{service: "two connections at most to another service", plants: "pool-too-small", also: []string{"other-side"}, needs: []string{"http"}, load: []clients{{number: 8}}, open: handled(openFewPerHost)},
	{service: "statements within the rows of another", plants: "nested-acquisition", also: []string{"pool-starved", "pool-too-small", "pool-held", "many-queries", "sequential-calls", "other-side"}, needs: []string{"postgres"}, load: []clients{{number: 6}}, open: handled(openNested(7))},
	{service: "readers behind a waiting writer", plants: "reader-behind-writer", also: []string{"lock-contended", "sleeping"}, load: []clients{{path: "/price", number: 4}, {path: "/report", number: 1, think: 40 * time.Millisecond}}, open: openTable(true)},
	{service: "readers that never write", also: []string{"sleeping"}, load: []clients{{path: "/price", number: 1, think: 5 * time.Millisecond}, {path: "/report", number: 4}}, open: openTable(false)},
}

// stock makes a table with one row.
const stock = "CREATE TABLE IF NOT EXISTS stock (id int PRIMARY KEY, n int); INSERT INTO stock VALUES (1, 1000000) ON CONFLICT DO NOTHING"

// A store sells what it has, after another service has agreed.
type store struct {
	pool   *pgxpool.Pool
	client *http.Client
	agreed string
	lock   string
}

// openStock reads the stock in a transaction, with a lock or without, and makes a call
// before it ends.
func openStock(lock string, most int32) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		pool, err := openPostgres(ctx, env, most)
		if err != nil {
			return nil, err
		}
		if _, err := pool.Exec(ctx, stock); err != nil {
			return nil, err
		}
		s := &store{pool, roomy(), "http://" + env["http"] + "?wait=8ms&rest=0s&size=200", lock}
		return s.sell, nil
	}
}

func (s *store) sell(ctx context.Context) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, "SELECT n FROM stock WHERE id = 1 "+s.lock).Scan(&n); err != nil {
			return err
		}
		if err := get(ctx, s.client, s.agreed); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "SELECT 'sold'")
		return err
	})
}

func openTransaction(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT pg_sleep(0.006)")
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, "SELECT 1")
			return err
		})
	}, nil
}

// openHeld takes a connection, and makes a call before it uses it.
func openHeld(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 2)
	if err != nil {
		return nil, err
	}
	client, url := roomy(), "http://"+env["http"]+"?wait=8ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		c, err := pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer c.Release()
		if err := get(ctx, client, url); err != nil {
			return err
		}
		_, err = c.Exec(ctx, "SELECT 1")
		return err
	}, nil
}

// openFewRedis has two connections for all requests.
func openFewRedis(ctx context.Context, env scenario.Env) (work, error) {
	client := goredis.NewClient(&goredis.Options{Addr: env["distant redis"], PoolSize: 2, PoolTimeout: time.Minute})
	context.AfterFunc(ctx, func() { client.Close() })
	return func(ctx context.Context) error { return client.Set(ctx, "key", "value", 0).Err() }, nil
}

// openHeldRedis takes a connection, and makes a call before it uses it.
func openHeldRedis(ctx context.Context, env scenario.Env) (work, error) {
	pool := openRedis(ctx, env["redis"])
	pool.MaxActive, pool.Wait = 2, true
	client, url := roomy(), "http://"+env["http"]+"?wait=8ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		c, err := pool.GetContext(ctx)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := get(ctx, client, url); err != nil {
			return err
		}
		_, err = c.Do("INCR", "seen")
		return err
	}, nil
}

// openFewPerHost makes no more than two connections for all requests.
func openFewPerHost(_ context.Context, env scenario.Env) (work, error) {
	client, url := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 2}}, "http://"+env["http"]+"?wait=8ms&rest=0s&size=200"
	return func(ctx context.Context) error { return get(ctx, client, url) }, nil
}

// openNested asks for the lines of each order while it reads the orders, which takes a
// second connection.
func openNested(most int) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		db, err := openDB(ctx, "postgres", env["postgres"], most)
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(most)
		return func(ctx context.Context) error { return listOrders(ctx, db) }, nil
	}
}

func listOrders(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, "SELECT n::text FROM generate_series(1, 3) n")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var order string
		if err := errors.Join(rows.Scan(&order), countLines(ctx, db)); err != nil {
			return err
		}
	}
	return rows.Err()
}

func countLines(ctx context.Context, db *sql.DB) error {
	var n string
	return db.QueryRowContext(ctx, "SELECT pg_sleep(0.003)::text").Scan(&n)
}

// A table of prices is read by requests, seldom written, and exported now and then by a
// reader that takes its time.
type table struct {
	mu     sync.RWMutex
	prices map[int]int
}

func openTable(written bool) func(context.Context, scenario.Env) (http.Handler, error) {
	return func(ctx context.Context, _ scenario.Env) (http.Handler, error) {
		t := &table{prices: map[int]int{}}
		if written {
			go t.refresh(ctx)
		}
		mux := http.NewServeMux()
		mux.HandleFunc("GET /price", t.price)
		mux.HandleFunc("GET /report", t.report)
		return mux, nil
	}
}

func (t *table) refresh(ctx context.Context) {
	for tick := time.NewTicker(15 * time.Millisecond); ctx.Err() == nil; <-tick.C {
		t.mu.Lock()
		t.prices[1]++
		t.mu.Unlock()
	}
}

func (t *table) price(w http.ResponseWriter, _ *http.Request) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	w.WriteHeader(http.StatusNoContent)
}

func (t *table) report(w http.ResponseWriter, _ *http.Request) {
	t.export()
	w.WriteHeader(http.StatusNoContent)
}

// export stands for writing the table to somewhere slow.
func (t *table) export() {
	t.mu.RLock()
	defer t.mu.RUnlock()
	time.Sleep(60 * time.Millisecond)
}
