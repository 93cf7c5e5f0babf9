package main

import (
	"context"
	"database/sql"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
	gormpg "gorm.io/driver/postgres"
	"gorm.io/gorm"

	"timesink/cmd/internal/services/scenario"
)

// reportedRows are causes that people reported of services like these: with other libraries,
// or in another shape, than those of the other families.
var reportedRows = []row{
	{service: "a rate limiter for two endpoints", plants: "rate-limiter", load: []clients{{number: 2, path: "/a"}, {number: 2, path: "/b"}}, open: openSharedLimiter},
	{service: "eight calls, two at a time", plants: "sequential-calls", needs: []string{"http"}, open: handled(openLimitedGroup)},
	{service: "answers that are never closed, by few connections", plants: "connection-leak", hangs: true, needs: []string{"http"}, load: []clients{{number: 6}}, open: handled(openUnclosedBody)},
	{service: "a row of MariaDB locked over a call", plants: "row-lock", also: []string{"transaction-across-call"}, needs: []string{"mariadb", "http"}, load: []clients{{number: 8}}, open: handled(openMariaStock)},
	{service: "an advisory lock over a call", plants: "row-lock", also: []string{"transaction-across-call"}, needs: []string{"postgres", "http"}, load: []clients{{number: 6}}, open: handled(openAdvisory)},
	{service: "a query of gorm for each item of a list", plants: "many-queries", needs: []string{"postgres"}, open: handled(openGorm)},
	{service: "a password hashed for each login", plants: "crypto", load: one, open: handled(openLogin)},
	{service: "entries that a ticker writes", plants: "sleeping", needs: []string{"postgres"}, load: []clients{{number: 6}}, open: handled(openTicked)},
	{service: "a cache that is filled under its lock", plants: "lock-held-across-call", needs: []string{"http"}, load: []clients{{number: 6}}, open: handled(openRefreshed)},
	{service: "a goroutine that owns the state", plants: "worker-queue", also: []string{"cpu-own-code"}, load: []clients{{number: 6}}, open: handled(openActor)},
	{service: "log lines that one goroutine writes to a pipe", plants: "worker-queue", also: []string{"sync-file-write"}, load: []clients{{number: 4}}, open: handled(openLoggerGoroutine)},
	{service: "three attempts that end by their deadline", plants: "timeout-reached", also: []string{"dial-per-call", "retries"}, needs: []string{"http"}, open: handled(openAttempts)},
	{service: "a job that is polled for", plants: "retries", also: []string{"sleeping"}, needs: []string{"postgres"}, load: []clients{{number: 3}}, open: handled(openPollDatabase)},
}

// openSharedLimiter has one limiter for all.
func openSharedLimiter(context.Context, scenario.Env) (http.Handler, error) {
	l := rate.NewLimiter(100, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /a", func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, l.Wait(r.Context())) })
	mux.HandleFunc("GET /b", func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, l.Wait(r.Context())) })
	return mux, nil
}

func openLimitedGroup(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=6ms&rest=0s&size=200"
	return func(ctx context.Context) error { return fetchAll(ctx, client, url) }, nil
}

func fetchAll(ctx context.Context, client *http.Client, url string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	for range 8 {
		g.Go(func() error { return get(ctx, client, url) })
	}
	return g.Wait()
}

// openUnclosedBody leaves answers open, and the connections with them.
func openUnclosedBody(_ context.Context, env scenario.Env) (work, error) {
	client, url := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 10}}, "http://"+env["http"]+"?wait=4ms&rest=0s&size=20000"
	return func(context.Context) error {
		resp, err := client.Get(url)
		if err != nil {
			return err
		}
		_, err = resp.Body.Read(make([]byte, 16))
		return err // the body is not closed
	}, nil
}

func openMariaStock(ctx context.Context, env scenario.Env) (work, error) {
	db, err := sql.Open("mysql", env["mariadb"])
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(32)
	context.AfterFunc(ctx, func() { db.Close() })
	for _, s := range []string{"CREATE TABLE IF NOT EXISTS stock (id INT PRIMARY KEY, n INT) ENGINE=InnoDB", "INSERT IGNORE INTO stock VALUES (1, 1000000)"} {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return nil, err
		}
	}
	client, url := roomy(), "http://"+env["http"]+"?wait=8ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT n FROM stock WHERE id = 1 FOR UPDATE").Scan(&n); err != nil {
			return err
		}
		if err := get(ctx, client, url); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE stock SET n = n - 1 WHERE id = 1"); err != nil {
			return err
		}
		return tx.Commit()
	}, nil
}

func openAdvisory(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 20)
	if err != nil {
		return nil, err
	}
	client, url := roomy(), "http://"+env["http"]+"?wait=8ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(7)"); err != nil {
				return err
			}
			return get(ctx, client, url)
		})
	}, nil
}

// A thing is a row.
type thing struct {
	ID   int
	Name string
}

func openGorm(ctx context.Context, env scenario.Env) (work, error) {
	db, err := gorm.Open(gormpg.Open(env["postgres"]), &gorm.Config{})
	if err != nil {
		return nil, err
	}
	if err := db.Exec("CREATE TABLE IF NOT EXISTS things (id int primary key, name text); INSERT INTO things SELECT n, 'thing ' || n FROM generate_series(1, 40) n ON CONFLICT DO NOTHING").Error; err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return loadThings(ctx, db) }, nil
}

func loadThings(ctx context.Context, db *gorm.DB) error {
	var list []thing
	if err := db.WithContext(ctx).Select("id").Find(&list).Error; err != nil {
		return err
	}
	for i := range list {
		if err := db.WithContext(ctx).First(&list[i], list[i].ID).Error; err != nil {
			return err
		}
	}
	return nil
}

func openLogin(context.Context, scenario.Env) (work, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), 8)
	if err != nil {
		return nil, err
	}
	return func(context.Context) error { return login(hash) }, nil
}

func login(hash []byte) error { return bcrypt.CompareHashAndPassword(hash, []byte("secret")) }

// A pending is something to be written with others.
type pending struct {
	n    int
	done chan error
}

func openTicked(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 4)
	if err != nil {
		return nil, err
	}
	in := make(chan pending, 1000)
	go flushLoop(ctx, pool, in)
	return func(ctx context.Context) error {
		w := pending{1, make(chan error, 1)}
		in <- w
		return <-w.done
	}, nil
}

func flushLoop(ctx context.Context, pool *pgxpool.Pool, in chan pending) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var batch []pending
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-in:
			batch = append(batch, w)
		case <-tick.C:
			_, err := pool.Exec(ctx, "SELECT $1::int", len(batch))
			for _, w := range batch {
				w.done <- err
			}
			batch = nil
		}
	}
}

// A refreshed value expires.
type refreshed struct {
	mu    sync.Mutex
	until time.Time
}

func openRefreshed(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=40ms&rest=0s&size=200"
	var c refreshed
	return func(ctx context.Context) error { return c.value(ctx, client, url) }, nil
}

func (c *refreshed) value(ctx context.Context, client *http.Client, url string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.until) {
		return nil
	}
	err := get(ctx, client, url)
	c.until = time.Now().Add(10 * time.Millisecond)
	return err
}

func openActor(ctx context.Context, _ scenario.Env) (work, error) {
	in := make(chan chan int)
	go func() {
		state := map[int]int{}
		for {
			select {
			case <-ctx.Done():
				return
			case out := <-in:
				compute(3 * time.Millisecond)
				state[1]++
				out <- state[1]
			}
		}
	}()
	return func(context.Context) error {
		out := make(chan int)
		in <- out
		<-out
		return nil
	}, nil
}

// slowPipe returns the writing end of a pipe that is read slowly.
func slowPipe(ctx context.Context) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go func() {
		buf := make([]byte, 4096)
		for ctx.Err() == nil {
			if _, err := r.Read(buf); err != nil {
				return
			}
			time.Sleep(4 * time.Millisecond)
		}
	}()
	return w, nil
}

func openLoggerGoroutine(ctx context.Context, _ scenario.Env) (work, error) {
	w, err := slowPipe(ctx)
	if err != nil {
		return nil, err
	}
	lines := make(chan string, 16)
	go func() {
		for l := range lines {
			io.WriteString(w, l)
		}
	}()
	text := string(make([]byte, 1000)) + "\n"
	return func(context.Context) error {
		for range 3 {
			lines <- text
		}
		return nil
	}, nil
}

func openAttempts(_ context.Context, env scenario.Env) (work, error) {
	client, url := &http.Client{Timeout: 30 * time.Millisecond, Transport: &http.Transport{MaxIdleConnsPerHost: 20}}, "http://"+env["http"]+"?wait=200ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		for range 3 {
			if err := get(ctx, client, url); err == nil {
				return nil
			}
			time.Sleep(5 * time.Millisecond)
		}
		return nil
	}, nil
}

func openPollDatabase(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	ask := asks(pool, "SELECT 1")
	return func(ctx context.Context) error {
		done := time.Now().Add(45 * time.Millisecond)
		for time.Now().Before(done) {
			if err := ask(ctx); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Millisecond):
			}
		}
		return nil
	}, nil
}
