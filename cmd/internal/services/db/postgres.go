// Package db holds the scenarios of databases.
package db

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Scenarios are all of them.
var Scenarios = slices.Concat(postgres)

var postgres = []scenario.Scenario{
	{
		Name: "pgxpool", Needs: []string{"postgres"}, Open: openPgxpool,
		Want: scenario.Want{System: "postgres", Calls: 1},
	},
	{
		Name: "pgxpool starved", Needs: []string{"postgres"}, Clients: 4, Open: openStarvedPgxpool,
		Want: scenario.Want{System: "postgres", Calls: 1},
	},
}

// slow is a query that takes some milliseconds.
const slow = "SELECT pg_sleep(0.008)::text"

func openPgxpool(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	return pgxWork(ctx, env, "")
}

func openStarvedPgxpool(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	return pgxWork(ctx, env, "&pool_max_conns=1")
}

func pgxWork(ctx context.Context, env scenario.Env, options string) (scenario.Work, error) {
	pool, err := pgxpool.New(ctx, env["postgres"]+options)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, w *scenario.Watch) error {
		var conn *pgxpool.Conn
		err := w.Time(breakdown.DB, breakdown.PoolWait, func() (err error) {
			conn, err = pool.Acquire(ctx)
			return err
		})
		if err != nil {
			return err
		}
		defer conn.Release()
		return w.Time(breakdown.DB, breakdown.Query, func() error {
			var s string
			return conn.QueryRow(ctx, slow).Scan(&s)
		})
	}, nil
}
