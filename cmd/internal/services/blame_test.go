package main

import (
	"fmt"
	"slices"
	"testing"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/cmd/internal/accuracy"
	"timesink/cmd/internal/blame"
	"timesink/collect/capture"
)

// blamed adds to each measurement what is wrong with whom the last line about its scenario
// blames: a system that has less of the time than it says, by the scenario's stopwatches.
func (seen *sight) blamed(t *testing.T, names []string, list []measurement) {
	cp, err := capture.Open(seen.path)
	if err != nil {
		t.Fatal(err)
	}
	defer cp.Close()
	b, err := analyze.Captures(t.Context(), []*capture.Capture{cp}, analyze.Options{Units: units(t, names), Each: seen.asEndpoints()})
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		m := &list[i]
		at := slices.IndexFunc(b.Endpoints, func(e breakdown.Endpoint) bool { return e.Name == m.row.Scenario })
		if at < 0 || m.row.Requests == 0 {
			continue
		}
		e := &b.Endpoints[at]
		if e.Lasts() {
			continue // the answer is about other endpoints
		}
		text := blame.LastLine(b, e.Name)
		for _, fault := range blame.Beyond(text, asked(&m.row, e), asked(&m.row, e), tolerance(&m.row)) {
			m.broken = append(m.broken, fmt.Errorf("the last line says %s, as the stopwatches tell: %s", fault, text))
		}
	}
}

// asEndpoints makes each scenario an endpoint: they share handlers.
func (seen *sight) asEndpoints() func(*breakdown.Request) {
	owner := map[int64]string{}
	for name, m := range seen.facts {
		for i := range m.Requests {
			owner[m.Requests[i].Goroutine] = name
		}
	}
	return func(r *breakdown.Request) {
		if name := owner[r.Goroutine]; name != "" {
			r.Endpoint, r.Chains, r.NamedBySample = name, nil, false
		}
	}
}

// asked returns the time of the other system with the most of a scenario's time once it
// has been asked, by the scenario's stopwatches as far as there are any, in percent.
func asked(row *accuracy.Row, e *breakdown.Endpoint) (percent float64) {
	if row.Wall.Service == 0 {
		return 0
	}
	for _, b := range breakdown.BucketsOf(breakdown.External) {
		ns := row.Measured[b].Service
		if ns == 0 {
			ns = e.Buckets[b].Mean
		}
		for _, p := range e.Buckets[b].Phases {
			if !blame.Ours(p.Phase) {
				continue
			}
			ours := row.Phases[accuracy.Phase{Bucket: b, Phase: p.Phase}].Service
			if ours == 0 {
				ours = p.Mean
			}
			ns -= ours
		}
		percent = max(percent, 100*float64(ns)/float64(row.Wall.Service))
	}
	return percent
}

// tolerance returns by how many percentage points of the wall time a bucket may be off,
// and its phases.
func tolerance(row *accuracy.Row) float64 { return 4 + 100*row.Late() }
