package analyze

import (
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/infer"
	"timesink/analyze/timeline"
	"timesink/analyze/trace/byid"
)

// Requests without a name are summed in lots until all requests have been seen. Only
// then is it known which endpoints there are, and each lot goes to one of them
// (infer.go).

// A cellKey identifies requests that differ in nothing that may tell their endpoint.
type cellKey struct {
	// of is the id of the endpoint that the earlier requests of the connection belong
	// to, 0 if that is unknown or there are several.
	of   int
	cell int // from infer.CellOf
	// lower is how many cells lower that of a sampled request is if each sample cost it
	// costs[i+1].
	lower [len(costs) - 1]uint8
}

// costs are how long a CPU sample may hold up the request that it hits, in ns: the signal,
// the stack that is walked for it, and the kernel's timer. Requests of which only samples
// show the endpoint would otherwise seem to run longer than those like them that were not
// sampled. Which cost is right depends on the machine: in a virtual machine about 100 µs
// were measured.
var costs = [...]int64{0, 50e3, 100e3}

// at returns the cell if a sample costs costs[i].
func (k *cellKey) at(i int) int {
	if i == 0 {
		return k.cell
	}
	return k.cell - int(k.lower[i-1])
}

// A lotKey identifies the sums of a lot.
type lotKey struct {
	cellKey
	kind string
	slot int // 0, or 1 and up for those from infer.SlotOf
}

// A lotTable finds the lots of requests of which the same is known but for their
// running time.
type lotTable struct {
	kind string
	of   int
	lots [infer.Cells]*[1 + infer.Slots]*endpoint
}

// lotTableSize is the size of a lotTable, in bytes.
const lotTableSize = 8 * infer.Cells

// ran returns how long the request's own goroutine ran, in ns.
func ran(r *breakdown.Request) (sum int64) {
	path, own := r.Path, r.Goroutine
	for i := range path {
		s := &path[i]
		if s.Goroutine == own && (s.Bucket == breakdown.CPU || s.Bucket == breakdown.GC && s.Cause.State == "running") {
			sum += s.End - s.Start
		}
	}
	return sum
}

// lot returns the lot for a request without a name. Without room for another lot, it
// returns that of all requests of the kind for which there was none.
func (f *fold) lot(r *breakdown.Request) *endpoint {
	key := lotKey{cellKey: f.cellOf(r), kind: r.Kind}
	if f.near[key.cell] == several {
		key.slot = 1 + infer.SlotOf(r.Goroutine, r.Start)
	}
	t := f.lotTable(r.Kind, key.of)
	if t != nil && t.lots[key.cell] != nil {
		if e := t.lots[key.cell][key.slot]; e != nil {
			return e
		}
	}
	if t == nil || !f.spend(endpointSize) {
		return f.endpoint(endpointKey{name: breakdown.Unnamed, kind: r.Kind})
	}
	f.made++
	e := newEndpoint(f.account, endpointKey{name: breakdown.Unnamed, kind: r.Kind}, f.made)
	if t.lots[key.cell] == nil {
		t.lots[key.cell] = new([1 + infer.Slots]*endpoint)
	}
	t.lots[key.cell][key.slot], f.lots[key] = e, e
	return e
}

// lotTable returns the table of lots for a kind of requests on connections of an
// endpoint, nil if there is no room for it.
func (f *fold) lotTable(kind string, of int) *lotTable {
	for _, t := range f.tables {
		if t.kind == kind && t.of == of {
			return t
		}
	}
	if !f.spend(lotTableSize) {
		return nil
	}
	f.tables = append(f.tables, &lotTable{kind: kind, of: of})
	return f.tables[len(f.tables)-1]
}

// several in fold.near says that several endpoints were sampled near a cell.
const several = -1

// sampledNear records that a request of an endpoint was sampled. Only where there are
// several endpoints, requests have to be in more than one lot for each cell.
func (f *fold) sampledNear(cell int, e *endpoint) {
	const octave = 8
	for i := max(cell-octave, 0); i <= min(cell+octave, infer.Cells-1); i++ {
		switch f.near[i] {
		case 0:
			f.near[i] = e.handler
		case e.handler:
		default:
			f.near[i] = several
		}
	}
}

// cellOf returns the cell that a request belongs to.
func (f *fold) cellOf(r *breakdown.Request) cellKey {
	return cellKey{of: f.conns.endpoint(f.capture, r), cell: infer.CellOf(ran(r))}
}

// sampledCellOf returns the cell that a sampled request belongs to.
func (f *fold) sampledCellOf(r *breakdown.Request) cellKey {
	key, whole := f.cellOf(r), ran(r)
	for i, cost := range costs[1:] {
		// A request cannot have been held up for much of its time: what remains got a sample.
		without := max(whole-cost*max(r.RanSampled, 1), whole/4)
		key.lower[i] = uint8(key.cell - infer.CellOf(without))
	}
	return key
}

// addNamed adds a request to the endpoint that it names.
func (f *fold) addNamed(e *endpoint, r *breakdown.Request) *endpoint {
	if e.key.in != (cellKey{}) && !e.key.passing {
		f.sampledNear(e.key.in.cell, e)
	}
	if len(f.lots) > 0 { // otherwise there may be nothing to infer
		f.conns.add(r, e)
	}
	return f.addTo(e, r)
}

// seen adds what the trace of a capture says of the whole service.
func (f *fold) seen(sum *timeline.Summary) {
	s := newSampling(sum, defaultPeriod)
	f.due += s.due()
	f.sampled += s.process.samples
	for len(f.windows) <= f.capture {
		f.windows = append(f.windows, sum.Start)
	}
}

// offCPU returns the share of the running time that the CPU samples do not account for.
func (f *fold) offCPU() float64 {
	if f.due == 0 || f.sampled == 0 {
		return 0
	}
	return max(0, 1-float64(f.sampled)/f.due)
}

// connections know which endpoint the requests of each connection went to so far. They
// look only back: whether a request is sampled has no influence on what is known before
// it, so that among the requests of which the same is known the sampled ones are still
// a random subset.
type connections struct {
	of    []byid.Table[connection] // by capture and goroutine
	count int
}

// A connection is the id of the endpoint that its requests went to, and their number.
// If they went to several endpoints, id is 0.
type connection struct{ id, requests int }

const (
	mostConnections = 20_000 // that are followed
	fewestOnOne     = 3      // requests before a connection counts as the endpoint's own
)

// endpoint returns the id of the endpoint that the connection's requests went to, 0 if
// that is unknown or there are several.
func (c *connections) endpoint(capture int, r *breakdown.Request) int {
	if capture >= len(c.of) {
		return 0
	}
	if on := c.of[capture].Find(r.Goroutine); on != nil && on.requests >= fewestOnOne {
		return on.id
	}
	return 0
}

// add records the endpoint of a request on its connection.
func (c *connections) add(r *breakdown.Request, e *endpoint) {
	if !strings.HasPrefix(r.Kind, "http/1") {
		return // the goroutine serves a single request
	}
	for len(c.of) <= e.capture {
		c.of = append(c.of, byid.Table[connection]{})
	}
	on := c.of[e.capture].Find(r.Goroutine)
	switch {
	case on == nil && c.count >= mostConnections:
		return
	case on == nil:
		c.count++
		on = &connection{id: e.handler}
		c.of[e.capture].Add(r.Goroutine, on)
	case on.id != e.handler:
		on.id = 0
	}
	on.requests++
}
