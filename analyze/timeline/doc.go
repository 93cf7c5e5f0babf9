// Package timeline turns an execution trace into the requests that a service
// served while it was recorded, each with its path and its calls.
//
// It is the step from a capture's trace to what analyze folds into a Breakdown.
// Read is its one entry. Package trace decodes the trace into records, generation
// by generation, and in its workers each distinct stack is classified once, by the
// rules table (classes.go). A machine applies the records in their order
// (machine.go). It has these parts:
//
//   - Goroutines: the present state of each (goroutine.go).
//   - History: what goroutines did recently, within a budget (history.go).
//   - Recognizers: one for each way in which requests begin and end, and the list of
//     them (recognizers.go, then connections.go, streams.go, consumers.go, units.go).
//   - Requests: what is known of one, from its opening to its end (requests.go).
//   - Attribution: where a request's time went. It reads the history, and follows
//     wake-ups in it (attribute.go, waits.go; opening.go and closing.go at the
//     window's edges).
//   - Calls: what requests asked of other systems (calls.go).
//   - Bounds: details are given up, in steps that the Summary counts, where goroutines,
//     requests and stacks take too much memory (memory.go).
//   - Delivery: ended requests go to the caller, in their order, beside the machine
//     (delivery.go).
//
// To add a recognizer, write its file and add it to the list. Which frames it goes
// by are rows in analyze/rules.
//
// The package keeps of each goroutine only the past back to the oldest wait that may
// still have to be followed, so that memory follows what goes on at once and not
// the trace's length. It knows nothing of a trace's bytes, of endpoints' sums, of
// probes, or of how the answer is shown.
package timeline
