package rules

const (
	goRedis   = "github.com/redis/go-redis/v9"
	redisRead = netRead + " < bufio.(*Reader).fill < bufio.(*Reader).Peek < " + goRedis + "/internal/proto.(*Reader).PeekReplyType < " + goRedis + "/push.(*Processor).processPendingNotifications < " +
		goRedis + "/push.(*Processor).ProcessPendingNotifications < " + goRedis + ".(*baseClient).processPendingPushNotificationWithReader"
	redisProcess = goRedis + ".(*baseClient).withConn < " + goRedis + ".(*baseClient)._process < " + goRedis + ".(*baseClient).process < " + goRedis + ".(*hooksMixin).processHook"
	redisGet     = goRedis + "/internal/pool.(*ConnPool).getConn < " + goRedis + "/internal/pool.(*ConnPool).Get < " + goRedis + ".(*baseClient)._getConn < " + goRedis + ".(*baseClient).getConn < " +
		redisProcess + " < " + goRedis + ".(*Client).Process < " + goRedis + ".cmdable.Do < " + handler

	rueidis     = "github.com/redis/rueidis"
	rueidisRead = netRead + " < bufio.(*Reader).fill < bufio.(*Reader).ReadByte < " + rueidis + ".readNextMessage"

	redigo     = "github.com/gomodule/redigo/redis"
	redigoRead = netRead + " < bufio.(*Reader).fill < bufio.(*Reader).ReadSlice < " + redigo + ".(*conn).readLine < " + redigo + ".(*conn).readReply < " + redigo + ".(*conn).DoWithTimeout"

	gomemcache = "github.com/bradfitz/gomemcache/memcache"
)

var cacheCases = []tableCase{
	{"go-redis waits for its answer", redisRead + " < " + goRedis + ".(*baseClient)._process.func1.3 < " + redisProcess + " < " + goRedis + ".(*Client).Process < " + goRedis + ".cmdable.Do < " + handler,
		"cache/command redis" + served},
	{"go-redis waits for a connection", "runtime.selectgo < " + goRedis + "/internal.(*FastSemaphore).Acquire < " + goRedis + "/internal/pool.(*ConnPool).waitTurn < " + redisGet,
		"cache/pool_wait redis" + served + " limited"},
	{"go-redis waits for the goroutine that dials", "runtime.selectgo < " + goRedis + "/internal/pool.(*ConnPool).queuedNewConn < " + redisGet,
		"cache/connect redis" + served},
	{"go-redis dials", dial + " < " + goRedis + ".(*Options).init.NewDialer.func1 < " + goRedis + ".(*baseClient).dial < " + goRedis + "/internal/pool.(*ConnPool).dialConn < " + goRedis + "/internal/pool.(*ConnPool).queuedNewConn.func2",
		"cache/connect redis"},
	{"go-redis introduces itself", redisRead + " < " + goRedis + ".(*baseClient)._process.func1.3 < " + redisProcess + " < " + goRedis + ".(*Conn).Process < " + goRedis + ".statefulCmdable.Hello < " + goRedis + ".(*baseClient).initConn < " + goRedis + ".(*baseClient)._getConn < " + redisProcess + " < " + goRedis + ".cmdable.Do < " + handler,
		"cache/connect redis" + served},

	{"rueidis asks which nodes there are for a new client", "runtime.chanrecv1 < github.com/redis/rueidis.(*clusterClient).init < github.com/redis/rueidis.newClusterClient < github.com/redis/rueidis.NewClient < " + handler,
		"cache/connect redis" + served},
	{"rueidis waits for an answer that another goroutine reads", "runtime.selectgo < " + rueidis + ".(*pipe).Do < " + rueidis + ".(*mux).pipeline < " + rueidis + ".(*singleClient).Do < " + handler,
		"cache/command redis connection http/1 served whole-answer by main.(*API).Get at main.(*API).Get"},
	{"rueidis waits for several answers that another goroutine reads", "runtime.chanrecv1 < " + rueidis + ".(*pipe).DoMulti < " + rueidis + ".(*mux).pipelineMulti < " + rueidis + ".(*singleClient).DoMulti < " + handler,
		"cache/command redis connection http/1 served whole-answer by main.(*API).Get at main.(*API).Get"},
	{"rueidis waits for the last answer before it closes", "runtime.chanrecv1 < " + rueidis + ".(*pipe).Close < " + rueidis + ".(*mux).Close < " + rueidis + ".(*singleClient).Close < " + handler,
		"cache/command redis connection http/1 served whole-answer by main.(*API).Get at main.(*API).Get"},
	{"rueidis reads for all", rueidisRead + " < " + rueidis + ".(*pipe)._backgroundRead < " + rueidis + ".(*pipe)._background",
		"cache/command redis"},
	{"rueidis waits for a connection", "sync.(*Cond).Wait < " + rueidis + ".(*pool).Acquire < " + rueidis + ".(*mux).Acquire < " + rueidis + ".(*singleClient).Dedicate < " + handler,
		"cache/pool_wait redis" + served},
	{"rueidis introduces itself", rueidisRead + " < " + rueidis + ".syncRead < " + rueidis + ".(*pipe).syncDoMulti < " + rueidis + "._newPipe < " + rueidis + ".newPipe < " + rueidis + ".(*mux)._pipe < " + rueidis + ".(*singleClient).Do < " + handler,
		"cache/connect redis" + served},

	{"redigo waits for its answer", redigoRead + " < " + redigo + ".(*conn).Do < " + redigo + ".(*activeConn).Do < " + handler,
		"cache/command redis" + served},
	{"redigo waits for a goroutine of the call", "runtime.selectgo < " + redigo + ".(*conn).DoContext < " + redigo + ".(*activeConn).DoContext < " + redigo + ".DoContext < " + handler,
		"cache/command redis" + served},
	{"redigo waits for a connection", "runtime.selectgo < " + redigo + ".(*Pool).waitVacantConn < " + redigo + ".(*Pool).GetContext < " + handler,
		"cache/pool_wait redis" + served},
	{"redigo chooses its database", "runtime.selectgo < " + redigo + ".(*conn).DoContext < " + redigo + ".DialContext < main.dial < " + redigo + ".(*Pool).dial < " + redigo + ".(*Pool).GetContext < " + handler,
		"cache/connect redis connection http/1 served by main.(*API).Get at main.dial"},

	{"gomemcache waits for its answer", netRead + " < bufio.(*Reader).fill < bufio.(*Reader).ReadSlice < " + gomemcache + ".parseGetResponse < " + gomemcache + ".(*Client).Get.func1.(*Client).getFromAddr.2 < " + gomemcache + ".(*Client).Get < " + handler,
		"cache/command memcached" + served},
	{"gomemcache dials by a function of the service's", dial + " < main.dial < " + gomemcache + ".(*Client).dial < " + gomemcache + ".(*Client).getConn < " + gomemcache + ".(*Client).Get < " + handler,
		"cache/connect memcached" + served},
	{"gomemcache reads a connection of the service's", netRead + " < main.(*conn).Read < bufio.(*Reader).fill < " + gomemcache + ".parseGetResponse < " + gomemcache + ".(*Client).Get < " + handler,
		"cache/command memcached" + served},
	{"a callback of the service's waits for a client unknown", netRead + " < example.com/vault.Read < main.password < " + gomemcache + ".(*Client).Get < " + handler,
		"connection http/1 served by main.(*API).Get at main.password"},
}
