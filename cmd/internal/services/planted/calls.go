package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"timesink/cmd/internal/services/scenario"
)

// callRows are about calls to other systems.
var callRows = []row{
	{service: "a query for each item of a list", plants: "many-queries", needs: []string{"postgres"}, open: handled(openItems)},
	{service: "four calls, one after another", plants: "sequential-calls", needs: []string{"http"}, open: handled(openFour)},
	{service: "a client without keep-alive", plants: "dial-per-call", also: []string{"other-side"}, needs: []string{"http"}, open: handled(openDialing)},
	{service: "a pool of two connections for eight clients", plants: "pool-too-small", also: []string{"pool-starved"}, needs: []string{"postgres"}, load: []clients{{number: 8}}, open: handled(openSmallPool)},
	{service: "statements for a database whose core is busy", plants: "saturated-side", also: []string{"other-side"}, needs: []string{"postgres on one core"}, load: varying, slowly: true, quiet: true,
		open: handled(openVarying("SELECT count(*) FROM generate_series(1, 40000) n WHERE n % 7 = 3", 16))},
	{service: "statements that wait for each other in the database", plants: "saturated-side", also: []string{"other-side"}, needs: []string{"postgres on one core"}, load: varying, slowly: true, open: handled(openVarying(inTurn, 16))},
	{service: "statements that wait for each other in the database, by a small pool", plants: "saturated-side", also: []string{"other-side"}, needs: []string{"postgres on one core"}, load: varying, slowly: true, open: handled(openVarying(inTurn, 2))},
	{service: "slow statements for a database with room", also: []string{"other-side"}, needs: []string{"postgres on one core"}, load: varying, slowly: true, open: handled(openVarying("SELECT pg_sleep(0.012)", 16))},
	{service: "one slow statement", plants: "other-side", needs: []string{"postgres"}, open: handled(openStatement)},
	{service: "one slow call", plants: "other-side", needs: []string{"http"}, open: handled(openCall)},
}

// varying is a load of which now few and now many requests are under way.
var varying = []clients{{number: 1, think: 5 * time.Millisecond}, {number: 3, think: 40 * time.Millisecond}, {number: 3, think: 90 * time.Millisecond}}

// inTurn is a statement of which the database does one at a time.
const inTurn = "SELECT pg_advisory_lock(11), pg_sleep(0.006), pg_advisory_unlock(11)"

// openVarying asks for the same over and over, by at most so many connections.
func openVarying(statement string, most int32) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		pool, err := openPostgres(ctx, postgresOf(env, "postgres on one core"), most)
		if err != nil {
			return nil, err
		}
		return asks(pool, statement), nil
	}
}

// postgresOf returns an environment whose PostgreSQL is another one.
func postgresOf(env scenario.Env, name string) scenario.Env {
	return scenario.Env{"postgres": env[name]}
}

// openPostgres opens a pool until the context ends.
func openPostgres(ctx context.Context, env scenario.Env, most int32) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(env["postgres"])
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = most
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, pool.Close)
	return pool, nil
}

// get makes a call and reads the answer to its end.
func get(ctx context.Context, c *http.Client, url string) error {
	_, err := answer(ctx, c, url)
	return err
}

// succeed makes a call that is answered with 200.
func succeed(ctx context.Context, c *http.Client, url string) error {
	status, err := answer(ctx, c, url)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the answer is %d", status)
	}
	return err
}

// answer makes a call, reads the answer to its end, and returns its status.
func answer(ctx context.Context, c *http.Client, url string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// roomy returns a client that keeps enough connections.
func roomy() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
}

// openItems lists items and asks for the owner of each.
func openItems(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return listItems(ctx, pool) }, nil
}

func listItems(ctx context.Context, pool *pgxpool.Pool) error {
	for n := range 26 {
		var owner string
		if err := pool.QueryRow(ctx, "SELECT 'owner ' || $1::int", n).Scan(&owner); err != nil {
			return err
		}
	}
	return nil
}

func openFour(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=6ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		for range 4 {
			if err := get(ctx, client, url); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func openDialing(_ context.Context, env scenario.Env) (work, error) {
	client, url := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, "http://"+env["http"]+"?wait=1ms&rest=0s&size=200"
	return func(ctx context.Context) error { return get(ctx, client, url) }, nil
}

func openSmallPool(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 2)
	if err != nil {
		return nil, err
	}
	return asks(pool, "SELECT pg_sleep(0.006)"), nil
}

func openStatement(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	return asks(pool, "SELECT pg_sleep(0.030)"), nil
}

// asks returns the work of one statement.
func asks(pool *pgxpool.Pool, statement string) work {
	return func(ctx context.Context) error {
		_, err := pool.Exec(ctx, statement)
		return err
	}
}

func openCall(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=25ms&rest=0s&size=200"
	return func(ctx context.Context) error { return get(ctx, client, url) }, nil
}
