package rules

import "testing"

// The outermost client counts: what it uses inside is not what the service set up.
func TestClientsAreToldByTheirOutermostFunction(t *testing.T) {
	for functions, want := range map[string]string{
		pqRead + " < github.com/lib/pq.(*conn).QueryContext < database/sql.(*DB).QueryContext < " + handler:                         "database/sql",
		pgRead + " < github.com/jackc/pgx/v5.(*Conn).Query < github.com/jackc/pgx/v5/pgxpool.(*Pool).Query < " + handler:            "pgxpool",
		pgRead + " < github.com/jackc/pgx/v5/pgconn.connectOne < github.com/jackc/pgx/v5.Connect < " + handler:                      "pgx",
		dial + " < github.com/bradfitz/gomemcache/memcache.(*Client).dial < " + handler:                                             "gomemcache",
		"net/http.(*Transport).getConn < net/http.(*Client).Do < connectrpc.com/connect.(*duplexHTTPCall).makeRequest < " + handler: "net/http",
		netRead + " < example.com/driver.(*conn).Ask < " + handler:                                                                  "",
	} {
		if got := New().Classify(stack(functions)).Client; got != want {
			t.Errorf("%s: %q, want %q", functions, got, want)
		}
	}
}

func TestPreparingIsToldByItsFunctions(t *testing.T) {
	for functions, want := range map[string]bool{
		pqRead + " < github.com/lib/pq.(*conn).readParseResponse < github.com/lib/pq.(*conn).prepareTo < github.com/lib/pq.(*conn).query < " + handler:                true,
		netRead + " < example.com/driver.(*conn).PrepareContext < database/sql.ctxDriverPrepare < database/sql.(*DB).queryDC < " + handler:                            true,
		pqRead + " < github.com/lib/pq.(*conn).readBindResponse < github.com/lib/pq.(*stmt).exec < github.com/lib/pq.(*conn).query < " + handler:                      false,
		netRead + " < example.com/driver.(*stmt).Query < database/sql.ctxDriverStmtQuery < database/sql.(*DB).queryDC < database/sql.(*DB).QueryContext < " + handler: false,
	} {
		if got := Prepares(stack(functions)); got != want {
			t.Errorf("%s: %v", functions, got)
		}
	}
}

func TestCallsThatAwaitMessages(t *testing.T) {
	goredis, redigo := "github.com/redis/go-redis/v9.", "github.com/gomodule/redigo/redis."
	nats, kafka := "github.com/nats-io/nats%2ego.(*Subscription).", "github.com/segmentio/kafka-go.(*Reader)."
	for functions, want := range map[string]bool{
		pgRead + " < github.com/jackc/pgx/v5/pgconn.(*PgConn).WaitForNotification < github.com/jackc/pgx/v5.(*Conn).WaitForNotification < " + handler:           true,
		pgRead + " < github.com/jackc/pgx/v5/pgconn.(*PgConn).WaitForNotification < " + handler:                                                                 true,
		netRead + " < github.com/jackc/pgconn.(*PgConn).WaitForNotification < github.com/jackc/pgx/v4.(*Conn).WaitForNotification < " + handler:                 true,
		pgRead + " < github.com/jackc/pgx/v5.(*Conn).Exec < " + handler:                                                                                         false,
		netRead + " < " + goredis + "(*PubSub).ReceiveTimeout < " + goredis + "(*PubSub).ReceiveMessage < " + handler:                                           true,
		netRead + " < " + redigo + "(*conn).ReceiveWithTimeout < " + redigo + "PubSubConn.ReceiveContext < " + handler:                                          true,
		netRead + " < " + redigo + "(*conn).Receive < " + redigo + "PubSubConn.Receive < " + handler:                                                            true,
		netRead + " < " + redigo + "(*conn).ReceiveWithTimeout < " + redigo + "PubSubConn.ReceiveWithTimeout < " + handler:                                      true,
		netRead + " < " + redigo + "(*conn).Receive < " + handler:                                                                                               false,
		"runtime.selectgo < " + nats + "NextMsg < " + handler:                                                                                                   true,
		"runtime.selectgo < " + nats + "nextMsgWithContext < " + nats + "NextMsgWithContext < " + handler:                                                       true,
		"runtime.selectgo < " + nats + "Fetch < " + handler:                                                                                                     true,
		"runtime.selectgo < github.com/nats-io/nats%2ego.(*Conn).RequestWithContext < " + handler:                                                               false,
		"runtime.selectgo < github.com/twmb/franz-go/pkg/kgo.(*Client).PollRecords < " + handler:                                                                true,
		"runtime.selectgo < " + kafka + "FetchMessage < " + kafka + "ReadMessage < " + handler:                                                                  true,
		"runtime.selectgo < " + kafka + "CommitMessages < " + handler:                                                                                           false,
		"runtime.selectgo < github.com/apache/pulsar-client-go/pulsar.(*consumer).Receive < " + handler:                                                         true,
		netRead + " < go.mongodb.org/mongo-driver/v2/x/mongo/driver.Operation.Execute < go.mongodb.org/mongo-driver/v2/mongo.(*ChangeStream).Next < " + handler: true,
	} {
		if got := New().Classify(stack(functions)).Awaits; got != want {
			t.Errorf("%s: %v", functions, got)
		}
	}
	for command, want := range map[string]bool{
		"BLPop": true, "BRPop": true, "BLMove": true, "BRPopLPush": true, "BLMPop": true, "BZPopMin": true, "BZPopMax": true, "BZMPop": true, "XRead": true, "XReadGroup": true,
		"LPop": false, "Get": false,
	} {
		if got := New().Classify(stack(netRead + " < " + goredis + "(*baseClient).process < " + goredis + "cmdable." + command + " < " + handler)).Awaits; got != want {
			t.Errorf("%s: %v", command, got)
		}
	}
}

func TestPingsAskForNothing(t *testing.T) {
	goredis, mongo := "github.com/redis/go-redis/v9.cmdable.", "go.mongodb.org/mongo-driver/"
	redigo := netRead + " < github.com/gomodule/redigo/redis.(*conn).Do < "
	for functions, want := range map[string]bool{
		pgRead + " < github.com/jackc/pgx/v5/stdlib.(*Conn).Ping < database/sql.(*DB).pingDC < database/sql.(*DB).PingContext < " + handler:      true,
		pgRead + " < github.com/jackc/pgx/v5/stdlib.(*Conn).Ping < database/sql.(*DB).pingDC < database/sql.(*Conn).PingContext < " + handler:    true,
		pgRead + " < github.com/jackc/pgx/v5.(*Conn).Ping < github.com/jackc/pgx/v5/pgxpool.(*Pool).Ping < " + handler:                           true,
		pgRead + " < github.com/jackc/pgx/v4.(*Conn).Ping < " + handler:                                                                          true,
		netRead + " < github.com/redis/go-redis/v9.(*baseClient).process < " + goredis + "Ping < " + handler:                                     true,
		netRead + " < github.com/redis/go-redis/v9.(*baseClient).process < " + goredis + "Get < " + handler:                                      false,
		netRead + " < " + mongo + "v2/x/mongo/driver.Operation.Execute < " + mongo + "v2/mongo.(*Client).Ping < " + handler:                      true,
		netRead + " < " + mongo + "x/mongo/driver.Operation.Execute < " + mongo + "mongo.(*Client).Ping < " + handler:                            true,
		redigo + "main.tested < github.com/gomodule/redigo/redis.(*Pool).get < github.com/gomodule/redigo/redis.(*Pool).Get < " + handler:        true,
		redigo + "main.tested < github.com/gomodule/redigo/redis.(*Pool).GetContext < github.com/gomodule/redigo/redis.(*Pool).Get < " + handler: true,
		redigo + handler: false,
	} {
		if got := New().Classify(stack(functions)).Tests; got != want {
			t.Errorf("%s: %v", functions, got)
		}
	}
}
