package main

import (
	"context"
	"database/sql"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"timesink/cmd/internal/services/scenario"
)

// hangRows are about requests that do not end, and what is never given back.
var hangRows = []row{
	{service: "a pool that its own requests have used up", plants: "deadlock", also: []string{"nested-acquisition", "pool-starved", "stuck-requests"}, hangs: true, needs: []string{"postgres"}, load: []clients{{number: 8}}, open: handled(openNested(3))},
	{service: "workers that have ended", plants: "stuck-requests", also: []string{"no-deadline"}, hangs: true, load: []clients{{number: 6}}, open: handled(openEnded)},
	{service: "two locks taken in both orders", plants: "deadlock", also: []string{"stuck-requests", "lock-contended"}, hangs: true, load: []clients{{number: 6}}, open: handled(openTransfers)},
	{service: "a goroutine left behind by each request", plants: "goroutines-grow", slowly: true, also: []string{"other-side", "sleeping"}, needs: []string{"http"}, open: handled(openLeaving)},
	{service: "connections that are not given back", plants: "connection-leak", also: []string{"stuck-requests", "pool-starved"}, hangs: true, needs: []string{"postgres"}, load: []clients{{number: 6}}, open: handled(openLeaking)},
	{service: "a worker that waits for its clients", plants: "deadlock", also: []string{"stuck-requests"}, hangs: true, load: []clients{{number: 6}}, open: handled(openPairs)},
	{service: "a lock taken twice", plants: "deadlock", also: []string{"stuck-requests", "lock-contended"}, hangs: true, load: []clients{{number: 6}}, open: handled(openTwice)},
	{service: "a lock that is kept on one way out", plants: "stuck-requests", also: []string{"lock-contended"}, hangs: true, load: []clients{{number: 6}}, open: handled(openKept)},
	{service: "rows that stay open", plants: "connection-leak", also: []string{"stuck-requests", "pool-starved"}, hangs: true, needs: []string{"postgres"}, load: []clients{{number: 6}}, open: handled(openUnclosed)},
	{service: "jobs that outlast their request", also: []string{"other-side"}, needs: []string{"http"}, open: handled(openJobs)},
	{service: "long work under a lock", also: []string{"lock-held-across-call", "other-side"}, hangs: true, needs: []string{"postgres"}, load: []clients{{number: 4}}, open: handled(openLongWork)},
	{service: "a long poll", load: []clients{{number: 6}}, hangs: true, open: openPoll},
}

// An account has a balance under a lock.
type account struct {
	mu      sync.Mutex
	balance int
}

// openTransfers moves money between two accounts in both directions: each transfer takes
// the lock of the payer, then that of the payee.
func openTransfers(context.Context, scenario.Env) (work, error) {
	var a, b account
	var number atomic.Int64
	return func(context.Context) error {
		if number.Add(1)%2 == 0 {
			transfer(&a, &b)
		} else {
			transfer(&b, &a)
		}
		return nil
	}, nil
}

func transfer(from, to *account) {
	from.mu.Lock()
	defer from.mu.Unlock()
	time.Sleep(time.Millisecond) // as if it looked something up
	to.mu.Lock()
	defer to.mu.Unlock()
	from.balance--
	to.balance++
}

// openEnded gives jobs to two workers that end at a job they do not like.
func openEnded(context.Context, scenario.Env) (work, error) {
	jobs := make(chan job)
	for range 2 {
		go func() {
			for number := 0; number < 20; number++ {
				j := <-jobs
				j.done <- nil
			}
		}()
	}
	return func(ctx context.Context) error {
		j := job{ctx, make(chan error, 1)}
		jobs <- j
		return <-j.done
	}, nil
}

// openLeaving takes the first of two answers; nobody takes the second.
func openLeaving(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=4ms&rest=0s&size=200"
	return func(ctx context.Context) error { return first(context.WithoutCancel(ctx), client, url) }, nil
}

func first(ctx context.Context, client *http.Client, url string) error {
	answers := make(chan error)
	for range 2 {
		go func() { answers <- get(ctx, client, url) }()
	}
	return <-answers
}

// openLeaking keeps the connection of each tenth request.
func openLeaking(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 4)
	if err != nil {
		return nil, err
	}
	var number atomic.Int64
	return func(ctx context.Context) error { return use(context.WithoutCancel(ctx), pool, number.Add(1)%10 == 0) }, nil
}

// use forgets to release the connection on one of its ways out.
func use(ctx context.Context, pool *pgxpool.Pool, early bool) error {
	c, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	if early {
		return nil
	}
	defer c.Release()
	_, err = c.Exec(ctx, "SELECT pg_sleep(0.002)")
	return err
}

// openPairs hands two jobs to a worker before it takes the first result.
func openPairs(context.Context, scenario.Env) (work, error) {
	jobs, results := make(chan int), make(chan int)
	go square(jobs, results)
	return func(context.Context) error {
		jobs <- 1
		jobs <- 2
		<-results
		<-results
		return nil
	}, nil
}

func square(jobs <-chan int, results chan<- int) {
	for n := range jobs {
		results <- n * n
	}
}

// A ledger has entries under a lock.
type ledger struct {
	mu      sync.Mutex
	entries int
}

// openTwice adds entries, and each twentieth time looks at them while it has the lock.
func openTwice(context.Context, scenario.Env) (work, error) {
	var l ledger
	var number atomic.Int64
	return func(context.Context) error { l.add(number.Add(1)%20 == 0); return nil }, nil
}

func (l *ledger) add(look bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.entries++; look {
		l.count()
	}
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries
}

// openKept forgets to unlock each twentieth time.
func openKept(context.Context, scenario.Env) (work, error) {
	var l ledger
	var number atomic.Int64
	return func(context.Context) error { l.addEarly(number.Add(1)%20 == 0); return nil }, nil
}

func (l *ledger) addEarly(full bool) {
	l.mu.Lock()
	if full {
		return
	}
	l.entries++
	l.mu.Unlock()
}

// openUnclosed reads only the first of several rows each tenth time, and leaves the others.
func openUnclosed(ctx context.Context, env scenario.Env) (work, error) {
	db, err := openDB(ctx, "pgx", env["postgres"], 4)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	var number atomic.Int64
	return func(ctx context.Context) error { return firstOf(db, number.Add(1)%10 == 0) }, nil
}

func firstOf(db *sql.DB, leave bool) error {
	rows, err := db.Query("SELECT g FROM generate_series(1, 100) g")
	if err != nil {
		return err
	}
	var n int
	for rows.Next() {
		if err := rows.Scan(&n); err != nil || leave {
			return err
		}
	}
	return rows.Close()
}

// openJobs starts a job for each request, which waits for a while after it.
func openJobs(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=4ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		over := make(chan struct{})
		go func() { <-over }()
		time.AfterFunc(1200*time.Millisecond, func() { close(over) })
		return get(ctx, client, url)
	}, nil
}

// openLongWork does a hundred statements under one lock.
func openLongWork(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 4)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	return func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		for range 100 {
			if _, err := pool.Exec(ctx, "SELECT pg_sleep(0.06)"); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// openPoll answers when there is news, which there never is.
func openPoll(context.Context, scenario.Env) (http.Handler, error) {
	news := make(chan string)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case s := <-news:
			w.Write([]byte(s))
		case <-r.Context().Done():
		}
	}), nil
}
