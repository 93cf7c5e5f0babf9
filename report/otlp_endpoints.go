package report

import (
	"slices"

	"timesink/analyze/breakdown"
)

// An endpointIndex finds a request's endpoint.
type endpointIndex struct {
	examples map[breakdown.RequestID]*breakdown.Endpoint
	names    map[endpointName]*breakdown.Endpoint
}

type endpointName struct{ name, kind string }

func newEndpointIndex(b *breakdown.Breakdown) *endpointIndex {
	x := &endpointIndex{map[breakdown.RequestID]*breakdown.Endpoint{}, map[endpointName]*breakdown.Endpoint{}}
	for i := range slices.Backward(b.Endpoints) { // of several with one name, keep the first
		e := &b.Endpoints[i]
		x.names[endpointName{e.Name, e.Kind}] = e
		if e.Detail == nil {
			continue
		}
		for _, bar := range e.Detail.Bars {
			x.examples[bar.Example] = e
		}
		for _, p := range e.Detail.Probed {
			x.examples[p.ID] = e
		}
		if len(e.Detail.Bars) > 0 {
			x.examples[e.Detail.Slowest] = e
		}
	}
	return x
}

// of returns the request's endpoint: the one that has the request as an example, since
// a handler may serve several routes, or else one with its handler.
func (x *endpointIndex) of(s *breakdown.Specimen) *breakdown.Endpoint {
	if e := x.examples[s.ID]; e != nil {
		return e
	}
	name := endpointName{s.Request.Endpoint, s.Request.Kind}
	if name.name == "" {
		name.name = breakdown.Unnamed
	}
	if e := x.names[name]; e != nil {
		return e
	}
	return &breakdown.Endpoint{Name: name.name, Kind: name.kind}
}
