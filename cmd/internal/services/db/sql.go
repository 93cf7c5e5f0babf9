package db

import (
	"context"
	"database/sql"
	"errors"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// An opener opens a database for a scenario.
type opener func(ctx context.Context, env scenario.Env) (*sql.DB, error)

// limited opens a database with few connections.
func limited(open opener, connections int) opener {
	return func(ctx context.Context, env scenario.Env) (*sql.DB, error) {
		db, err := open(ctx, env)
		if err == nil {
			db.SetMaxOpenConns(connections)
		}
		return db, err
	}
}

// sqlWork takes a connection from the pool for each request's work.
func sqlWork(open opener, work func(ctx context.Context, w *scenario.Watch, conn *sql.Conn) error) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, env scenario.Env) (scenario.Work, error) {
		db, err := open(ctx, env)
		if err != nil {
			return nil, err
		}
		db.SetMaxIdleConns(8)
		context.AfterFunc(ctx, func() { db.Close() })
		return func(ctx context.Context, w *scenario.Watch) error {
			var conn *sql.Conn
			err := w.Time(breakdown.DB, breakdown.PoolWait, func() (err error) {
				conn, err = db.Conn(ctx)
				return err
			})
			if err != nil {
				return err
			}
			return errors.Join(work(ctx, w, conn), conn.Close())
		}, nil
	}
}

// sqlRows runs a query and reads all rows of one column.
func sqlRows(query string, args ...any) func(context.Context, *scenario.Watch, *sql.Conn) error {
	return func(ctx context.Context, w *scenario.Watch, conn *sql.Conn) error {
		var rows *sql.Rows
		err := w.Time(breakdown.DB, breakdown.Query, func() (err error) {
			rows, err = conn.QueryContext(ctx, query, args...)
			return err
		})
		if err != nil {
			return err
		}
		return w.Time(breakdown.DB, breakdown.Rows, func() error {
			defer rows.Close()
			for rows.Next() {
				var s string
				if err := rows.Scan(&s); err != nil {
					return err
				}
			}
			return rows.Err()
		})
	}
}

// sqlTransaction executes a statement twice.
func sqlTransaction(query string, args ...any) func(context.Context, *scenario.Watch, *sql.Conn) error {
	return func(ctx context.Context, w *scenario.Watch, conn *sql.Conn) error {
		return w.Time(breakdown.DB, breakdown.Query, func() error {
			tx, err := conn.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			for range 2 {
				if _, err := tx.ExecContext(ctx, query, args...); err != nil {
					return errors.Join(err, tx.Rollback())
				}
			}
			return tx.Commit()
		})
	}
}

// sqlPrepared prepares a statement and executes it twice.
func sqlPrepared(query string, args ...any) func(context.Context, *scenario.Watch, *sql.Conn) error {
	return func(ctx context.Context, w *scenario.Watch, conn *sql.Conn) error {
		return w.Time(breakdown.DB, breakdown.Query, func() error {
			statement, err := conn.PrepareContext(ctx, query)
			if err != nil {
				return err
			}
			for range 2 {
				if _, err := statement.ExecContext(ctx, args...); err != nil {
					return errors.Join(err, statement.Close())
				}
			}
			return statement.Close()
		})
	}
}
