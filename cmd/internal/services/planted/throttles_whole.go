//go:build whole

package main

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/ratelimit"
	"golang.org/x/sync/errgroup"

	"timesink/cmd/internal/services/scenario"
)

func init() { families = append(families, family{"throttles", throttleRows}) }

// throttleRows are about requests that are let through one after another: by a limit, by a
// stage that is slow, or by what a job holds.
var throttleRows = []row{
	{service: "a limiter that all calls take", plants: "rate-limiter", load: []clients{{number: 4}}, open: handled(openTaken)},
	{service: "a tick that each request takes", plants: "sleeping", load: []clients{{number: 4}}, open: handled(openTicks)},
	{service: "a pipeline whose last stage is slow", plants: "worker-queue", also: []string{"other-side"}, needs: []string{"http"}, load: six, open: handled(openStages)},
	{service: "slots that a condition variable guards", plants: "concurrency-limit", also: []string{"other-side"}, needs: []string{"http"}, load: six, open: handled(openSlots)},
	{service: "a hub whose subscribers call another service", plants: "worker-queue", needs: []string{"http"}, load: []clients{{number: 4}}, open: handled(openBroadcast)},
	{service: "a group that all requests share", plants: "concurrency-limit", also: []string{"other-side"}, needs: []string{"http"}, load: six, open: handled(openSharedGroup)},
	{service: "statements of a transaction, all at once", also: []string{"sequential-calls", "other-side"}, needs: []string{"distant postgres"}, load: one, open: handled(openTogether)},
	{service: "connections that a job keeps", plants: "pool-too-small", also: []string{"pool-held", "pool-starved"}, needs: []string{"postgres"}, load: []clients{{number: 4}}, open: handled(openKeptByJob)},
}

func openTaken(context.Context, scenario.Env) (work, error) {
	limiter := ratelimit.New(100)
	return func(context.Context) error { limiter.Take(); return nil }, nil
}

func openTicks(ctx context.Context, _ scenario.Env) (work, error) {
	ticks := time.NewTicker(10 * time.Millisecond)
	context.AfterFunc(ctx, ticks.Stop)
	return func(context.Context) error { <-ticks.C; return nil }, nil
}

// A parcel goes through the stages of a pipeline.
type parcel struct {
	ctx  context.Context
	done chan error
}

func openStages(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=5ms&rest=0s&size=200"
	checked, packed := make(chan parcel), make(chan parcel)
	ship := make(chan parcel)
	for range 4 {
		go passOn(checked, packed)
		go passOn(packed, ship)
	}
	go func() {
		for p := range ship {
			p.done <- get(p.ctx, client, url)
		}
	}()
	return func(ctx context.Context) error {
		p := parcel{ctx, make(chan error, 1)}
		checked <- p
		return <-p.done
	}, nil
}

func passOn(from <-chan parcel, to chan<- parcel) {
	for p := range from {
		to <- p
	}
}

// Slots are a pool of two places.
type slots struct {
	mu    sync.Mutex
	freed *sync.Cond
	free  int
}

func (s *slots) take() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.free == 0 {
		s.freed.Wait()
	}
	s.free--
}

func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	s.freed.Signal()
}

func openSlots(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=6ms&rest=0s&size=200"
	s := &slots{free: 2}
	s.freed = sync.NewCond(&s.mu)
	return func(ctx context.Context) error {
		s.take()
		defer s.give()
		return get(ctx, client, url)
	}, nil
}

// openBroadcast hands each message to three subscribers, one after another. Each makes a call for
// it before it takes the next one.
func openBroadcast(ctx context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=6ms&rest=0s&size=200"
	var subscribers []chan string
	for range 3 {
		messages := make(chan string)
		subscribers = append(subscribers, messages)
		go deliver(messages, func(string) { get(ctx, client, url) })
	}
	said := make(chan string)
	go broadcast(said, subscribers)
	return func(context.Context) error { said <- "news"; return nil }, nil
}

func broadcast(said <-chan string, subscribers []chan string) {
	for message := range said {
		for _, s := range subscribers {
			s <- message
		}
	}
}

func deliver(messages <-chan string, send func(string)) {
	for m := range messages {
		send(m)
	}
}

func openSharedGroup(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=6ms&rest=0s&size=200"
	var all errgroup.Group
	all.SetLimit(2)
	return func(ctx context.Context) error {
		done := make(chan error, 1)
		all.Go(func() error { done <- get(ctx, client, url); return nil })
		return <-done
	}, nil
}

func openTogether(ctx context.Context, env scenario.Env) (work, error) {
	db, err := openDB(ctx, "pgx", env["distant postgres"], 8)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return inTransaction(ctx, db) }, nil
}

func inTransaction(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var all errgroup.Group
	for n := range 6 {
		all.Go(func() error {
			_, err := tx.ExecContext(ctx, fmt.Sprintf("SELECT %d", n))
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	return tx.Commit()
}

func openKeptByJob(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 4)
	if err != nil {
		return nil, err
	}
	for range 4 {
		go recount(ctx, pool)
	}
	return asks(pool, "SELECT 'user'"), nil
}

func recount(ctx context.Context, pool *pgxpool.Pool) {
	for ctx.Err() == nil {
		pool.Exec(ctx, "SELECT pg_sleep(0.04)")
	}
}
