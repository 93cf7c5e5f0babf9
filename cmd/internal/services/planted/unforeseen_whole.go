//go:build whole

package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/miekg/dns"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"golang.org/x/sync/errgroup"

	_ "github.com/mattn/go-sqlite3"
	_ "modernc.org/sqlite"

	"timesink/cmd/internal/services/scenario"
)

func init() {
	peers = append(peers, unforeseenPeers...)
	families = append(families, family{"unforeseen", unforeseenRows})
}

var unforeseenPeers = []scenario.Peer{
	{Name: "mail", Serve: serveMail},
	{Name: "names at port 53", Serve: serveNames53},
	{Name: "json", Serve: serveJSON},
	distant("mail"),
}

var six = []clients{{number: 6}}

// unforeseenRows are causes that people report of services in Go and that the tool was not
// made with: what it says of them shows how far its rules reach.
var unforeseenRows = []row{
	{service: "writers of SQLite in C behind each other", plants: "row-lock", also: []string{"transaction-across-call", "other-side"}, needs: []string{"folder", "http"}, load: []clients{{number: 4}}, open: handled(openSQLiteWriters("sqlite3", "?_busy_timeout=10000&_txlock=immediate&_journal_mode=WAL"))},
	{service: "writers of SQLite in Go behind each other", plants: "row-lock", also: []string{"transaction-across-call", "other-side"}, needs: []string{"folder", "http"}, load: []clients{{number: 4}}, open: handled(openSQLiteWriters("sqlite", "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_txlock=immediate"))},
	{service: "readers of SQLite in transactions", also: []string{"other-side", "cpu-own-code"}, needs: []string{"folder"}, load: []clients{{number: 4}}, open: handled(openSQLiteReaders)},
	{service: "a MongoDB client of two connections", plants: "pool-too-small", also: []string{"other-side"}, needs: []string{"distant mongodb"}, load: []clients{{number: 8}}, open: handled(openFewMongo)},
	{service: "a name looked up by the C library", plants: "dns-per-call", also: []string{"dial-per-call", "other-side"}, needs: []string{"http", "names at port 53"}, env: []string{"GODEBUG=netdns=cgo"}, resolving: "nameserver 127.0.0.53\n", open: handled(openNamedBySystem)},
	{service: "a first name server that does not answer", plants: "dns-per-call", slowly: true, also: []string{"dial-per-call", "other-side"}, needs: []string{"http", "names at port 53"}, resolving: "nameserver 127.0.0.54\nnameserver 127.0.0.53\noptions timeout:1 attempts:2\n", open: handled(openNamedBySystem)},
	{service: "a table written to a file line by line", plants: "many-system-calls", also: []string{"cpu-own-code"}, needs: []string{"folder"}, load: one, open: handled(openLines(false))},
	{service: "a table written to a file through a buffer", also: []string{"cpu-own-code", "allocation", "sync-file-write"}, needs: []string{"folder"}, load: one, open: handled(openLines(true))},
	{service: "an export flushed line by line", plants: "many-system-calls", also: []string{"cpu-own-code"}, load: one, open: openFlushingExport},
	{service: "a folder listed for each request", plants: "many-system-calls", also: []string{"cpu-own-code"}, needs: []string{"folder"}, load: one, open: handled(openListing)},
	{service: "clients kept in a channel", plants: "concurrency-limit", needs: []string{"http"}, load: six, open: handled(openClientsInChannel)},
	{service: "a mail sent for each request", plants: "other-side", also: []string{"dial-per-call"}, needs: []string{"distant mail"}, open: handled(openMail)},
	{service: "a lock in Redis that is tried until it is free", plants: "retries", needs: []string{"redis", "http"}, load: six, open: handled(openRedisLock)},
	{service: "a row that is kept open over a call", plants: "pool-held", also: []string{"pool-starved"}, needs: []string{"postgres", "http"}, load: six, open: handled(openRowsOverCall)},
	{service: "a collection of garbage for each request", plants: "stops-the-world", load: one, open: handled(openCollecting)},
	{service: "all stacks written down in the background", plants: "stops-the-world", also: []string{"no-processor", "processors-held", "other-side"}, needs: []string{"http"}, load: []clients{{number: 4, think: 2 * time.Millisecond}}, open: handled(openDumping)},
	{service: "statistics of the heap for each request", plants: "stops-the-world", load: one, open: handled(openReadingStats)},
	{service: "a heap that is collected after a tenth", plants: "gc-pressure", also: []string{"sleeping", "no-processor", "allocation"}, env: []string{"GOGC=8"}, open: handled(openLiveHeap)},
	{service: "a statement that differs in each request", plants: "prepare-round-trips", also: []string{"other-side"}, needs: []string{"distant postgres"}, open: handled(openDiffering)},
	{service: "a connection to Redis tested before each command", plants: "ping-per-call", also: []string{"other-side"}, needs: []string{"distant redis"}, open: handled(openTested)},
	{service: "a database that is pinged before each statement", plants: "ping-per-call", also: []string{"other-side"}, needs: []string{"distant postgres"}, open: handled(openPinged(true))},
	{service: "a check of health that pings the database", also: []string{"other-side"}, needs: []string{"distant postgres"}, open: handled(openPinged(false))},
	{service: "log lines that name their caller", plants: "logging-cpu", also: []string{"cpu-own-code"}, load: one, open: handled(openCallers)},
	{service: "a large answer of another service decoded", plants: "serialization", also: []string{"allocation"}, needs: []string{"json"}, load: one, open: handled(openDecoding)},
	{service: "eight calls by a group of one", plants: "sequential-calls", needs: []string{"http"}, open: handled(openGroupOfOne)},
	{service: "a connection to Redis shared under a lock", plants: "lock-held-across-call", needs: []string{"distant redis"}, load: six, open: handled(openSharedConnection)},
	{service: "a result that a ticker looks for", plants: "sleeping", needs: []string{"http"}, open: handled(openTicker)},
}

func openSQLiteWriters(driver, options string) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		db, err := sql.Open(driver, "file:"+filepath.Join(env["folder"], driver+"-orders.db")+options)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { db.Close() })
		if _, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS orders (id integer primary key, name text)"); err != nil {
			return nil, err
		}
		client, url := roomy(), "http://"+env["http"]+"?wait=3ms&rest=0s&size=200"
		return func(ctx context.Context) error { return placeOrder(ctx, db, client, url) }, nil
	}
}

func placeOrder(ctx context.Context, db *sql.DB, client *http.Client, url string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "INSERT INTO orders (name) VALUES ('one')"); err != nil {
		return err
	}
	if err := get(ctx, client, url); err != nil {
		return err
	}
	return tx.Commit()
}

// openSQLiteReaders reads in transactions, which wait for nobody.
func openSQLiteReaders(ctx context.Context, env scenario.Env) (work, error) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(env["folder"], "readers.db")+"?_busy_timeout=10000&_journal_mode=WAL")
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { db.Close() })
	if _, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS numbers (n integer); DELETE FROM numbers; WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n < 20000) INSERT INTO numbers SELECT n FROM c"); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return sumNumbers(ctx, db) }, nil
}

func sumNumbers(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var sum int
	if err := tx.QueryRowContext(ctx, "SELECT sum(n) FROM numbers").Scan(&sum); err != nil {
		return err
	}
	return tx.Commit()
}

func openFewMongo(ctx context.Context, env scenario.Env) (work, error) {
	o := options.Client().ApplyURI(env["distant mongodb"]).SetServerAPIOptions(options.ServerAPI(options.ServerAPIVersion1)).SetMaxPoolSize(2)
	client, err := mongo.Connect(o)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { client.Disconnect(context.WithoutCancel(ctx)) })
	items := client.Database("shop").Collection("items")
	return func(ctx context.Context) error {
		_, err := items.InsertOne(ctx, bson.D{{Key: "name", Value: "one"}})
		return err
	}, client.Ping(ctx, nil)
}

func serveNames53(ctx context.Context, _ scenario.Env, ready func(string)) error {
	c, err := net.ListenPacket("udp", "127.0.0.53:53")
	if err != nil {
		return err
	}
	deaf, err := net.ListenPacket("udp", "127.0.0.54:53")
	if err != nil {
		return err
	}
	server := &dns.Server{PacketConn: c, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		time.Sleep(8 * time.Millisecond)
		m, asked := new(dns.Msg).SetReply(q), q.Question[0]
		if asked.Qtype == dns.TypeA {
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: asked.Name, Rrtype: asked.Qtype, Class: dns.ClassINET, Ttl: 5}, A: net.IPv4(127, 0, 0, 1)})
		}
		w.WriteMsg(m)
	})}
	context.AfterFunc(ctx, func() { server.Shutdown(); deaf.Close() })
	ready(c.LocalAddr().String())
	return server.ActivateAndServe()
}

func openNamedBySystem(_ context.Context, env scenario.Env) (work, error) {
	_, port, err := net.SplitHostPort(env["http"])
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	url := "http://prices.service.test.:" + port + "?wait=1ms&rest=0s&size=200"
	return func(ctx context.Context) error { return get(ctx, client, url) }, nil
}

// openLines writes a file of many short lines.
func openLines(buffered bool) func(context.Context, scenario.Env) (work, error) {
	return func(_ context.Context, env scenario.Env) (work, error) {
		return func(context.Context) (err error) {
			f, err := os.CreateTemp(env["folder"], "table-*")
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
			if !buffered {
				return writeTable(f)
			}
			w := bufio.NewWriter(f)
			return errors.Join(writeTable(w), w.Flush())
		}, nil
	}
}

func writeTable(w io.Writer) error {
	for n := range 5000 {
		if _, err := fmt.Fprintf(w, "%d;%d\n", n, n*n); err != nil {
			return err
		}
	}
	return nil
}

func openClientsInChannel(_ context.Context, env scenario.Env) (work, error) {
	free, url := make(chan *http.Client, 2), "http://"+env["http"]+"?wait=8ms&rest=0s&size=200"
	for range 2 {
		free <- roomy()
	}
	return func(ctx context.Context) error {
		client := <-free
		defer func() { free <- client }()
		return get(ctx, client, url)
	}, nil
}

func serveMail(ctx context.Context, _ scenario.Env, ready func(string)) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	ready(l.Addr().String())
	for {
		conn, err := l.Accept()
		if err != nil {
			return nil
		}
		go func() {
			defer conn.Close()
			fmt.Fprint(conn, "220 mail.test ESMTP\r\n")
			in, data := bufio.NewScanner(conn), false
			for in.Scan() {
				line := in.Text()
				switch {
				case data && line != ".":
				case data:
					data = false
					fmt.Fprint(conn, "250 queued\r\n")
				case line == "DATA":
					data = true
					fmt.Fprint(conn, "354 go on\r\n")
				case line == "QUIT":
					fmt.Fprint(conn, "221 bye\r\n")
					return
				case strings.HasPrefix(line, "EHLO"):
					fmt.Fprint(conn, "250 mail.test\r\n")
				default:
					fmt.Fprint(conn, "250 ok\r\n")
				}
			}
		}()
	}
}

func openMail(_ context.Context, env scenario.Env) (work, error) {
	return func(context.Context) error { return confirmByMail(env["distant mail"]) }, nil
}

func confirmByMail(server string) error {
	return smtp.SendMail(server, nil, "shop@service.test", []string{"user@service.test"}, []byte("Subject: your order\r\n\r\nThanks.\r\n"))
}

func openRedisLock(ctx context.Context, env scenario.Env) (work, error) {
	pool := openRedis(ctx, env["redis"])
	client, url := roomy(), "http://"+env["http"]+"?wait=8ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		if err := lockInRedis(pool, "lock:stock"); err != nil {
			return err
		}
		defer unlockInRedis(pool, "lock:stock")
		return get(ctx, client, url)
	}, nil
}

func lockInRedis(pool *redis.Pool, key string) error {
	c := pool.Get()
	defer c.Close()
	for {
		_, err := redis.String(c.Do("SET", key, "1", "NX", "PX", 10000))
		if err == nil {
			return nil
		}
		if !errors.Is(err, redis.ErrNil) {
			return err
		}
		time.Sleep(3 * time.Millisecond)
	}
}

func unlockInRedis(pool *redis.Pool, key string) {
	c := pool.Get()
	defer c.Close()
	c.Do("DEL", key)
}

func openRowsOverCall(ctx context.Context, env scenario.Env) (work, error) {
	db, err := openDB(ctx, "pgx", env["postgres"], 2)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(2)
	client, url := roomy(), "http://"+env["http"]+"?wait=8ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		rows, err := db.QueryContext(ctx, "SELECT n FROM generate_series(1, 10) n")
		if err != nil {
			return err
		}
		defer rows.Close()
		if rows.Next() {
			var n int
			if err := rows.Scan(&n); err != nil {
				return err
			}
		}
		return get(ctx, client, url)
	}, nil
}

func liveHeap(n int) []*node {
	var list []*node
	for range n {
		x := &node{}
		if len(list) > 0 {
			x.next = list[len(list)-1]
		}
		list = append(list, x)
	}
	return list
}

func openCollecting(context.Context, scenario.Env) (work, error) {
	heap := liveHeap(100_000)
	return func(context.Context) error {
		runtime.GC()
		runtime.KeepAlive(heap)
		return nil
	}, nil
}

// openDumping has many idle goroutines, and writes down what all of them do again and again.
func openDumping(ctx context.Context, env scenario.Env) (work, error) {
	for range 10_000 {
		go func() { <-ctx.Done() }()
	}
	text := make([]byte, 16<<20)
	go every(ctx, 50*time.Millisecond, func() { writeStacks(text) })
	client, url := roomy(), "http://"+env["http"]+"?wait=3ms&rest=0s&size=200"
	return func(ctx context.Context) error { return get(ctx, client, url) }, nil
}

func writeStacks(text []byte) { runtime.Stack(text, true) }

func openReadingStats(context.Context, scenario.Env) (work, error) {
	heap := liveHeap(100_000)
	return func(context.Context) error {
		var m runtime.MemStats
		for range 40 {
			runtime.ReadMemStats(&m)
		}
		runtime.KeepAlive(heap)
		return nil
	}, nil
}

func openLiveHeap(context.Context, scenario.Env) (work, error) {
	heap := liveHeap(300_000)
	return func(context.Context) error {
		for range 4 {
			render()
			time.Sleep(time.Millisecond)
		}
		runtime.KeepAlive(heap)
		return nil
	}, nil
}

func openDiffering(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, scenario.Env{"postgres": env["distant postgres"]}, 8)
	if err != nil {
		return nil, err
	}
	var number atomic.Int64
	return func(ctx context.Context) error {
		_, err := pool.Exec(ctx, fmt.Sprintf("SELECT 'user %d', $1::int", number.Add(1)), 7)
		return err
	}, nil
}

func openTested(ctx context.Context, env scenario.Env) (work, error) {
	pool := openRedis(ctx, env["distant redis"])
	pool.TestOnBorrow = func(c redis.Conn, _ time.Time) error {
		_, err := c.Do("PING")
		return err
	}
	return func(context.Context) (err error) {
		c := pool.Get()
		defer func() { err = errors.Join(err, c.Close()) }()
		_, err = c.Do("GET", "item")
		return err
	}, nil
}

// A sink takes what is written to it. Unlike io.Discard, the logger does not know that it
// keeps nothing.
type sink struct{}

func (sink) Write(p []byte) (int, error) { return len(p), nil }

func openCallers(context.Context, scenario.Env) (work, error) {
	logger := log.New(sink{}, "", log.LstdFlags|log.Lshortfile)
	return func(context.Context) error { trail(logger); return nil }, nil
}

func trail(logger *log.Logger) {
	for n := range 5000 {
		logger.Print("a step ", n)
	}
}

func serveJSON(ctx context.Context, _ scenario.Env, ready func(string)) error {
	body, err := json.Marshal(newList(8000).items)
	if err != nil {
		return err
	}
	url, err := scenario.ServeHTTP(ctx, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(body) })})
	if err != nil {
		return err
	}
	ready(url)
	<-ctx.Done()
	return nil
}

func openDecoding(_ context.Context, env scenario.Env) (work, error) {
	client := roomy()
	return func(ctx context.Context) error { return fetchItems(ctx, client, env["json"]) }, nil
}

func fetchItems(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var list []map[string]any
	return json.NewDecoder(resp.Body).Decode(&list)
}

func openFlushingExport(context.Context, scenario.Env) (http.Handler, error) {
	return http.HandlerFunc(exportLines), nil
}

func exportLines(w http.ResponseWriter, _ *http.Request) {
	f := w.(http.Flusher)
	for n := range 3000 {
		fmt.Fprintf(w, "%d;%d\n", n, n*n)
		f.Flush()
	}
}

func openListing(_ context.Context, env scenario.Env) (work, error) {
	dir := filepath.Join(env["folder"], "pages")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for n := range 3000 {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(n)), nil, 0o644); err != nil {
			return nil, err
		}
	}
	return func(context.Context) error { return newest(dir) }, nil
}

func newest(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var last time.Time
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return nil
}

func openGroupOfOne(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=3ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(1)
		for range 8 {
			g.Go(func() error { return get(ctx, client, url) })
		}
		return g.Wait()
	}, nil
}

func openSharedConnection(_ context.Context, env scenario.Env) (work, error) {
	c, err := redis.Dial("tcp", env["distant redis"])
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	return func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		_, err := c.Do("GET", "item")
		return err
	}, nil
}

func openTicker(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=4ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		var ready atomic.Bool
		go func() {
			if get(context.WithoutCancel(ctx), client, url) == nil {
				ready.Store(true)
			}
		}()
		tick := time.NewTicker(25 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
				if ready.Load() {
					return nil
				}
			}
		}
	}, nil
}

// openPinged pings the database, and then asks it unless it is a check of health.
func openPinged(asks bool) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		db, err := openDB(ctx, "pgx", env["distant postgres"], 8)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			if err := db.PingContext(ctx); err != nil || !asks {
				return err
			}
			_, err := db.ExecContext(ctx, "SELECT 1")
			return err
		}, nil
	}
}
