package db_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"runtime/trace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
	"timesink/cmd/internal/testpg"
)

// A query is a way in which a handler uses a database, with the number of calls.
type query struct {
	name  string
	calls int
	do    func(ctx context.Context) error
	// phase is a phase in which each request spends time, or NoPhase for no check:
	// at least the time per request that the database was asked to take, or half of
	// the total wait that the pool reports.
	phase   breakdown.Phase
	least   time.Duration
	waited  func() time.Duration
	clients int
}

// slow takes some milliseconds to answer.
const (
	slow  = "SELECT pg_sleep(0.003)::text"
	slept = 3 * time.Millisecond
)

// manyRows returns rows between which the database sleeps, for 20 ms in total.
const manyRows = "SELECT repeat('x', 100), CASE WHEN n%1000=0 THEN pg_sleep(0.001)::text END FROM generate_series(1, 20000) n"

// overSQL returns the uses of database/sql, for any driver.
func overSQL(db *sql.DB) []query {
	exec := func(ctx context.Context, q string) error {
		_, err := db.ExecContext(ctx, q)
		return err
	}
	drain := func(rows *sql.Rows, err error) error {
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
		}
		return rows.Err()
	}
	return []query{
		{name: "Query", calls: 1, phase: breakdown.Query, least: slept, do: func(ctx context.Context) error { return drain(db.QueryContext(ctx, slow)) }},
		{name: "Exec", calls: 1, phase: breakdown.Query, least: slept, do: func(ctx context.Context) error { return exec(ctx, slow) }},
		{name: "QueryRow", calls: 1, do: func(ctx context.Context) error {
			var s string
			return db.QueryRowContext(ctx, slow).Scan(&s)
		}},
		{name: "ten queries at one line", calls: 10, do: func(ctx context.Context) error {
			for range 10 {
				if err := exec(ctx, "SELECT 1"); err != nil {
					return err
				}
			}
			return nil
		}},
		{name: "two queries at two lines", calls: 2, do: func(ctx context.Context) error {
			if err := exec(ctx, "SELECT 1"); err != nil {
				return err
			}
			return exec(ctx, "SELECT 2")
		}},
		{name: "a transaction", calls: 3, do: func(ctx context.Context) error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, slow); err != nil {
				return err
			}
			return tx.Commit()
		}},
		{name: "many rows", calls: 1, phase: breakdown.Rows, least: 10 * time.Millisecond, do: func(ctx context.Context) error {
			return drain(db.QueryContext(ctx, manyRows))
		}},
		{name: "two at once", calls: 2, phase: breakdown.Query, least: slept, do: func(ctx context.Context) error {
			var both sync.WaitGroup
			for range 2 {
				both.Go(func() { exec(ctx, slow) })
			}
			both.Wait()
			return nil
		}},
	}
}

// TestCallsOfAPostgresAreCounted checks the number of database calls, and their
// phases, with a real PostgreSQL and each of its drivers.
func TestCallsOfAPostgresAreCounted(t *testing.T) {
	dsn := testpg.Start(t)
	open := func(t *testing.T, driver string) *sql.DB {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxIdleConns(4)
		t.Cleanup(func() { db.Close() })
		return db
	}
	for _, driver := range []string{"pgx", "postgres"} {
		db := open(t, driver)
		for _, q := range overSQL(db) {
			t.Run(driver+"/"+q.name, func(t *testing.T) { count(t, q) })
		}
		prepared, err := db.Prepare(slow)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(driver+"/prepared", func(t *testing.T) {
			count(t, query{calls: 1, phase: breakdown.Query, least: slept, do: func(ctx context.Context) error {
				_, err := prepared.ExecContext(ctx)
				return err
			}})
		})
		starved := open(t, driver)
		starved.SetMaxOpenConns(1)
		t.Run(driver+"/one connection for four", func(t *testing.T) {
			waited := func() time.Duration { return starved.Stats().WaitDuration }
			count(t, query{calls: 1, phase: breakdown.PoolWait, waited: waited, clients: 4, do: func(ctx context.Context) error {
				_, err := starved.ExecContext(ctx, slow)
				return err
			}})
		})
		fresh := open(t, driver)
		fresh.SetMaxIdleConns(-1)
		t.Run(driver+"/a connection for each", func(t *testing.T) {
			count(t, query{calls: 1, phase: breakdown.Connect, least: 1, do: func(ctx context.Context) error {
				_, err := fresh.ExecContext(ctx, "SELECT 1")
				return err
			}})
		})
	}

	pool, err := pgxpool.New(t.Context(), dsn+"&pool_max_conns=1")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for _, q := range []query{
		{name: "Exec", calls: 1, phase: breakdown.Query, least: slept, do: func(ctx context.Context) error {
			_, err := pool.Exec(ctx, slow)
			return err
		}},
		{name: "QueryRow", calls: 1, do: func(ctx context.Context) error {
			var s string
			return pool.QueryRow(ctx, slow).Scan(&s)
		}},
		{name: "many rows", calls: 1, phase: breakdown.Rows, least: 10 * time.Millisecond, do: func(ctx context.Context) error {
			rows, err := pool.Query(ctx, manyRows)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
			}
			return rows.Err()
		}},
		{name: "a transaction", calls: 3, do: func(ctx context.Context) error {
			return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
				_, err := tx.Exec(ctx, slow)
				return err
			})
		}},
		{name: "a batch is one call", calls: 1, do: func(ctx context.Context) error {
			var b pgx.Batch
			for range 5 {
				b.Queue("SELECT 1")
			}
			return pool.SendBatch(ctx, &b).Close()
		}},
		{name: "one connection for four", calls: 1, phase: breakdown.PoolWait, waited: func() time.Duration { return pool.Stat().AcquireDuration() }, clients: 4, do: func(ctx context.Context) error {
			_, err := pool.Exec(ctx, slow)
			return err
		}},
	} {
		t.Run("pgxpool/"+q.name, func(t *testing.T) { count(t, q) })
	}
}

// count traces a handler that makes one query, and checks the tool's answer about
// its requests.
func count(t *testing.T, q query) {
	const n = 12
	var mu sync.Mutex
	var spent time.Duration
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		if err := q.do(r.Context()); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		spent += time.Since(start)
	}))
	var data bytes.Buffer
	get := func() {
		resp, err := s.Client().Get(s.URL)
		if err != nil {
			t.Error(err)
			return
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	get() // exclude what a driver does only once
	spent = 0
	waited := time.Duration(0)
	if q.waited != nil {
		waited = q.waited()
	}
	if err := trace.Start(&data); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range max(q.clients, 1) {
		all.Go(func() {
			for range n / max(q.clients, 1) {
				get()
			}
		})
	}
	all.Wait()
	s.Close()
	trace.Stop()

	requests := 0
	var wall, known int64
	var buckets [breakdown.NumBuckets]int64
	var phases [breakdown.NumPhases]int64
	_, err := timeline.Read(t.Context(), &data, rules.New(), 2, func(r *breakdown.Request) {
		if !strings.Contains(r.Endpoint, "count") {
			return
		}
		if err := r.Check(); err != nil {
			t.Error(err)
		}
		requests++
		wall += r.Wall()
		for _, s := range r.Path {
			buckets[s.Bucket] += s.End - s.Start
			if s.Bucket == breakdown.DB {
				phases[s.Phase] += s.End - s.Start
			}
		}
		dbCalls := 0
		for _, c := range r.Calls {
			if c.Bucket == breakdown.DB {
				dbCalls++
			}
			if c.System != "postgres" && c.System != "sql" {
				t.Errorf("a call of the system %q", c.System)
			}
		}
		if dbCalls != q.calls && !t.Failed() {
			t.Errorf("%d database calls, not %d:\n%s", dbCalls, q.calls, told(r))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if requests != n {
		t.Errorf("%d requests, not %d", requests, n)
	}
	db := buckets[breakdown.DB]
	known = db + buckets[breakdown.CPU] + buckets[breakdown.GC] + buckets[breakdown.Scheduler]
	if db > int64(spent) || known < int64(spent) {
		t.Errorf("db %d ns, with the processor %d, the stopwatch says %d", db, known, spent)
	}
	if unknown := buckets[breakdown.Unknown]; unknown > wall/200 {
		t.Errorf("%d ns of %d are unknown", unknown, wall)
	}
	least := n * q.least
	if q.waited != nil {
		least = (q.waited() - waited) / 2
	}
	if got := phases[q.phase]; q.phase != breakdown.NoPhase && (got == 0 || got < int64(least)) {
		t.Errorf("%d ns are in %s, not %d or more: %v", got, q.phase, least, phases)
	}
}

// told formats what a request did with a database.
func told(r *breakdown.Request) string {
	var b strings.Builder
	for _, c := range r.Calls {
		fmt.Fprintf(&b, "  call of %s at %s:%d, from %d µs for %d µs\n", c.System, c.Site.Function, c.Site.Line, (c.Start-r.Start)/1000, (c.End-c.Start)/1000)
	}
	for _, s := range r.Path {
		if s.Bucket != breakdown.DB {
			continue
		}
		fmt.Fprintf(&b, "  %s, %s %s, at %d µs for %d µs", s.Phase, s.Cause.State, s.Cause.Reason, (s.Start-r.Start)/1000, (s.End-s.Start)/1000)
		for _, f := range s.Cause.Stack {
			if !strings.HasPrefix(f.Function, "net") {
				fmt.Fprintf(&b, " < %s:%d", path.Base(f.Function), f.Line)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
