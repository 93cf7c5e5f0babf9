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
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"

	"timesink/cmd/internal/services/scenario"
)

// Services whose requests share workers, a table or a file, for rows of stores_whole.go.

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
