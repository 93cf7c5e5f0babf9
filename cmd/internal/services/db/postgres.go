package db

import (
	"context"
	"database/sql"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Postgres lists the scenarios of PostgreSQL with database/sql and libraries
// on top of it.
var Postgres = []scenario.Scenario{
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
	{
		Name: "gorm", Needs: []string{"postgres"}, Open: openGorm,
		Want: scenario.Want{System: "postgres", Calls: 1},
	},
	{
		Name: "sqlx", Needs: []string{"postgres"}, Open: openSqlx,
		Want: scenario.Want{System: "postgres", Calls: 1},
	},
	{
		Name: "bun", Needs: []string{"postgres"}, Open: openBun,
		Want: scenario.Want{System: "postgres", Calls: 1},
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

// An item is a row that takes some milliseconds to read.
type item struct {
	ID    int64 `bun:",pk"`
	Name  string
	Slept string
}

// openItems opens a database with a view of items.
func openItems(ctx context.Context, env scenario.Env, view string) (*sql.DB, error) {
	db, err := openStdlib(ctx, env)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { db.Close() })
	_, err = db.ExecContext(ctx, "CREATE OR REPLACE VIEW "+view+" AS SELECT 1 AS id, 'one' AS name, pg_sleep(0.008)::text AS slept")
	return db, err
}

func openGorm(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	db, err := openItems(ctx, env, "gorm_items")
	if err != nil {
		return nil, err
	}
	orm, err := gorm.Open(gormpostgres.New(gormpostgres.Config{Conn: db}))
	return func(ctx context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.DB, breakdown.NoPhase, func() error {
			var it item
			return orm.WithContext(ctx).Table("gorm_items").First(&it, "id = ?", 1).Error
		})
	}, err
}

func openSqlx(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	db, err := openItems(ctx, env, "sqlx_items")
	x := sqlx.NewDb(db, "pgx")
	return func(ctx context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.DB, breakdown.NoPhase, func() error {
			var its []item
			return x.SelectContext(ctx, &its, "SELECT id, name, slept FROM sqlx_items WHERE id = $1", 1)
		})
	}, err
}

func openBun(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	db, err := openItems(ctx, env, "bun_items")
	orm := bun.NewDB(db, pgdialect.New())
	return func(ctx context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.DB, breakdown.NoPhase, func() error {
			var it item
			return orm.NewSelect().Model(&it).ModelTableExpr("bun_items AS item").Where("id = ?", 1).Scan(ctx)
		})
	}, err
}
