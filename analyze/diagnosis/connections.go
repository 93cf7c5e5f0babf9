package diagnosis

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
)

// Connections to other systems: calls that make one, and why that takes long.

// Connecting is how the calls of a bucket come by their connections. Times are means per
// complete request, in nanoseconds.
type Connecting struct {
	Site           breakdown.Frame // of the calls that spend the most time on it
	Client, System string          // theirs: see breakdown.Call
	// Spread is the share of the window, as far as calls were made, in which connections
	// were made. It is small if they were made at once, as shortly after a start.
	Spread float64
	// Handshakes and Resolving are the parts of the time that were TLS handshakes and
	// lookups of host names.
	Handshakes, Resolving int64
	// Lookups counts the host names that were looked up, and Names those that the name
	// servers were asked for, one after another.
	Lookups, Names int64
	// Undrained is the share of the calls whose response was not read to its end.
	Undrained float64
}

// Preparing is what a place in the service spends on preparing statements.
type Preparing struct {
	Site  breakdown.Frame
	Trips float64 // round trips per call
	Time  int64   // per request, in preparing and in dropping what was prepared, ns
	// Waits is the share of the place's time that is waiting for the network, and Only the
	// share of these waits that is preparing.
	Waits, Only float64
}

// spread is the share of the window in which connections are made at least if that is the
// usual thing. Shortly after a start, first calls have no connection to use.
const spread = 0.4

// oftens are what dialing takes at least to be a cause though it takes no notable time: a
// share of the calls, in percent, and a share of a request's wall time. The fewer calls
// dial, the more it must take: connections expire, and the pool grows with the load.
var oftens = []struct {
	dialed int
	time   float64
}{{50, 0}, {25, 0.02}, {1, 0.05}}

// dialing is time spent on making connections in one bucket.
type dialing struct {
	*Connecting
	claim
	bucket *breakdown.BucketTime
	often  bool    // a large share of the calls dial
	unread *Growth // the responses that are left open, nil if there are none
}

// dialings returns the buckets whose calls make connections again and again, and spend a
// notable part of the time on it, or do so for a large share of the calls.
func (s *subject) dialings() (list []dialing) {
	for _, b := range breakdown.BucketsOf(breakdown.External) {
		d := dialing{Connecting: s.Connecting[b], claim: s.claimed(b, breakdown.Dialing), bucket: &s.Buckets[b]}
		if b == breakdown.Upstream {
			d.unread = s.in.unread()
		}
		if d.Connecting == nil || d.ns == 0 || d.Spread < spread || s.failsToConnect(d.claim) {
			continue
		}
		for _, o := range oftens {
			d.often = d.often || d.bucket.DialPercent() >= o.dialed && float64(d.ns) >= o.time*float64(s.Wall.Mean)
		}
		if left := s.available(d.claim); (d.often || s.worth(left)) && 2*left >= d.ns {
			list = append(list, d)
		}
	}
	return list
}

// failsToConnect reports whether the calls whose time a claim on dialing is end by their
// deadline before they have a connection: to use connections again would be no help.
func (s *subject) failsToConnect(c claim) bool {
	expired := int64(0)
	for i := range s.Ways {
		if w := &s.Ways[i]; w.Bucket == c.bucket {
			expired += mean(w.Expired.OnPath, s.Requests)
		}
	}
	all := float64(s.Buckets[c.bucket].Mean)
	return float64(c.ns) >= always*all && float64(expired) >= always*all
}

// A why is why dialing takes the time that it does, or why it happens.
type why uint8

const (
	noReuse why = iota // connections are not used again
	undrained
	handshakes
	lookups
)

// why returns the most telling reason.
func (d *dialing) why() why {
	switch {
	case d.often && (d.Undrained >= 0.5 || d.unread != nil):
		return undrained
	case 2*d.Handshakes > d.ns:
		return handshakes
	case 2*d.Resolving > d.ns:
		return lookups
	}
	return noReuse
}

func dialPerCall(s *subject) *found    { return s.dials(noReuse) }
func bodyNotDrained(s *subject) *found { return s.dials(undrained) }
func tlsPerCall(s *subject) *found     { return s.dials(handshakes) }
func dnsPerCall(s *subject) *found     { return s.dials(lookups) }

// dials finds the bucket that spends the most time on making connections for a reason.
func (s *subject) dials(because why) *found {
	var most *dialing
	for _, d := range s.dialings() {
		if d.why() == because && (most == nil || d.ns > most.ns) {
			most = &d
		}
	}
	if most == nil {
		return nil
	}
	f := &found{sure: breakdown.Certain, claims: []claim{most.claim}, saves: most.ns, stands: most.often && (s.FallingBack == nil || !s.worth(s.FallingBack.Time)), key: most.Client + " " + most.Site.Function, facts: breakdown.Facts{
		spent(most.ns),
		{Kind: breakdown.FactDialed, Name: most.bucket.Bucket.String(), Value: float64(most.bucket.DialPercent())},
		{Kind: breakdown.FactClient, Name: cmp.Or(most.Client, most.System)}}}
	switch because {
	case undrained:
		f.sure = breakdown.Likely
		if g := most.unread; g != nil {
			f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactUnclosed, Value: float64(g.Alive)})
		} else {
			f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactUndrained, Value: 100 * most.Undrained})
		}
	case handshakes:
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactHandshakes, Value: float64(most.Handshakes)})
	case lookups:
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactResolving, Value: float64(most.Resolving)})
	}
	f.facts = append(f.facts, at(most.Site)...)
	return f
}

// dnsSearchList finds lookups that ask for several names one after another: the host's
// name with each of the search list's domains appended.
func dnsSearchList(s *subject) *found {
	var most *found
	for _, b := range breakdown.BucketsOf(breakdown.External) {
		d := s.Connecting[b]
		if d == nil || d.Lookups == 0 || d.Names < 2*d.Lookups {
			continue
		}
		saves := d.Resolving - d.Resolving*d.Lookups/d.Names
		if !s.worth(saves) || most != nil && most.saves >= saves {
			continue
		}
		c := claim{bucket: b, phases: []breakdown.Phase{breakdown.DNS}, ns: d.Resolving}
		if !slices.Contains(b.Info().Phases, breakdown.DNS) {
			c.phases = []breakdown.Phase{breakdown.Connect}
		}
		most = &found{sure: breakdown.Certain, claims: []claim{c}, saves: saves, facts: append(breakdown.Facts{
			spent(d.Resolving),
			{Kind: breakdown.FactNames, Value: float64(d.Names) / float64(d.Lookups)}}, at(d.Site)...)}
	}
	return most
}

// A database that is near spends the time of preparing on parsing, which it has to do
// anyway. So preparing must take as long as a round trip to one that is far, in ns, or
// be a large share of a request's wall time.
const (
	far    = 1_000_000
	mainly = 0.25
)

// prepareRoundTrips finds queries that cost several round trips because their statement is
// prepared each time.
func prepareRoundTrips(s *subject) *found {
	p := s.Preparing
	if p == nil || !s.worth(p.Time) || p.Waits < 0.5 || p.Time < far && float64(p.Time) < mainly*float64(s.Wall.Mean) {
		return nil
	}
	f := &found{sure: breakdown.Certain, claims: []claim{{bucket: breakdown.DB, phases: []breakdown.Phase{breakdown.Query, breakdown.Rows}, ns: p.Time}},
		saves: p.Time, key: p.Site.Function, facts: breakdown.Facts{spent(p.Time)}}
	switch {
	case p.Trips >= 1.8:
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactTrips, Value: p.Trips})
	case p.Only < 0.9:
		return nil
	}
	f.facts = append(f.facts, at(p.Site)...)
	return f
}

// A TimedWait is waiting that a library's timer ends.
type TimedWait struct {
	Site breakdown.Frame
	Time int64 // per request, ns
}

func expectContinue(s *subject) *found    { return s.timed(s.Expecting) }
func dualStackFallback(s *subject) *found { return s.timed(s.FallingBack) }

// timed returns a cause for time spent waiting for a timer of a library.
func (s *subject) timed(t *TimedWait) *found {
	if t == nil || !s.worth(t.Time) {
		return nil
	}
	return &found{sure: breakdown.Certain, claims: []claim{{bucket: breakdown.Sleep, ns: t.Time}}, saves: t.Time, key: t.Site.Function,
		facts: append(breakdown.Facts{spent(t.Time)}, at(t.Site)...)}
}
