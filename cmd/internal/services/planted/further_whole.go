//go:build whole

package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	gormpg "gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"timesink/cmd/internal/services/scenario"
)

func init() { families = append(families, family{"further", furtherRows}) }

// furtherRows are further causes that people report, each beside a service that is healthy.
var furtherRows = []row{
	{service: "a loop that looks for an answer without waiting", plants: "busy-wait", quiet: true, also: []string{"no-processor", "no-core", "other-side", "cpu-own-code"}, needs: []string{"http"}, open: handled(openLooking(true))},
	{service: "a select that waits for an answer", also: []string{"other-side"}, needs: []string{"http"}, open: handled(openLooking(false))},
	{service: "a file read byte by byte", plants: "many-system-calls", also: []string{"cpu-own-code"}, needs: []string{"folder"}, load: one, open: handled(openBytes(false))},
	{service: "a file read through a buffer", also: []string{"cpu-own-code"}, needs: []string{"folder"}, load: one, open: handled(openBytes(true))},
	{service: "a row created by gorm, in a transaction of its own", plants: "lone-transaction", also: []string{"other-side"}, needs: []string{"distant postgres"}, open: handled(openCreating(false))},
	{service: "a row created by gorm, without a transaction", also: []string{"other-side"}, needs: []string{"distant postgres"}, open: handled(openCreating(true))},
	{service: "an expired value that all fetch anew at once", plants: "tail", slowly: true, also: []string{"other-side", "sleeping"}, needs: []string{"http"}, load: six, open: handled(openRefilled)},
	{service: "a lock of a file over a call", plants: "lock-contended", also: []string{"lock-held-across-call"}, needs: []string{"folder", "http"}, load: six, open: handled(openFileLock)},
	{service: "a transport made for each request", plants: "dial-per-call", also: []string{"goroutines-grow", "connection-leak", "other-side"}, needs: []string{"http"}, open: handled(openTransports)},
	{service: "a text put together piece by piece", plants: "gc-pressure", also: []string{"allocation", "cpu-own-code"}, load: one, open: handled(openPieces)},
}

// openLooking starts a call and looks for its answer again and again, or waits for it.
func openLooking(again bool) func(context.Context, scenario.Env) (work, error) {
	return func(_ context.Context, env scenario.Env) (work, error) {
		client, url := roomy(), "http://"+env["http"]+"?wait=8ms&rest=0s&size=200"
		return func(ctx context.Context) error {
			answers := make(chan error, 1)
			go func() { answers <- get(ctx, client, url) }()
			if !again {
				return <-answers
			}
			return lookFor(answers)
		}, nil
	}
}

func lookFor(answers <-chan error) error {
	for {
		select {
		case err := <-answers:
			return err
		//lint:ignore SA5004 that it spins is what is planted
		default:
		}
	}
}

// openBytes counts the lines of a file.
func openBytes(buffered bool) func(context.Context, scenario.Env) (work, error) {
	return func(_ context.Context, env scenario.Env) (work, error) {
		name := filepath.Join(env["folder"], "lines-"+strconv.FormatBool(buffered))
		if err := os.WriteFile(name, make([]byte, 8000), 0o644); err != nil {
			return nil, err
		}
		return func(context.Context) error { return linesIn(name, buffered) }, nil
	}
}

func linesIn(name string, buffered bool) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var in io.Reader = f
	if buffered {
		in = bufio.NewReader(f)
	}
	for one, lines := make([]byte, 1), 0; ; {
		if _, err := in.Read(one); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if one[0] == '\n' {
			lines++
		}
	}
}

// An event is a row that is created for each request.
type event struct {
	ID   int
	Name string
}

func openCreating(alone bool) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		db, err := gorm.Open(gormpg.Open(env["distant postgres"]), &gorm.Config{SkipDefaultTransaction: alone, Logger: logger.Discard})
		if err != nil {
			return nil, err
		}
		if err := db.AutoMigrate(&event{}); err != nil {
			return nil, err
		}
		pool, err := db.DB()
		if err != nil {
			return nil, err
		}
		pool.SetMaxIdleConns(8)
		return func(ctx context.Context) error { return db.WithContext(ctx).Create(&event{Name: "one"}).Error }, nil
	}
}

// An expiring value is fetched anew by all that find it expired.
type expiring struct {
	until atomic.Int64
	fetch func(context.Context) error
}

func (e *expiring) get(ctx context.Context) error {
	if time.Now().UnixNano() < e.until.Load() {
		time.Sleep(2 * time.Millisecond) // what is done with the value
		return nil
	}
	if err := e.fetch(ctx); err != nil {
		return err
	}
	e.until.Store(time.Now().Add(300 * time.Millisecond).UnixNano())
	return nil
}

func openRefilled(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=60ms&rest=0s&size=200"
	e := &expiring{fetch: func(ctx context.Context) error { return get(ctx, client, url) }}
	return e.get, nil
}

func openFileLock(_ context.Context, env scenario.Env) (work, error) {
	client, url := roomy(), "http://"+env["http"]+"?wait=3ms&rest=0s&size=200"
	name := filepath.Join(env["folder"], "lock")
	return func(ctx context.Context) error {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return err
		}
		defer f.Close() // which unlocks it
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			return err
		}
		return get(ctx, client, url)
	}, nil
}

func openTransports(_ context.Context, env scenario.Env) (work, error) {
	url := "http://" + env["http"] + "?wait=1ms&rest=0s&size=200"
	var mu sync.Mutex
	var old []*http.Transport // closed once there are many, so that the connections suffice
	return func(ctx context.Context) error {
		t := &http.Transport{}
		mu.Lock()
		if old = append(old, t); len(old) > 200 {
			old[0].CloseIdleConnections()
			old = old[1:]
		}
		mu.Unlock()
		return get(ctx, &http.Client{Transport: t}, url)
	}, nil
}

func openPieces(context.Context, scenario.Env) (work, error) {
	return func(context.Context) error { putTogether(3000); return nil }, nil
}

func putTogether(n int) (text string) {
	for i := range n {
		text += strconv.Itoa(i) + ";"
	}
	return text
}
