//go:build whole

package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"timesink/cmd/internal/services/scenario"
)

func init() {
	peers = append(peers, mistakenPeers...)
	families = append(families, family{"mistaken", mistakenRows})
}

var mistakenPeers = []scenario.Peer{
	{Name: "failing http", Serve: serveFailing},
	{Name: "lines", Serve: serveTCP(answerLines)},
	{Name: "hanging http", Serve: serveHanging},
}

// mistakenRows are causes that look like others.
var mistakenRows = []row{
	{service: "a failed call that is made again at once", plants: "retries", also: []string{"other-side"}, needs: []string{"failing http"}, open: handled(openAgain)},
	{service: "pages that are asked for until the last", plants: "sequential-calls", also: []string{"other-side"}, needs: []string{"http"}, open: handled(openPages)},
	{service: "a lock that others try while they yield", plants: "busy-wait", also: []string{"no-processor", "no-core"}, needs: []string{"http"}, load: []clients{{number: 3}}, open: handled(openSpinning(runtime.Gosched))},
	{service: "a lock that others try without a pause", plants: "busy-wait", slowly: true, quiet: true, also: []string{"no-processor", "no-core", "other-side", "cpu-own-code"}, needs: []string{"http"}, load: []clients{{number: 3}}, open: handled(openSpinning(func() { time.Sleep(0) }))},
	{service: "long computing that yields", also: []string{"cpu-own-code", "no-processor", "crypto"}, load: []clients{{number: 3}}, open: handled(openYielding)},
	{service: "a protocol of lines over a raw connection", plants: "other-side", needs: []string{"lines"}, open: handled(openRaw(true))},
	{service: "a raw connection for each request", plants: "dial-per-call", also: []string{"other-side"}, needs: []string{"lines"}, open: handled(openRaw(false))},
	{service: "a call that hangs now and then", plants: "tail", slowly: true, also: []string{"other-side"}, needs: []string{"hanging http"}, load: []clients{{number: 3}}, open: handled(openHanging)},
	{service: "calls that last longer than the window", also: []string{"other-side", "no-deadline"}, hangs: true, needs: []string{"http"}, load: []clients{{number: 4}}, endpoints: []string{"(*patient).wait"}, named: true, open: openOutlasting},
	{service: "inserts in SQLite without transactions, in C", plants: "row-lock", needs: []string{"folder"}, load: six, open: handled(openInserts("sqlite3", "?_busy_timeout=10000&_sync=2"))},
	{service: "inserts in SQLite without transactions, in Go", plants: "row-lock", needs: []string{"folder"}, load: six, open: handled(openInserts("sqlite", "?_pragma=busy_timeout(10000)&_pragma=synchronous(2)"))},
	{service: "inserts in SQLite by one client", also: []string{"other-side"}, needs: []string{"folder"}, load: one, open: handled(openInserts("sqlite3", "?_busy_timeout=10000&_sync=2"))},
}

// serveFailing fails two requests of three, by chance.
func serveFailing(ctx context.Context, _ scenario.Env, ready func(string)) error {
	return serveHandler(ctx, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(3 * time.Millisecond)
		if rand.IntN(3) > 0 {
			http.Error(w, "try again", http.StatusServiceUnavailable)
		}
	}, ready)
}

// serveHanging hangs in one request of fifty.
func serveHanging(ctx context.Context, _ scenario.Env, ready func(string)) error {
	var number atomic.Int64
	return serveHandler(ctx, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(4 * time.Millisecond)
		if number.Add(1)%50 == 0 {
			time.Sleep(400 * time.Millisecond)
		}
	}, ready)
}

func serveHandler(ctx context.Context, h http.HandlerFunc, ready func(string)) error {
	url, err := scenario.ServeHTTP(ctx, &http.Server{Handler: h})
	if err != nil {
		return err
	}
	ready(url)
	<-ctx.Done()
	return nil
}

// serveTCP serves each connection by a function.
func serveTCP(serve func(net.Conn)) func(context.Context, scenario.Env, func(string)) error {
	return func(ctx context.Context, _ scenario.Env, ready func(string)) error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
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
			go serve(conn)
		}
	}
}

// answerLines answers each line with another one, some time later.
func answerLines(conn net.Conn) {
	defer conn.Close()
	for in := bufio.NewScanner(conn); in.Scan(); {
		time.Sleep(time.Millisecond)
		fmt.Fprintf(conn, "echo %s\n", in.Text())
	}
}

func openAgain(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), env["failing http"]
	return func(ctx context.Context) (err error) {
		for range 60 {
			if err = succeed(ctx, client, url); err == nil {
				return nil
			}
		}
		return err
	}, nil
}

// openPages asks for one page after another, of two to six.
func openPages(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=3ms&rest=0s&size=200"
	var number atomic.Int64
	return func(ctx context.Context) error {
		for range 2 + number.Add(1)%5 {
			if err := get(ctx, client, url); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// A spinLock is tried again and again until it is free.
type spinLock struct{ held atomic.Bool }

func (l *spinLock) lock(pause func()) {
	for !l.held.CompareAndSwap(false, true) {
		pause()
	}
}

func (l *spinLock) unlock() { l.held.Store(false) }

func openSpinning(pause func()) func(context.Context, scenario.Env) (work, error) {
	return func(_ context.Context, env scenario.Env) (work, error) {
		var l spinLock
		client, url := roomy(), "http://"+env["http"]+"?wait=3ms&rest=0s&size=200"
		return func(ctx context.Context) error {
			l.lock(pause)
			defer l.unlock()
			return get(ctx, client, url)
		}, nil
	}
}

func hash(rounds int) {
	sum := sha256.Sum256(nil)
	for range rounds {
		sum = sha256.Sum256(sum[:])
	}
}

// openYielding computes, and lets others go first now and then.
func openYielding(context.Context, scenario.Env) (work, error) {
	return func(context.Context) error {
		for range 10 {
			hash(500)
			runtime.Gosched()
		}
		return nil
	}, nil
}

// openRaw asks over connections that the service keeps, or over new ones.
func openRaw(keep bool) func(context.Context, scenario.Env) (work, error) {
	return func(_ context.Context, env scenario.Env) (work, error) {
		free := sync.Pool{New: func() any {
			conn, err := net.Dial("tcp", env["lines"])
			if err != nil {
				return err
			}
			return conn
		}}
		return func(context.Context) error {
			conn, ok := free.Get().(net.Conn)
			if !ok {
				return fmt.Errorf("there is no connection")
			}
			if keep {
				defer free.Put(conn)
			} else {
				defer conn.Close()
			}
			return askLine(conn, "price")
		}, nil
	}
}

// askLine sends a line and reads the answer byte by byte.
func askLine(conn net.Conn, line string) error {
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return err
	}
	for one := make([]byte, 1); one[0] != '\n'; {
		if _, err := conn.Read(one); err != nil {
			return err
		}
	}
	return nil
}

func openHanging(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), env["hanging http"]
	return func(ctx context.Context) error { return get(ctx, client, url) }, nil
}

// A patient service waits in calls that take longer than anyone looks.
type patient struct {
	client *http.Client
	url    string
}

func openOutlasting(_ context.Context, env scenario.Env) (http.Handler, error) {
	p := &patient{roomy(), "http://" + env["http"] + "?wait=4s&rest=0s&size=200"}
	return http.HandlerFunc(p.wait), nil
}

func (p *patient) wait(w http.ResponseWriter, r *http.Request) {
	scenario.Answer(w, get(r.Context(), p.client, p.url))
}

// openInserts writes a row in each request, by a statement of its own.
func openInserts(driver, options string) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		db, err := sql.Open(driver, "file:"+filepath.Join(env["folder"], driver+"-inserts.db")+options)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { db.Close() })
		if _, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS orders (id integer primary key, name text)"); err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			_, err := db.ExecContext(ctx, "INSERT INTO orders (name) VALUES ('one')")
			return err
		}, nil
	}
}
