package diagnosis_test

import (
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// The accept loop is evidence by itself if most connections had come while it was held up.
func TestAcceptLoopsThatClientsWaitFor(t *testing.T) {
	for _, c := range []struct {
		accepted, queued int64
		want             bool
	}{{100, 90, true}, {100, 10, false}, {8, 8, false}} {
		b := &breakdown.Breakdown{AcceptLoops: []breakdown.AcceptLoop{{Held: 1e9, Accepted: c.accepted, Queued: c.queued}}}
		list, _ := diagnosis.Diagnose(&diagnosis.Input{Breakdown: b})
		if (len(list) == 1) != c.want || c.want && (list[0].Saves != 0 || !list[0].Facts.Has(breakdown.FactAcceptSite)) {
			t.Errorf("%d of %d connections queued: %+v", c.queued, c.accepted, list)
		}
	}
}
