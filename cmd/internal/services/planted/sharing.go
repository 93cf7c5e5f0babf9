package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"

	"timesink/cmd/internal/services/scenario"
)

// sharingRows are about what requests share: locks, pools, streams, one call for all.
var sharingRows = []row{
	{service: "a list encoded under its lock", plants: "lock-contended", also: []string{"serialization"}, load: []clients{{number: 4}}, open: handled(openEncoded(true))},
	{service: "a list copied under its lock, and encoded", plants: "serialization", also: []string{"no-processor"}, load: one, open: handled(openEncoded(false))},
	{service: "log lines to a slow pipe under the logger's lock", plants: "sync-file-write", needs: []string{"slow reader"}, load: []clients{{number: 6}}, open: handled(openLogger)},
	{service: "connections to Redis that consumers block", plants: "pool-too-small", also: []string{"pool-held"}, needs: []string{"redis"}, load: []clients{{number: 4}}, open: handled(openBlockedRedis)},
	{service: "a stream of gRPC at a time", plants: "pool-too-small", needs: []string{"grpc, one at a time"}, load: []clients{{number: 4}}, open: handled(openStreams("grpc, one at a time"))},
	{service: "streams of gRPC, all at once", also: []string{"other-side"}, needs: []string{"grpc"}, load: []clients{{number: 4}}, open: handled(openStreams("grpc"))},
	{service: "a connection of gRPC for each request", plants: "dial-per-call", also: []string{"tls-per-call", "other-side"}, needs: []string{"grpc over TLS"}, open: handled(openGRPCAnew)},
	{service: "one call for all who ask at once", also: []string{"other-side"}, needs: []string{"http"}, load: []clients{{number: 6}}, open: handled(openSingleFlight)},
	{service: "answers that are never closed", plants: "body-not-drained", also: []string{"other-side"}, needs: []string{"http"}, open: handled(openLeftOpen(false))},
	{service: "answers that are closed later", also: []string{"other-side"}, needs: []string{"http"}, open: handled(openLeftOpen(true))},
	{service: "a handler behind a time limit", also: []string{"other-side"}, needs: []string{"http"}, open: openTimeLimit(time.Second)},
	{service: "a handler whose time limit passes", plants: "timeout-reached", needs: []string{"http"}, fails: true, open: openTimeLimit(8 * time.Millisecond)},
}

// A list is shared by all requests.
type list struct {
	mu    sync.Mutex
	items []map[string]any
}

func newList(n int) *list {
	l := &list{}
	for i := range n {
		l.items = append(l.items, map[string]any{"id": i, "name": fmt.Sprint("item ", i), "tags": []string{"one", "two"}})
	}
	return l
}

func (l *list) encode() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := json.Marshal(l.items)
	return err
}

func (l *list) copied() []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]map[string]any(nil), l.items...)
}

// openEncoded encodes a list while its lock is held, or a copy of it.
func openEncoded(locked bool) func(context.Context, scenario.Env) (work, error) {
	return func(context.Context, scenario.Env) (work, error) {
		l := newList(3000)
		return func(context.Context) error {
			if locked {
				return l.encode()
			}
			_, err := json.Marshal(l.copied())
			return err
		}, nil
	}
}

// openLogger has one logger for all requests.
func openLogger(ctx context.Context, env scenario.Env) (work, error) {
	f, err := os.OpenFile(filepath.Join(env["slow reader"], "log"), os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { f.Close() })
	logger, line := log.New(f, "", log.LstdFlags), strings.Repeat("x", 2000)
	return func(context.Context) error { logger.Print(line); return nil }, nil
}

// openBlockedRedis has as many consumers as the pool has connections: each waits for a
// stream's entries.
func openBlockedRedis(ctx context.Context, env scenario.Env) (work, error) {
	client := goredis.NewClient(&goredis.Options{Addr: env["redis"], PoolSize: 4, PoolTimeout: time.Minute})
	context.AfterFunc(ctx, func() { client.Close() })
	for n := range 4 {
		go consumeStream(ctx, client, fmt.Sprint("jobs:", n))
	}
	return func(ctx context.Context) error { return client.Incr(ctx, "visits").Err() }, nil
}

// consumeStream waits for a stream's entries, again and again.
func consumeStream(ctx context.Context, client *goredis.Client, name string) {
	for ctx.Err() == nil {
		client.XRead(ctx, &goredis.XReadArgs{Streams: []string{name, "$"}, Block: 40 * time.Millisecond})
	}
}

func openStreams(peer string) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		conn, err := grpc.NewClient(env[peer], grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { conn.Close() })
		client := pb.NewTestServiceClient(conn)
		return func(ctx context.Context) error {
			_, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
			return err
		}, nil
	}
}

// openGRPCAnew makes a connection for each request.
func openGRPCAnew(_ context.Context, env scenario.Env) (work, error) {
	secure := credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})
	return func(ctx context.Context) error {
		conn, err := grpc.NewClient(env["grpc over TLS"], grpc.WithTransportCredentials(secure))
		if err != nil {
			return err
		}
		_, err = pb.NewTestServiceClient(conn).UnaryCall(ctx, &pb.SimpleRequest{})
		return errors.Join(err, conn.Close())
	}, nil
}

// openSingleFlight makes one call for all requests that ask meanwhile.
func openSingleFlight(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=20ms&rest=0s&size=200"
	var calls singleflight.Group
	return func(ctx context.Context) error {
		_, err, _ := calls.Do("item", func() (any, error) { return nil, get(context.WithoutCancel(ctx), client, url) })
		return err
	}, nil
}

// openLeftOpen reads the beginning of an answer, and closes it later or never.
func openLeftOpen(later bool) func(context.Context, scenario.Env) (work, error) {
	return func(_ context.Context, env scenario.Env) (work, error) {
		client, url := roomy(), "http://"+env["http"]+"?wait=1ms&rest=0s&size=20000"
		return func(context.Context) error {
			resp, err := client.Get(url)
			if err != nil {
				return err
			}
			if later {
				time.AfterFunc(time.Millisecond, func() {
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				})
			}
			_, err = resp.Body.Read(make([]byte, 100))
			return err
		}, nil
	}
}

// openTimeLimit has a handler that net/http bounds: it runs on a goroutine of its own.
func openTimeLimit(limit time.Duration) func(context.Context, scenario.Env) (http.Handler, error) {
	return func(_ context.Context, env scenario.Env) (http.Handler, error) {
		client, url := roomy(), "http://"+env["http"]+"?wait=16ms&rest=0s&size=200"
		return http.TimeoutHandler(answers(func(context.Context) error { return get(context.Background(), client, url) }), limit, "too late"), nil
	}
}
