package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"timesink/cmd/internal/services/scenario"
)

// healthyRows are one healthy service at five levels of load, the last near what the
// machine can do.
var healthyRows = []row{
	healthy("a request now and then", clients{number: 1, think: 20 * time.Millisecond}),
	healthy("one client", clients{number: 1}),
	healthy("two clients", clients{number: 2}),
	healthy("four clients", clients{number: 4, think: 5 * time.Millisecond}),
	healthy("eight clients", clients{number: 8, think: 25 * time.Millisecond}),
}

// healthy returns the healthy service at one level. Its time is that of the statement.
func healthy(level string, c clients) row {
	return row{service: "healthy, " + level, also: []string{"other-side"}, needs: []string{"postgres", "redis", "http"}, load: []clients{c}, open: openShop}
}

// A shop answers with an item: its row, its price by another service, its views. The first
// two are asked for at once.
type shop struct {
	pool  *pgxpool.Pool
	views *redis.Pool
	price string
	http  *http.Client
}

func openShop(ctx context.Context, env scenario.Env) (http.Handler, error) {
	pool, err := openPostgres(ctx, env, 16)
	if err != nil {
		return nil, err
	}
	s := &shop{pool: pool, price: "http://" + env["http"] + "?wait=3ms&rest=0s&size=100", http: roomy(),
		views: &redis.Pool{MaxIdle: 16, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", env["redis"]) }}}
	context.AfterFunc(ctx, func() { s.views.Close() })
	return s, nil
}

// An item is the shop's answer.
type item struct {
	Name  string `json:"name"`
	Views int    `json:"views"`
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	it, err := s.item(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	json.NewEncoder(w).Encode(it)
}

func (s *shop) item(ctx context.Context) (it item, err error) {
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error {
		return s.pool.QueryRow(ctx, "SELECT 'item ' || $1::int FROM pg_sleep(0.008)", 7).Scan(&it.Name)
	})
	both.Go(func() error { return get(ctx, s.http, s.price) })
	if err := both.Wait(); err != nil {
		return it, err
	}
	it.Views, err = s.count()
	return it, err
}

func (s *shop) count() (n int, err error) {
	c := s.views.Get()
	defer func() { err = errors.Join(err, c.Close()) }()
	if n, err = redis.Int(c.Do("INCR", "views")); err != nil {
		return 0, fmt.Errorf("counting a view: %w", err)
	}
	return n, nil
}
