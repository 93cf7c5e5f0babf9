package main

import (
	"context"
	"crypto/tls"
	"database/sql"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver mysql
	"github.com/gomodule/redigo/redis"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "github.com/lib/pq"              // the driver postgres
	goredis "github.com/redis/go-redis/v9"

	"timesink/cmd/internal/services/scenario"
)

// connectionRows are about how calls get their connections.
var connectionRows = []row{
	{service: "a pool that keeps no connections", plants: "dial-per-call", also: []string{"other-side"}, needs: []string{"postgres"}, load: []clients{{number: 3}},
		open: handled(openSQL("postgres", -1, "SELECT 'a name'"))},
	{service: "a pool that keeps all connections", also: []string{"other-side"}, needs: []string{"postgres"}, load: []clients{{number: 3}},
		open: handled(openSQL("postgres", 8, "SELECT pg_sleep(0.002)::text"))},
	{service: "a connection to Redis for each command", plants: "dial-per-call", also: []string{"other-side"}, needs: []string{"distant redis"}, open: handled(openDialedRedis)},
	{service: "TLS for each call", plants: "tls-per-call", also: []string{"dial-per-call", "other-side"}, needs: []string{"https"}, open: handled(openTLS(true))},
	{service: "TLS, connections kept", also: []string{"other-side"}, needs: []string{"https"}, open: handled(openTLS(false))},
	{service: "a name looked up for each call", plants: "dns-per-call", also: []string{"dial-per-call", "other-side"}, needs: []string{"http", "names"}, open: handled(openNamed("one.service.test.", true))},
	{service: "a name looked up, connections kept", also: []string{"other-side"}, needs: []string{"http", "names"}, open: handled(openNamed("one.service.test.", false))},
	{service: "a name looked up by a search list", plants: "dns-search-list", also: []string{"dns-per-call", "dial-per-call", "other-side"}, needs: []string{"http", "names"},
		resolving: "nameserver 127.0.0.1\nsearch ns.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n", open: handled(openNamed("one.service.test", true))},
	{service: "an address of IPv6 that does not answer", plants: "dual-stack-fallback", also: []string{"dns-per-call", "dial-per-call"}, needs: []string{"deaf on IPv6", "names"}, open: handled(openBoth)},
	{service: "uploads that ask for 100 Continue in vain", plants: "expect-continue", needs: []string{"http without 100 Continue"}, open: handled(openExpecting("http without 100 Continue"))},
	{service: "uploads that ask for 100 Continue and get it", also: []string{"other-side"}, needs: []string{"http"}, open: handled(openExpecting("http"))},
	{service: "answers closed before their end", plants: "body-not-drained", also: []string{"dial-per-call", "other-side"}, needs: []string{"http"}, open: handled(openUndrained)},
	{service: "arguments by lib/pq", plants: "prepare-round-trips", also: []string{"other-side"}, needs: []string{"distant postgres"}, open: handled(openArguments("postgres"))},
	{service: "arguments by go-sql-driver", plants: "prepare-round-trips", also: []string{"other-side"}, needs: []string{"distant mariadb"}, open: handled(openMariaDB(""))},
	{service: "arguments sent along by go-sql-driver", also: []string{"other-side"}, needs: []string{"distant mariadb"}, open: handled(openMariaDB("?interpolateParams=true"))},
	{service: "rows by lib/pq that come in many pieces", also: []string{"other-side"}, needs: []string{"distant postgres"}, open: handled(openManyRows)},
	{service: "connections that expire at once now and then", also: []string{"other-side", "tail"}, needs: []string{"distant postgres"}, load: []clients{{number: 4, think: 300 * time.Millisecond}},
		open: handled(openExpiring)},
	{service: "two connections kept for eight calls at once", plants: "dial-per-call", also: []string{"other-side"}, needs: []string{"http"}, load: []clients{{number: 8}}, open: handled(openTwoKept)},
	{service: "a connection of pgx for each request", plants: "dial-per-call", also: []string{"other-side"}, needs: []string{"postgres"}, open: handled(openConnecting)},
	{service: "a pgx pool whose connections do not last", plants: "dial-per-call", also: []string{"other-side"}, needs: []string{"postgres"}, load: []clients{{number: 4}}, open: handled(openShortLived)},
	{service: "a client of go-redis for each request", plants: "dial-per-call", also: []string{"other-side"}, needs: []string{"distant redis"}, open: handled(openGoRedisAnew)},
	{service: "a redigo pool that keeps nothing", plants: "dial-per-call", also: []string{"other-side"}, needs: []string{"distant redis"}, open: handled(openRedigo(0))},
	{service: "a redigo pool that keeps its connections", also: []string{"other-side"}, needs: []string{"distant redis"}, open: handled(openRedigo(16))},
	{service: "a statement prepared for each request", plants: "prepare-round-trips", also: []string{"other-side"}, needs: []string{"distant postgres"}, open: handled(openPreparing(true))},
	{service: "a statement prepared once", also: []string{"other-side"}, needs: []string{"distant postgres"}, open: handled(openPreparing(false))},
	{service: "arguments by pgx", also: []string{"other-side"}, needs: []string{"distant postgres"}, open: handled(openArguments("pgx"))},
}

// openSQL asks for one statement by database/sql. The pool keeps so many idle
// connections, 0 for its default, and none if it is negative.
func openSQL(driver string, idle int, statement string, args ...any) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		db, err := openDB(ctx, driver, env["postgres"], idle)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			var answer string
			return db.QueryRowContext(ctx, statement, args...).Scan(&answer)
		}, nil
	}
}

// openDB opens a pool until the context ends.
func openDB(ctx context.Context, driver, dsn string, idle int) (*sql.DB, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { db.Close() })
	if idle != 0 {
		db.SetMaxIdleConns(idle)
	}
	return db, nil
}

func openArguments(driver string) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		db, err := openDB(ctx, driver, env["distant postgres"], 16)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			var name string
			return db.QueryRowContext(ctx, "SELECT 'user ' || $1::int", 7).Scan(&name)
		}, nil
	}
}

// openPreparing asks by a prepared statement, which is prepared for each request or once.
func openPreparing(anew bool) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		db, err := openDB(ctx, "pgx", env["distant postgres"], 16)
		if err != nil {
			return nil, err
		}
		once, err := db.PrepareContext(ctx, nameOfUser)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { once.Close() })
		if anew {
			return func(ctx context.Context) error { return prepareAndAsk(ctx, db) }, nil
		}
		return func(ctx context.Context) error { return askPrepared(ctx, once) }, nil
	}
}

const nameOfUser = "SELECT 'user ' || $1::int"

func prepareAndAsk(ctx context.Context, db *sql.DB) error {
	s, err := db.PrepareContext(ctx, nameOfUser)
	if err != nil {
		return err
	}
	defer s.Close()
	return askPrepared(ctx, s)
}

func askPrepared(ctx context.Context, s *sql.Stmt) error {
	var name string
	return s.QueryRowContext(ctx, 7).Scan(&name)
}

// openExpiring drops the idle connections every three seconds.
func openExpiring(ctx context.Context, env scenario.Env) (work, error) {
	const kept = 16
	db, err := openDB(ctx, "pgx", env["distant postgres"], kept)
	if err != nil {
		return nil, err
	}
	go func() {
		for ticks := time.Tick(3 * time.Second); ctx.Err() == nil; <-ticks {
			db.SetMaxIdleConns(-1)
			db.SetMaxIdleConns(kept)
		}
	}()
	return func(ctx context.Context) error {
		var name string
		return db.QueryRowContext(ctx, "SELECT 'user ' || $1::int", 7).Scan(&name)
	}, nil
}

func openDialedRedis(_ context.Context, env scenario.Env) (work, error) {
	address := env["distant redis"]
	return func(context.Context) error {
		c, err := redis.Dial("tcp", address, redis.DialClientName("shop"))
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Do("GET", "key")
		return err
	}, nil
}

func openTLS(anew bool) func(context.Context, scenario.Env) (work, error) {
	return func(_ context.Context, env scenario.Env) (work, error) {
		t := &http.Transport{MaxIdleConnsPerHost: 64, DisableKeepAlives: anew, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		client, url := &http.Client{Transport: t}, "https://"+env["https"]+"?wait=1ms&rest=0s&size=200"
		return func(ctx context.Context) error { return get(ctx, client, url) }, nil
	}
}

// asking returns a dialer that asks a server for names.
func asking(server string) *net.Dialer {
	return &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server)
	}}}
}

func openNamed(name string, anew bool) func(context.Context, scenario.Env) (work, error) {
	return func(_ context.Context, env scenario.Env) (work, error) {
		_, port, err := net.SplitHostPort(env["http"])
		if err != nil {
			return nil, err
		}
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableKeepAlives: anew, DialContext: asking(env["names"]).DialContext}}
		url := "http://" + name + ":" + port + "?wait=1ms&rest=0s&size=200"
		return func(ctx context.Context) error { return get(ctx, client, url) }, nil
	}
}

func openBoth(_ context.Context, env scenario.Env) (work, error) {
	dialer := asking(env["names"])
	dialer.FallbackDelay = 30 * time.Millisecond
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialer.DialContext}}
	url := "http://both.service.test.:" + env["deaf on IPv6"]
	return func(ctx context.Context) error { return get(ctx, client, url) }, nil
}

func openExpecting(peer string) func(context.Context, scenario.Env) (work, error) {
	return func(_ context.Context, env scenario.Env) (work, error) {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, ExpectContinueTimeout: 40 * time.Millisecond}}
		url := "http://" + strings.TrimPrefix(env[peer], "http://") + "?wait=8ms&rest=0s&size=200"
		return func(ctx context.Context) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(strings.Repeat("x", 4000)))
			if err != nil {
				return err
			}
			req.Header.Set("Expect", "100-continue")
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.Copy(io.Discard, resp.Body)
			return err
		}, nil
	}
}

// openUndrained looks at the beginning of an answer only.
func openUndrained(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=1ms&rest=0s&size=400000"
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.ReadFull(resp.Body, make([]byte, 100))
		return err
	}, nil
}

// openMariaDB passes an argument to a database that is some way away.
func openMariaDB(options string) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		db, err := openDB(ctx, "mysql", env["distant mariadb"]+options, 16)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			var name string
			return db.QueryRowContext(ctx, "SELECT concat('user ', ?)", 7).Scan(&name)
		}, nil
	}
}

func openManyRows(ctx context.Context, env scenario.Env) (work, error) {
	db, err := openDB(ctx, "postgres", env["distant postgres"], 16)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		rows, err := db.QueryContext(ctx, "SELECT repeat('x', 500) FROM generate_series(1, 300)")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var text sql.RawBytes
			if err := rows.Scan(&text); err != nil {
				return err
			}
		}
		return rows.Err()
	}, nil
}

// openTwoKept leaves a client's idle connections at its default.
func openTwoKept(_ context.Context, env scenario.Env) (work, error) {
	client, url := &http.Client{Transport: &http.Transport{}}, "http://"+env["http"]+"?wait=1ms&rest=0s&size=200"
	return func(ctx context.Context) error { return get(ctx, client, url) }, nil
}

func openConnecting(_ context.Context, env scenario.Env) (work, error) {
	return func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, env["postgres"])
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		var answer string
		return conn.QueryRow(ctx, "SELECT 'here'").Scan(&answer)
	}, nil
}

func openShortLived(ctx context.Context, env scenario.Env) (work, error) {
	config, err := pgxpool.ParseConfig(env["postgres"])
	if err != nil {
		return nil, err
	}
	config.MaxConns, config.MaxConnLifetime = 8, 10*time.Millisecond
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, pool.Close)
	return func(ctx context.Context) error {
		var answer string
		return pool.QueryRow(ctx, "SELECT pg_sleep(0.001)::text").Scan(&answer)
	}, nil
}

func openGoRedisAnew(_ context.Context, env scenario.Env) (work, error) {
	return func(ctx context.Context) error {
		client := goredis.NewClient(&goredis.Options{Addr: env["distant redis"]})
		defer client.Close()
		return client.Set(ctx, "key", "value", 0).Err()
	}, nil
}

// openRedigo keeps so many idle connections; 0, the pool's default, means none.
func openRedigo(idle int) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		pool := &redis.Pool{MaxIdle: idle, Dial: func() (redis.Conn, error) {
			return redis.Dial("tcp", env["distant redis"], redis.DialClientName("shop"))
		}}
		context.AfterFunc(ctx, func() { pool.Close() })
		return func(context.Context) error {
			conn := pool.Get()
			defer conn.Close()
			_, err := conn.Do("SET", "key", "value")
			return err
		}, nil
	}
}
