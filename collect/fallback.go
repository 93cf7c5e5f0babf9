package collect

import (
	"fmt"
	"slices"
	"time"

	"timesink/collect/capture"
)

// A Fallback is what a run would answer from if it took no trace: snapshots of the
// goroutines, or else probes alone.
type Fallback struct {
	// Samples reports whether snapshots would be possible, Snapshots about how many in the
	// window asked for. SnapshotCost is about what one costs the service, in ns, and Cost
	// the share of its time that all cost. All are 0 if they are not possible.
	Samples      bool    `json:"samples"`
	Snapshots    int     `json:"snapshots"`
	SnapshotCost int64   `json:"snapshot_cost_ns"`
	Cost         float64 `json:"cost"`
	// Refused is why snapshots are not possible, "" if they are.
	Refused string `json:"refused,omitempty"`
	// Used reports whether a run would need the fallback, because there is no trace to be
	// had. Probed reports whether probes would give an answer, if there are any: always,
	// unless the address or the credentials are wrong.
	Used   bool `json:"used"`
	Probed bool `json:"probed"`
}

// fallback says what a run would answer from without a trace, as far as the goroutine page
// and the index tell.
func (d *doctor) fallback() Fallback {
	g := &d.diagnosis
	f := Fallback{Used: g.Err != nil, Probed: g.Err == nil}
	if !f.Probed {
		_, f.Probed = showsNothing(g.Err)
	}
	if g.Err != nil && untracedBy(g.Err) == nil {
		f.Refused = "the error of the trace holds for other pages, too"
		return f
	}
	i := slices.IndexFunc(d.service.Endpoints, func(e capture.Endpoint) bool { return e.Name == "goroutine" })
	n := d.service.Goroutines
	switch {
	case n > manyGoroutines:
		f.Refused = fmt.Sprintf("what a list of %d goroutines costs was not tried; a run tries it once or twice", n)
		return f
	case i < 0 || !d.service.Endpoints[i].OK:
		f.Refused = "the goroutines are not served"
		return f
	}
	s := &sampler{client: d.client, window: time.Duration(g.Asked), goroutines: n, costs: map[string]*costs{},
		whole: d.older(gentleList), sampling: capture.Sampling{Budget: DefaultSampleBudget}}
	took := atWorst(time.Duration(d.service.Endpoints[i].Took), n)
	if s.asText() {
		took = time.Duration(n) * textPerGoroutine
	}
	if err := s.tooCostly(took); err != nil {
		f.Refused = told(err)
		return f
	}
	window := float64(g.Asked)
	f.Samples, f.SnapshotCost = true, int64(took)
	// As sampler.next: the pause before a snapshot is random, an eighth more in the mean.
	f.Snapshots = int(window / (1.125*max(float64(took)/DefaultSampleBudget, float64(sampleGap)) + float64(took)))
	f.Cost = float64(f.Snapshots) * float64(took) / window
	return f
}
