//go:build whole

package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	amqp "github.com/rabbitmq/amqp091-go"
	goredis "github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

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

func openPopped(ctx context.Context, env scenario.Env) (work, error) {
	client := goredis.NewClient(&goredis.Options{Addr: env["redis"]})
	context.AfterFunc(ctx, func() { client.Close() })
	go every(ctx, 10*time.Millisecond, func() { client.LPush(ctx, "jobs", "one") })
	return func(ctx context.Context) error { return popJob(ctx, client) }, nil
}

func popJob(ctx context.Context, client *goredis.Client) error {
	return client.BRPop(ctx, 10*time.Second, "jobs").Err()
}

func openNextMessage(ctx context.Context, env scenario.Env) (work, error) {
	conn, err := nats.Connect(env["nats"])
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, conn.Close)
	sub, err := conn.QueueSubscribeSync("jobs", "all")
	if err != nil {
		return nil, err
	}
	go every(ctx, 10*time.Millisecond, func() { conn.Publish("jobs", []byte("one")) })
	return func(ctx context.Context) error { return nextJob(sub) }, nil
}

func nextJob(sub *nats.Subscription) error {
	_, err := sub.NextMsg(10 * time.Second)
	return err
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

// openChannels opens as many channels with confirms until the context ends.
func openChannels(ctx context.Context, address string, number int) (chan *amqp.Channel, error) {
	conn, err := amqp.Dial("amqp://guest:guest@" + address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	channels := make(chan *amqp.Channel, number)
	for range number {
		c, err := conn.Channel()
		if err != nil {
			return nil, err
		}
		if _, err := c.QueueDeclare("events", false, true, false, false, amqp.Table{"x-max-length": 10}); err != nil {
			return nil, err
		}
		if err := c.Confirm(false); err != nil {
			return nil, err
		}
		channels <- c
	}
	return channels, nil
}

func publishEvent(ctx context.Context, c *amqp.Channel) (*amqp.DeferredConfirmation, error) {
	return c.PublishWithDeferredConfirmWithContext(ctx, "", "events", false, false, amqp.Publishing{Body: []byte("event")})
}

func publishConfirmed(ctx context.Context, c *amqp.Channel) error {
	confirm, err := publishEvent(ctx, c)
	if err != nil {
		return err
	}
	_, err = confirm.WaitContext(ctx)
	return err
}

func openConfirmed(atOnce bool) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		channels, err := openChannels(ctx, env["amqp"], 4)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			c := <-channels
			defer func() { channels <- c }()
			if atOnce {
				return publishAll(ctx, c)
			}
			for range 10 {
				if err := publishConfirmed(ctx, c); err != nil {
					return err
				}
			}
			return nil
		}, nil
	}
}

func publishAll(ctx context.Context, c *amqp.Channel) error {
	var confirms []*amqp.DeferredConfirmation
	for range 10 {
		confirm, err := publishEvent(ctx, c)
		if err != nil {
			return err
		}
		confirms = append(confirms, confirm)
	}
	for _, confirm := range confirms {
		if _, err := confirm.WaitContext(ctx); err != nil {
			return err
		}
	}
	return nil
}

func openSharedChannel(ctx context.Context, env scenario.Env) (work, error) {
	channels, err := openChannels(ctx, env["amqp"], 1)
	if err != nil {
		return nil, err
	}
	c, mu := <-channels, sync.Mutex{}
	return func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		return publishConfirmed(ctx, c)
	}, nil
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

func openFanIn(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	events := make(chan string)
	go storeEvents(ctx, pool, events)
	return func(ctx context.Context) error {
		for range 3 {
			events <- "seen"
		}
		return nil
	}, nil
}

func storeEvents(ctx context.Context, pool *pgxpool.Pool, events <-chan string) {
	for event := range events {
		pool.Exec(ctx, "SELECT pg_sleep(0.002), $1::text", event)
	}
}

func openKinds(ctx context.Context, env scenario.Env) (http.Handler, error) {
	jobs := make(chan func())
	for range 3 {
		go runJobs(jobs)
	}
	client, url := roomy(), "http://"+env["http"]
	mux := http.NewServeMux()
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		scenario.Answer(w, inJob(jobs, func() error { return get(r.Context(), client, url+"?wait=40ms&rest=0s&size=200") }))
	})
	mux.HandleFunc("GET /quick", func(w http.ResponseWriter, r *http.Request) {
		scenario.Answer(w, inJob(jobs, func() error { return get(r.Context(), client, url+"?wait=1ms&rest=0s&size=200") }))
	})
	return mux, nil
}

func runJobs(jobs <-chan func()) {
	for job := range jobs {
		job()
	}
}

func inJob(jobs chan<- func(), do func() error) error {
	done := make(chan error, 1)
	jobs <- func() { done <- do() }
	return <-done
}

func openOnce(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	load := sync.OnceValue(func() error { return loadTable(ctx, pool) })
	client, url := roomy(), "http://"+env["http"]+"?wait=2ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		if err := load(); err != nil {
			return err
		}
		return get(ctx, client, url)
	}, nil
}

func loadTable(ctx context.Context, pool *pgxpool.Pool) error {
	for range 100 {
		if _, err := pool.Exec(ctx, "SELECT pg_sleep(0.005)"); err != nil {
			return err
		}
	}
	return nil
}

// A rotatedLog is compressed when it has enough lines.
type rotatedLog struct {
	mu    sync.Mutex
	dir   string
	f     *os.File
	lines int
}

func openRotated(_ context.Context, env scenario.Env) (work, error) {
	f, err := os.Create(filepath.Join(env["folder"], "log"))
	if err != nil {
		return nil, err
	}
	l := &rotatedLog{dir: env["folder"], f: f}
	client, url := roomy(), "http://"+env["http"]+"?wait=2ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		if err := get(ctx, client, url); err != nil {
			return err
		}
		return l.print(strings.Repeat("a line of the log ", 100))
	}, nil
}

func (l *rotatedLog) print(line string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines++; l.lines%1000 == 0 {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(l.f, line)
	return err
}

func (l *rotatedLog) rotate() error {
	data, err := os.ReadFile(l.f.Name())
	if err != nil {
		return err
	}
	old, err := os.Create(filepath.Join(l.dir, "log.gz"))
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(old, gzip.BestCompression)
	if err != nil {
		return err
	}
	for range 4 {
		z.Write(data)
	}
	return errors.Join(z.Close(), old.Close(), l.f.Truncate(0))
}

// A savedState is written to a file at each change.
type savedState struct {
	mu   sync.Mutex
	path string
	n    map[string]int
}

func openState(_ context.Context, env scenario.Env) (work, error) {
	s := &savedState{path: filepath.Join(env["folder"], "state.json"), n: map[string]int{}}
	return func(context.Context) error { return s.count("visits") }, nil
}

func (s *savedState) count(what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n[what]++
	f, err := os.Create(s.path + ".new")
	if err != nil {
		return err
	}
	err = json.NewEncoder(f).Encode(s.n)
	return errors.Join(err, f.Sync(), f.Close(), os.Rename(s.path+".new", s.path))
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
	return func(ctx context.Context) error {
		c, err := pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer c.Release()
		if err := tryLock(ctx, c); err != nil {
			return err
		}
		if err := get(ctx, client, url); err != nil {
			return err
		}
		_, err = c.Exec(ctx, "SELECT pg_advisory_unlock(11)")
		return err
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
