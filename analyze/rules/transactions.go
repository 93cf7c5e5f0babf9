package rules

import (
	"slices"
	"strings"
)

// transactions are the types through which the statements of a transaction are made, or
// others that hold one connection, so that the next cannot begin before the one before has
// ended. pgxpool.(*Conn) is none of them: the pool's own methods go through it too.
var transactions = []string{
	"database/sql.(*Tx).",
	"database/sql.(*Conn).",
	"github.com/jackc/pgx/v5.(*dbTx).",
	"github.com/jackc/pgx/v5.(*dbSimulatedNestedTx).",
	"github.com/jackc/pgx/v5/pgxpool.(*Tx).",
	"github.com/jackc/pgx/v4.(*dbTx).",
	"github.com/jackc/pgx/v4/pgxpool.(*Tx).",
	"github.com/jmoiron/sqlx.(*Tx).",
	"github.com/go-pg/pg/v10.(*Tx).",
	"github.com/uptrace/bun.Tx.",
}

// inTransaction reports whether a function makes a statement of a transaction.
func inTransaction(function string) bool {
	return slices.ContainsFunc(transactions, func(t string) bool { return strings.HasPrefix(function, t) })
}
