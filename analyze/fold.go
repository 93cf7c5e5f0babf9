package analyze

import (
	"maps"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/infer"
)

// A fold sums requests by endpoint. It holds only sums and histograms, so it does not
// grow with the number of requests, and one fold takes the requests of several
// captures. Which requests belong to one endpoint is known only after the last: until
// then everything that may matter keeps them apart, and settle merges those that turn
// out to be one.
type fold struct {
	*account
	byKey    map[endpointKey]*endpoint
	last     *endpoint            // of byKey, that a request was added to: often the next one goes there too
	sealed   []*endpoint          // take no further requests
	lots     map[lotKey]*endpoint // the requests without a name
	tables   []*lotTable
	near     [infer.Cells]int // the handler sampled near each cell, 0 for none, or several
	conns    connections
	ids      map[endpointKey]int // of endpoints, by key without the cell
	due      float64             // samples that the running time of all goroutines gets with a core
	sampled  int64               // CPU samples that hit them
	made     int                 // the number of endpoints created
	routing  *routing
	polls    *polls
	requests int64 // complete ones
	// each, if set, is called with every request and the endpoint that it is added to.
	each func(e *endpoint, r *breakdown.Request)
}

// newFold returns a fold that uses at most a sixteenth of memory, which is in bytes.
func newFold(memory int64) *fold {
	a := newAccount(memory)
	return &fold{account: a, byKey: map[endpointKey]*endpoint{}, lots: map[lotKey]*endpoint{}, ids: map[endpointKey]int{}, routing: newRouting(a), polls: newPolls(a)}
}

// others names the endpoint that takes the requests for which there is no room to keep
// endpoints apart.
const others = "(other endpoints)"

// endpoint returns the endpoint with a key. It returns that of others if there is no
// room for a new one.
func (f *fold) endpoint(key endpointKey) *endpoint {
	if f.last != nil && f.last.key == key {
		return f.last
	}
	e := f.byKey[key]
	if e == nil && !f.spend(endpointSize) {
		key = endpointKey{name: others}
		e = f.byKey[key]
	}
	if e == nil {
		f.made++
		e = newEndpoint(f.account, key, f.made)
		e.handler = f.idOf(key)
		f.byKey[key] = e
	}
	f.last = e
	return e
}

// idOf returns the id of the endpoints with a key, whichever their cells.
func (f *fold) idOf(key endpointKey) int {
	key.in, key.passing = cellKey{}, false
	if f.ids[key] == 0 {
		f.ids[key] = len(f.ids) + 1
	}
	return f.ids[key]
}

// add adds one request and returns the endpoint that it went to.
func (f *fold) add(r *breakdown.Request) *endpoint {
	if r.Endpoint == "" {
		return f.addTo(f.lot(r), r)
	}
	key := endpointKey{name: r.Endpoint, kind: r.Kind}
	switch {
	case r.Incomplete:
	case r.NamedBySample:
		key.in = f.sampledCellOf(r)
	case r.NamedInPassing:
		key.in, key.passing = f.cellOf(r), true
	}
	if len(r.Chains) == 0 {
		return f.addNamed(f.endpoint(key), r)
	}
	seen, outdated := f.routing.see(r)
	f.seal(outdated)
	key.group = f.routing.groupOf(seen)
	e := f.endpoint(key)
	e.passedTo(seen)
	return f.addNamed(e, r)
}

// addRouted adds a request that has its route from a probe and no name from a stack.
func (f *fold) addRouted(r *breakdown.Request, route string) *endpoint {
	return f.addTo(f.endpoint(endpointKey{name: breakdown.Unnamed, kind: r.Kind, route: route, in: f.cellOf(r)}), r)
}

func (f *fold) addTo(e *endpoint, r *breakdown.Request) *endpoint {
	e.seq++
	e.waited = f.polls.add(r, e.waited)
	e.add(r)
	if f.each != nil {
		f.each(e, r)
	}
	if !r.Incomplete {
		f.requests++
	}
	return e
}

// addMatched adds a request that the matcher held back, and the probe that a request
// answered. The probe supplies the route of a request without a name. The probes' clock
// is offset ns ahead of the trace's.
func (f *fold) addMatched(m matched, offset int64) {
	c, p := m.candidate, m.probe
	switch {
	case c.held != nil && p != nil:
		c.endpoint = f.addRouted(c.held, p.Route)
	case c.held != nil:
		c.endpoint = f.add(c.held)
	}
	c.held = nil
	if p != nil {
		c.endpoint.addProbe(c, p, offset)
	}
}

// seal closes the outdated endpoints that see returned: later requests go to new
// endpoints.
func (f *fold) seal(outdated []*endpoint) {
	for _, e := range outdated {
		if f.byKey[e.key] == e {
			delete(f.byKey, e.key)
			f.sealed = append(f.sealed, e)
		}
		f.last = nil
	}
}

// all returns the endpoints and the lots in the order of their creation.
func (f *fold) all() []*endpoint {
	all := slices.AppendSeq(f.named(), maps.Values(f.lots))
	slices.SortFunc(all, byCreation)
	return all
}

// named returns the endpoints in the order of their creation, without the lots.
func (f *fold) named() []*endpoint {
	all := slices.Collect(maps.Values(f.byKey))
	all = append(all, f.sealed...)
	slices.SortFunc(all, byCreation)
	return all
}
