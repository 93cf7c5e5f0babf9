package db

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"timesink/cmd/internal/services/scenario"
)

// Embedded lists the scenarios of databases within the process.
var Embedded = slices.Concat(sqliteInC, sqliteInGo)

var sqliteInC = []scenario.Scenario{
	{
		Name: "sqlite3 by cgo", Needs: []string{"folder"}, Clients: 1, Open: sqlWork(openSQLite("sqlite3", "cgo.db"), sqlRows(busy(60000))),
		Want: scenario.Want{System: "sqlite", Calls: 1},
	},
	{
		Name: "sqlite3 by cgo transaction", Needs: []string{"folder"}, Open: openSQLiteTransaction("sqlite3", "cgo-tx.db?_busy_timeout=10000&_txlock=immediate"),
		Want: scenario.Want{System: "sqlite", Calls: 4},
	},
}

// busy returns a query that takes some milliseconds of processor time, in
// proportion to n.
func busy(n int) string {
	return fmt.Sprintf("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x < %d) SELECT sum(x) FROM n", n)
}

func openSQLite(driver, file string) opener {
	return func(_ context.Context, env scenario.Env) (*sql.DB, error) {
		return sql.Open(driver, "file:"+filepath.Join(env["folder"], file))
	}
}

// openSQLiteTransaction writes to a database that another connection repeatedly
// locks for some milliseconds.
func openSQLiteTransaction(driver, file string) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, env scenario.Env) (scenario.Work, error) {
		open := openSQLite(driver, file)
		other, err := open(ctx, env)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { other.Close() })
		if _, err := other.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS item (name text)"); err != nil {
			return nil, err
		}
		go func() {
			for ctx.Err() == nil {
				if tx, err := other.BeginTx(ctx, nil); err == nil {
					time.Sleep(8 * time.Millisecond)
					tx.Rollback()
				}
				time.Sleep(25 * time.Millisecond)
			}
		}()
		return sqlWork(open, sqlTransaction("INSERT INTO item VALUES ('one')"))(ctx, env)
	}
}
