package rules

// deadlines are the goroutines that a deadline starts, and the functions of clients whose
// own timer is one. What ends a wait by a deadline of the network needs no row.
var deadlines = []Loop{
	{Func: "context.WithDeadlineCause", Outermost: true, Expires: true},
	{Func: "context.WithDeadline", Outermost: true, Expires: true},
	{Func: "net/http.setRequestCancel", Outermost: true, Expires: true},

	{Func: "net/http.(*persistConn).roundTrip", Limited: true},                               // ResponseHeaderTimeout
	{Func: "net/http.(*http2clientStream).writeRequest", Limited: true},                      // the same
	{Func: "net/http/internal/http2.(*clientStream).writeRequest", Limited: true},            // the same
	{Func: "golang.org/x/net/http2.(*clientStream).writeRequest", Limited: true},             // the same
	{Func: "github.com/redis/go-redis/v9/internal/pool.(*ConnPool).waitTurn", Limited: true}, // PoolTimeout
	{Func: "github.com/valyala/fasthttp.(*HostClient).acquireConn", Limited: true},           // MaxConnWaitTimeout
}
