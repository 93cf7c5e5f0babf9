// Package timeline turns an execution trace into the requests that a service
// served while it was recorded, each with its path and its calls.
//
// Package analyze folds these requests into a Breakdown. Read is the only entry point.
// Package trace decodes the trace into records, generation by generation. Its workers
// also classify each distinct stack once, by the rules table (classes.go). A machine
// applies the records in order (machine.go, with unblocked.go for goroutines that neither
// wait nor are in the kernel, and wakeups.go and processors.go for what records say beside
// a goroutine's state). It has these parts:
//
//   - Goroutines: the current state of each (goroutine.go).
//   - History: what goroutines did recently, within a budget (history.go).
//   - Recognizers: one for each way in which requests begin and end, and the list of
//     them (recognizers.go, then connections.go, streams.go, consumers.go, loops.go
//     and turns.go, units.go).
//   - Requests: what is known about each, from its opening to its end (requests.go).
//   - Attribution: where a request's time went (attribute.go, waits.go), and the evidence
//     for it (causes.go). It follows wake-ups through the history (follow.go; batches.go
//     and shared.go for work that several requests share; opening.go and closing.go at
//     the window's edges).
//   - The whole: the time of all goroutines by root, how much of it is for requests, and
//     what held up the loops that accept connections (whole.go, accepting.go).
//   - Calls: what requests asked of other systems (calls.go), also before it is known which
//     request (loose.go), and how much of that lies on a request's path (placing.go).
//   - Bounds: if goroutines, requests and stacks take too much memory, detail is
//     dropped in steps that the Summary counts (memory.go).
//   - Delivery: ended requests go to the caller in order, on another goroutine
//     (delivery.go).
//   - Defects: a panic on any of the goroutines is an error (defect.go).
//
// To add a recognizer, write its file and add it to the list. The frames that it
// recognizes are rows in analyze/rules.
//
// For each goroutine, the package keeps only the past back to the oldest wait that may
// still have to be followed. So memory depends on how much is in progress at once, not
// on the length of the trace. The package does not deal with the trace's encoding, with
// sums by endpoint, with probes, or with how the answer is shown.
package timeline
