package analyze

import (
	"timesink/analyze/breakdown"
)

// A settled fold has all requests, and each endpoint by the name that the answer has
// for it.
type settled struct {
	byKey    map[endpointKey]*endpoint
	passages breakdown.Passages
	requests int64 // complete ones
	cut      bool  // sums were merged for want of memory
}

// settle gives the endpoints their names, now that all requests are there, adds up
// those that are one, and finds the long polls among them. The fold is used up.
func settle(f *fold) *settled {
	v := newNaming(f.routing, f.all())
	s := &settled{byKey: map[endpointKey]*endpoint{}, passages: v.passages(), requests: f.requests, cut: f.cut}
	for _, e := range f.all() {
		key := v.keyOf(e)
		if first := s.byKey[key]; first != nil {
			first.merge(e)
			continue
		}
		e.key, e.called = key, nil
		s.byKey[key] = e
	}
	s.markPolls()
	return s
}

// of returns the sums of an endpoint of the answer, nil where the answer does not know
// it by its name and kind alone.
func (s *settled) of(e *breakdown.Endpoint) *endpoint {
	return s.byKey[endpointKey{name: e.Name, kind: e.Kind}]
}
