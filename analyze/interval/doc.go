// Package interval says how far the figures of a window may be from those of the same
// service over a longer time.
//
// Package analyze gives it sums of an endpoint's requests, in the order of time, and gets
// back 95% intervals: Ratio for a mean or a share, Quantile for a percentile. It knows
// neither requests nor traces.
//
// Requests that follow each other resemble each other: they wait in the same queue, for the
// same lock, during the same garbage collection. Formulas for independent observations
// would promise too much, so nothing is assumed of single requests. What varies is the
// sum over a stretch of time (batch means), and where neighboring stretches still resemble
// each other, longer ones are taken, and what remains is allowed for as in a process that
// forgets a constant share of its past in each.
//
// What a window does not show, an interval cannot allow for: a stall every ten seconds, seen
// from two.
package interval
