package analyze

import (
	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/analyze/timeline"
)

// A settled fold holds all requests, with each endpoint under its final name.
type settled struct {
	byKey    map[endpointKey]*endpoint
	passages breakdown.Passages
	requests int64 // complete ones
	// offCPU is the share of the running time that the CPU samples do not account for.
	offCPU float64
	cut    bool // sums were merged to stay within memory
	// captures are what each contributes, if captures are compared as instances.
	captures []contribution
	// others are the service's goroutines that served no request when the window closed,
	// growth those that were started in it and stayed, and unanswered the probes without
	// an answer, nil if there was one.
	others     []timeline.Standing
	growth     []diagnosis.Growth
	unanswered *diagnosis.Unanswered
	// stopper is where goroutines that serve no request stop the world the longest, nil if
	// nowhere.
	stopper *diagnosis.Stop
}

// settle gives the endpoints their final names, merges those that turn out to be one,
// infers where the requests without a name belong, and finds the long polls. All requests must have been added. The fold must
// not be used afterwards.
func settle(f *fold) *settled {
	v := newNaming(f.routing, f.all())
	s := &settled{byKey: map[endpointKey]*endpoint{}, passages: v.passages(), requests: f.requests, cut: f.cut, captures: f.captures}
	s.offCPU = f.offCPU()
	unnamed, final := lotsOf(f), map[int]*endpoint{}
	partly := v.partly(f.named())
	for _, e := range f.named() {
		key, in, passing := v.keyOf(e), e.key.in, e.key.passing
		e.key, e.called = key, nil
		if in != (cellKey{}) && partly[key.name] {
			if route := routeOf(e); route == "" {
				unnamed = append(unnamed, lot{lotKey{cellKey: in, kind: key.kind}, e})
				continue
			} else {
				e.key = endpointKey{name: breakdown.Unnamed, kind: key.kind, route: route}
			}
		}
		n := e.requests
		to := s.put(e)
		final[e.handler] = to
		if in != (cellKey{}) && !passing {
			to.sampledIn(in, n)
		}
	}
	s.infer(unnamed, final)
	s.markPolls()
	s.settleRowLocks(f.account)
	return s
}

// put adds requests to the endpoint of the answer that has their key, and returns it.
func (s *settled) put(e *endpoint) *endpoint {
	if first := s.byKey[e.key]; first != nil {
		first.merge(e)
		return first
	}
	s.byKey[e.key] = e
	return e
}

// of returns the sums of an endpoint of the answer. It returns nil if name and kind do
// not identify them.
func (s *settled) of(e *breakdown.Endpoint) *endpoint {
	return s.byKey[endpointKey{name: e.Name, kind: e.Kind}]
}
