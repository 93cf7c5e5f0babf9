package rules

import (
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// A client is a client library by the name that diagnosis knows it by. Libraries with
// pools of their own are told apart even if they call the same system, because what to do
// about their connections differs.
type client struct{ prefix, name string }

// clients are told by the outermost function of a stack that has one of these prefixes:
// a pool or an interface comes before the driver below it.
var clients = []client{
	{"database/sql.", "database/sql"},
	{"github.com/jackc/pgx/v5/pgxpool.", "pgxpool"},
	{"github.com/jackc/pgx/v4/pgxpool.", "pgxpool"},
	{"github.com/jackc/puddle/", "pgxpool"},
	{"github.com/jackc/pgx/", "pgx"},
	{"github.com/jackc/pgconn.", "pgx"},
	{"go.mongodb.org/mongo-driver/", "mongo"},
	{"github.com/redis/go-redis/", "go-redis"},
	{"github.com/redis/rueidis", "rueidis"},
	{"github.com/gomodule/redigo/", "redigo"},
	{"github.com/bradfitz/gomemcache/", "gomemcache"},
	{"github.com/valyala/fasthttp.", "fasthttp"},
	{"google.golang.org/grpc", "grpc"},
	{"net/http.", "net/http"},
	{"net/smtp.", "net/smtp"},
	{"net.(*Resolver).", "net"},
}

// clientOf returns the client library that a part of a stack, leaf first, called. It
// returns "" if none is known.
func clientOf(stack []breakdown.Frame) string {
	for _, f := range slices.Backward(stack) {
		for _, c := range clients {
			if strings.HasPrefix(f.Function, c.prefix) {
				return c.name
			}
		}
	}
	return ""
}

// prepares are the functions below which a driver prepares a statement, or drops one that
// it prepared. Where they serve one query alone, they cost it round trips.
var prepares = []string{
	"database/sql.ctxDriverPrepare",
	"database/sql.(*driverStmt).Close",
	"github.com/lib/pq.(*conn).prepareTo",
	"github.com/lib/pq.(*stmt).Close",
	"github.com/go-sql-driver/mysql.(*mysqlConn).Prepare",
	"github.com/go-sql-driver/mysql.(*mysqlStmt).Close",
	"github.com/jackc/pgx/v5/pgconn.(*PgConn).Prepare",
	"github.com/jackc/pgx/v5/pgconn.(*PgConn).Deallocate",
	"github.com/jackc/pgx/v4.(*Conn).Prepare",
	"github.com/jackc/pgconn.(*PgConn).Prepare",
}

// Prepares reports whether a stack prepares a statement, or drops one.
func Prepares(stack []breakdown.Frame) bool {
	return slices.ContainsFunc(stack, func(f breakdown.Frame) bool {
		return slices.Contains(prepares, BaseName(f.Function))
	})
}

// Resolves reports whether a stack looks up a host's address.
func Resolves(stack []breakdown.Frame) bool {
	return slices.ContainsFunc(stack, func(f breakdown.Frame) bool {
		return f.Function == "net.(*Resolver).lookupIPAddr"
	})
}

// Shakes reports whether a stack is in a TLS handshake.
func Shakes(stack []breakdown.Frame) bool {
	return slices.ContainsFunc(stack, func(f breakdown.Frame) bool {
		return f.Function == "crypto/tls.(*Conn).handshakeContext"
	})
}

// pings are the functions that ask a system for nothing, to see whether it answers.
var pings = []string{
	"database/sql.(*DB).PingContext",
	"database/sql.(*Conn).PingContext",
	"github.com/jackc/pgx/v5.(*Conn).Ping",
	"github.com/jackc/pgx/v4.(*Conn).Ping",
	"github.com/redis/go-redis/v9.cmdable.Ping",
	"go.mongodb.org/mongo-driver/v2/mongo.(*Client).Ping",
	"go.mongodb.org/mongo-driver/mongo.(*Client).Ping",
}

// testers are the functions of pools that call the service back to test a connection before
// they hand it out. What it calls otherwise is a dial.
var testers = []string{
	"github.com/gomodule/redigo/redis.(*Pool).GetContext",
	"github.com/gomodule/redigo/redis.(*Pool).get", // before 1.8
}

// tests reports whether a call asks for nothing: the client's part of a stack, leaf first,
// is a ping, or the rest of it is a pool's that tests a connection.
func tests(client, rest []breakdown.Frame) bool {
	return slices.ContainsFunc(client, func(f breakdown.Frame) bool { return slices.Contains(pings, f.Function) }) ||
		slices.ContainsFunc(rest, func(f breakdown.Frame) bool { return slices.Contains(testers, f.Function) })
}

// awaiting are the functions that wait for a message which others send when they like: what
// a request and its answer take has no part in that.
var awaiting = []string{
	"github.com/jackc/pgx/v5.(*Conn).WaitForNotification",
	"github.com/jackc/pgx/v5/pgconn.(*PgConn).WaitForNotification",
	"github.com/jackc/pgx/v4.(*Conn).WaitForNotification",
	"github.com/jackc/pgconn.(*PgConn).WaitForNotification",
	"github.com/redis/go-redis/v9.cmdable.BLPop",
	"github.com/redis/go-redis/v9.cmdable.BRPop",
	"github.com/redis/go-redis/v9.cmdable.BLMove",
	"github.com/redis/go-redis/v9.cmdable.BRPopLPush",
	"github.com/redis/go-redis/v9.cmdable.BLMPop",
	"github.com/redis/go-redis/v9.cmdable.BZPopMin",
	"github.com/redis/go-redis/v9.cmdable.BZPopMax",
	"github.com/redis/go-redis/v9.cmdable.BZMPop",
	"github.com/redis/go-redis/v9.cmdable.XRead",
	"github.com/redis/go-redis/v9.cmdable.XReadGroup",
	"github.com/redis/go-redis/v9.(*PubSub).ReceiveTimeout",
	"github.com/gomodule/redigo/redis.PubSubConn.Receive",
	"github.com/gomodule/redigo/redis.PubSubConn.ReceiveContext",
	"github.com/gomodule/redigo/redis.PubSubConn.ReceiveWithTimeout",
	"go.mongodb.org/mongo-driver/v2/mongo.(*ChangeStream).Next",
	"github.com/twmb/franz-go/pkg/kgo.(*Client).PollRecords",
	"github.com/segmentio/kafka-go.(*Reader).FetchMessage",
	"github.com/nats-io/nats%2ego.(*Subscription).NextMsg",
	"github.com/nats-io/nats%2ego.(*Subscription).NextMsgWithContext",
	"github.com/nats-io/nats%2ego.(*Subscription).Fetch",
	"github.com/apache/pulsar-client-go/pulsar.(*consumer).Receive",
}

// awaits reports whether the client's part of a stack waits for a message.
func awaits(client []breakdown.Frame) bool {
	return slices.ContainsFunc(client, func(f breakdown.Frame) bool { return slices.Contains(awaiting, f.Function) })
}
