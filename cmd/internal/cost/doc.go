// Package cost measures what looking at a service costs it, and which part of the looking.
//
// The VIN service runs under the load of a closed loop, and each part of a collection is
// switched on alone: off, on, off, on. What a request costs the service is the process's own
// CPU time by the requests that clients got answered; what clients see is their latency. The
// package holds tests only. `.ci/cost --write` writes their table, COST.md.
package cost
