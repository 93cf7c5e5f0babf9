//go:build whole

package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/syslog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/lib/pq"
	goredis "github.com/redis/go-redis/v9"
	"go.etcd.io/bbolt"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"

	"timesink/cmd/internal/services/scenario"
)

func init() {
	peers = append(peers, adoptedPeers...)
	families = append(families, family{"adopted", adoptedRows})
}

var adoptedPeers = []scenario.Peer{
	{Name: "short tokens", Serve: serveTokens(5)},
	{Name: "long tokens", Serve: serveTokens(3600)},
	{Name: "slow syslog", Serve: serveSyslog},
}

// adoptedRows are about libraries whose defaults, or whose use, make requests wait.
var adoptedRows = []row{
	{service: "keys put into bbolt one by one", plants: "sync-file-write", also: []string{"lock-contended", "lock-held-across-call", "no-processor"}, needs: []string{"folder"}, load: []clients{{number: 4}}, open: handled(openBolt((*bbolt.DB).Update))},
	{service: "a key put into a batch of bbolt", plants: "batch-delay", also: []string{"sync-file-write"}, needs: []string{"folder"}, load: one, open: handled(openBolt((*bbolt.DB).Batch))},
	{service: "a token that lasts less than its margin", plants: "lock-held-across-call", also: []string{"sequential-calls"}, needs: []string{"short tokens", "http"}, load: six, open: handled(openToken("short tokens"))},
	{service: "a token that is kept", also: []string{"other-side"}, needs: []string{"long tokens", "http"}, load: six, open: handled(openToken("long tokens"))},
	{service: "spans exported when they end", plants: "lock-held-across-call", also: []string{"sequential-calls"}, needs: []string{"http"}, load: six, open: handled(openSpans(true))},
	{service: "spans exported in batches", also: []string{"other-side"}, needs: []string{"http"}, load: six, open: handled(openSpans(false))},
	{service: "a client of S3 made for each request", plants: "dial-per-call", also: []string{"other-side", "tls-per-call", "goroutines-grow", "connection-leak"}, needs: []string{"http"}, open: handled(openS3Anew)},
	{service: "a datagram for each count", plants: "many-system-calls", also: []string{"cpu-own-code"}, load: one, open: handled(openCounts)},
	{service: "log lines to a syslog that is read slowly", plants: "lock-held-across-call", also: []string{"sync-file-write"}, needs: []string{"slow syslog"}, load: six, open: handled(openSyslog)},
	{service: "keys of Redis scanned by tens", plants: "many-queries", also: []string{"other-side"}, needs: []string{"distant redis"}, open: handled(openScan(10))},
	{service: "keys of Redis scanned by thousands", also: []string{"other-side", "no-processor"}, needs: []string{"redis"}, open: handled(openScan(1000))},
	{service: "transactions of Redis tried until nobody interferes", plants: "retries", also: []string{"many-queries", "sequential-calls", "other-side"}, needs: []string{"distant redis"}, load: six, open: handled(openWatched)},
	{service: "a database opened for each request", plants: "dial-per-call", also: []string{"other-side"}, needs: []string{"distant postgres"}, open: handled(openDatabaseAnew)},
	{service: "a call of gRPC under the lock of an interceptor", plants: "lock-held-across-call", needs: []string{"grpc"}, load: six, open: handled(openIntercepted)},
	{service: "calls of gRPC that wait for a server that is gone", plants: "timeout-reached", fails: true, load: []clients{{number: 3}}, open: handled(openGone)},
	{service: "a notification of lib/pq that requests wait for", plants: "awaited-message", needs: []string{"postgres"}, load: []clients{{number: 3}}, open: handled(openListened)},
}

func openBolt(change func(*bbolt.DB, func(*bbolt.Tx) error) error) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		db, err := bbolt.Open(filepath.Join(env["folder"], fmt.Sprint("bolt-", time.Now().UnixNano())), 0o600, nil)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { db.Close() })
		var number atomic.Int64
		put := func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("orders"))
			if err != nil {
				return err
			}
			return b.Put(fmt.Appendf(nil, "%08d", number.Add(1)%5000), make([]byte, 512))
		}
		return func(context.Context) error { return change(db, put) }, nil
	}
}

// serveTokens gives tokens that last some seconds.
func serveTokens(seconds int) func(context.Context, scenario.Env, func(string)) error {
	return func(ctx context.Context, _ scenario.Env, ready func(string)) error {
		url, err := scenario.ServeHTTP(ctx, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(5 * time.Millisecond)
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(map[string]any{"access_token": "secret", "token_type": "Bearer", "expires_in": seconds})
		})})
		if err != nil {
			return err
		}
		ready(url)
		<-ctx.Done()
		return nil
	}
}

func openToken(issuer string) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		config := clientcredentials.Config{ClientID: "shop", ClientSecret: "secret", TokenURL: env[issuer]}
		ctx = context.WithValue(ctx, oauth2.HTTPClient, roomy())
		client, url := config.Client(ctx), "http://"+env["http"]+"?wait=2ms&rest=0s&size=200"
		return func(ctx context.Context) error { return get(ctx, client, url) }, nil
	}
}

// A collector takes spans by a call.
type collector struct {
	client *http.Client
	url    string
}

func (c collector) ExportSpans(ctx context.Context, _ []sdktrace.ReadOnlySpan) error {
	return get(ctx, c.client, c.url)
}

func (collector) Shutdown(context.Context) error { return nil }

func openSpans(atOnce bool) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		exporter := sdktrace.WithBatcher(collector{roomy(), "http://" + env["http"] + "?wait=4ms&rest=0s&size=200"})
		if atOnce {
			exporter = sdktrace.WithSyncer(collector{roomy(), "http://" + env["http"] + "?wait=4ms&rest=0s&size=200"})
		}
		tracer := sdktrace.NewTracerProvider(exporter).Tracer("shop")
		client, url := roomy(), "http://"+env["http"]+"?wait=3ms&rest=0s&size=200"
		return func(ctx context.Context) error {
			ctx, span := tracer.Start(ctx, "order")
			defer span.End()
			return get(ctx, client, url)
		}, nil
	}
}

func openS3Anew(_ context.Context, env scenario.Env) (work, error) {
	endpoint := "http://" + env["http"] + "/"
	return func(ctx context.Context) error {
		client := s3.New(s3.Options{Region: "local", BaseEndpoint: &endpoint, UsePathStyle: true, Credentials: aws.AnonymousCredentials{}})
		out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("files"), Key: aws.String("one")})
		if err != nil {
			return err
		}
		defer out.Body.Close()
		_, err = io.Copy(io.Discard, out.Body)
		return err
	}, nil
}

func openCounts(ctx context.Context, _ scenario.Env) (work, error) {
	at, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("udp", at.LocalAddr().String())
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close(); at.Close() })
	return func(context.Context) error { return count(conn) }, nil
}

func count(conn net.Conn) error {
	for n := range 500 {
		if _, err := fmt.Fprintf(conn, "shop.item.%d:1|c", n); err != nil {
			return err
		}
	}
	return nil
}

// serveSyslog reads about a line every 3 ms.
func serveSyslog(ctx context.Context, _ scenario.Env, ready func(string)) error {
	folder, err := os.MkdirTemp("", "syslog-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	l, err := net.Listen("unix", filepath.Join(folder, "log"))
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	ready(l.Addr().String())
	for {
		conn, err := l.Accept()
		if err != nil {
			return nil // the context has ended
		}
		go func() {
			defer conn.Close()
			for buf := make([]byte, 2048); ; time.Sleep(3 * time.Millisecond) {
				if _, err := conn.Read(buf); err != nil {
					return
				}
			}
		}()
	}
}

func openSyslog(_ context.Context, env scenario.Env) (work, error) {
	log, err := syslog.Dial("unix", env["slow syslog"], syslog.LOG_INFO, "shop")
	if err != nil {
		return nil, err
	}
	line := string(make([]byte, 2000))
	return func(context.Context) error { return log.Info(line) }, nil
}

func openScan(count int64) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		address := env["distant redis"]
		if address == "" {
			address = env["redis"]
		}
		client := goredis.NewClient(&goredis.Options{Addr: address})
		context.AfterFunc(ctx, func() { client.Close() })
		pipe := client.Pipeline()
		for n := range 400 {
			pipe.Set(ctx, fmt.Sprintf("scanned:%d", n), "one", 0)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, err
		}
		return func(ctx context.Context) error { return scan(ctx, client, count) }, nil
	}
}

func scan(ctx context.Context, client *goredis.Client, count int64) error {
	for cursor := uint64(0); ; {
		_, next, err := client.Scan(ctx, cursor, "scanned:*", count).Result()
		if err != nil || next == 0 {
			return err
		}
		cursor = next
	}
}

func openWatched(ctx context.Context, env scenario.Env) (work, error) {
	client := goredis.NewClient(&goredis.Options{Addr: env["distant redis"], PoolSize: 16})
	context.AfterFunc(ctx, func() { client.Close() })
	return func(ctx context.Context) error { return raise(ctx, client) }, nil
}

func raise(ctx context.Context, client *goredis.Client) error {
	for {
		err := client.Watch(ctx, func(tx *goredis.Tx) error {
			n, err := tx.Get(ctx, "balance").Int()
			if err != nil && !errors.Is(err, goredis.Nil) {
				return err
			}
			_, err = tx.TxPipelined(ctx, func(p goredis.Pipeliner) error { return p.Set(ctx, "balance", n+1, 0).Err() })
			return err
		}, "balance")
		if !errors.Is(err, goredis.TxFailedErr) {
			return err
		}
	}
}

func openDatabaseAnew(_ context.Context, env scenario.Env) (work, error) {
	return func(ctx context.Context) error {
		db, err := sql.Open("postgres", env["distant postgres"])
		if err != nil {
			return err
		}
		defer db.Close()
		var name string
		return db.QueryRowContext(ctx, "SELECT 'user'").Scan(&name)
	}, nil
}

func openIntercepted(ctx context.Context, env scenario.Env) (work, error) {
	var mu sync.Mutex
	conn, err := grpc.NewClient(env["grpc"], grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUnaryInterceptor(
		func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			mu.Lock()
			defer mu.Unlock()
			return invoke(ctx, method, req, reply, conn, opts...)
		}))
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

// openGone calls a server at whose address nobody listens.
func openGone(ctx context.Context, _ scenario.Env) (work, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l.Close()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	client := pb.NewTestServiceClient(conn)
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 150*time.Millisecond)
		defer cancel()
		_, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
		return err
	}, nil
}

// openListened waits for what happens every 30 ms.
func openListened(ctx context.Context, env scenario.Env) (work, error) {
	db, err := openDB(ctx, "postgres", env["postgres"], 2)
	if err != nil {
		return nil, err
	}
	listener := pq.NewListener(env["postgres"], time.Second, time.Minute, nil)
	if err := listener.Listen("orders"); err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { listener.Close() })
	go every(ctx, 10*time.Millisecond, func() { db.ExecContext(ctx, "NOTIFY orders") })
	return func(ctx context.Context) error { return nextOrder(ctx, listener) }, nil
}

func nextOrder(ctx context.Context, listener *pq.Listener) error {
	select {
	case <-listener.Notify:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
