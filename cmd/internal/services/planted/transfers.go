package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"timesink/cmd/internal/services/scenario"
)

// transferRows are about files and clients.
var transferRows = []row{
	{service: "log lines to a pipe that is read slowly", plants: "sync-file-write", needs: []string{"slow reader"}, load: []clients{{number: 4}}, open: handled(openLog)},
	{service: "an order synced to the disk", plants: "sync-file-write", needs: []string{"folder"}, open: handled(openOrders)},
	{service: "log lines to a file, and a statement", also: []string{"other-side"}, needs: []string{"folder", "postgres"}, open: handled(openQuickLog)},
	{service: "files read, and nothing written", needs: []string{"folder"}, open: handled(openReading)},
	{service: "an export that clients read slowly", plants: "slow-client", load: []clients{{number: 3, slowly: time.Millisecond}}, open: openExport},
	{service: "an upload that clients send slowly", plants: "slow-client", load: []clients{{number: 3, body: 4 * part, pauses: 8 * time.Millisecond}}, open: openUpload},
	{service: "an export that clients read at once", also: []string{"other-side"}, needs: []string{"postgres"}, open: openQuickExport},
}

// openLog logs a long line for each request to a pipe.
func openLog(ctx context.Context, env scenario.Env) (work, error) {
	f, err := os.OpenFile(filepath.Join(env["slow reader"], "log"), os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { f.Close() })
	logger, body := slog.New(slog.NewJSONHandler(f, nil)), strings.Repeat("x", 30<<10)
	return func(context.Context) error { logger.Info("answered", "body", body); return nil }, nil
}

// openOrders writes a file of its own for each request, and syncs it.
func openOrders(_ context.Context, env scenario.Env) (work, error) {
	order := make([]byte, 256<<10)
	return func(context.Context) error {
		f, err := os.CreateTemp(env["folder"], "order-*")
		if err != nil {
			return err
		}
		defer os.Remove(f.Name())
		defer f.Close()
		if _, err := f.Write(order); err != nil {
			return err
		}
		return f.Sync()
	}, nil
}

// openQuickLog logs a line to a file, which takes no time worth mentioning.
func openQuickLog(ctx context.Context, env scenario.Env) (work, error) {
	f, err := os.CreateTemp(env["folder"], "log-*")
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { f.Close() })
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	logger, ask := slog.New(slog.NewJSONHandler(f, nil)), asks(pool, "SELECT pg_sleep(0.005)")
	return func(ctx context.Context) error {
		logger.Info("asked", "what", "nothing")
		return ask(ctx)
	}, nil
}

// openReading reads a large file for each request.
func openReading(_ context.Context, env scenario.Env) (work, error) {
	f, err := os.CreateTemp(env["folder"], "large-*")
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(make([]byte, 8<<20)); err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return func(context.Context) error {
		in, err := os.Open(f.Name())
		if err != nil {
			return err
		}
		defer in.Close()
		buf := make([]byte, 1<<20)
		for {
			if _, err := in.Read(buf); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
		}
	}, nil
}

// openExport answers with more than fits into the kernel's buffers.
func openExport(context.Context, scenario.Env) (http.Handler, error) { return export(6 << 20), nil }

type export int

func (size export) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	page := make([]byte, 64<<10)
	for sent := 0; sent < int(size); sent += len(page) {
		if _, err := w.Write(page); err != nil {
			return // the client has left
		}
	}
}

// openUpload reads what clients send.
func openUpload(context.Context, scenario.Env) (http.Handler, error) {
	return http.HandlerFunc(upload), nil
}

func upload(w http.ResponseWriter, r *http.Request) {
	_, err := io.Copy(io.Discard, r.Body)
	scenario.Answer(w, err)
}

// openQuickExport asks for something and answers with it.
func openQuickExport(ctx context.Context, env scenario.Env) (http.Handler, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	ask := asks(pool, "SELECT pg_sleep(0.008)")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := ask(r.Context()); err != nil {
			scenario.Answer(w, err)
			return
		}
		export(256<<10).ServeHTTP(w, r)
	}), nil
}
