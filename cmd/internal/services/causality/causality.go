// Package causality contains the scenarios in which a request waits for other
// goroutines: its own branches, workers that it shares with others, work that
// another request started.
package causality

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Peers lists the servers that the scenarios need.
var Peers = []scenario.Peer{delayed}

// delayed answers HTTP requests after the delay in their path, "/7ms".
var delayed = scenario.Peer{Name: "delayed http", Serve: func(ctx context.Context, _ scenario.Env, ready func(string)) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		delay, err := time.ParseDuration(r.URL.Path[1:])
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		time.Sleep(delay)
		fmt.Fprintln(w, "late")
	})}
	context.AfterFunc(ctx, func() { s.Close() })
	ready("http://" + l.Addr().String())
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}}

// needs lists the needs of others.
var needs = []string{"delayed http", "postgres"}

// others holds the systems that requests call.
type others struct {
	pool   *pgxpool.Pool
	client *http.Client
	url    string
}

func openOthers(ctx context.Context, env scenario.Env) (*others, error) {
	pool, err := pgxpool.New(ctx, env["postgres"]+"&pool_max_conns=8")
	if err != nil {
		return nil, err
	}
	return &others{pool: pool, url: env["delayed http"], client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}, nil
}

// query runs a database query that takes d.
func (o *others) query(ctx context.Context, d time.Duration) error {
	_, err := o.pool.Exec(ctx, "SELECT pg_sleep($1)", d.Seconds())
	return err
}

// fetch makes an upstream call that takes d.
func (o *others) fetch(ctx context.Context, d time.Duration) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, o.url+"/"+d.String(), nil)
	if err != nil {
		return err
	}
	resp, err := o.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var body [64]byte
	for err == nil {
		_, err = resp.Body.Read(body[:])
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// work is the work of a request that calls others.
type work func(ctx context.Context, w *scenario.Watch, o *others) error

// asking returns a function that opens the others for a request's work.
func asking(do work) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, env scenario.Env) (scenario.Work, error) {
		o, err := openOthers(ctx, env)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, w *scenario.Watch) error { return do(ctx, w, o) }, nil
	}
}

// A slowest records which of several branches ended last: on a busy machine it
// may be any of them.
type slowest struct {
	mu     sync.Mutex
	bucket breakdown.Bucket
	err    error
}

// ends is called when a branch has finished its wait.
func (s *slowest) ends(b breakdown.Bucket, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bucket, s.err = b, errors.Join(s.err, err)
}

// join waits for the branches. The wait belongs to the branch that ended last.
func (s *slowest) join(w *scenario.Watch, wait func()) error {
	start := w.Now()
	wait()
	end := w.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Note(s.bucket, breakdown.NoPhase, start, end)
	return s.err
}

// A span is the time of a step as measured by another goroutine.
type span struct{ start, end int64 }

// timed does something and returns its span.
func timed(w *scenario.Watch, do func() error) (s span, err error) {
	s.start = w.Now()
	err = do()
	s.end = w.Now()
	return s, err
}

// note records a span as a step of the request, from a given time on.
func (s span) note(w *scenario.Watch, b breakdown.Bucket, from int64) {
	if start := max(s.start, from); start < s.end {
		w.Note(b, breakdown.NoPhase, start, s.end)
	}
}
