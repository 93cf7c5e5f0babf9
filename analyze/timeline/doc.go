// Package timeline turns an execution trace into the requests that a service
// served while it was recorded, each with its path and its calls.
//
// It is the step from a capture's trace to what analyze folds into a Breakdown.
// Read is its one entry:
//
//  1. Package trace decodes the trace into records, generation by generation. In its
//     workers each distinct stack is classified once, by the rules table (classes.go).
//  2. A machine follows the goroutines through the records, generation after
//     generation, finds where requests begin and end (recognizers.go), and attributes every interval of a request
//     as it closes, following wake-ups while the waker's recent past is still
//     known (attribute.go). Who ended a request's waits is kept apart (waits.go).
//
// It keeps of each goroutine only the past back to the oldest wait that may
// still have to be followed, so that memory follows what goes on at once and not
// the trace's length. What goes on at once may be too much all the same: then a
// Reader gives up details, in steps that its Summary counts (memory.go). It knows
// nothing of a trace's bytes, of endpoints' sums, of probes, or of how the answer is shown.
package timeline
