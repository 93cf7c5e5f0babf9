//go:build whole

package db

import (
	"context"
	"database/sql"

	"github.com/jmoiron/sqlx"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// mappers holds the scenarios of libraries that map rows to structs.
var mappers = []scenario.Scenario{
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
