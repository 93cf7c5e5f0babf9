//go:build whole

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	goredis "github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"timesink/cmd/internal/services/scenario"
)

// Services that ask caches, for rows of stores_whole.go.

func openPopped(ctx context.Context, env scenario.Env) (work, error) {
	client := goredis.NewClient(&goredis.Options{Addr: env["redis"]})
	context.AfterFunc(ctx, func() { client.Close() })
	go every(ctx, 10*time.Millisecond, func() { client.LPush(ctx, "jobs", "one") })
	return func(ctx context.Context) error { return popJob(ctx, client) }, nil
}

func popJob(ctx context.Context, client *goredis.Client) error {
	return client.BRPop(ctx, 10*time.Second, "jobs").Err()
}

func openMemcached(idle int) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		client := memcache.New(env["memcached"] + env["slow memcached"])
		client.MaxIdleConns, client.Timeout = idle, 10*time.Second
		if err := client.Set(&memcache.Item{Key: "item", Value: []byte("value")}); err != nil {
			return nil, err
		}
		return func(context.Context) error {
			_, err := client.Get("item")
			return err
		}, nil
	}
}

func openManyAtOnce(most int) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		client := goredis.NewClient(&goredis.Options{Addr: env["distant redis"], PoolSize: most, PoolTimeout: time.Minute})
		context.AfterFunc(ctx, func() { client.Close() })
		return func(ctx context.Context) error {
			all, ctx := errgroup.WithContext(ctx)
			for n := range 12 {
				all.Go(func() error { return client.Set(ctx, "item:"+strconv.Itoa(n), n, 0).Err() })
			}
			return all.Wait()
		}, nil
	}
}

func openScript(ctx context.Context, env scenario.Env) (http.Handler, error) {
	client := goredis.NewClient(&goredis.Options{Addr: env["redis"]})
	context.AfterFunc(ctx, func() { client.Close() })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /report", func(w http.ResponseWriter, r *http.Request) {
		scenario.Answer(w, client.Eval(r.Context(), "local n = 0; for i = 1, 1000000 do n = n + i end; return n", nil).Err())
	})
	mux.HandleFunc("GET /item", func(w http.ResponseWriter, r *http.Request) {
		scenario.Answer(w, client.Set(r.Context(), "item", 1, 0).Err())
	})
	return mux, nil
}

// A cache of few entries saves those that it drops.
type savingCache struct {
	mu     sync.Mutex
	order  []string
	client *goredis.Client
}

func openEvicting(ctx context.Context, env scenario.Env) (work, error) {
	c := &savingCache{client: goredis.NewClient(&goredis.Options{Addr: env["distant redis"]})}
	context.AfterFunc(ctx, func() { c.client.Close() })
	return c.add, nil
}

func (c *savingCache) add(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order = append(c.order, "item")
	if len(c.order) < 10 {
		return nil
	}
	oldest := c.order[0]
	c.order = c.order[1:]
	return c.save(ctx, oldest)
}

func (c *savingCache) save(ctx context.Context, item string) error {
	return c.client.Set(ctx, item, "value", 0).Err()
}

// A cleaned cache is scanned for old entries now and then.
type cleanedCache struct {
	mu    sync.Mutex
	until map[int]time.Time
}

func openJanitor(ctx context.Context, env scenario.Env) (work, error) {
	c := &cleanedCache{until: map[int]time.Time{}}
	for n := range 1_000_000 {
		c.until[n] = time.Now().Add(time.Hour)
	}
	go every(ctx, 500*time.Millisecond, c.deleteOld)
	client, url := roomy(), "http://"+env["http"]+"?wait=2ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		c.has(7)
		return get(ctx, client, url)
	}, nil
}

func (c *cleanedCache) has(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.until[n].After(time.Now())
}

func (c *cleanedCache) deleteOld() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for n, until := range c.until {
		if until.Before(now) {
			delete(c.until, n)
		}
	}
}

func openLargeValue(ctx context.Context, env scenario.Env) (work, error) {
	client := goredis.NewClient(&goredis.Options{Addr: env["redis"]})
	context.AfterFunc(ctx, func() { client.Close() })
	value, err := json.Marshal(newList(4000).items)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return readList(ctx, client) }, client.Set(ctx, "list", value, 0).Err()
}

func readList(ctx context.Context, client *goredis.Client) error {
	value, err := client.Get(ctx, "list").Bytes()
	if err != nil {
		return err
	}
	var items []map[string]any
	return json.Unmarshal(value, &items)
}
