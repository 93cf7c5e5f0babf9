package analyze

import (
	"timesink/analyze/breakdown"
)

// A settled fold holds all requests, with each endpoint under its final name.
type settled struct {
	byKey    map[endpointKey]*endpoint
	passages breakdown.Passages
	requests int64 // complete ones
	cut      bool  // sums were merged to stay within memory
}

// settle gives the endpoints their final names, merges those that turn out to be one,
// and finds the long polls among them. All requests must have been added. The fold must
// not be used afterwards.
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

// of returns the sums of an endpoint of the answer. It returns nil if name and kind do
// not identify them.
func (s *settled) of(e *breakdown.Endpoint) *endpoint {
	return s.byKey[endpointKey{name: e.Name, kind: e.Kind}]
}
