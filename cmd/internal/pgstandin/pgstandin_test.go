package pgstandin_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"

	"timesink/cmd/internal/pgstandin"
)

// statements holds a table of three words, a statement that returns nothing, one
// that fails and one that takes an hour.
func statements(started chan<- struct{}) []pgstandin.Statement {
	words := map[int32]string{1: "one", 2: "it's two", 3: ""}
	columns := []pgstandin.Column{{Name: "n", Type: pgtype.Int4OID}, {Name: "word", Type: pgtype.TextOID}}
	return []pgstandin.Statement{
		{
			SQL: `SELECT n, word FROM words WHERE n = $1`, Parameters: []uint32{pgtype.Int4OID}, Columns: columns,
			Answer: func(args []any) (pgstandin.Result, error) {
				n, _ := args[0].(int32)
				if word, ok := words[n]; ok {
					return pgstandin.Result{Rows: [][]any{{n, word}}}, nil
				}
				return pgstandin.Result{}, nil
			},
		},
		{
			SQL: `SELECT n, word FROM words WHERE word = $1`, Parameters: []uint32{pgtype.TextOID}, Columns: columns,
			Answer: func(args []any) (pgstandin.Result, error) {
				for n, word := range words {
					if word == args[0] {
						return pgstandin.Result{Rows: [][]any{{n, word}}}, nil
					}
				}
				return pgstandin.Result{}, nil
			},
		},
		{
			SQL: `SELECT n, word FROM words ORDER BY n`, Columns: columns,
			Answer: func([]any) (pgstandin.Result, error) {
				return pgstandin.Result{Rows: [][]any{{int32(1), "one"}, {int32(2), nil}, {int32(3), "three"}}}, nil
			},
		},
		{
			SQL:    `CREATE TABLE words (n integer, word text)`,
			Answer: func([]any) (pgstandin.Result, error) { return pgstandin.Result{Tag: "CREATE TABLE"}, nil },
		},
		{
			SQL:    `SELECT 1/0`,
			Answer: func([]any) (pgstandin.Result, error) { return pgstandin.Result{}, errors.New("division by zero") },
		},
		{
			SQL: `SELECT pg_sleep(3600)`,
			Answer: func([]any) (pgstandin.Result, error) {
				started <- struct{}{}
				return pgstandin.Result{Took: time.Hour}, nil
			},
		},
	}
}

// start serves the statements until the test ends. started receives a value for
// each sleep.
func start(t *testing.T) (dsn string, started <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sleeps := make(chan struct{}, 1)
	s := &pgstandin.Server{Statements: statements(sleeps)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return fmt.Sprintf("postgres://me@%s/db?sslmode=disable", l.Addr()), sleeps
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func TestEveryQueryModeOfPgx(t *testing.T) {
	dsn, _ := start(t)
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			conn := connect(t, dsn)
			for range 2 { // the second time from a cache, if there is one
				var n int
				var word string
				err := conn.QueryRow(t.Context(), "select n, word from words where n = $1", mode, int32(2)).Scan(&n, &word)
				if err != nil || n != 2 || word != "it's two" {
					t.Errorf("by number: %d %q, %v", n, word, err)
				}
				err = conn.QueryRow(t.Context(), "select n, word from words where word = $1", mode, "it's two").Scan(&n, &word)
				if err != nil || n != 2 {
					t.Errorf("by word: %d %q, %v", n, word, err)
				}
				err = conn.QueryRow(t.Context(), "select n, word from words where n = $1", mode, int32(3)).Scan(&n, &word)
				if err != nil || word != "" {
					t.Errorf("the empty word: %q, %v", word, err)
				}
				err = conn.QueryRow(t.Context(), "select n, word from words where n = $1", mode, int32(4)).Scan(&n, &word)
				if !errors.Is(err, pgx.ErrNoRows) {
					t.Errorf("no row: %v", err)
				}
				rows, _ := conn.Query(t.Context(), "SELECT n, word FROM words -- all\n ORDER BY n;", mode)
				all, err := pgx.CollectRows(rows, pgx.RowTo[int])
				if err == nil || !strings.Contains(err.Error(), "2") {
					t.Errorf("two columns into one: %v, %v", all, err)
				}
				if tag, err := conn.Exec(t.Context(), "CREATE TABLE words (n integer, word text)", mode); err != nil || tag.String() != "CREATE TABLE" {
					t.Errorf("a command: %v, %v", tag, err)
				}
			}
			if err := conn.Ping(t.Context()); err != nil {
				t.Errorf("ping: %v", err)
			}
		})
	}
}

func TestServerVersionNamesTheStandIn(t *testing.T) {
	dsn, _ := start(t)
	conn := connect(t, dsn)
	for _, query := range []string{"SHOW server_version", "SELECT version()"} {
		var version string
		if err := conn.QueryRow(t.Context(), query).Scan(&version); err != nil || !strings.Contains(version, "stand-in") {
			t.Errorf("%s: %q, %v", query, version, err)
		}
	}
	if v := conn.PgConn().ParameterStatus("server_version"); v != pgstandin.Version {
		t.Errorf("the parameter is %q", v)
	}
}

func TestNullsAndSeveralRows(t *testing.T) {
	dsn, _ := start(t)
	rows, err := connect(t, dsn).Query(t.Context(), "SELECT n, word FROM words ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	words, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var n int
		var word *string
		if err := row.Scan(&n, &word); err != nil || word == nil {
			return fmt.Sprint(n, " nil"), err
		}
		return fmt.Sprint(n, " ", *word), nil
	})
	if got := strings.Join(words, ", "); err != nil || got != "1 one, 2 nil, 3 three" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestErrorsLeaveTheConnectionUsable(t *testing.T) {
	dsn, _ := start(t)
	conn := connect(t, dsn)
	for _, c := range []struct {
		name, query string
		args        []any
		code        string
	}{
		{"a statement it does not know", "SELECT 2 + 2", nil, "0A000"},
		{"one that is almost known", "SELECT n, word FROM words WHERE n > $1", []any{1}, "0A000"},
		{"a string without end", "SELECT 'x", nil, "42601"},
		{"one that fails", "SELECT 1/0", nil, "XX000"},
		{"one that fails, simply", "SELECT 1/0", []any{pgx.QueryExecModeSimpleProtocol}, "XX000"},
		{"an argument that is no number", "SELECT n, word FROM words WHERE n = $1", []any{pgx.QueryExecModeExec, "x"}, "22P02"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := conn.Exec(t.Context(), c.query, c.args...)
			var failed *pgconn.PgError
			if !errors.As(err, &failed) || failed.Code != c.code {
				t.Errorf("%v", err)
			}
			if err := conn.QueryRow(t.Context(), "SELECT 1").Scan(new(int)); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestTransactions(t *testing.T) {
	dsn, _ := start(t)
	conn := connect(t, dsn)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status := conn.PgConn().TxStatus(); status != 'T' {
		t.Errorf("the status is %q in a transaction", status)
	}
	if _, err := tx.Exec(t.Context(), "SELECT 1/0"); err == nil {
		t.Error("1/0 is something")
	}
	var failed *pgconn.PgError
	if _, err := tx.Exec(t.Context(), "SELECT 1"); !errors.As(err, &failed) || failed.Code != "25P02" {
		t.Errorf("in a failed transaction: %v", err)
	}
	if err := tx.Commit(t.Context()); !errors.Is(err, pgx.ErrTxCommitRollback) {
		t.Errorf("committing a failed transaction: %v", err)
	}
	options := pgx.TxOptions{IsoLevel: pgx.Serializable, AccessMode: pgx.ReadOnly}
	if err := pgx.BeginTxFunc(t.Context(), conn, options, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "SELECT 1")
		return err
	}); err != nil {
		t.Errorf("a good transaction: %v", err)
	}
	if status := conn.PgConn().TxStatus(); status != 'I' {
		t.Errorf("the status is %q at the end", status)
	}
}

func TestCancellation(t *testing.T) {
	dsn, started := start(t)
	conn := connect(t, dsn)
	ended := make(chan error)
	go func() {
		_, err := conn.Exec(context.Background(), "SELECT pg_sleep(3600)")
		ended <- err
	}()
	<-started
	if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	var failed *pgconn.PgError
	if err := <-ended; !errors.As(err, &failed) || failed.Code != "57014" {
		t.Errorf("%v", err)
	}
	if err := conn.Ping(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A client that prefers TLS asks for it first, and continues without.
func TestTLSIsRefused(t *testing.T) {
	dsn, _ := start(t)
	conn := connect(t, strings.Replace(dsn, "sslmode=disable", "sslmode=prefer", 1))
	if err := conn.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := pgx.Connect(t.Context(), strings.Replace(dsn, "sslmode=disable", "sslmode=require", 1)); err == nil {
		t.Error("it has TLS")
	}
}

func TestManyClientsThroughDatabaseSQL(t *testing.T) {
	dsn, _ := start(t)
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*config)
	defer db.Close()
	db.SetMaxOpenConns(4)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				var n int
				var word sql.NullString
				if err := db.QueryRow("SELECT n, word FROM words WHERE n = $1", 1).Scan(&n, &word); err != nil || word.String != "one" {
					t.Errorf("%d %v, %v", n, word, err)
				}
			}
		})
	}
	all.Wait()
	statement, err := db.Prepare("SELECT n, word FROM words WHERE word = $1")
	if err != nil {
		t.Fatal(err)
	}
	defer statement.Close()
	if err := statement.QueryRow("one").Scan(new(int), new(string)); err != nil {
		t.Error(err)
	}
}

// lib/pq needs two round trips, with the unnamed statement and text in both
// directions. These are the messages that it sends.
func TestTheMessagesOfLibPQ(t *testing.T) {
	dsn, _ := start(t)
	f := dial(t, dsn)
	f.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "me"}})
	expect(t, f, "Authentication ParameterStatus×7 BackendKeyData ReadyForQuery(I)")

	f.Send(&pgproto3.Parse{Query: "SELECT n, word FROM words WHERE n = $1"})
	f.Send(&pgproto3.Describe{ObjectType: 'S'})
	f.Send(&pgproto3.Sync{})
	expect(t, f, "ParseComplete ParameterDescription RowDescription ReadyForQuery(I)")

	f.Send(&pgproto3.Bind{Parameters: [][]byte{[]byte("1")}})
	f.Send(&pgproto3.Execute{})
	f.Send(&pgproto3.Sync{})
	expect(t, f, "BindComplete DataRow(1,one) CommandComplete(SELECT 1) ReadyForQuery(I)")

	f.SendQuery(&pgproto3.Query{String: ";"})
	expect(t, f, "EmptyQueryResponse ReadyForQuery(I)")

	f.SendQuery(&pgproto3.Query{String: "SELECT n, word FROM words ORDER BY n"})
	expect(t, f, "RowDescription DataRow(1,one) DataRow(2,NULL) DataRow(3,three) CommandComplete(SELECT 3) ReadyForQuery(I)")
}

func TestEdgeCasesOfTheExtendedProtocol(t *testing.T) {
	dsn, _ := start(t)
	f := dial(t, dsn)
	f.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "me"}})
	expect(t, f, "Authentication ParameterStatus×7 BackendKeyData ReadyForQuery(I)")

	for _, c := range []struct {
		name   string
		send   []pgproto3.FrontendMessage
		expect string
	}{
		{"a portal fetched row by row", []pgproto3.FrontendMessage{
			&pgproto3.Parse{Query: "SELECT n, word FROM words ORDER BY n"}, &pgproto3.Bind{},
			&pgproto3.Execute{MaxRows: 2}, &pgproto3.Execute{MaxRows: 2}, &pgproto3.Sync{},
		}, "ParseComplete BindComplete DataRow(1,one) DataRow(2,NULL) PortalSuspended DataRow(3,three) CommandComplete(SELECT 3) ReadyForQuery(I)"},
		{"nothing after an error counts before the next Sync", []pgproto3.FrontendMessage{
			&pgproto3.Parse{Query: "SELECT nothing it knows"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{},
		}, "ErrorResponse(0A000) ReadyForQuery(I)"},
		{"a named statement is there once", []pgproto3.FrontendMessage{
			&pgproto3.Parse{Name: "a", Query: "SELECT 1"}, &pgproto3.Parse{Name: "a", Query: "SELECT 1"}, &pgproto3.Sync{},
		}, "ParseComplete ErrorResponse(42P05) ReadyForQuery(I)"},
		{"until it is closed", []pgproto3.FrontendMessage{
			&pgproto3.Close{ObjectType: 'S', Name: "a"}, &pgproto3.Bind{PreparedStatement: "a"}, &pgproto3.Sync{},
		}, "CloseComplete ErrorResponse(26000) ReadyForQuery(I)"},
		{"a portal ends with its transaction", []pgproto3.FrontendMessage{&pgproto3.Execute{}, &pgproto3.Sync{}},
			"ErrorResponse(34000) ReadyForQuery(I)"},
		{"a portal described and closed", []pgproto3.FrontendMessage{
			&pgproto3.Parse{Query: "SELECT 1"}, &pgproto3.Bind{DestinationPortal: "p"}, &pgproto3.Describe{ObjectType: 'P', Name: "p"},
			&pgproto3.Close{ObjectType: 'P', Name: "p"}, &pgproto3.Describe{ObjectType: 'P', Name: "p"}, &pgproto3.Sync{},
		}, "ParseComplete BindComplete RowDescription CloseComplete ErrorResponse(34000) ReadyForQuery(I)"},
		{"a statement without rows", []pgproto3.FrontendMessage{
			&pgproto3.Parse{Query: "begin"}, &pgproto3.Describe{ObjectType: 'S'}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{},
		}, "ParseComplete ParameterDescription NoData BindComplete CommandComplete(BEGIN) ReadyForQuery(T)"},
		{"and the end of its transaction", []pgproto3.FrontendMessage{&pgproto3.Query{String: "rollback"}},
			"CommandComplete(ROLLBACK) ReadyForQuery(I)"},
		{"an empty statement", []pgproto3.FrontendMessage{
			&pgproto3.Parse{}, &pgproto3.Describe{ObjectType: 'S'}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{},
		}, "ParseComplete ParameterDescription NoData BindComplete EmptyQueryResponse ReadyForQuery(I)"},
		{"an argument too many", []pgproto3.FrontendMessage{
			&pgproto3.Parse{Query: "SELECT 1"}, &pgproto3.Bind{Parameters: [][]byte{nil}}, &pgproto3.Sync{},
		}, "ParseComplete ErrorResponse(08P01) ReadyForQuery(I)"},
		{"an argument of another type", []pgproto3.FrontendMessage{
			&pgproto3.Parse{Query: "SELECT n, word FROM words WHERE n = $1", ParameterOIDs: []uint32{pgtype.ByteaOID}}, &pgproto3.Sync{},
		}, "ErrorResponse(42804) ReadyForQuery(I)"},
		{"an argument that is no number", []pgproto3.FrontendMessage{
			&pgproto3.Parse{Query: "SELECT n, word FROM words WHERE n = $1"}, &pgproto3.Bind{Parameters: [][]byte{[]byte("x")}}, &pgproto3.Sync{},
		}, "ParseComplete ErrorResponse(22P02) ReadyForQuery(I)"},
		{"a message of another protocol", []pgproto3.FrontendMessage{&pgproto3.FunctionCall{}, &pgproto3.Sync{}},
			"ErrorResponse(0A000) ReadyForQuery(I)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, message := range c.send {
				f.Send(message)
			}
			expect(t, f, c.expect)
		})
	}
}

// dial connects below pgx, so that the test controls each message.
func dial(t *testing.T, dsn string) *pgproto3.Frontend {
	t.Helper()
	target, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", target.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return pgproto3.NewFrontend(conn, conn)
}

// expect reads messages until the server is ready again and compares their names.
func expect(t *testing.T, f *pgproto3.Frontend, want string) {
	t.Helper()
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	var got []string
	parameters := 0
	for {
		message, err := f.Receive()
		if err != nil {
			t.Fatalf("after %v: %v", got, err)
		}
		name := strings.TrimPrefix(fmt.Sprintf("%T", message), "*pgproto3.")
		switch message := message.(type) {
		case *pgproto3.AuthenticationOk:
			name = "Authentication"
		case *pgproto3.ParameterStatus:
			parameters++
			continue
		case *pgproto3.BackendKeyData:
			got = append(got, fmt.Sprintf("ParameterStatus×%d", parameters))
		case *pgproto3.DataRow:
			values := make([]string, len(message.Values))
			for i, v := range message.Values {
				if values[i] = string(v); v == nil {
					values[i] = "NULL"
				}
			}
			name += "(" + strings.Join(values, ",") + ")"
		case *pgproto3.CommandComplete:
			name += "(" + string(message.CommandTag) + ")"
		case *pgproto3.ErrorResponse:
			name += "(" + message.Code + ")"
		case *pgproto3.ReadyForQuery:
			got = append(got, name+"("+string(message.TxStatus)+")")
			if got := strings.Join(got, " "); got != want {
				t.Errorf("the answer is\n%s, not\n%s", got, want)
			}
			return
		}
		got = append(got, name)
	}
}

func ExampleServer() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	server := &pgstandin.Server{Statements: []pgstandin.Statement{{
		SQL:        "SELECT $1 || ', world'",
		Parameters: []uint32{pgtype.TextOID},
		Columns:    []pgstandin.Column{{Name: "greeting", Type: pgtype.TextOID}},
		Answer: func(args []any) (pgstandin.Result, error) {
			return pgstandin.Result{Rows: [][]any{{args[0].(string) + ", world"}}}, nil
		},
	}}}
	ended := make(chan error)
	go func() { ended <- server.Serve(ctx, l) }()

	conn, err := pgx.Connect(ctx, "postgres://me@"+l.Addr().String()+"/db?sslmode=disable")
	if err != nil {
		panic(err)
	}
	var greeting string
	if err := conn.QueryRow(ctx, "SELECT $1 || ', world'", "hello").Scan(&greeting); err != nil {
		panic(err)
	}
	fmt.Println(greeting)

	stop()
	fmt.Println(<-ended)
	// Output:
	// hello, world
	// <nil>
}
