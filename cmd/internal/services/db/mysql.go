package db

import (
	"context"
	"database/sql"
	"errors"

	_ "github.com/go-sql-driver/mysql"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// MySQL lists the scenarios of MySQL's protocol, with a MariaDB.
var MySQL = []scenario.Scenario{
	{
		Name: "mysql", Needs: []string{"mariadb"}, Open: sqlWork(openMySQL, sqlRows(slowMySQLRows)),
		Want: scenario.Want{System: "mysql", Calls: 1},
	},
	{
		Name: "mysql arguments", Needs: []string{"mariadb"}, Open: sqlWork(openMySQL, sqlRows("SELECT sleep(?)", 0.008)),
		Want: scenario.Want{System: "mysql", Calls: 1},
	},
	{
		Name: "mysql starved", Needs: []string{"mariadb"}, Clients: 4, Open: sqlWork(limited(openMySQL, 1), sqlRows("SELECT sleep(0.008)")),
		Want: scenario.Want{System: "mysql", Calls: 1},
	},
	{
		Name: "mysql transaction", Needs: []string{"mariadb"}, Open: sqlWork(openMySQL, sqlTransaction("DO sleep(0.004)")),
		Want: scenario.Want{System: "mysql", Calls: 4},
	},
	{
		Name: "mysql prepared", Needs: []string{"mariadb"}, Open: sqlWork(openMySQL, sqlPrepared("DO sleep(?)", 0.004)),
		Want: scenario.Want{System: "mysql", Calls: 3},
	},
	{
		Name: "mysql connects", Needs: []string{"mariadb"}, Open: openMySQLConnect,
		Want: scenario.Want{System: "mysql", Calls: 1},
	},
}

// slowMySQLRows takes some milliseconds for each row, which fills a packet.
const slowMySQLRows = "SELECT concat(sleep(0.004), repeat('x', 20000)) FROM (SELECT 1 UNION SELECT 2 UNION SELECT 3) AS three"

func openMySQL(_ context.Context, env scenario.Env) (*sql.DB, error) {
	return sql.Open("mysql", env["mariadb"])
}

// openMySQLConnect connects for each request: the pool keeps no connections.
func openMySQLConnect(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	db, err := openMySQL(ctx, env)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { db.Close() })
	db.SetMaxIdleConns(-1)
	return func(ctx context.Context, w *scenario.Watch) error {
		var conn *sql.Conn
		err := w.Time(breakdown.DB, breakdown.Connect, func() (err error) {
			conn, err = db.Conn(ctx)
			return err
		})
		if err != nil {
			return err
		}
		err = w.Time(breakdown.DB, breakdown.Query, func() error {
			_, err := conn.ExecContext(ctx, "DO sleep(0.008)")
			return err
		})
		return errors.Join(err, w.Time(breakdown.DB, breakdown.Connect, conn.Close))
	}, nil
}
