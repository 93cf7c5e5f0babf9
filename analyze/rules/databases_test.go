package rules

import "testing"

var databaseCases = []tableCase{
	// pgx.
	{"pgx looks for files of settings before it connects", "syscall.fstatat < syscall.Stat < os.statNolog.func1 < os.ignoringEINTR < os.statNolog < os.Stat < github.com/jackc/pgx/v5/pgconn.defaultSettings < github.com/jackc/pgx/v5/pgconn.ParseConfigWithOptions < github.com/jackc/pgx/v5.ParseConfigWithOptions < github.com/jackc/pgx/v5.ParseConfig < github.com/jackc/pgx/v5.Connect < " + handler,
		"db/connect postgres" + served},
	{"pgx copies what it is given", "runtime.selectgo < github.com/jackc/pgx/v5/pgconn.(*PgConn).CopyFrom < github.com/jackc/pgx/v5.(*copyFrom).run < github.com/jackc/pgx/v5.(*Conn).CopyFrom < github.com/jackc/pgx/v5/pgxpool.(*Pool).CopyFrom < " + handler,
		"db/query postgres connection http/1 served feeds by main.(*API).Get at main.(*API).Get"},
	{"pgx says goodbye", "syscall.write < syscall.Write < internal/poll.ignoringEINTRIO < " + netWrite + " < github.com/jackc/pgx/v5/pgproto3.(*Frontend).Flush < github.com/jackc/pgx/v5/pgconn.(*PgConn).flushWithPotentialWriteReadDeadlock < github.com/jackc/pgx/v5/pgconn.(*PgConn).Close < github.com/jackc/pgx/v5.(*Conn).Close < " + handler,
		"db/connect postgres connection http/1 served no-call by main.(*API).Get at main.(*API).Get"},

	// database/sql.
	{"sql closes a connection that it has no place for", "syscall.write < syscall.Write < internal/poll.ignoringEINTRIO < " + netWrite + " < example.com/driver.(*conn).Close < database/sql.(*driverConn).finalClose.func2 < database/sql.withLock < database/sql.(*driverConn).finalClose < database/sql.(*driverConn).Close < database/sql.(*DB).putConn < database/sql.(*driverConn).releaseConn < database/sql.(*Conn).close < database/sql.(*Conn).Close < " + handler,
		"db/connect sql connection http/1 served no-call by main.(*API).Get at main.(*API).Get"},

	// MySQL.
	{"mysql queries", myRead + " < github.com/go-sql-driver/mysql.(*okHandler).readResultSetHeaderPacket < github.com/go-sql-driver/mysql.(*mysqlConn).query < github.com/go-sql-driver/mysql.(*mysqlConn).QueryContext < database/sql.ctxDriverQuery < database/sql.(*DB).queryDC.func1 < database/sql.withLock < database/sql.(*DB).queryDC < database/sql.(*Conn).QueryContext < " + handler,
		"db/query mysql" + served},
	{"mysql reads rows", myRead + " < github.com/go-sql-driver/mysql.(*textRows).readRow < github.com/go-sql-driver/mysql.(*textRows).Next < database/sql.(*Rows).nextLocked < database/sql.(*Rows).Next.func1 < database/sql.withLock < database/sql.(*Rows).Next < " + handler,
		"db/rows mysql" + served},
	{"mysql waits for the server's greeting", myRead + " < github.com/go-sql-driver/mysql.(*mysqlConn).readHandshakePacket < github.com/go-sql-driver/mysql.(*connector).Connect < database/sql.(*DB).conn < database/sql.(*DB).Conn.func1 < database/sql.(*DB).retry < database/sql.(*DB).Conn < " + handler,
		"db/connect mysql" + served},
	{"mysql forgets a statement, unanswered", "syscall.write < syscall.Write < internal/poll.ignoringEINTRIO < " + netWrite + " < github.com/go-sql-driver/mysql.(*mysqlConn).writeWithTimeout < github.com/go-sql-driver/mysql.(*mysqlConn).writePacket < github.com/go-sql-driver/mysql.(*mysqlConn).writeCommandPacketUint32 < github.com/go-sql-driver/mysql.(*mysqlStmt).Close < database/sql.(*driverStmt).Close < database/sql.(*Stmt).Close < " + handler,
		"db/query mysql connection http/1 served no-call by main.(*API).Get at main.(*API).Get"},

	// SQLite.
	{"sqlite prepares in C, where a call begins", "github.com/mattn/go-sqlite3._Cfunc__sqlite3_prepare_v2_internal < github.com/mattn/go-sqlite3.(*SQLiteConn).prepare.func2 < github.com/mattn/go-sqlite3.(*SQLiteConn).prepare < github.com/mattn/go-sqlite3.(*SQLiteConn).exec < github.com/mattn/go-sqlite3.(*SQLiteConn).ExecContext < database/sql.ctxDriverExec < database/sql.(*DB).execDC.func2 < database/sql.withLock < database/sql.(*DB).execDC < database/sql.(*Tx).ExecContext < " + handler,
		"db/query sqlite connection http/1 served begins by main.(*API).Get at main.(*API).Get"},
	{"sqlite steps in C", "github.com/mattn/go-sqlite3._Cfunc__sqlite3_step_row_internal < github.com/mattn/go-sqlite3.(*SQLiteStmt).execSync.func3 < github.com/mattn/go-sqlite3.(*SQLiteStmt).execSync < github.com/mattn/go-sqlite3.(*SQLiteStmt).exec < github.com/mattn/go-sqlite3.(*SQLiteConn).exec < github.com/mattn/go-sqlite3.(*SQLiteTx).Commit < database/sql.(*Tx).Commit.func1 < database/sql.withLock < database/sql.(*Tx).Commit < " + handler,
		"db/query sqlite" + served},
	{"sqlite in C reads rows on another goroutine", "runtime.selectgo < github.com/mattn/go-sqlite3.(*SQLiteRows).Next < database/sql.(*Rows).nextLocked < database/sql.(*Rows).Next.func1 < database/sql.withLock < database/sql.(*Rows).Next < " + handler,
		"db/rows sqlite" + served},
	{"sqlite in Go waits for another's lock of the file", "runtime.selectgo < modernc.org/sqlite.busyHandler < modernc.org/sqlite/lib._sqlite3InvokeBusyHandler < modernc.org/sqlite/lib._btreeInvokeBusyHandler < modernc.org/sqlite/lib._btreeBeginTrans < modernc.org/sqlite/lib._sqlite3BtreeBeginTrans < modernc.org/sqlite/lib._sqlite3VdbeExec < modernc.org/sqlite/lib._sqlite3Step < modernc.org/sqlite/lib.Xsqlite3_step < modernc.org/sqlite.(*conn).step < modernc.org/sqlite.(*tx).exec < modernc.org/sqlite.newTx < modernc.org/sqlite.(*conn).begin < modernc.org/sqlite.(*conn).BeginTx < database/sql.ctxDriverBegin < database/sql.(*DB).beginDC.func1 < database/sql.withLock < database/sql.(*DB).beginDC < database/sql.(*Conn).BeginTx < " + handler,
		"db/query sqlite" + served},
	{"sqlite in Go synchronizes its journal", "modernc.org/libc.___syscall_cp < modernc.org/libc.Xfsync < modernc.org/sqlite/lib._full_fsync < modernc.org/sqlite/lib._unixSync < modernc.org/sqlite/lib._sqlite3OsSync < modernc.org/sqlite/lib._syncJournal < modernc.org/sqlite/lib._sqlite3PagerCommitPhaseOne < modernc.org/sqlite/lib._sqlite3BtreeCommitPhaseOne < modernc.org/sqlite/lib._vdbeCommit < modernc.org/sqlite/lib._sqlite3VdbeHalt < modernc.org/sqlite/lib._sqlite3VdbeExec < modernc.org/sqlite/lib._sqlite3Step < modernc.org/sqlite/lib.Xsqlite3_step < modernc.org/sqlite.(*conn).step < modernc.org/sqlite.(*tx).exec < modernc.org/sqlite.(*tx).Commit < database/sql.(*Tx).Commit.func1 < database/sql.withLock < database/sql.(*Tx).Commit < " + handler,
		"db/query sqlite" + served},

	// MongoDB.
	{"mongo waits for a free connection", "runtime.selectgo < go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology.(*pool).checkOut < go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology.(*Server).Connection < go.mongodb.org/mongo-driver/v2/x/mongo/driver.Operation.getServerAndConnection < go.mongodb.org/mongo-driver/v2/x/mongo/driver.Operation.Execute < go.mongodb.org/mongo-driver/v2/mongo.(*insertOp).execute < go.mongodb.org/mongo-driver/v2/mongo.(*Collection).insert < go.mongodb.org/mongo-driver/v2/mongo.(*Collection).InsertOne < " + handler,
		"db/pool_wait mongodb" + served},
	{"mongo finds", mongoRead + " < go.mongodb.org/mongo-driver/v2/mongo.(*findOp).execute < go.mongodb.org/mongo-driver/v2/mongo.(*Collection).find < go.mongodb.org/mongo-driver/v2/mongo.(*Collection).Find < " + handler,
		"db/query mongodb" + served},
	{"mongo asks for a cursor's next batch", mongoRead + " < go.mongodb.org/mongo-driver/v2/x/mongo/driver.(*BatchCursor).getMore < go.mongodb.org/mongo-driver/v2/x/mongo/driver.(*BatchCursor).Next < go.mongodb.org/mongo-driver/v2/mongo.(*Cursor).All < " + handler,
		"db/rows mongodb" + served},
}

const myRead = netRead + " < github.com/go-sql-driver/mysql.(*mysqlConn).readWithTimeout < github.com/go-sql-driver/mysql.(*buffer).fill < github.com/go-sql-driver/mysql.(*mysqlConn).readNext < github.com/go-sql-driver/mysql.(*mysqlConn).readPacket"

const mongoRead = netRead + " < io.ReadAtLeast < io.ReadFull < go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology.(*connection).read < go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology.(*connection).readWireMessage < go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology.(*Connection).Read < go.mongodb.org/mongo-driver/v2/x/mongo/driver.Operation.readWireMessage < go.mongodb.org/mongo-driver/v2/x/mongo/driver.Operation.roundTrip < go.mongodb.org/mongo-driver/v2/x/mongo/driver.Operation.Execute"

func TestStatementsThatWriteAreTold(t *testing.T) {
	for stackOf, want := range map[string]bool{
		"github.com/mattn/go-sqlite3.(*SQLiteConn).ExecContext < database/sql.ctxDriverExec < database/sql.(*DB).execDC < database/sql.(*DB).ExecContext < main.get":     true,
		"modernc.org/sqlite.(*stmt).ExecContext < database/sql.resultFromStatement < database/sql.(*Stmt).ExecContext < main.get":                                        true,
		"github.com/mattn/go-sqlite3.(*SQLiteConn).QueryContext < database/sql.ctxDriverQuery < database/sql.(*DB).queryDC < database/sql.(*DB).QueryContext < main.get": false,
	} {
		if Executes(stack(stackOf)) != want {
			t.Errorf("%s: %v", stackOf, !want)
		}
	}
}
