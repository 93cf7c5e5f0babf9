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
