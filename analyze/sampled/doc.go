// Package sampled estimates what a service's requests spend their time on from snapshots
// of its goroutines.
//
// It stands beside analyze/timeline, for captures without a trace: package analyze
// passes it the samples and gets back what each snapshot shows of requests, as short
// pieces of them. In order:
//
//  1. Stacks are classified by analyze/rules, all before the first snapshot: they show
//     together whose code the service's is (stacks.go).
//  2. Each goroutine of a snapshot that serves a request becomes a piece of a request
//     (snapshots.go), as long as the time that the snapshot stands for. Its own stack
//     decides the bucket. If it waits for others, what the goroutines that it started
//     do decides, in equal parts; otherwise the time is unknown, in the phase
//     handed_over.
//  3. Estimate bounds a share (intervals.go). A snapshot is one observation: requests in
//     progress at one moment may all wait for the same thing.
//
// It cannot follow wake-ups, tell one request of a connection from the next, or count
// requests. Running goroutines look as if they were ready to run: the service stands
// still in a snapshot.
package sampled
