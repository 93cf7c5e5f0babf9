package timeline

import (
	"sync"

	"timesink/analyze/breakdown"
)

// A delivery hands finished requests on beside the machine, in their order. What
// is done with them takes a seventh of all time, and the machine is what all
// others wait for.
type delivery struct {
	parcel parcel // being filled
	full   chan parcel
	empty  chan parcel
	ended  sync.WaitGroup
}

// A parcel holds copies of requests: the machine's own stay with it, in the cache
// of its core. Their paths, calls and samples lie one behind another.
type parcel struct {
	requests []breakdown.Request
	path     []breakdown.Segment
	calls    []breakdown.Call
	samples  []*breakdown.Cause
	chains   []*breakdown.Chain
	waits    []breakdown.Waited
	weight   int64  // of the requests, bytes
	after    func() // to be called when they were delivered
}

// A parcel is handed on when it is this large. A request that is large by itself
// is not copied.
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
			b.deliver(emit)
			t.empty <- b
		}
	})
	return t
}

// add copies a request.
func (b *parcel) add(r *breakdown.Request) {
	b.path = append(b.path, r.Path...)
	b.calls = append(b.calls, r.Calls...)
	b.samples = append(b.samples, r.Samples...)
	b.chains = append(b.chains, r.Chains...)
	b.waits = append(b.waits, r.Waits...)
	b.requests = append(b.requests, *r)
}

// deliver hands on all requests. Only now is it known where their parts lie.
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

// cutOff cuts the first n off. None are no nil, on whichever way they come.
func cutOff[T any](s []T, n int) (first, rest []T) {
	if n == 0 {
		return []T{}, s
	}
	return s[:n:n], s[n:]
}

// deliver hands on a finished request.
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

// handOn hands on the parcel, and takes back one that was delivered before.
func (t *delivery) handOn() {
	t.full <- t.parcel
	t.parcel = <-t.empty
}

// deliverAll returns when all that was finished has been delivered.
func (m *machine) deliverAll() {
	if m.delivery == nil {
		return
	}
	for range parcels {
		m.delivery.handOn()
	}
}

// afterDelivery calls f when all that was finished has been delivered.
func (m *machine) afterDelivery(f func()) {
	if m.delivery == nil {
		f()
		return
	}
	m.delivery.parcel.after = f
	m.delivery.handOn()
}

// endDelivery returns when all has been delivered, and ends the delivery.
func (m *machine) endDelivery() {
	if m.delivery == nil {
		return
	}
	m.deliverAll()
	close(m.delivery.full)
	m.delivery.ended.Wait()
	m.delivery = nil
}
