// Package estimates holds the tests of answers without a trace: whether the stated
// intervals hold the truth, and what the snapshots cost a service.
//
// The truth is a trace of the same service over the same time. The long version, with
// every state of the service and several windows of each, is .ci/fallback.
package estimates
