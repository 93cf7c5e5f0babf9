package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"os/exec"
	"sync"

	"timesink/cmd/internal/services/scenario"
)

// waitRows are about waiting within the service.
var waitRows = []row{
	{service: "a mutex held over a query", plants: "lock-held-across-call", needs: []string{"postgres"}, load: []clients{{number: 6}}, open: handled(openGuardedQuery)},
	{service: "a mutex held while hashing", plants: "lock-contended", also: []string{"cpu-own-code"}, load: []clients{{number: 4}}, open: handled(openGuardedHash)},
	{service: "two workers for eight clients", plants: "worker-queue", needs: []string{"postgres"}, load: []clients{{number: 8}}, open: handled(openWorkers)},
	{service: "a log that is synced for several requests at once", plants: "batch-queue", needs: []string{"folder"}, load: []clients{{number: 16}}, open: handled(openJournal)},
	{service: "a shell for each request", plants: "child-process", open: handled(openShell)},
}

func openGuardedQuery(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	ask := asks(pool, "SELECT pg_sleep(0.005)")
	return func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		return ask(ctx)
	}, nil
}

// A counter counts under a lock, and computes more there than it must.
type counter struct {
	mu  sync.Mutex
	sum [sha256.Size]byte
}

func (c *counter) add(rounds int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range rounds {
		c.sum = sha256.Sum256(c.sum[:])
	}
}

func openGuardedHash(context.Context, scenario.Env) (work, error) {
	var c counter
	return func(context.Context) error { c.add(20_000); return nil }, nil
}

// A job is a request that a worker does.
type job struct {
	ctx  context.Context
	done chan error
}

func openWorkers(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	ask := asks(pool, "SELECT pg_sleep(0.006)")
	jobs := make(chan job)
	for range 2 {
		go func() {
			for j := range jobs {
				j.done <- ask(j.ctx)
			}
		}()
	}
	return func(ctx context.Context) error {
		j := job{ctx, make(chan error, 1)}
		jobs <- j
		return <-j.done
	}, nil
}

// A journal is a file that one goroutine writes and syncs, for all entries that have come
// meanwhile.
type journal struct {
	file    *os.File
	entries chan chan error
}

func openJournal(_ context.Context, env scenario.Env) (work, error) {
	f, err := os.CreateTemp(env["folder"], "journal-*")
	if err != nil {
		return nil, err
	}
	j := &journal{f, make(chan chan error, 256)}
	go j.keep()
	return func(context.Context) error {
		done := make(chan error, 1)
		j.entries <- done
		return <-done
	}, nil
}

func (j *journal) keep() {
	entry := make([]byte, 64<<10)
	for first := range j.entries {
		batch := []chan error{first}
		for n := len(j.entries); n > 0; n-- {
			batch = append(batch, <-j.entries)
		}
		_, err := j.file.Seek(0, 0)
		for range batch {
			_, failed := j.file.Write(entry)
			err = errors.Join(err, failed)
		}
		err = errors.Join(err, j.file.Sync())
		for _, done := range batch {
			done <- err
		}
	}
}

func openShell(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context) error {
		_, err := exec.CommandContext(ctx, "/bin/sh", "-c", "sleep 0.01; echo described").Output()
		return err
	}, nil
}
