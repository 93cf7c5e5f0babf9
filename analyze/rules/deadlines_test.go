package rules

import "testing"

var deadlineCases = []tableCase{
	{"a context's deadline", "runtime.closechan < context.(*cancelCtx).cancel < context.(*timerCtx).cancel < context.WithDeadlineCause.func2",
		"expires"},
	{"a context's deadline, of a Go before 1.21", "runtime.closechan < context.(*cancelCtx).cancel < context.(*timerCtx).cancel < context.WithDeadline.func2",
		"expires"},
	{"a client's time-out, of a Go before 1.23", "runtime.closechan < net/http.(*Transport).cancelRequest < net/http.setRequestCancel.func3 < net/http.setRequestCancel.func4",
		"upstream/response_wait http expires"},
	{"a handler that cancels its context", "runtime.closechan < context.(*cancelCtx).cancel < context.(*timerCtx).cancel < context.WithDeadlineCause.func3 < " + handler,
		"connection http/1 served by main.(*API).Get at main.(*API).Get"},
	{"a call of net/http's client", selects + "net/http.(*persistConn).roundTrip < net/http.(*Client).Do < " + handler,
		"upstream/response_wait http" + served + " limited"},
	{"fasthttp waits for a connection", selects + "github.com/valyala/fasthttp.(*HostClient).acquireConn < github.com/valyala/fasthttp.Do < " + handler,
		"upstream/response_wait http" + served + " limited"},
	{"the service's own select", selects + handler,
		"connection http/1 served by main.(*API).Get at main.(*API).Get"},
}

// A transaction's statements run one after another.
func TestStatementsOfTransactions(t *testing.T) {
	for _, c := range []struct {
		stack string
		want  bool
	}{
		{netRead + " < github.com/lib/pq.(*conn).recv < database/sql.(*DB).queryDC < database/sql.(*Tx).QueryContext < " + handler, true},
		{netRead + " < github.com/lib/pq.(*conn).recv < database/sql.(*DB).queryDC < database/sql.(*DB).QueryContext < " + handler, false},
		{netRead + " < github.com/jackc/pgx/v5.(*Conn).Query < github.com/jackc/pgx/v5.(*dbTx).Query < github.com/jackc/pgx/v5/pgxpool.(*Tx).Query < " + handler, true},
		{netRead + " < github.com/jackc/pgx/v5.(*Conn).Query < github.com/jackc/pgx/v5/pgxpool.(*Conn).Query < github.com/jackc/pgx/v5/pgxpool.(*Pool).Query < " + handler, false},
	} {
		if got := New().Classify(stack(c.stack)).Transaction; got != c.want {
			t.Errorf("%s: of a transaction: %v", c.stack, got)
		}
	}
}
