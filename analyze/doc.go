// Package analyze turns captures into the answer: where the wall time of a
// service's requests went.
//
// Its place in the flow is between the capture's file and the report. Captures is a
// pipeline (analyze.go), each stage of which knows only what the one before returned:
//
//	read      trace → records → requests     analyze/trace, analyze/timeline
//	match     probes ↔ requests              probes.go
//	fold      requests → sums by endpoint    fold.go, sums.go
//	settle    names of endpoints             settle.go, handlers.go, polls.go
//	render    sums → Breakdown               render.go
//	diagnose  findings and warnings          findings.go, warnings.go, unruled.go
//
// Findings and warnings are facts, which package report puts into words.
//
// A report draws more than sums: detail.go gathers it, requests.go reads single
// requests again, and evidence.go names what it all rests on. Changes takes two
// Breakdowns (compare.go, stats.go, gate.go).
//
// It keeps to Options.Memory: what does not fit is summed up or left out, and a
// warning says so. It is pure: the same captures give the same Breakdown, whatever
// the clock, the order of maps or the number of processors. It reaches no network
// and writes nothing.
//
// # Method
//
// The evidence is the Go execution trace: every moment at which a goroutine began to
// wait, why, with which stack, and which goroutine ended the wait.
//
//   - A request runs from its first byte's arrival until the server's goroutine is
//     idle again. Its path is cut into segments without gap or overlap, each in one
//     bucket. The buckets sum to the wall time of each request exactly;
//     [breakdown.Breakdown.Check] holds that identity on every answer.
//   - A wait whose own stack names a driver, a client, a pool or a lock is that. The
//     call site is the service's own line that called in.
//   - Any other wait ended because some goroutine ended it. What that goroutine did
//     meanwhile is what the request waited for, followed as far as it goes, and before
//     that goroutine's birth what its creator did. So a fan-out under a WaitGroup is
//     the slowest branch's upstream call, not "sync".
//   - Following stays inside the request. The time that a shared worker spent on
//     somebody else's job is wait; a lock is lock, with what its holder did as
//     evidence; a full pool is pool_wait, whoever has the connections.
//   - No event marks a call. A call is what a goroutine waits for below one client,
//     until the phases start over or the same place asks again. An answer, or a stream
//     of gRPC, that is read on between other calls is one call all along.
//   - A wait that was under way when the window opened has no stack in the trace. It is
//     told by who ended it, by what the goroutine did next, and by the other waits of
//     the window that ended the same way. A wait that is not over when the window
//     closes is what the request's branch, or the worker at its job, is doing.
//   - Unknown is what no rule explains. It is always printed, and never guessed away.
//
// "If free: 109 → 8 ms" is the mean without that bucket, all else unchanged:
// arithmetic, not a prediction. What another system's bucket spends on the service's own
// side stays: waiting for a connection from its own pool, dialing, filling a batch.
// Where requests queue behind the bucket, or other calls ran hidden beside it, the last
// line says by how much it may be off.
//
// How far the answer is from what services measure of themselves stands in
// cmd/internal/services/ACCURACY.md.
//
// # Limits
//
//   - What no rule knows shows as unknown or wait, with its stack. A rule of the user's
//     own names it (Options.Rules).
//   - A trace holds no SQL and no host names: the call site is what there is.
//   - A handler that never blocks leaves no stack. Such requests are named by CPU
//     samples and probes where possible, and else counted as one endpoint that says so.
//   - Middleware that calls the next function by itself, as next(w, r), looks like a
//     handler on any one stack. It is told by all of them: one call leads requests to
//     several functions, each request to one, or a closure calls another one that it
//     did not make. Middleware around a single handler that is no closure gives the
//     endpoint its own name: a handler that calls a function looks no different. No two
//     endpoints become one by that.
//   - A consumer of a queue (franz-go, sarama's groups, kafka-go, nats.go, amqp091) has
//     a request for what it does between two waits for more. The records of one poll
//     are one request, and so are messages that were there already, unless taking them
//     wakes the library: a consumer that never runs out of work may show one request
//     that the window cuts. What it hands to other goroutines and does not wait for is
//     not in it.
//   - A session of a WebSocket (gorilla's, coder's) has a request of kind websocket for
//     what it does between two waits for a message. What it sends of its own accord, as
//     by a goroutine that only writes, is no request. The connection's other end has the
//     same functions: what a service waits for as the client of a WebSocket counts as
//     client_io.
//   - A long poll waits in the service's own code until others have something to tell,
//     and queueing looks much alike. An endpoint is taken to poll, kind "http/1 long
//     poll", where most of its time is spent at lines at which requests waited for news:
//     from requests to other endpoints that had not begun yet, or from a goroutine that
//     serves none, was given nothing, had nothing to do meanwhile, and tells all who
//     wait. Waits that time out there count with them. Like streams, such endpoints come
//     last, and the answer and the findings are about the others. Where news came less
//     than twice in the window, where one handler both waits and tells, or where a
//     goroutine tells only some of those who wait, a poll counts as any request, with
//     its time in wait or sleep. Work that is gathered in memory and released by a
//     timer looks like a long poll.
//   - Running is the runtime's word: where the kernel took the core away, cpu is too
//     long. The CPU samples are held against it, and a warning says so.
//   - When every processor is busy, arrived data is seen late, so waits look longer. A
//     warning says how often that was.
//   - Go 1.22 to 1.27 are known, and later ones as far as they rename nothing. Traces of
//     Go 1.19 to 1.21 are held against their truth as well, but rarely tell when a
//     system call ended, and recording them is expensive. Between two calls to files in
//     one function of the service the time counts as file, unless the first one reads,
//     writes or closes; what follows any other call counts as cpu. The warning says how
//     much either is. Older ones are read at best.
//   - The answer is about one instance, or about those whose captures are given. A
//     trace costs the service a few percent of CPU while it lasts, and some MB per second
//     of network.
//
// # Glossary
//
// Code, JSON, text and documentation use these words, each for one thing.
//
//	request         one unit of work that a goroutine does for a client or a queue
//	wall time       how long a request took, from its first byte to the end of its work
//	path            what a request spent its wall time on, segment after segment; it
//	                sums to the wall time exactly (the request's critical path)
//	call            something asked of another system; calls overlap, and lie on the
//	                path, beside it, or both
//	call site       the function, file and line of the service's own code that made a
//	                call or began a wait
//	branch          a goroutine that works for a request beside the request's own
//	fan-out         calls of one request that are in flight at once
//	bucket          what kind of time a segment is: db, cache, cpu, lock …
//	phase           a part of a bucket: pool_wait, connect, query …
//	system          what was called: postgres, redis, http …
//	driver          the library that calls a system; pool, its connections; round trip,
//	                one message to the system and its answer
//	cause           what an attribution rests on: state, reason, stack, rule
//	rule            a row of the table that says what a library's frame means
//	waker           the goroutine that ended a wait
//	hand-off        something given to a goroutine that waited for it
//	lock holder     the goroutine that had the lock that others waited for
//	queueing        waiting for a goroutine that is busy with other work
//	off-CPU         running as far as the runtime knows, with no processor under it
//	endpoint        the handler, and the route where it is known
//	stream          a request that lasts as its messages come; long poll, one that waits
//	                for news
//	unit            a request that the service or the user marks: region, task, function
//	root            the function that a goroutine began in
//	ceiling         what the mean wall time would be without a bucket, all else equal
//	capture         what was collected of one service, in one file
//	window          the time that a capture's trace covers
//	generation      the part of a trace, about a second, that can be read by itself
//	record          an event of a trace, reduced to what it says of goroutines
//	cut request     a request that the window's edge cut; incomplete in JSON
//	opening         a wait that was under way when the window opened
//	baseline        the capture that another, the candidate, is compared with
//	noise floor     how much a quantity differs between captures of one build
//	probe           a request that timesink sends, and times as a client does
//	finding         something worth doing, with its evidence
//	warning         what the answer does not cover, or may be wrong about
package analyze
