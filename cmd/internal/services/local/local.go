// Package local contains the scenarios of waits without another system: files,
// timers, locks.
package local

import (
	"fmt"
	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Peers lists the processes that the scenarios need.
var Peers = []scenario.Peer{slowReader}

// heldIn checks that the holders that kept requests in one bucket were mostly
// in another, apart from waiting for a processor, and that their call site is in the
// service's code.
func heldIn(waited, doing breakdown.Bucket) func(*breakdown.Endpoint) error {
	return func(e *breakdown.Endpoint) error {
		t := &e.Buckets[waited]
		in, ready := int64(0), int64(0)
		for _, h := range t.Holders {
			if h.Doing == breakdown.Scheduler {
				ready += h.Total
			}
			if h.Doing == doing {
				in += h.Total
			}
			if h.File == "" || h.Line == 0 {
				return fmt.Errorf("%s: a holder without a call site: %+v", waited, h)
			}
		}
		if 2*in < t.Total-ready || in == 0 {
			return fmt.Errorf("of %d ns in %s, the holders were in %s for %d: %+v", t.Total, waited, doing, in, t.Holders)
		}
		return nil
	}
}
