package analyze

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/report"
)

// A step is a part of a request: a call in a bucket, or other time.
type step struct {
	bucket  breakdown.Bucket
	phase   breakdown.Phase
	ns      int64
	from    []breakdown.Frame // the service's frames that make the call, from its site outwards
	cause   *breakdown.Cause
	tx      bool
	expired bool
	unread  bool
	aside   bool // on a branch that nobody waits for
}

// handlerFrames are the frames below a handler.
func below(frames ...string) (way []breakdown.Frame) {
	for i, f := range append(frames, "main.get") {
		function, line := f, 10*(i+1)
		fmt.Sscanf(f[strings.LastIndex(f, ":")+1:], "%d", &line)
		if at := strings.LastIndex(f, ":"); at >= 0 {
			function = f[:at]
		}
		way = append(way, breakdown.Frame{Function: function, File: "main.go", Line: line})
	}
	return way
}

// requestOf returns a request that takes these steps, one after another.
func requestOf(steps []step) *breakdown.Request {
	r := &breakdown.Request{Endpoint: "main.get", Kind: "http/1"}
	for _, s := range steps {
		c := s.cause
		if c == nil {
			c = &breakdown.Cause{State: "waiting"}
			if s.from != nil {
				c.Site = s.from[0]
			}
		}
		call := breakdown.Call{Start: r.End, End: r.End + s.ns, Bucket: s.bucket, InTransaction: s.tx, TimedOut: s.expired, Unread: s.unread, OnPath: s.ns}
		if s.aside {
			call.OnPath = 0
		} else {
			r.Path = append(r.Path, breakdown.Segment{Start: r.End, End: r.End + s.ns, Bucket: s.bucket, Phase: s.phase, Cause: c})
			r.End += s.ns
		}
		if s.from != nil {
			call.Site, call.Way = s.from[0], breakdown.NewWay(s.from)
			r.Calls = append(r.Calls, call)
		}
	}
	return r
}

// repeated returns a step n times.
func repeated(n int, s step) []step { return slices.Repeat([]step{s}, n) }

// together returns a step n times, at once.
func together(n int, s step) []step {
	beside := s
	beside.aside = true
	return append(repeated(n-1, beside), s)
}

// sleep returns the time that a request waits for a timer of a library.
func sleep(ns int64, site, function, library string, p breakdown.Purpose) step {
	at := breakdown.Frame{Function: site, File: "main.go", Line: 7}
	return step{bucket: breakdown.Sleep, ns: ns, cause: &breakdown.Cause{State: "waiting", Site: at, Timer: library, Purpose: p,
		Stack: []breakdown.Frame{{Function: "runtime.selectgo"}, {Function: function}, at}}}
}

func TestPatternsOfCalls(t *testing.T) {
	query := func(ms int64, from ...string) step {
		return step{bucket: breakdown.DB, phase: breakdown.Query, ns: ms * msec, from: below(from...)}
	}
	command := func(ms int64, from ...string) step {
		return step{bucket: breakdown.Cache, phase: breakdown.Command, ns: ms * msec, from: below(from...)}
	}
	fetch := func(ms int64, from ...string) step {
		return step{bucket: breakdown.Upstream, phase: breakdown.ResponseWait, ns: ms * msec, from: below(from...)}
	}
	produce := func(p breakdown.Phase, ms int64) step {
		return step{bucket: breakdown.Queue, phase: p, ns: ms * msec, from: below("main.send")}
	}
	cpu := step{bucket: breakdown.CPU, ns: 10 * msec}
	inTx := func(s step) step { s.tx = true; return s }
	expired := func(s step) step { s.expired = true; return s }
	unread := func(s step) step { s.unread = true; return s }
	var elsewhere []step
	for i := range 12 {
		elsewhere = append(elsewhere, query(1, "main.ask", fmt.Sprintf("main.get:%d", i)))
	}
	for _, c := range []struct {
		name  string
		made  [][]step // the kinds of requests, in turn
		want  string   // the findings, "" for none
		says  string
		saves int64 // ms
	}{
		{"one query for each row", [][]step{repeated(12, query(1, "main.rows"))}, "many-queries certain", "one place asks the database again and again\n12.0 queries per request at main.rows (main.go:10)\nask once for all the rows", 11},
		{"one query for each row, in every second request", [][]step{repeated(20, query(1, "main.rows")), {query(1, "main.rows")}}, "many-queries certain", "10.5 queries per request", 9},
		{"one key after another", [][]step{repeated(30, command(1, "main.keys"))}, "many-queries certain", "one place asks the cache again and again\n30.0 calls per request at main.keys (main.go:10)\nask once for all the keys", 29},
		{"one request for each item", [][]step{repeated(15, fetch(2, "main.items"))}, "many-queries certain", "one place asks another service again and again\n15.0 calls", 28},
		{"a fan-out", [][]step{together(15, fetch(20, "main.items"))}, "", "", 0},
		{"some queries", [][]step{append(repeated(4, query(1, "main.rows")), cpu, cpu, cpu)}, "", "", 0},
		{"a function that all queries go through", [][]step{append(elsewhere, cpu, cpu, cpu, cpu, cpu, cpu, cpu, cpu, cpu, cpu, cpu)}, "not-worth-it certain", "", 12},

		{"queries one after another", [][]step{{cpu, query(20, "main.first"), query(30, "main.second")}}, "sequential-calls possible", "database calls are made one after another\n2.0 calls per request", 20},
		{"statements of a transaction", [][]step{{cpu, inTx(query(20, "main.first")), inTx(query(30, "main.second"))}}, "", "", 0},
		{"short queries", [][]step{{query(0, "main.first"), query(30, "main.second")}}, "", "", 0},
		{"queries at once", [][]step{{cpu, {bucket: breakdown.DB, ns: 20 * msec, from: below("main.first"), aside: true}, query(30, "main.second")}}, "", "", 0},
		{"keys one after another", [][]step{{command(5, "main.first"), command(5, "main.second")}}, "sequential-calls possible", "cache calls are made one after another", 5},
		{"calls one after another", [][]step{{fetch(20, "main.first"), fetch(30, "main.second")}}, "sequential-calls likely", "upstream calls are made one after another", 20},
		{"a query, then a call", [][]step{{query(20, "main.both:1"), fetch(30, "main.both:2")}}, "sequential-calls possible", "the database and another service are asked one after the other\n20.0 ms per request in the database at main.both (main.go:1)", 20},
		{"a query, then a call, elsewhere", [][]step{{query(20, "main.one"), fetch(30, "main.two")}}, "", "", 0},
		{"a query, then sometimes a call", [][]step{{query(20, "main.both:1"), fetch(30, "main.both:2")}, {query(20, "main.both:1")}}, "", "", 0},
		{"a transaction, then a call", [][]step{{inTx(query(20, "main.both:1")), fetch(30, "main.both:2")}}, "", "", 0},

		{"a cache that misses", [][]step{{command(1, "main.load:1"), query(20, "main.load:2"), command(1, "main.load:3")}}, "cache-then-database likely",
			"the cache is read, and then the database is asked anyway, in 100% of the requests\n22.0 ms of 22.0 ms per request in both\na read of the cache takes 1.00 ms at main.load (main.go:1)\nthe database takes 20.0 ms at main.load (main.go:2)", 22},
		{"a cache that hits now and then", [][]step{{command(1, "main.load:1"), query(20, "main.load:2")}, {command(1, "main.load:1"), query(20, "main.load:2")}, {command(1, "main.load:1"), query(20, "main.load:2")}, {command(1, "main.load:1")}},
			"cache-then-database likely", "in 75% of the requests", 15},
		{"a cache that hits", [][]step{{command(1, "main.load:1"), query(20, "main.load:2"), command(1, "main.load:3")}, {command(1, "main.load:1")}}, "", "", 0},
		{"a limit that is kept in a cache, and a query", [][]step{{command(1, "main.allow", "main.load:1"), query(20, "main.ask", "main.load:2")}}, "", "", 0},
		{"a session, then a query", [][]step{{command(1, "main.get:1"), query(20, "main.get:2")}}, "", "", 0},
		{"a session, read around the handler", [][]step{{{bucket: breakdown.Cache, ns: 2 * msec, from: outside("main.auth:1")}, {bucket: breakdown.DB, ns: 20 * msec, from: append(below("main.list"), outside("main.auth:2")...)}, {bucket: breakdown.Cache, ns: 2 * msec, from: outside("main.auth:3")}}}, "", "", 0},
		{"a cache that is written after the query", [][]step{{query(20, "main.load:2"), command(1, "main.load:3")}}, "", "", 0},
		{"a slow cache", [][]step{{command(20, "main.load:1"), query(5, "main.load:2")}, {command(20, "main.load:1")}}, "slow-cache likely", "reading the cache takes as long as asking the database\na read of the cache takes 20.0 ms at main.load (main.go:1)\nthe database takes 5.00 ms", 20},
		{"a slow cache that holds something else", [][]step{{command(20, "main.get:1"), query(5, "main.get:2")}}, "", "", 0},

		{"a library that backs off", [][]step{{cpu, fetch(5, "main.try"), sleep(40*msec, "main.try", "example.com/retry.Do", "retry-go", breakdown.BackOff), fetch(5, "main.try")}}, "retries certain", "retry-go waits before it tries again\n40.0 ms of 60.0 ms per request\nwaited for at main.try (main.go:7)", 40},
		{"a loop that backs off", [][]step{{cpu, fetch(1, "main.try:3"), sleep(40*msec, "main.try", "time.Sleep", "", 0), fetch(1, "main.try:3")}, {cpu, fetch(1, "main.try:3")}}, "retries likely", "requests wait between calls that are made again\n20.0 ms of 31.5 ms per request\nwaited for at main.try (main.go:7)\ncalled again at main.try (main.go:3)", 20},
		{"a loop that spreads its calls", [][]step{{cpu, fetch(1, "main.try:3"), sleep(40*msec, "main.try", "time.Sleep", "", 0), fetch(1, "main.try:3")}}, "sleeping certain, not-worth-it certain", "the service's own code sleeps while it serves requests\n40.0 ms of 52.0 ms per request", 40},
		{"a short back-off", [][]step{{cpu, sleep(msec, "main.try", "example.com/retry.Do", "retry-go", breakdown.BackOff)}}, "", "", 0},
		{"a sleep between two calls", [][]step{{fetch(1, "main.first"), sleep(40*msec, "main.get", "time.Sleep", "", 0), fetch(1, "main.second")}}, "sleeping certain, not-worth-it certain", "the service's own code sleeps while it serves requests\n40.0 ms of 42.0 ms per request\nwaited for at main.get (main.go:7)", 40},
		{"a timer of the service's own", [][]step{{cpu, sleep(40*msec, "main.get", "main.get", "", 0)}}, "sleeping likely", "the service's own code waits for a timer while it serves requests", 40},
		{"a limiter", [][]step{{cpu, sleep(40*msec, "main.get", "golang.org/x/time/rate.(*Limiter).wait", "golang.org/x/time/rate", breakdown.Limiting)}}, "rate-limiter certain", "requests wait for a rate limiter, golang.org/x/time/rate\n40.0 ms of 50.0 ms", 40},
		{"a limiter that lets most pass", [][]step{{cpu, sleep(msec, "main.get", "golang.org/x/time/rate.(*Limiter).wait", "golang.org/x/time/rate", breakdown.Limiting)}}, "", "", 0},

		{"a batch's timer", [][]step{{cpu, produce(breakdown.BatchDelay, 40), produce(breakdown.Produce, 1)}}, "batch-delay certain", "messages wait for the producer's batch timer\n40.0 ms of 51.0 ms per request before the batch is sent\ncalled at main.send (main.go:10)", 40},
		{"a message that is waited for", [][]step{{cpu, produce(breakdown.Produce, 40)}}, "synchronous-produce certain", "each request waits until the broker has taken its message\n40.0 ms of 50.0 ms per request, 1.0 messages per request", 40},
		{"a message that is not waited for", [][]step{{cpu, produce(breakdown.Produce, 1)}}, "not-worth-it certain", "", 1},
		{"a message that is fetched", [][]step{{cpu, produce(breakdown.Fetch, 40)}}, "", "", 0},

		{"calls that time out", [][]step{{expired(fetch(50, "main.try"))}, {fetch(5, "main.try")}}, "timeout-reached certain", "6 of 12 calls to another service end by their deadline\n25.0 ms of 27.5 ms per request, each after 50.0 ms\ncalled at main.try (main.go:10)", 25},
		{"queries that time out", [][]step{{unread(query(50, "main.try"))}, {query(5, "main.try")}}, "timeout-reached likely", "6 of 12 calls to the database end by their deadline", 25},
		{"reads that are missing now and then", [][]step{{unread(query(50, "main.try"))}, {query(5, "main.try")}, {unread(query(5, "main.try"))}}, "", "", 0},
		{"a call that timed out, of many", append([][]step{{expired(fetch(5, "main.try"))}}, slices.Repeat([][]step{{fetch(5, "main.try")}}, 11)...), "", "", 0},
	} {
		f := newFold(0)
		for i := range 12 {
			r := requestOf(c.made[i%len(c.made)])
			if err := r.Check(); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			f.add(r)
		}
		sums := settle(f)
		b := &breakdown.Breakdown{Endpoints: render(sums, defaultPeriod, nil)}
		diagnose(b, sums)
		b = report.Worded(b)
		var got, said []string
		for _, x := range b.Findings {
			got = append(got, x.ID+" "+string(x.Confidence))
			said = append(append(append(said, x.Title), x.Evidence...), x.Try)
		}
		if strings.Join(got, ", ") != c.want || !strings.Contains(strings.Join(said, "\n"), c.says) {
			t.Errorf("%s: found %q, want %q:\n%s", c.name, got, c.want, strings.Join(said, "\n"))
			continue
		}
		if c.want != "" && b.Findings[0].SavesUpTo/msec != c.saves {
			t.Errorf("%s: saves %d ms, want %d", c.name, b.Findings[0].SavesUpTo/msec, c.saves)
		}
	}
}

// outside returns the frames of middleware around the handler.
func outside(f string) []breakdown.Frame { return below(f)[:1] }
