package db

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Postgres lists the scenarios of PostgreSQL with database/sql and libraries
// on top of it.
var Postgres = slices.Concat(drivers, mappers)

var drivers = []scenario.Scenario{
	{
		Name: "pgx database/sql", Needs: []string{"postgres"}, Open: sqlWork(openStdlib, sqlRows(slowRows)),
		Want: scenario.Want{System: "postgres", Calls: 1},
	},
	{
		Name: "pgx database/sql starved", Needs: []string{"postgres"}, Clients: 4, Open: sqlWork(limited(openStdlib, 1), sqlRows(slow)),
		Want: scenario.Want{System: "postgres", Calls: 1},
	},
	{
		Name: "pgx database/sql transaction", Needs: []string{"postgres"}, Open: sqlWork(openStdlib, sqlTransaction("SELECT pg_sleep($1)", 0.004)),
		Want: scenario.Want{System: "postgres", Calls: 4},
	},
	{
		Name: "pgx database/sql prepared", Needs: []string{"postgres"}, Open: sqlWork(openStdlib, sqlPrepared("SELECT pg_sleep($1)", 0.004)),
		Want: scenario.Want{System: "postgres", Calls: 4},
	},
	{
		Name: "lib/pq", Needs: []string{"postgres"}, Open: sqlWork(openPq, sqlRows(slowRows)),
		Want: scenario.Want{System: "postgres", Calls: 1},
	},
	{
		Name: "lib/pq transaction", Needs: []string{"postgres"}, Open: sqlWork(openPq, sqlTransaction("SELECT pg_sleep(0.004)")),
		Want: scenario.Want{System: "postgres", Calls: 4},
	},
	{
		Name: "lib/pq prepared", Needs: []string{"postgres"}, Open: sqlWork(openPq, sqlPrepared("SELECT pg_sleep($1)", 0.004)),
		Want: scenario.Want{System: "postgres", Calls: 4},
	},
	{
		Name: "lib/pq COPY", Needs: []string{"postgres"}, Open: openPqCopy,
		Want: scenario.Want{System: "postgres", Calls: 4},
	},
	{
		// No request asks for a notification: there is no call.
		Name: "lib/pq Listener", Needs: []string{"postgres"}, Open: openPqListener,
	},
}

func openStdlib(_ context.Context, env scenario.Env) (*sql.DB, error) {
	return sql.Open("pgx", env["postgres"])
}

func openPq(_ context.Context, env scenario.Env) (*sql.DB, error) {
	return sql.Open("postgres", env["postgres"])
}

func openPqCopy(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	pool, err := pgxpool.New(ctx, env["postgres"])
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	if err := slowTable(ctx, pool, "pq_copied"); err != nil {
		return nil, err
	}
	return sqlWork(openPq, pqCopy)(ctx, env)
}

func pqCopy(ctx context.Context, w *scenario.Watch, conn *sql.Conn) error {
	return w.Time(breakdown.DB, breakdown.Query, func() error {
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		copied, err := tx.PrepareContext(ctx, "COPY pq_copied (name) FROM STDIN")
		if err != nil {
			return err
		}
		for _, name := range []string{"one", "two", "three"} {
			if _, err := copied.ExecContext(ctx, name); err != nil {
				return err
			}
		}
		if err := copied.Close(); err != nil {
			return err
		}
		return tx.Commit()
	})
}

func openPqListener(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	const clients = 2
	listeners := make(chan *pq.Listener, clients)
	for range clients {
		l := pq.NewListener(env["postgres"], time.Second, time.Minute, nil)
		if err := l.Listen("pq_news"); err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { l.Close() })
		listeners <- l
	}
	others, err := pgxpool.New(ctx, env["postgres"])
	if err != nil {
		return nil, err
	}
	go notify(ctx, others, "pq_news")
	return func(_ context.Context, w *scenario.Watch) error {
		l := <-listeners
		defer func() { listeners <- l }()
		return w.Time(breakdown.DB, breakdown.Query, func() error {
			<-l.Notify
			return nil
		})
	}, nil
}
