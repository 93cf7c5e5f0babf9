// Package analyze turns captures into the answer: where the wall time of a
// service's requests went.
//
// Its place in the flow is between the capture's file and the report. Captures
// reads each capture's trace through analyze/timeline, folds the requests by
// endpoint as they come (fold.go), matches the probes to the requests that answered
// them (probes.go), tells middleware from handlers (handlers.go) and long polls from
// queueing (polls.go) when all are there, tells the sums (render.go), and says what is
// worth doing (findings.go) and what the answer does not cover (warnings.go). A report
// draws more than sums: detail.go gathers it, requests.go reads single requests again,
// and evidence.go names what it all rests on.
//
// It keeps to Options.Memory: what does not fit is summed up or left out, and a
// warning says so. It is pure: the same captures give the same Breakdown, whatever
// the clock, the order of maps or the number of processors. It reaches no network
// and writes nothing.
package analyze
