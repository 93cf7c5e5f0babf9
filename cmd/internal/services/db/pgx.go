// Package db contains the scenarios of databases.
package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Pgx lists the scenarios of pgx with its own interface.
var Pgx = []scenario.Scenario{
	{
		Name: "pgxpool", Needs: []string{"postgres"}, Open: pgxWork("", pgxQuery),
		Want: scenario.Want{System: "postgres", Calls: 1},
	},
	{
		Name: "pgxpool starved", Needs: []string{"postgres"}, Clients: 4, Open: pgxWork("&pool_max_conns=1", pgxQuery),
		Want: scenario.Want{System: "postgres", Calls: 1},
	},
	{
		Name: "pgx connects", Needs: []string{"postgres"}, Open: openPgxConnect,
		Want: scenario.Want{System: "postgres", Calls: 1},
	},
	{
		Name: "pgx rows", Needs: []string{"postgres"}, Open: pgxWork("", pgxRows),
		Want: scenario.Want{System: "postgres", Calls: 1},
	},
	{
		Name: "pgx transaction", Needs: []string{"postgres"}, Open: pgxWork("", pgxTransaction),
		Want: scenario.Want{System: "postgres", Calls: 4},
	},
	{
		Name: "pgx batch", Needs: []string{"postgres"}, Open: pgxWork("", pgxBatch),
		Want: scenario.Want{System: "postgres", Calls: 1},
	},
	{
		Name: "pgx CopyFrom", Needs: []string{"postgres"}, Open: openPgxCopy,
		Want: scenario.Want{System: "postgres", Calls: 1},
	},
	{
		Name: "pgx notification", Needs: []string{"postgres"}, Open: openPgxNotification,
		// A notification that has already arrived is not waited for, so it is not
		// a call.
		Want: scenario.Want{Calls: -1},
	},
}

const (
	// slow is a query that takes some milliseconds.
	slow = "SELECT pg_sleep(0.008)::text"
	// slowRows takes some milliseconds for each row, which fills a packet.
	slowRows = "SELECT pg_sleep(0.004)::text || repeat('x', 20000) FROM generate_series(1, 3)"
)

// pgxWork takes a connection from a pool for each request's work.
func pgxWork(options string, work func(ctx context.Context, w *scenario.Watch, conn *pgxpool.Conn) error) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, env scenario.Env) (scenario.Work, error) {
		pool, err := pgxpool.New(ctx, env["postgres"]+options)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, w *scenario.Watch) error {
			conn, err := acquire(ctx, w, pool)
			if err != nil {
				return err
			}
			defer conn.Release()
			return work(ctx, w, conn)
		}, nil
	}
}

func acquire(ctx context.Context, w *scenario.Watch, pool *pgxpool.Pool) (conn *pgxpool.Conn, err error) {
	return conn, w.Time(breakdown.DB, breakdown.PoolWait, func() error {
		conn, err = pool.Acquire(ctx)
		return err
	})
}

func pgxQuery(ctx context.Context, w *scenario.Watch, conn *pgxpool.Conn) error {
	return w.Time(breakdown.DB, breakdown.Query, func() error {
		var s string
		return conn.QueryRow(ctx, slow).Scan(&s)
	})
}

func pgxRows(ctx context.Context, w *scenario.Watch, conn *pgxpool.Conn) error {
	var rows pgx.Rows
	err := w.Time(breakdown.DB, breakdown.Query, func() (err error) {
		rows, err = conn.Query(ctx, slowRows)
		return err
	})
	if err != nil {
		return err
	}
	return w.Time(breakdown.DB, breakdown.Rows, func() error {
		var s string
		_, err := pgx.ForEachRow(rows, []any{&s}, func() error { return nil })
		return err
	})
}

func pgxTransaction(ctx context.Context, w *scenario.Watch, conn *pgxpool.Conn) error {
	return w.Time(breakdown.DB, breakdown.Query, func() error {
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		for range 2 {
			if _, err := tx.Exec(ctx, "SELECT pg_sleep($1)", 0.004); err != nil {
				return errors.Join(err, tx.Rollback(ctx))
			}
		}
		return tx.Commit(ctx)
	})
}

func pgxBatch(ctx context.Context, w *scenario.Watch, conn *pgxpool.Conn) error {
	return w.Time(breakdown.DB, breakdown.Query, func() error {
		var batch pgx.Batch
		for range 3 {
			batch.Queue("SELECT pg_sleep($1)", 0.003)
		}
		return conn.SendBatch(ctx, &batch).Close()
	})
}

// openPgxConnect connects for each request.
func openPgxConnect(_ context.Context, env scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, w *scenario.Watch) error {
		var conn *pgx.Conn
		err := w.Time(breakdown.DB, breakdown.Connect, func() (err error) {
			conn, err = pgx.Connect(ctx, env["postgres"])
			return err
		})
		if err != nil {
			return err
		}
		err = w.Time(breakdown.DB, breakdown.Query, func() error {
			var s string
			return conn.QueryRow(ctx, slow).Scan(&s)
		})
		return errors.Join(err, w.Time(breakdown.DB, breakdown.Connect, func() error { return conn.Close(ctx) }))
	}, nil
}

// slowTable creates a table with slow inserts.
func slowTable(ctx context.Context, pool *pgxpool.Pool, name string) error {
	_, err := pool.Exec(ctx, fmt.Sprintf(`
		CREATE TABLE IF NOT EXISTS %[1]s (name text);
		CREATE OR REPLACE FUNCTION %[1]s_wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.004); RETURN NULL; END';
		CREATE OR REPLACE TRIGGER wait BEFORE INSERT ON %[1]s FOR EACH ROW EXECUTE FUNCTION %[1]s_wait()`, name))
	return err
}

func openPgxCopy(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	pool, err := pgxpool.New(ctx, env["postgres"])
	if err != nil {
		return nil, err
	}
	rows := [][]any{{"one"}, {"two"}, {"three"}}
	return func(ctx context.Context, w *scenario.Watch) error {
		conn, err := acquire(ctx, w, pool)
		if err != nil {
			return err
		}
		defer conn.Release()
		return w.Time(breakdown.DB, breakdown.Query, func() error {
			_, err := conn.CopyFrom(ctx, pgx.Identifier{"pgx_copied"}, []string{"name"}, pgx.CopyFromRows(rows))
			return err
		})
	}, slowTable(ctx, pool, "pgx_copied")
}

// notify sends notifications from another connection, less often than a listener
// waits for one.
func notify(ctx context.Context, pool *pgxpool.Pool, channel string) {
	for ctx.Err() == nil {
		if _, err := pool.Exec(ctx, "SELECT pg_sleep(0.03), pg_notify($1, '')", channel); err != nil {
			time.Sleep(scenario.Pad)
		}
	}
}

func openPgxNotification(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	config, err := pgxpool.ParseConfig(env["postgres"])
	if err != nil {
		return nil, err
	}
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "LISTEN pgx_news")
		return err
	}
	listeners, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	others, err := pgxpool.New(ctx, env["postgres"])
	if err != nil {
		return nil, err
	}
	go notify(ctx, others, "pgx_news")
	return func(ctx context.Context, w *scenario.Watch) error {
		conn, err := acquire(ctx, w, listeners)
		if err != nil {
			return err
		}
		defer conn.Release()
		return w.Time(breakdown.DB, breakdown.Query, func() error {
			_, err := conn.Conn().WaitForNotification(ctx)
			return err
		})
	}, nil
}
