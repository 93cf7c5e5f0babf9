package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver mysql
	goredis "github.com/redis/go-redis/v9"

	"timesink/cmd/internal/services/scenario"
)

func openDeadline(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=300ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
		defer cancel()
		if err := get(ctx, client, url); !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("the call did not end by its deadline: %v", err)
		}
		return nil // the answer does without
	}, nil
}

// openDeadlineOfStatement opens a database by one of its drivers. Each statement would
// take ten times as long as it may.
func openDeadlineOfStatement(driver string) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		db, err := sql.Open(driver, env["postgres"])
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { db.Close() })
		return func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 40*time.Millisecond)
			defer cancel()
			_, err := db.ExecContext(ctx, "SELECT pg_sleep(0.4)")
			return late(err)
		}, nil
	}
}

// late returns an error unless something ended by its deadline.
func late(err error) error {
	if err == nil {
		return errors.New("there was an answer in time")
	}
	return nil
}

func openReadTimeout(ctx context.Context, env scenario.Env) (work, error) {
	db, err := sql.Open("mysql", env["mariadb"]+"?readTimeout=40ms")
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { db.Close() })
	return func(ctx context.Context) error {
		_, err := db.ExecContext(ctx, "DO SLEEP(0.4)")
		return late(err)
	}, nil
}

func openCommandTimeout(ctx context.Context, env scenario.Env) (work, error) {
	c := goredis.NewClient(&goredis.Options{Addr: env["redis"], ReadTimeout: 40 * time.Millisecond, MaxRetries: -1})
	context.AfterFunc(ctx, func() { c.Close() })
	return func(ctx context.Context) error { return late(c.Do(ctx, "BLPOP", "never", "0.4").Err()) }, nil
}

// openGivenUp waits for a call for a while, and then for it no longer.
func openGivenUp(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=200ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		done := make(chan error, 1)
		go func() { done <- get(context.WithoutCancel(ctx), client, url) }()
		select {
		case err := <-done:
			return errors.Join(err, late(nil))
		case <-time.After(30 * time.Millisecond):
			return nil
		}
	}, nil
}

func openInTime(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=8ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return get(ctx, client, url)
	}, nil
}
