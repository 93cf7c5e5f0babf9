package analyze

import (
	"cmp"
	"maps"
	"slices"

	"timesink/analyze/breakdown"
)

// A fold gathers requests by endpoint. All it holds are sums and histograms, so
// that it does not grow with the number of requests and folds of several
// captures merge by being one. Which requests go to one endpoint is known only when
// all are there: until then they are told apart by all that may matter, and settle
// adds up those that are one.
type fold struct {
	*account
	byKey    map[endpointKey]*endpoint
	last     *endpoint   // of byKey, that a request was added to: the next is often for the same
	sealed   []*endpoint // that no further requests are added to
	made     int         // endpoints
	routing  *routing
	polls    *polls
	requests int64 // complete ones
}

// newFold returns a fold that takes at most a sixteenth of memory, in bytes.
func newFold(memory int64) *fold {
	a := newAccount(memory)
	return &fold{account: a, byKey: map[endpointKey]*endpoint{}, routing: newRouting(a), polls: newPolls(a)}
}

// others is the endpoint of the requests to endpoints that could not be kept
// apart.
const others = "(other endpoints)"

// endpoint returns the endpoint with a key, that of others where there is no room for
// a new one.
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
		f.byKey[key] = e
	}
	f.last = e
	return e
}

// add takes one request and returns the endpoint that it went to.
func (f *fold) add(r *breakdown.Request) *endpoint {
	name := r.Endpoint
	if name == "" {
		name = breakdown.Unnamed
	}
	key := endpointKey{name: name, kind: r.Kind}
	if len(r.Chains) == 0 {
		return f.addTo(f.endpoint(key), r)
	}
	seen, outdated := f.routing.see(r)
	f.seal(outdated)
	key.group = f.routing.groupOf(seen)
	e := f.endpoint(key)
	e.passedTo(seen)
	return f.addTo(e, r)
}

// addRouted takes a request that no stack named but a probe did.
func (f *fold) addRouted(r *breakdown.Request, route string) *endpoint {
	return f.addTo(f.endpoint(endpointKey{name: breakdown.Unnamed, kind: r.Kind, route: route}), r)
}

func (f *fold) addTo(e *endpoint, r *breakdown.Request) *endpoint {
	e.seq++
	e.waited = f.polls.add(r, e.waited)
	e.add(r)
	if !r.Incomplete {
		f.requests++
	}
	return e
}

// addMatched takes a request that the matcher held back or that answered a probe,
// which tells the route of one without a name. The probes' clock is offset ns ahead of
// the trace's.
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

// seal closes endpoints whose requests were not told apart by what now tells them
// apart: requests to come go to other ones.
func (f *fold) seal(outdated []*endpoint) {
	for _, e := range outdated {
		if f.byKey[e.key] == e {
			delete(f.byKey, e.key)
			f.sealed = append(f.sealed, e)
		}
		f.last = nil
	}
}

// all returns the endpoints in the order in which they were made.
func (f *fold) all() []*endpoint {
	all := slices.Collect(maps.Values(f.byKey))
	all = append(all, f.sealed...)
	slices.SortFunc(all, func(a, b *endpoint) int { return cmp.Compare(a.nth, b.nth) })
	return all
}
