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
//   - Change (change.go, apply.go): steps become shorter, vanish, or move to threads of
//     their own; the replay's processors and clients change.
//   - Replay (sim.go): a simulation of discrete events. Resources and processors have
//     queues. Requests arrive as they did (an open load), or their client sends the next
//     one when it has the answer (a closed load), told from the recording (clients.go).
//   - Predict (predict.go, caveats.go): the recording is replayed without and with the changes. What the
//     replay without a change gives must be what was recorded: how far it is off is part
//     of the answer, and of its interval.
//
// The package is pure: the same recording and changes give the same prediction. It does
// not know traces, and words nothing.
package replay
