// Package replay predicts how long requests would take if something about the service
// were different, by running the requests of a window again with that change.
//
// Its place in the flow is beside diagnosis: package analyze gives a Recorder each request
// as it is read, and the Recording that results to Predict, with the changes. In steps:
//
//   - Record (recorder.go, build.go): each request becomes a few threads of steps: to run,
//     to be delayed by something else, to start another thread, to wait for others. Time
//     spent in a queue is no work: it has to come out of the replay.
//   - Link (link.go, locks.go): waits for a pool's connection, for one of several workers or
//     for a lock become the taking of a resource. Who has it, and from when until when, is
//     known from calls, from the goroutines that work for one request after another, and from
//     who released a lock that somebody waited for. A queue that the replay does not give
//     back is not understood: the waits in it are kept as recorded, and the answer says so.
//   - Pace (pace.go, peers.go): where calls to another system were seen with different numbers
//     of them in flight, a line says how their duration depends on that number. In the replay
//     they take as long as the line says for the number in flight then (clock.go). Beyond the
//     levels seen there are two ends: the system slows down no further, or it answers no more
//     calls at a time.
//   - Change (change.go, apply.go): steps become shorter, vanish, or move to threads of
//     their own; the replay's processors and clients change.
//   - Replay (sim.go): a simulation of discrete events. Resources and processors have
//     queues. Requests arrive as they did (an open load), or their client sends the next
//     one when it has the answer (a closed load), told from the recording (clients.go).
//   - Predict (predict.go, caveats.go): the recording is replayed without and with the changes. What the
//     replay without a change gives must be what was recorded: how far it is off is part
//     of the answer, and of its interval.
//
// A pace compares calls of the same tenth of the window. Where something else makes both the
// load and the durations rise within such a stretch, it is taken for the pace; the load that
// other clients bring to a system is not known. A system that serves very unlike calls in turn
// may seem to slow down more than it does, by a third.
//
// The package is pure: the same recording and changes give the same prediction. It does
// not know traces, and words nothing.
package replay
