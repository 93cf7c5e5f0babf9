package analyze

import (
	"cmp"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// A matcher finds the requests that answered the probes. One goroutine serves each
// connection of the probes, and no other client uses it. So only goroutines that served
// no more requests than a connection had probes come into question, and what the
// matcher holds stays small under any load. It folds nothing: it returns what is to be
// folded.
type matcher struct {
	probes   []*capture.Probe // of the window, in the order of their start
	onConn   map[int]int      // the number of probes on each connection
	base     []*capture.Probe // before the window
	limit    int              // how many requests of one goroutine are kept
	byG      map[int64]*served
	held     int
	room     int64 // bytes that held requests may still use
	full     bool  // further goroutines are ignored
	pairs    int   // probes for which a request was found
	compared int   // probes and requests, since the last assign
	// offset is how far the probes' clock is ahead of the trace's, in ns. It is valid
	// if there are pairs.
	offset int64
}

// served are the requests of one goroutine that may have answered probes. over is set
// when there were too many.
type served struct {
	requests []candidate
	over     bool
}

type candidate struct {
	g          int64
	start, end int64
	// endpoint is where the request was folded, nil while it is held back.
	endpoint *endpoint
	// held is a request without a name, held back from the fold because a probe may
	// still supply its route.
	held *breakdown.Request
	used bool
}

// matched is a request that answered a probe. If probe is nil, it was held back and
// answered none.
type matched struct {
	*candidate
	probe *capture.Probe
}

// A probePair is a probe and the request that answered it.
type probePair struct {
	probe  *capture.Probe
	server int64 // ns, the request's wall time
	unread int64 // ns, from when the client could write the request until the server began to read it
}

// maxHeld bounds the number of candidates, for services whose clients open a connection
// for each request.
const maxHeld = 50_000

// newMatcher returns a matcher for at most that many probes. What it holds back uses at
// most room bytes.
func newMatcher(probes int, room int64) *matcher {
	return &matcher{byG: map[int64]*served{}, limit: probes, room: room}
}

// A fate is what becomes of a request on its way to the fold.
type fate int

const (
	fateFold    fate = iota // it answered no probe: fold it
	fateNote                // it may have answered one and has a name: fold it, and note where
	fateHold                // it may have answered one and has no name: the matcher holds it back
	fateRelease             // its goroutine serves other clients: release what is held of it, then fold it
)

// see decides the fate of a request.
func (m *matcher) see(r *breakdown.Request) fate {
	if m.limit == 0 {
		return fateFold
	}
	s := m.byG[r.Goroutine]
	m.full = m.full || m.held >= maxHeld || m.room < 0 || len(m.byG) >= 2*maxHeld
	if r.Incomplete || s == nil && m.full || s != nil && s.over {
		return fateFold
	}
	if s == nil {
		s = &served{}
		m.byG[r.Goroutine] = s
	}
	if len(s.requests) >= m.limit || m.held >= maxHeld || m.room < 0 {
		s.over = true
		return fateRelease
	}
	if r.Endpoint != "" {
		return fateNote
	}
	held := clone(r)
	m.room -= heldSize(held)
	m.keep(s, candidate{g: r.Goroutine, start: r.Start, end: r.End, held: held})
	return fateHold
}

// note records the endpoint of a request that may have answered a probe.
func (m *matcher) note(r *breakdown.Request, at *endpoint) {
	m.keep(m.byG[r.Goroutine], candidate{g: r.Goroutine, start: r.Start, end: r.End, endpoint: at})
}

func (m *matcher) keep(s *served, c candidate) {
	m.held++
	s.requests = append(s.requests, c)
}

// heldSize returns the size of a request that is held back, in bytes.
func heldSize(r *breakdown.Request) int64 {
	const request, segment, call, sample = 300, 80, 110, 8
	return int64(request + len(r.Path)*segment + len(r.Calls)*call + len(r.Samples)*sample)
}

// release drops a goroutine and returns its requests that were held back.
func (m *matcher) release(goroutine int64) (held []*breakdown.Request) {
	s := m.byG[goroutine]
	for i := range s.requests {
		if r := s.requests[i].held; r != nil {
			held = append(held, r)
			m.room += heldSize(r)
		}
	}
	m.held -= len(s.requests)
	s.requests = nil
	return held
}

// By how much a request may lie outside its probe: the server's goroutine becomes idle
// a little after the client has the response, and the offset of the clocks is not
// exact.
const (
	slackBefore = 200_000   // ns
	slackAfter  = 5_000_000 // ns
)

// solve matches probes and requests. released are requests that were held back and
// whose goroutine cannot have served a probe. found are first the requests that
// answered a probe, in the order of the probes, and then those that were held back and
// answered none.
func (m *matcher) solve(probes []capture.Probe, clock *timeline.Clock) (released []*breakdown.Request, found []matched) {
	onConn := map[int]int{}
	busiest := 0
	for i := range probes {
		switch p := &probes[i]; p.Phase {
		case capture.Baseline:
			m.base = append(m.base, p)
		case capture.InWindow:
			m.probes = append(m.probes, p)
			if p.Fresh {
				continue
			}
			onConn[p.Conn]++
			busiest = max(busiest, onConn[p.Conn])
		}
	}
	slices.SortStableFunc(m.probes, func(a, b *capture.Probe) int { return cmp.Compare(a.Start, b.Start) })
	for _, g := range slices.Sorted(maps.Keys(m.byG)) {
		if len(m.byG[g].requests) > busiest {
			released = append(released, m.release(g)...)
		}
	}
	m.onConn = onConn
	all := m.candidates()
	best, pairs := int64(0), 0
	for _, offset := range m.offsets(all, clock) {
		if n := len(m.assign(all, offset)); n > pairs {
			best, pairs = offset, n
		}
	}
	if m.pairs = pairs; pairs > 0 {
		m.offset = best
		found = m.assign(all, best)
		found = append(found, m.assignFresh(all, found)...)
		m.pairs = len(found)
	}
	answered := map[*candidate]bool{}
	for _, f := range found {
		answered[f.candidate] = true
	}
	for _, c := range all {
		if c.held != nil && !answered[c] {
			found = append(found, matched{candidate: c})
		}
	}
	return released, found
}

func (m *matcher) candidates() []*candidate {
	var all []*candidate
	for _, s := range m.byG {
		for i := range s.requests {
			all = append(all, &s.requests[i])
		}
	}
	slices.SortFunc(all, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.g, b.g))
	})
	return all
}

// mostFits bounds the pairs of a request and a probe that offsets looks at. They take 32
// bytes each.
const mostFits = 1 << 18

// offsets returns the likely differences between the probes' clock and the trace's: the
// one from the trace's own clock, if it has one, and the one with which the most
// requests fit within a probe.
func (m *matcher) offsets(all []*candidate, clock *timeline.Clock) []int64 {
	var out []int64
	if clock != nil {
		out = append(out, clock.Wall.UnixNano()-clock.Trace)
	}
	type edge struct{ at, step int64 }
	var edges []edge
	all = all[:min(len(all), 2000)]
	for _, c := range all {
		for _, p := range m.probes[:min(len(m.probes), mostFits/max(1, len(all)))] {
			if p.Fresh {
				continue // it may wait for long before it is read
			}
			if lo, hi := p.Sent()-c.start, min(p.End-c.start, p.End-c.end+slackAfter); lo <= hi {
				edges = append(edges, edge{lo, 1}, edge{hi + 1, -1})
			}
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.step, b.step)) })
	depth, most, at := int64(0), int64(0), int64(0)
	for i, e := range edges {
		if depth += e.step; depth > most {
			most, at = depth, e.at
			if i+1 < len(edges) {
				at += (edges[i+1].at - e.at) / 2
			}
		}
	}
	if most > 0 {
		out = append(out, at)
	}
	return out
}

// assign pairs each probe with the request that overlaps it the most under an offset.
// If a goroutine already answered on the probe's connection, it considers that
// goroutine alone. It returns the pairs in the order of the probes.
func (m *matcher) assign(all []*candidate, offset int64) (pairs []matched) {
	m.compared = 0
	for _, c := range all {
		c.used = false
	}
	byConn := m.ownGoroutines(all, offset)
	for _, p := range m.probes {
		if p.Fresh || p.Error != "" || p.Status == 0 {
			continue
		}
		own, known := byConn[p.Conn]
		var found *candidate
		best := int64(0)
		for c := range m.during(all, p, offset) {
			// On the connection's known goroutine a request matches no matter how late
			// the goroutine is seen idle again. Until it is known, a goroutine
			// qualifies only if it served no more requests than the connection has
			// probes.
			if c.used || known && c.g != own || !known && (c.end+offset > p.End+slackAfter || len(m.byG[c.g].requests) > m.onConn[p.Conn]) {
				continue
			}
			if within := c.within(p, offset); within > best {
				found, best = c, within
			}
		}
		if found == nil {
			continue
		}
		found.used = true
		if p.Proto != "HTTP/2.0" {
			byConn[p.Conn] = found.g
		}
		pairs = append(pairs, matched{found, p})
	}
	return pairs
}

// mostCompared bounds how often a probe is compared with a request, under one offset:
// in an invented capture, each probe may overlap each request.
const mostCompared = 1 << 25

// during returns the requests that began during a probe, or a little before.
func (m *matcher) during(all []*candidate, p *capture.Probe, offset int64) iter.Seq[*candidate] {
	lo, _ := slices.BinarySearchFunc(all, p.Start-slackBefore-offset, func(c *candidate, t int64) int { return cmp.Compare(c.start, t) })
	return func(yield func(*candidate) bool) {
		for _, c := range all[lo:] {
			if m.compared++; m.compared > mostCompared || c.start+offset > p.End || !yield(c) {
				return
			}
		}
	}
}

// within returns how much of the request lies within the probe, in ns.
func (c *candidate) within(p *capture.Probe, offset int64) int64 {
	return min(c.end+offset, p.End) - max(c.start+offset, p.Start)
}

// ownGoroutines returns the goroutine that served each HTTP/1 connection with several
// probes: the one whose requests lie within the most of them. By a single probe it could
// not be told from that of another client, whose request happened to be under way.
func (m *matcher) ownGoroutines(all []*candidate, offset int64) map[int]int64 {
	type fit struct {
		probes int
		within int64 // ns
	}
	fits := map[int]map[int64]*fit{}
	for _, p := range m.probes {
		if p.Fresh || p.Error != "" || p.Status == 0 || p.Proto == "HTTP/2.0" || m.onConn[p.Conn] < 2 {
			continue
		}
		of := fits[p.Conn]
		if of == nil {
			of = map[int64]*fit{}
			fits[p.Conn] = of
		}
		for c := range m.during(all, p, offset) {
			within := c.within(p, offset)
			if within <= 0 || c.end+offset > p.End+slackAfter || len(m.byG[c.g].requests) > m.onConn[p.Conn] {
				continue
			}
			if of[c.g] == nil {
				of[c.g] = &fit{}
			}
			of[c.g].probes++
			of[c.g].within += within
		}
	}
	own := map[int]int64{}
	for conn, of := range fits {
		var best fit
		for g, f := range of {
			if f.probes > best.probes || f.probes == best.probes && (f.within > best.within || f.within == best.within && g < own[conn]) {
				best, own[conn] = *f, g
			}
		}
		if best.probes < 2 {
			delete(own, conn)
		}
	}
	return own
}

// addProbe adds a probe that a request of the endpoint answered. The probe's clock is
// offset ns ahead of the trace's.
func (e *endpoint) addProbe(c *candidate, p *capture.Probe, offset int64) {
	e.routes[p.Route]++
	e.probes = append(e.probes, probePair{probe: p, server: c.end - c.start, unread: max(0, c.start+offset-p.Sent())})
	e.addProbed(c, p, offset)
}

// clientPhases are the steps of a probe as the client sees them, in order.
var clientPhases = []string{"conn_wait", "dns", "connect", "tls", "request_write", "first_byte", "body_read"}

// clientTimes returns how long a probe took for each of clientPhases, in ns.
func clientTimes(p *capture.Probe) []int64 {
	return []int64{p.ConnWait, p.DNS, p.Connect, p.TLS, p.RequestWrite, p.FirstByte, p.BodyRead}
}

// clientOf summarizes an endpoint's probes. It returns nil if there are none.
func clientOf(all []probePair) *breakdown.Client {
	if len(all) == 0 {
		return nil
	}
	probes, fresh := apart(all)
	out := &breakdown.Client{Probes: len(probes), Matched: len(probes), Statuses: statusesOf(all), ServerTiming: serverTiming(probes)}
	var wall, server, outside int64
	for _, pair := range probes {
		p := pair.probe
		wall += p.End - p.Start
		server += pair.server
		outside += max(0, p.End-p.Start-pair.server)
	}
	out.Fresh = freshOf(fresh, probes)
	n := int64(len(probes))
	out.Mean, out.Server = mean(wall, n), mean(server, n)
	out.Phases = append(phasesOf(probes), breakdown.ClientPhase{Phase: "outside_server", Mean: mean(outside, n)})
	return out
}

// fewestCosts is the fewest probes, before the window and in it, that the cost of looking
// is estimated from.
const fewestCosts = 4

// costOf compares the probes before the window with those in it. It returns nil if there
// are too few of either.
func costOf(baseline, observed []*capture.Probe) *breakdown.Cost {
	base, window := latencies(baseline), latencies(observed)
	if len(base) < fewestCosts || len(window) < fewestCosts {
		return nil
	}
	c := &breakdown.Cost{BaselineProbes: len(base), WindowProbes: len(window), BaselineP50: median(base), WindowP50: median(window)}
	if c.BaselineP50 == 0 {
		return nil
	}
	change := func(b, w int64) float64 { return round4(float64(w)/float64(max(b, 1)) - 1) }
	c.Change = change(c.BaselineP50, c.WindowP50)
	// The seed comes from the data, so that the same capture gives the same interval.
	rng := rand.New(rand.NewPCG(uint64(c.BaselineP50), uint64(c.WindowP50)))
	base, window = spreadOver(base), spreadOver(window)
	changes := make([]float64, 1000)
	for i := range changes {
		changes[i] = change(median(resample(rng, base)), median(resample(rng, window)))
	}
	slices.Sort(changes)
	c.Low, c.High = changes[25], changes[974]
	return c
}

// latencies returns how long the answered probes took. If at least half of them reused
// a connection, it returns only those.
func latencies(probes []*capture.Probe) []int64 {
	var all, reused []int64
	for _, p := range probes {
		if p.Fresh || p.Error != "" || p.Status == 0 {
			continue
		}
		all = append(all, p.End-p.Start)
		if p.Reused {
			reused = append(reused, p.End-p.Start)
		}
	}
	if 2*len(reused) >= len(all) {
		return reused
	}
	return all
}

// mostResampled is the largest number of values that are resampled: it takes a thousand
// times as long as sorting them.
const mostResampled = 4096

// spreadOver returns at most mostResampled values, evenly spread over all. With fewer
// values the interval is wider, not wrong.
func spreadOver(all []int64) []int64 {
	if len(all) <= mostResampled {
		return all
	}
	out := make([]int64, mostResampled)
	for i := range out {
		out[i] = all[i*len(all)/mostResampled]
	}
	return out
}

func resample(rng *rand.Rand, from []int64) []int64 {
	out := make([]int64, len(from))
	for i := range out {
		out[i] = from[rng.IntN(len(from))]
	}
	return out
}

func median(x []int64) int64 {
	sorted := slices.Sorted(slices.Values(x))
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return sorted[mid-1] + (sorted[mid]-sorted[mid-1])/2
}

func round4(x float64) float64 { return math.Round(x*1e4) / 1e4 }
