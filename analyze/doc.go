// Package analyze turns captures into the answer: where the wall time of a
// service's requests went.
//
// Its place in the flow is between the capture's file and the report. Captures is a
// pipeline (analyze.go). Each stage uses only what the one before it returned:
//
//	read      trace → records → requests     analyze/trace, analyze/timeline
//	decide    C code that computes           ccalls.go
//	match     probes ↔ requests              probes.go
//	fold      requests → sums by endpoint    fold.go, sums.go
//	settle    names of endpoints             settle.go, handlers.go, polls.go,
//	                                         infer.go, analyze/infer
//	render    sums → Breakdown               render.go, oncpu.go, computing.go
//	diagnose  causes and warnings            diagnose.go (package diagnosis), warnings.go,
//	                                         unruled.go
//	forecast  what remedies would bring      forecast.go, proposals.go (package replay)
//
// For a capture without a trace, what snapshots of its goroutines show takes the place of
// requests (estimate.go, estimate_render.go, package sampled), and there is no diagnosis.
// If it has no snapshots either, the probes are the answer (outside.go).
//
// Findings and warnings are facts here; package report puts them into words.
//
// Reports draw more than sums: detail.go gathers that, requests.go reads single
// requests again, and evidence.go identifies the captures. Changes compares two
// Breakdowns: compare.go and compare_parts.go what changed, comparability.go and
// disturbance.go whether they can be compared, tester.go and stats.go whether a change is
// real, gate.go and gate_judge.go whether it is too large. AB compares two builds by pairs
// of captures as they come (ab.go, signs.go).
//
// The analysis stays within Options.Memory: what does not fit is summed or dropped, and
// a warning says so. It is pure: the same captures give the same Breakdown, regardless
// of the clock, map order or the number of processors. It does not use the network and
// writes nothing.
//
// # Method
//
// The evidence is the Go execution trace. It records when each goroutine began to wait,
// why, with which stack, and which goroutine ended the wait.
//
//   - A request runs from the arrival of its first byte until the server's goroutine is
//     idle again. Its path is a row of segments without gap or overlap, each in one
//     bucket. The buckets sum to the wall time of each request exactly;
//     [breakdown.Breakdown.Check] holds that identity on every answer.
//   - A wait whose own stack names a driver, a client, a pool or a lock is attributed
//     to it. The call site is the line of the service's code that called in.
//   - Any other wait is attributed through its waker: what that goroutine did in the
//     meantime is what the request waited for, recursively. Before the waker was
//     created, its creator stands in. So a fan-out under a WaitGroup shows the slowest
//     branch's upstream call, not "sync".
//   - Attribution stays inside the request. Time that a shared worker spends on another
//     request's job is wait. If it works for several requests at once and releases them
//     in a row, each of them waited for that work, and in wait for the batch before. A
//     lock stays lock, with the lock holder's activity as
//     evidence. An exhausted pool is pool_wait, whichever requests hold its
//     connections.
//   - No event marks a call. A call is what a goroutine waits for below one client,
//     until the phases start over or the same call site asks again. A response body or
//     a gRPC stream that is read in between other calls remains one call.
//   - A wait that was under way when the window opened has no stack in the trace. It is
//     classified by its waker, by what the goroutine did next, and by other waits in
//     the window that ended the same way. A wait still open when the window closes is
//     attributed to what the request's branch, or the worker at its job, is doing.
//   - Unknown is time that no rule explains. It is always printed and never guessed
//     away.
//
// "If free: 109 → 8 ms" is the mean without that bucket, all else unchanged:
// arithmetic, not a prediction. For a bucket of another system, time spent on the
// service's side remains: waiting for a connection from its own pool, dialing, filling
// a batch. If requests queue behind the bucket, or other calls run hidden beside it,
// the last line says by how much the figure may be off.
//
// For how far the answer is from what services measure themselves, see
// cmd/internal/services/ACCURACY.md.
//
// Requests that stand still are told from what goroutines wait for when the window closes
// (standing.go): for what, at which place, since when, and whether any such wait ended.
// Goroutines that stay are told by the statement that started them and by when it did
// (goroutines.go).
//
// # Limits
//
//   - What no rule matches shows as unknown or wait, with its stack. Users can add
//     rules (Options.Rules).
//   - A trace holds no SQL and no host names, only call sites.
//   - A handler that never blocks leaves no stack. Such requests are named by CPU
//     samples and probes where possible. The others are assigned to the endpoints of the
//     sampled requests that ran as long (package infer), and the endpoint says how many
//     of its requests are inferred, with intervals for its figures. Requests that ran for
//     much shorter or longer than any sampled one are counted together, as an endpoint
//     whose name says so. So is an endpoint that was never sampled.
//   - Middleware that calls the next function directly, as next(w, r), looks like a
//     handler in any one stack. All stacks together tell the two apart: one call leads
//     requests to several functions, each request to one of them, or a closure calls
//     another closure that it did not create. If middleware wraps a single handler that
//     is not a closure, the endpoint carries the middleware's name: a handler that
//     calls a function looks the same. This never merges two endpoints.
//   - A router with a call for each route, as in a switch on the path, looks like a
//     handler too. A handler that no router led to counts as one if requests go to
//     several functions, each request to one, so often that chance does not explain it.
//   - Where a request ends in a library's handler, such as a reverse proxy, its name is
//     that of the service's function that leads there, unless that is middleware around
//     the service's own handlers too.
//   - The service's own code is what lies outside of dependencies, by the paths of its
//     files. In a binary built from the module cache everything lies in dependencies:
//     there it is the module of main, and, if that has no handlers, the modules that
//     the handlers are in, other than well-known routers and middleware.
//   - For a queue consumer (franz-go, sarama's groups, kafka-go, nats.go, amqp091) a
//     request is what it does between two waits for more messages. The records of one
//     poll are one request. So are messages that were already there, unless taking them
//     wakes the library: a consumer that never runs out of work may show as one request
//     that the window cuts. Work that it hands to other goroutines without waiting for
//     it is not included.
//   - For a loop that handles one message after another (a broker's connection, or a
//     goroutine that the user names) a request is one turn: from when the goroutine has
//     a message until it waits for the next at the same place. Of several places where
//     it waits again and again, the first in the source is taken for that one. What a
//     goroutine that the user names does in the window before it first waits there is no
//     request, because the loop is known only once it comes back. If it pauses several
//     times in a turn, neither may be the turn after that.
//     Messages that arrive together in a buffer are one. What it writes to the network,
//     in no known client, counts as client_io.
//   - Which part of the process the answer covers is in Breakdown.Coverage. If it is
//     small, the goroutines by root come with the answer. There, waiting for a client,
//     a message or a signal is nothing to do, also in a client that no rule knows.
//   - How long requests wait before the server reads them is known only from probes
//     that dial, one in four. The trace shows whether the accept loop was held up, not
//     for how long each connection waited.
//   - For a WebSocket session (gorilla's, coder's) a request, of kind websocket, is
//     what the service does between two waits for a message. What it sends unprompted,
//     such as from a goroutine that only writes, is not a request. Both ends of a
//     connection use the same functions, so what a service waits for as a WebSocket
//     client counts as client_io.
//   - A batch in memory is known only by its requests' release in a row, with next to no
//     work in between. A worker that serves requests one by one looks the same where a
//     job that takes no time follows a long one, unless it leaves requests behind or
//     takes some that came later. What it does in the kernel between two batches belongs
//     to neither if requests that come meanwhile are in the next one; what it computes
//     counts for the next.
//   - A long poll waits in the service's own code until there is news, and queueing
//     looks much like it. An endpoint counts as polling, kind "http/1 long poll", if it
//     spends most of its time at lines where requests waited for news: from requests to
//     other endpoints that had not begun yet, or from a goroutine that serves no
//     request, was handed nothing, was idle in the meantime, and wakes everyone who
//     waits. Waits that time out at those lines count too. Like streams, such endpoints
//     come last, and the answer and the findings are about the others. A poll counts as
//     an ordinary request, with its time in wait or sleep, if news came fewer than two
//     times in the window, if one handler both waits and wakes, or if a goroutine wakes
//     only some of those who wait. Work that is gathered in memory and released by a
//     timer looks like a long poll.
//   - The runtime says what runs, but not whether there is a core. For how long there was
//     one is estimated from the CPU samples, in the phases on_cpu and off_cpu, with bounds
//     that are wide if there are few samples. off_cpu is 0 unless the samples exclude
//     that. They say nothing if no CPU profile ran during the whole window, on Windows,
//     and for Go before 1.22.
//   - Why there was no core is inferred: a CPU limit stops the whole process at regular
//     intervals, a page fault stops only the code in which it occurs, and neighbors slow
//     all code down.
//   - Of a C function only all calls together show whether it computes, which counts as
//     cpu, or waits, which is unknown with the phase c_call. One that does both counts as
//     cpu if it computes for a quarter of the time or more.
//   - When every processor is busy, arriving data is noticed late, so waits look
//     longer. A warning says how often that happened. By how much is estimated, from how
//     long waits at the same place last otherwise or, if that is not known, from how long
//     no processor had looked. The buckets still hold what was recorded: the estimate
//     takes it only from the causes, so that another system is not blamed for it.
//   - What requests compute is known from CPU samples: one in 10 ms of CPU time. Below 20
//     samples an endpoint has no cause that rests on them, and each cause accounts for no
//     more than the samples are sure of.
//   - Go 1.22 to 1.27 are supported, and later versions unless they rename functions.
//     Traces of Go 1.19 to 1.21 are tested against ground truth as well, but rarely say
//     when a system call ended, and recording them is expensive. Time between two file
//     calls in one function of the service counts as file, unless the first one reads,
//     writes or closes; time after any other call counts as cpu. The warning says how
//     much each is. Older traces are read with best effort.
//   - Without a trace, figures are estimates from snapshots of the goroutines: shares with
//     intervals, in which a snapshot is one observation. A request's own stack decides, or
//     what goroutines that it started do, in equal parts; what others do for it is unknown,
//     in the phase handed_over, and each bucket's interval allows for it. cpu includes
//     waiting for a processor. There are no counts, means, percentiles, calls and causes.
//   - Of several captures, which are instances of one service, the answer says how they
//     differ, and which are odd (odd.go). The test is over instances, and takes four with ten
//     requests each; what differs by less than 5% of the wall time is not named. Windows
//     at different times differ for other reasons too, which a warning says.
//   - Where a service shows neither a trace nor its goroutines, the answer rests on the
//     probes alone: each endpoint is a route, its wall time is what its probes waited, and
//     all of it is unknown. What the service states in Server-Timing headers is quoted, and
//     nothing rests on it.
//   - Of a capture with several short windows, each is read like a capture, and a request that
//     lasts longer than a window is cut. Predictions replay the first window alone.
//   - The answer is about one instance, or about those whose captures are given. While
//     it is being recorded, a trace costs the service a few percent of CPU and some MB
//     per second of network.
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
//	off-CPU         running as far as the runtime knows, but without a core
//	endpoint        the handler, and the route where it is known
//	stream          a request that lasts as long as messages come; long poll, one that waits
//	                for news
//	known           said of a request whose handler a stack, a CPU sample or a probe shows
//	inferred        said of a request that was assigned to an endpoint by its running time
//	unit            a request that the service or the user marks: region, task, function
//	message         what a loop waits for, and handles in one turn; its head, where it waits
//	accept loop     a goroutine that accepts connections
//	coverage        how much of what the process does is done for requests
//	recognizer      what knows one way in which requests begin and end
//	claim           which recognizer a goroutine belongs to
//	history         what goroutines did, as far back as it may still be needed
//	horizon         the moment back to which history is kept
//	root            the function that a goroutine started in
//	ceiling         what the mean wall time would be without a bucket, all else unchanged
//	stand still     said of requests of which some wait at one place for the whole window,
//	                while no wait like theirs ends
//	capture         what was collected of one service, in one file
//	window          the time that a capture's trace covers
//	generation      the part of a trace, about a second, that can be read by itself
//	record          an event of a trace, reduced to what it says about goroutines
//	cut request     a request that the window's edge cut; incomplete in JSON
//	snapshot        what all goroutines of a service do at one moment
//	estimate        a figure from samples, with its interval
//	instance        one process of a service; its capture is one of several
//	spread          how instances differ; odd, said of one that differs from the others by
//	                more than chance explains
//	opening         a wait that was under way when the window opened
//	baseline        the capture that another, the candidate, is compared with
//	noise floor     how much a quantity differs between captures of one build
//	activity        the kind of work that code does: serialization, compression …
//	job             what goroutines that serve no request compute
//	noticed late    said of what ended a wait while no processor looked for it
//	probe           a request that timesink sends, and times as a client does
//	finding         something worth doing, with its evidence
//	warning         what the answer does not cover, or may be wrong about
package analyze
