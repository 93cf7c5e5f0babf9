package rules

import (
	"slices"

	"timesink/analyze/breakdown"
)

// databases are the drivers, and the pools and libraries over them.
var databases = []Rule{
	// database/sql, whatever the driver.
	{Func: "database/sql.(*DB).conn", Bucket: breakdown.DB, Phase: breakdown.PoolWait, Beyond: breakdown.Connect, System: GenericSQL},
	{Func: "database/sql.(*driverConn).resetSession", Bucket: breakdown.DB, Phase: breakdown.Connect, System: GenericSQL, NoCall: true},
	{Func: "database/sql.(*driverConn).finalClose", Bucket: breakdown.DB, Phase: breakdown.Connect, System: GenericSQL, NoCall: true},
	{Func: "database/sql.(*DB).putConn", Bucket: breakdown.DB, Phase: breakdown.PoolWait, System: GenericSQL, NoCall: true},
	{Func: "database/sql.(*Rows).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: GenericSQL},
	{Func: "database/sql.(*Row).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: GenericSQL},
	{Func: "database/sql.", Bucket: breakdown.DB, Phase: breakdown.Query, System: GenericSQL, Default: true},

	// PostgreSQL: pgx, its pool and its database/sql driver; lib/pq.
	{Func: "github.com/jackc/pgx/v5/pgconn.ConnectConfig", Bucket: breakdown.DB, Phase: breakdown.Connect, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5/pgconn.(*PgConn).CopyFrom", Bucket: breakdown.DB, Phase: breakdown.Query, System: "postgres", Feeds: true},
	{Func: "github.com/jackc/pgx/v5/pgconn.(*PgConn).Close", Bucket: breakdown.DB, Phase: breakdown.Connect, System: "postgres", NoCall: true},
	{Func: "github.com/jackc/pgx/v5.Connect", Bucket: breakdown.DB, Phase: breakdown.Connect, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5.ConnectConfig", Bucket: breakdown.DB, Phase: breakdown.Connect, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5.connect", Bucket: breakdown.DB, Phase: breakdown.Connect, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5/pgxpool.(*Pool).Acquire", Bucket: breakdown.DB, Phase: breakdown.PoolWait, System: "postgres"},
	{Func: "github.com/jackc/puddle/", Bucket: breakdown.DB, Phase: breakdown.PoolWait, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5.(*baseRows).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5.(*connRow).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5/pgxpool.(*poolRows).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5/pgxpool.(*poolRow).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: "postgres"},
	{Func: "github.com/jackc/pgx/v5/stdlib.(*Rows).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: "postgres"},
	{Func: "github.com/jackc/pgx/", Bucket: breakdown.DB, Phase: breakdown.Query, System: "postgres", Default: true},
	{Func: "github.com/jackc/pgconn.ConnectConfig", Bucket: breakdown.DB, Phase: breakdown.Connect, System: "postgres"},
	{Func: "github.com/jackc/pgconn.", Bucket: breakdown.DB, Phase: breakdown.Query, System: "postgres", Default: true},
	{Func: "github.com/lib/pq.(*Listener).listenerMain", Bucket: breakdown.DB, Phase: breakdown.Query, System: "postgres", Answers: true, Awaits: true},
	{Func: "github.com/lib/pq.DialOpen", Bucket: breakdown.DB, Phase: breakdown.Connect, System: "postgres"},
	{Func: "github.com/lib/pq.(*rows).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: "postgres"},
	{Func: "github.com/lib/pq.", Bucket: breakdown.DB, Phase: breakdown.Query, System: "postgres", Default: true},

	// MySQL.
	{Func: "github.com/go-sql-driver/mysql.(*mysqlStmt).Close", Bucket: breakdown.DB, Phase: breakdown.Query, System: "mysql", NoCall: true},
	{Func: "github.com/go-sql-driver/mysql.", Bucket: breakdown.DB, Phase: breakdown.Query, System: "mysql", Default: true},

	// SQLite, in C and in Go. A goroutine that runs C is in a system call, so all its
	// time there counts as the database's; what SQLite computes in Go counts as cpu.
	{Func: "github.com/mattn/go-sqlite3.(*SQLiteConn).prepare", Bucket: breakdown.DB, Phase: breakdown.Query, System: "sqlite", Begins: true},
	{Func: "github.com/mattn/go-sqlite3.", Bucket: breakdown.DB, Phase: breakdown.Query, System: "sqlite", Default: true},
	{Func: "modernc.org/sqlite.", Bucket: breakdown.DB, Phase: breakdown.Query, System: "sqlite", Default: true},

	// MongoDB.
	{Func: "go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology.(*pool).checkOut", Bucket: breakdown.DB, Phase: breakdown.PoolWait, System: "mongodb"},
	{Func: "go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology.(*connection).connect", Bucket: breakdown.DB, Phase: breakdown.Connect, System: "mongodb"},
	{Func: "go.mongodb.org/mongo-driver/v2/mongo.(*Cursor).", Bucket: breakdown.DB, Phase: breakdown.Rows, System: "mongodb"},
	{Func: "go.mongodb.org/mongo-driver/", Bucket: breakdown.DB, Phase: breakdown.Query, System: "mongodb", Default: true},

	// Cassandra, under both names of the driver.
	{Func: "github.com/gocql/gocql.", Bucket: breakdown.DB, Phase: breakdown.Query, System: "cassandra", Default: true},
	{Func: "github.com/apache/cassandra-gocql-driver/", Bucket: breakdown.DB, Phase: breakdown.Query, System: "cassandra", Default: true},
}

// OneWriter reports whether a system is a database in the process that lets one transaction
// write at a time, and whose others look now and then whether they may.
func OneWriter(system string) bool { return system == "sqlite" }

// executes are the functions of database/sql that ask for no rows.
var executes = []string{"database/sql.(*DB).execDC", "database/sql.resultFromStatement"}

// Executes reports whether a stack makes a statement that asks for no rows: it writes.
func Executes(stack []breakdown.Frame) bool {
	return slices.ContainsFunc(stack, func(f breakdown.Frame) bool { return slices.Contains(executes, f.Function) })
}
