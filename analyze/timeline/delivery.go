package timeline

import (
	"sync"

	"timesink/analyze/breakdown"
)

// A delivery hands finished requests to the caller on another goroutine, in order.
// Processing them takes a seventh of all time, and the machine is the bottleneck.
type delivery struct {
	parcel parcel // being filled
	full   chan parcel
	empty  chan parcel
	ended  sync.WaitGroup
	defect *Defect // of a call of emit; read it only after ended
}

// A parcel holds copies of requests: the originals stay with the machine, in the
// cache of its core. The paths, calls and samples of all requests lie in one slice
// each.
type parcel struct {
	requests []breakdown.Request
	path     []breakdown.Segment
	calls    []breakdown.Call
	samples  []*breakdown.Cause
	chains   []*breakdown.Chain
	waits    []breakdown.Waited
	weight   int64  // of the requests, in bytes
	after    func() // called after they have been delivered
}

// A parcel is handed on when it is this large. A request that is large by itself is
// not copied.
const (
	parcels      = 8
	parcelLen    = 256
	parcelWeight = 1 << 18 // bytes
	largeWeight  = 1 << 16 // bytes
)

func newDelivery(emit func(*breakdown.Request)) *delivery {
	t := &delivery{full: make(chan parcel, parcels), empty: make(chan parcel, parcels)}
	for range parcels - 1 {
		t.empty <- parcel{}
	}
	t.ended.Go(func() {
		for b := range t.full {
			t.deliver(&b, emit)
			t.empty <- b
		}
	})
	return t
}

// deliver delivers a parcel. After a panic nothing more is delivered, and endDelivery panics
// where it can be caught.
func (t *delivery) deliver(b *parcel, emit func(*breakdown.Request)) {
	defer func() {
		if d := Recovered(recover()); d != nil {
			t.defect = d
		}
		if t.defect != nil {
			*b = parcel{}
		}
	}()
	if t.defect == nil {
		b.deliver(emit)
	}
}

// add copies a request into the parcel.
func (b *parcel) add(r *breakdown.Request) {
	b.path = append(b.path, r.Path...)
	b.calls = append(b.calls, r.Calls...)
	b.samples = append(b.samples, r.Samples...)
	b.chains = append(b.chains, r.Chains...)
	b.waits = append(b.waits, r.Waits...)
	b.requests = append(b.requests, *r)
}

// deliver calls emit with each request. Only now are the final positions of their
// parts known.
func (b *parcel) deliver(emit func(*breakdown.Request)) {
	path, calls, samples, chains, waits := b.path, b.calls, b.samples, b.chains, b.waits
	for i := range b.requests {
		r := &b.requests[i]
		r.Path, path = cutOff(path, len(r.Path))
		r.Calls, calls = cutOff(calls, len(r.Calls))
		r.Samples, samples = cutOff(samples, len(r.Samples))
		r.Chains, chains = cutOff(chains, len(r.Chains))
		r.Waits, waits = cutOff(waits, len(r.Waits))
		emit(r)
	}
	if b.after != nil {
		b.after()
	}
	*b = parcel{requests: b.requests[:0], path: b.path[:0], calls: b.calls[:0], samples: b.samples[:0], chains: b.chains[:0], waits: b.waits[:0]}
}

// cutOff splits s after its first n elements. If n is 0, first is empty but not nil, so
// that requests are the same whichever way they are delivered.
func cutOff[T any](s []T, n int) (first, rest []T) {
	if n == 0 {
		return []T{}, s
	}
	return s[:n:n], s[n:]
}

// deliver delivers a finished request.
func (m *machine) deliver(r *request) {
	t := m.delivery
	if r.Calls == nil {
		r.Calls = []breakdown.Call{}
	}
	if r.Samples == nil {
		r.Samples = []*breakdown.Cause{}
	}
	if r.Chains == nil {
		r.Chains = []*breakdown.Chain{}
	}
	if r.Waits == nil {
		r.Waits = []breakdown.Waited{}
	}
	switch {
	case t == nil:
		m.emit(&r.Request)
	case r.weight >= largeWeight:
		m.deliverAll()
		m.emit(&r.Request)
	default:
		t.parcel.add(&r.Request)
		t.parcel.weight += r.weight
		if len(t.parcel.requests) >= parcelLen || t.parcel.weight >= parcelWeight {
			t.handOn()
		}
	}
}

// handOn hands on the parcel and takes back one that was delivered before.
func (t *delivery) handOn() {
	t.full <- t.parcel
	t.parcel = <-t.empty
}

// deliverAll waits until every finished request has been delivered.
func (m *machine) deliverAll() {
	if m.delivery == nil {
		return
	}
	for range parcels {
		m.delivery.handOn()
	}
}

// afterDelivery calls f once every finished request has been delivered.
func (m *machine) afterDelivery(f func()) {
	if m.delivery == nil {
		f()
		return
	}
	m.delivery.parcel.after = f
	m.delivery.handOn()
}

// endDelivery waits until everything has been delivered, and ends the delivery.
func (m *machine) endDelivery() {
	if m.delivery == nil {
		return
	}
	m.deliverAll()
	close(m.delivery.full)
	m.delivery.ended.Wait()
	defect := m.delivery.defect
	if m.delivery = nil; defect != nil {
		panic(defect)
	}
}
