package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/blame"
)

// A recordedCase is a capture of a service with a known cause, and what the answer must
// say. The services are those of cmd/internal/services/planted; its flag -keep records.
type recordedCase struct {
	file string
	// finding is the ID of the first finding, "" for none, and screen what the text says of
	// it or, without one to do something about, anywhere.
	finding, screen string
	// cause is the ID that the conclusion names, sure its confidence, and at functions that
	// its facts, or those of the finding, name.
	cause string
	sure  breakdown.Confidence
	at    []string
	// last is what the last line says.
	last []string
	// theirs is set if another system has a notable part of the time. Without it, the last
	// line must blame none.
	theirs bool
}

// recordedShapes are what else answers must say, by the case's file: about programs that
// are hard to read.
var recordedShapes = map[string]struct {
	page      []string // what the text says anywhere
	endpoints []string // the names of all endpoints, without the package, sorted; none of them has unknown time
}{
	// An HTTP/2 client of Go 1.27, whose work is on goroutines of net/http/internal/http2.
	"uploads-by-http2": {[]string{"request_write", "response_wait", "body_read", "go1.27"}, []string{"openUploads.func1"}},
	// Handlers behind two closures of one function, and one that leads to a library's.
	"closures-and-gateway": {nil, []string{"(*menu).gate", "(*menu).one", "(*menu).three", "(*menu).two"}},
}

var recordedCases = []recordedCase{
	// The database is slow to answer, but not by itself.
	{"idle-connections-dropped", "dial-per-call", "every database call dials a new connection", "dial-per-call", breakdown.Certain, []string{"main.init.openSQL.func22.1"},
		[]string{"every database call dials a new connection", "connections.go:66"}, false},
	{"pool-too-small", "pool-too-small", "requests wait for a free database connection", "pool-too-small", breakdown.Likely, []string{"main.openSmallPool.asks.func1"},
		[]string{"wait for a free database connection"}, false},
	{"pool-deadlock", "deadlock", "deadlock: requests hold a database connection and wait for a second one", "deadlock", breakdown.Likely, []string{"main.countLines", "main.listOrders"},
		[]string{"8 requests stand still", "for a database connection", "main.countLines (holding.go:137), hold one and wait for another one"}, false},
	{"nested-statements", "nested-acquisition", "wait for a second database connection while they hold one", "nested-acquisition", breakdown.Likely, []string{"main.countLines", "main.listOrders"},
		[]string{"wait for a second database connection while they hold one", "main.countLines (holding.go:137)"}, false},
	{"connection-held", "pool-held", "database connections that are held across an upstream call", "pool-held", breakdown.Certain, []string{"main.openHeld.func1", "main.answer"},
		[]string{"held across an upstream call", "main.openHeld.func1 (holding.go:103)"}, false},
	{"transaction-across-call", "transaction-across-call", "a database transaction is held across an upstream call", "transaction-across-call", breakdown.Certain, []string{"main.(*store).sell", "main.answer"},
		[]string{"transaction is held across an upstream call", "main.(*store).sell (holding.go:56)"}, false},
	{"row-lock", "row-lock", "statements wait for rows that another transaction of this service has", "row-lock", breakdown.Likely, []string{"main.(*store).sell-fm.(*store).sell.func1", "main.(*store).sell", "main.answer"},
		[]string{"rows that another transaction of this service has locked", "holding.go:58"}, false},
	{"mutex-across-query", "lock-held-across-call", "a lock is held across a database call", "lock-held-across-call", breakdown.Certain, []string{"main.openGuardedQuery.func1"},
		[]string{"holds a lock across a database call"}, false},
	{"query-per-item", "many-queries", "one place asks the database again and again", "many-queries", breakdown.Certain, []string{"main.listItems"},
		[]string{"asks the database again and again, at main.listItems (calls.go:86)"}, false},
	{"prepare-round-trips", "prepare-round-trips", "a statement is prepared for each query", "prepare-round-trips", breakdown.Certain, []string{"main.init.openArguments.func43.1"},
		[]string{"a statement is prepared for each query"}, false},
	{"cache-misses", "cache-then-database", "the cache is read, and then the database is asked anyway", "cache-then-database", breakdown.Likely, []string{"main.(*shelf).item", "main.(*shelf).read"},
		[]string{"the cache is read, and then the database is asked anyway"}, false},
	{"two-workers", "worker-queue", "requests queue for workers", "worker-queue", breakdown.Certain, []string{"main.openWorkers.func1", "main.openWorkers.func2"},
		[]string{"requests queue for workers that are busy with other requests"}, false},
	{"accept-queue", "accept-queue", "new connections wait until the service accepts them", "other-side", breakdown.Certain, []string{"net/http.(*Server).Serve"},
		[]string{"But new connections wait before that until the service accepts them"}, true},
	{"saturated-database", "saturated-side", "statements take longer the more of them are in flight: the database is saturated", "other-side", breakdown.Certain, []string{"main.asks.func1"},
		[]string{"waiting for the database"}, true},
	{"statement-prepared-anew", "prepare-round-trips", "a statement is prepared for each query", "other-side", breakdown.Certain, []string{"main.prepareAndAsk"}, []string{"Instant answers from Postgres"}, true},
	{"slow-statement", "", "query", "other-side", breakdown.Certain, []string{"main.openStatement.asks.func1"}, []string{"waiting for the database", "Instant answers from Postgres would save"}, true},

	{"goroutine-with-state", "worker-queue", "requests queue for workers that are busy with other requests", "worker-queue", breakdown.Certain, []string{"main.openActor.func1", "main.openActor.func2"},
		[]string{"requests queue for workers", "main.openActor.func1"}, false},
	{"log-goroutine", "worker-queue", "requests queue for workers that are busy with other requests, in files", "worker-queue", breakdown.Certain, []string{"main.openLoggerGoroutine.func1"},
		[]string{"in files, behind main.openLoggerGoroutine.func1"}, false},
	{"shared-limiter", "rate-limiter", "golang.org/x/time/rate", "rate-limiter", breakdown.Certain, []string{"main.openSharedLimiter.func1"}, []string{"requests wait for a rate limiter"}, false},

	// Other services, and caches, are slow to answer, but not by themselves.
	{"no-keep-alive", "dial-per-call", "of the upstream calls dial a new connection", "other-side", breakdown.Certain, []string{"main.answer"}, []string{"is spent dialing connections"}, true},
	{"tls-per-call", "tls-per-call", "every upstream call makes a new connection with a TLS handshake", "tls-per-call", breakdown.Certain, []string{"main.answer"}, []string{"with a TLS handshake, at main.answer"}, false},
	{"name-per-call", "dns-per-call", "every upstream call looks up the host's address again", "dns-per-call", breakdown.Certain, []string{"main.answer"}, []string{"looks up the host's address again"}, false},
	{"redis-dialed", "dial-per-call", "every cache call dials a new connection", "dial-per-call", breakdown.Certain, []string{"main.openDialedRedis.func1"}, []string{"every cache call dials a new connection"}, false},
	{"redis-pool-too-small", "pool-too-small", "requests wait for a free cache connection, and all are busy with commands", "pool-too-small", breakdown.Likely, []string{"main.openFewRedis.func2"},
		[]string{"wait for a free cache connection"}, false},
	{"uploads-by-http2", "", "request_write", "other-side", breakdown.Certain, []string{"main.post"}, []string{"waiting for upstream HTTP"}, true},
	{"closures-and-gateway", "sleeping", "the service's own code sleeps while it serves requests", "other-side", breakdown.Certain, []string{"main.(*menu).gate", "main.(*menu).two"}, []string{"main.(*menu).gate"}, true},
	{"four-calls", "sequential-calls", "upstream calls are made one after another", "sequential-calls", breakdown.Likely, []string{"main.answer"}, []string{"made one after another, at main.answer"}, false},
	{"semaphore", "concurrency-limit", "golang.org/x/sync/semaphore limits how many requests go on at once", "concurrency-limit", breakdown.Certain, []string{"main.openSemaphore.func1"}, []string{"semaphore limits how many requests go on at once"}, false},
	{"quick-statement", "not-worth-it", "database", "other-side", breakdown.Certain, []string{"main.answer"}, []string{"waiting for upstream HTTP", "A free Postgres would save 3.2 ms"}, true},
	{"cold-start", "cold-start", "the first 4 requests take", "other-side", breakdown.Certain, []string{"main.answer", "main.init.openCold.func125.2"}, []string{"waiting for upstream HTTP"}, true},
	{"slow-call", "", "response_wait", "other-side", breakdown.Certain, []string{"main.answer"}, []string{"Instant answers from the upstream would save"}, true},

	// Processors, and what else is within the service.
	{"background-report", "processors-held", "the processors are taken by main.rebuild", "processors-held", breakdown.Likely, []string{"main.rebuild"}, []string{"the processors are taken by main.rebuild, which serves no request"}, false},
	{"saturated-cores", "no-processor", "ready to run and wait for a processor", "no-processor", breakdown.Certain, nil, []string{"ready to run and wait for a processor"}, false},
	{"cpu-limit", "no-core", "requests run without a core", "no-core", breakdown.Likely, nil, []string{"requests run without a core"}, false},
	{"heap-at-limit", "gc-pressure", "the garbage collector takes 93% of the CPU", "gc-pressure", breakdown.Likely, nil, []string{"the garbage collector takes 93% of the CPU"}, false},
	{"patterns-compiled", "compiles-per-request", "patterns are compiled for each request", "compiles-per-request", breakdown.Likely, []string{"main.sanitize"}, []string{"patterns are compiled for each request, at main.sanitize"}, false},
	{"patterns-compiled-once", "cpu-own-code", "requests compute in main.replace", "cpu-own-code", breakdown.Likely, []string{"main.replace"}, []string{"requests compute in main.replace"}, false},
	{"c-library", "c-call", "requests wait in C code", "c-call", breakdown.Certain, []string{"main.openC.func1"}, []string{"requests wait in C code, at main.openC.func1"}, false},
	{"child-process", "child-process", "requests wait for child processes", "child-process", breakdown.Certain, []string{"main.openShell.func1"}, []string{"requests wait for child processes, at main.openShell.func1"}, false},
	{"group-commit", "batch-queue", "requests wait for the batch in front of theirs, then for their own", "batch-queue", breakdown.Certain, []string{"main.(*journal).keep"},
		[]string{"then for their own, in os.(*File).Sync, behind main.(*journal).keep"}, false},
	{"reader-behind-writer", "reader-behind-writer", "a reader holds a lock for long, and a waiting writer keeps new readers out", "reader-behind-writer", breakdown.Certain, []string{"main.(*table).price", "main.(*table).export", "main.(*table).refresh"},
		[]string{"held by main.(*table).export"}, false},
	{"two-locks", "deadlock", "deadlock: requests hold a lock and wait for another one", "deadlock", breakdown.Likely, []string{"main.transfer"}, []string{"6 requests stand still", "a deadlock"}, false},
	{"worker-deadlock", "deadlock", "deadlock: requests and the worker they need wait for each other", "deadlock", breakdown.Likely, []string{"main.square", "main.openPairs.func1"}, []string{"kept waiting by 1 goroutine at main.square", "a deadlock"}, false},
}

// The answers for recorded captures name the known cause, in text and in JSON, blame no
// other system for time that is the service's own, and fit a screen.
func TestRecordedCausesAreNamed(t *testing.T) {
	files, err := filepath.Glob("testdata/recorded/*.zip")
	if err != nil || len(files) != len(recordedCases) {
		t.Errorf("there are %d captures and %d cases: %v", len(files), len(recordedCases), err)
	}
	for i := range recordedCases {
		c := &recordedCases[i]
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			c.checkText(t)
			c.checkJSON(t)
		})
	}
}

// answerTo returns what the command prints for the capture, with these flags.
func (c *recordedCase) answerTo(t *testing.T, flags ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	args := append([]string{"analyze", filepath.Join("testdata", "recorded", c.file+".zip")}, flags...)
	if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	return out.String()
}

// screenLines is how many lines a small terminal has. The answers about one endpoint fit.
const screenLines = 24

func (c *recordedCase) checkText(t *testing.T) {
	page := c.answerTo(t)
	if n := strings.Count(page, "\n"); n > screenLines && !strings.Contains(page, "of the request time\n") {
		t.Errorf("the answer takes %d lines:\n%s", n, page)
	}
	words := strings.Join(strings.Fields(page), " ")
	if _, after, ok := strings.Cut(words, "What to try 1. "); ok {
		words, _, _ = strings.Cut(after, " try: ")
	}
	if !strings.Contains(words, c.screen) {
		t.Errorf("the first finding does not say %q:\n%s", c.screen, page)
	}
	for _, want := range recordedShapes[c.file].page {
		if all := strings.Join(strings.Fields(page), " "); !strings.Contains(all, want) {
			t.Errorf("the answer does not say %q:\n%s", want, page)
		}
	}
	last := strings.Join(strings.Fields(page[strings.LastIndex(page, "\n\n")+1:]), " ")
	for _, want := range c.last {
		if !strings.Contains(last, want) {
			t.Errorf("the last line does not say %q:\n%s", want, page)
		}
	}
}

func (c *recordedCase) checkJSON(t *testing.T) {
	var b breakdown.Breakdown
	if err := json.Unmarshal([]byte(c.answerTo(t, "-f", "json")), &b); err != nil {
		t.Fatal(err)
	}
	first := ""
	if len(b.Findings) > 0 {
		first = b.Findings[0].ID
	}
	if first != c.finding || b.Conclusion.Cause != c.cause {
		t.Errorf("the first finding is %q, and the conclusion %q", first, b.Conclusion.Cause)
	}
	if i := slices.IndexFunc(b.Causes, func(x breakdown.Explanation) bool { return x.ID == c.cause }); i < 0 || b.Causes[i].Confidence != c.sure {
		t.Errorf("of %s there is %+v", c.cause, b.Causes)
	}
	named := map[string]bool{}
	for _, x := range b.Causes {
		for _, f := range x.Facts {
			if x.ID == c.cause || x.ID == c.finding {
				named[f.Function] = true
			}
		}
	}
	for _, function := range c.at {
		if !named[function] {
			t.Errorf("%s is not among the facts: %v", function, named)
		}
	}
	c.checkEndpoints(t, &b)
	c.checkBlame(t, &b)
}

func (c *recordedCase) checkEndpoints(t *testing.T, b *breakdown.Breakdown) {
	shape, ok := recordedShapes[c.file]
	if !ok {
		return
	}
	var names []string
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		names = append(names, strings.TrimPrefix(e.Name, "main."))
		if u := &e.Buckets[breakdown.Unknown]; 100*u.Total > e.Wall.Total {
			t.Errorf("of %s, %d of %d ns are unknown", e.Name, u.Total, e.Wall.Total)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, shape.endpoints) {
		t.Errorf("the endpoints are %q, not %q", names, shape.endpoints)
	}
}

func (c *recordedCase) checkBlame(t *testing.T, b *breakdown.Breakdown) {
	for _, fault := range blame.Unfounded(b, b.Conclusion.Text) {
		t.Error(fault)
	}
	for _, claim := range blame.Of(b.Conclusion.Text) {
		if claim.Blames() && !c.theirs {
			t.Errorf("the last line blames another system: %q", claim.Text)
		}
	}
}
