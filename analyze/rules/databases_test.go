package rules

var databaseCases = []tableCase{
	// pgx.
	{"pgx looks for files of settings before it connects", "syscall.fstatat < syscall.Stat < os.statNolog.func1 < os.ignoringEINTR < os.statNolog < os.Stat < github.com/jackc/pgx/v5/pgconn.defaultSettings < github.com/jackc/pgx/v5/pgconn.ParseConfigWithOptions < github.com/jackc/pgx/v5.ParseConfigWithOptions < github.com/jackc/pgx/v5.ParseConfig < github.com/jackc/pgx/v5.Connect < " + handler,
		"db/connect postgres" + served},
	{"pgx says goodbye", "syscall.write < syscall.Write < internal/poll.ignoringEINTRIO < " + netWrite + " < github.com/jackc/pgx/v5/pgproto3.(*Frontend).Flush < github.com/jackc/pgx/v5/pgconn.(*PgConn).flushWithPotentialWriteReadDeadlock < github.com/jackc/pgx/v5/pgconn.(*PgConn).Close < github.com/jackc/pgx/v5.(*Conn).Close < " + handler,
		"db/connect postgres connection http/1 served no-call by main.(*API).Get at main.(*API).Get"},
}
