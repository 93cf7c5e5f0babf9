// Package analyze turns captures into the answer: where the wall time of a
// service's requests went.
//
// Its place in the flow is between the capture's file and the report. Captures is a
// pipeline (analyze.go), each stage of which knows only what the one before returned:
//
//	read      trace → requests               analyze/timeline
//	match     probes ↔ requests              probes.go
//	fold      requests → sums by endpoint    fold.go, sums.go
//	settle    names of endpoints             settle.go, handlers.go, polls.go
//	render    sums → Breakdown               render.go
//	diagnose  findings and warnings          findings.go, warnings.go, unruled.go
//
// A report draws more than sums: detail.go gathers it, requests.go reads single
// requests again, and evidence.go names what it all rests on. Compare takes two
// Breakdowns (compare.go, stats.go, gate.go).
//
// It keeps to Options.Memory: what does not fit is summed up or left out, and a
// warning says so. It is pure: the same captures give the same Breakdown, whatever
// the clock, the order of maps or the number of processors. It reaches no network
// and writes nothing.
package analyze
