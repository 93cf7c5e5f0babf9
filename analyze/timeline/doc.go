// Package timeline turns an execution trace into the requests that a service
// served while it was recorded, each with its path and its calls.
//
// It is the step from a capture's trace to what analyze folds into a Breakdown,
// and the only package that imports the trace reader. Read is its one entry:
//
//  1. A splitter cuts the trace into generations of about a second, each a
//     readable trace by itself (generations.go).
//  2. Each generation is decoded into records; each distinct stack is
//     classified once, by the rules table (decode.go). A decoder of our own
//     reads the format (wire.go) and puts the threads' events in order
//     (order.go, scheduler.go). What it does not know is left to the trace
//     reader, whose result is the same.
//  3. A machine follows the goroutines through the records, generation after
//     generation, finds where requests begin and end (edges.go), and units of a
//     consumer's work (consumers.go), and attributes every interval of a request
//     as it closes, following wake-ups while the waker's recent past is still
//     known (attribute.go). Who ended a request's waits is kept apart (waits.go).
//
// It keeps of each goroutine only the past back to the oldest wait that may
// still have to be followed, so that memory follows what goes on at once and not
// the trace's length. What goes on at once may be too much all the same: then a
// Reader gives up details, in steps that its Summary counts (memory.go). It knows nothing of endpoints' sums, of probes, or of how
// the answer is shown.
package timeline
