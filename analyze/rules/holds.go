package rules

import (
	"slices"

	"timesink/analyze/breakdown"
)

// A HoldRule says what a function of a database driver, or of a library over it, does with
// a connection that its caller keeps. Func is as in a Rule. The outermost function that
// has a row decides, since it is the one that the service called: a row with NoHold is for
// functions that call others with rows and keep nothing.
type HoldRule struct {
	Func string
	Hold breakdown.Hold
}

// holdTable holds the rows for all drivers. Mappers such as gorm, bun, sqlx and ent call
// database/sql.
var holdTable = slices.Concat([]HoldRule{
	{"database/sql.(*DB).Begin", breakdown.BeginsTx},
	{"database/sql.(*DB).BeginTx", breakdown.BeginsTx},
	{"database/sql.(*Conn).BeginTx", breakdown.BeginsTx},
	{"database/sql.(*Tx).Commit", breakdown.EndsTx},
	{"database/sql.(*Tx).Rollback", breakdown.EndsTx},
	{"database/sql.(*Tx).rollback", breakdown.EndsTx},
	{"database/sql.(*Tx).", breakdown.UsesTx},
	{"database/sql.(*DB).Conn", breakdown.TakesConn},
	{"database/sql.(*Conn).Close", breakdown.GivesConn},
	{"database/sql.(*Conn).", breakdown.UsesConn},
	{"database/sql.(*Rows).", breakdown.ReadsRows},
}, pgxHolds("github.com/jackc/pgx/v5"), pgxHolds("github.com/jackc/pgx/v4"))

// returns are the functions that give a connection back to its pool, or on to whoever
// waits for one.
var returns = []string{
	"database/sql.(*DB).putConn",
	"github.com/jackc/pgx/v4/pgxpool.(*Conn).Release",
	"github.com/jackc/pgx/v5/pgxpool.(*Conn).Release",
	"github.com/jackc/puddle/v2.(*Resource).Release",
	"github.com/jackc/puddle/v2.(*Pool).releaseAcquiredResource",
}

// pgxHolds returns the rows for a version of pgx and its pool.
func pgxHolds(pgx string) []HoldRule {
	return []HoldRule{
		{pgx + "/pgxpool.(*Pool).Begin", breakdown.BeginsTx},
		{pgx + "/pgxpool.(*Pool).BeginTx", breakdown.BeginsTx},
		{pgx + "/pgxpool.(*Pool).Acquire", breakdown.TakesConn},
		{pgx + "/pgxpool.(*Pool).", breakdown.NoHold},
		{pgx + "/pgxpool.(*Conn).Begin", breakdown.BeginsTx},
		{pgx + "/pgxpool.(*Conn).BeginTx", breakdown.BeginsTx},
		{pgx + "/pgxpool.(*Conn).Release", breakdown.GivesConn},
		{pgx + "/pgxpool.(*Conn).", breakdown.UsesConn},
		{pgx + "/pgxpool.(*Tx).Commit", breakdown.EndsTx},
		{pgx + "/pgxpool.(*Tx).Rollback", breakdown.EndsTx},
		{pgx + "/pgxpool.(*Tx).", breakdown.UsesTx},
		{pgx + "/pgxpool.(*poolRows).", breakdown.ReadsRows},
		{pgx + ".(*Conn).Begin", breakdown.BeginsTx},
		{pgx + ".(*Conn).BeginTx", breakdown.BeginsTx},
		{pgx + ".(*dbTx).Commit", breakdown.EndsTx},
		{pgx + ".(*dbTx).Rollback", breakdown.EndsTx},
		{pgx + ".(*dbTx).", breakdown.UsesTx},
		{pgx + ".(*dbSimulatedNestedTx).", breakdown.UsesTx},
	}
}

// holdsOf returns the rows by function and, for those that match a prefix, by prefix.
func holdsOf(rows []HoldRule) (exact map[string]*HoldRule, prefix []*HoldRule) {
	exact = map[string]*HoldRule{}
	for i := range rows {
		if r := &rows[i]; isPrefix(r.Func) {
			prefix = append(prefix, r)
		} else {
			exact[r.Func] = r
		}
	}
	return exact, prefix
}

// findHold sets what the call does with a connection that its caller keeps, from the
// frames between the leaf and the service's code.
func findHold(c *Class, within []*function) {
	if i := outermost(within, func(f *function) bool { return f.hold != nil }); i >= 0 {
		c.Hold = within[i].hold.Hold
	}
}
