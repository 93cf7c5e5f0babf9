package analyze

import (
	"cmp"
	"math/bits"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/analyze/rules"
)

// What the clients of other systems do for the calls made through them: round trips, and
// making connections.

// moments are the stretches of time, of a quarter of a second each, in which something
// happened. After 64 of them they repeat.
type moments uint64

func (m *moments) add(at int64) { *m |= 1 << (uint64(at) >> 28 & 63) }

// in returns the share of other stretches that m has as well.
func (m moments) in(all moments) float64 {
	return share(int64(bits.OnesCount64(uint64(m&all))), int64(bits.OnesCount64(uint64(all))))
}

// askedSums are sums over the calls from one site. Trips are those of the asked calls,
// which made no connection: on a new one, a client may ask for more than it would
// otherwise.
type askedSums struct {
	trips, asked     int64
	dials, undrained int64
	dialing          int64 // ns
	lookups, names   int64
	client, system   string // of a call that made a connection
	dialedAt         *breakdown.Frame
}

func (s *askedSums) add(c *breakdown.Call) {
	if c.Undrained {
		s.undrained++
	}
	if !c.Dialed {
		if c.Trips > 0 {
			s.asked++
			s.trips += int64(c.Trips)
		}
		return
	}
	s.dials++
	s.dialing += c.Dialing
	s.lookups += int64(c.Lookups)
	s.names += int64(c.Names)
	s.client, s.system = later(s.client, c.Client), later(s.system, c.System)
	s.dialsAt(c.DialedAt)
}

// dialsAt records a place that dials. Of several it keeps the first in the order of
// their functions.
func (s *askedSums) dialsAt(f *breakdown.Frame) {
	if f != nil && (s.dialedAt == nil || f != s.dialedAt && compareFrames(*f, *s.dialedAt) < 0) {
		s.dialedAt = f
	}
}

// later returns the same of two names in whichever order they come.
func later(a, b string) string {
	if a >= b {
		return a
	}
	return b
}

func (s *askedSums) merge(o *askedSums) {
	s.trips += o.trips
	s.asked += o.asked
	s.dials += o.dials
	s.undrained += o.undrained
	s.dialing += o.dialing
	s.lookups += o.lookups
	s.names += o.names
	s.client, s.system = later(s.client, o.client), later(s.system, o.system)
	s.dialsAt(o.dialedAt)
}

// tripsPerCall returns the round trips for each call that asked without dialing, 0 if
// there are none.
func (s *askedSums) tripsPerCall() float64 {
	if s.asked == 0 {
		return 0
	}
	return round(float64(s.trips)/float64(s.asked), 1000)
}

// connecting returns how the calls of a bucket come by their connections, nil if none
// makes one.
func (e *endpoint) connecting(which breakdown.Bucket) *diagnosis.Connecting {
	b := &e.buckets[which]
	if b.dialCount == 0 {
		return nil
	}
	out := &diagnosis.Connecting{Spread: b.dialTimes.in(b.callTimes)}
	var most *askedSums
	undrained := int64(0)
	for site, s := range b.calls {
		undrained += s.asked.undrained
		out.Lookups += s.asked.lookups
		out.Names += s.asked.names
		if s.asked.dials == 0 {
			continue
		}
		if most == nil || cmp.Or(cmp.Compare(most.dialing, s.asked.dialing), cmp.Compare(most.dials, s.asked.dials), compareFrames(site, out.Site)) < 0 {
			most, out.Site = &s.asked, site
		}
	}
	out.Undrained = share(undrained, b.callCount)
	if most != nil {
		out.Client, out.System = most.client, most.system
		if most.dialedAt != nil {
			out.Site = *most.dialedAt
		}
	}
	out.Handshakes, out.Resolving = e.dialingIn(b)
	return out
}

// dialingIn returns the mean time that requests spend in TLS handshakes and in looking up
// names, of a bucket's time in making connections.
func (e *endpoint) dialingIn(b *bucketSums) (handshakes, resolving int64) {
	handshakes, resolving = b.phases[breakdown.TLS], b.phases[breakdown.DNS]
	for c, t := range b.causes {
		switch {
		case b.phases[breakdown.TLS] == 0 && rules.Shakes(c.Stack):
			handshakes += t.ns
		case b.phases[breakdown.DNS] == 0 && rules.Resolves(c.Stack):
			resolving += t.ns
		}
	}
	return mean(handshakes, e.requests), mean(resolving, e.requests)
}

// preparing returns the site that spends the most time on preparing statements, nil if
// there is none.
func (e *endpoint) preparing() *diagnosis.Preparing {
	type times struct{ total, prepare, network, preparing int64 } // preparing: of network
	b := &e.buckets[breakdown.DB]
	sites := map[breakdown.Frame]*times{}
	for c, t := range b.causes {
		s := sites[c.Site]
		if s == nil {
			s = &times{}
			sites[c.Site] = s
		}
		s.total += t.ns
		waits := c.State == "waiting" && c.Reason == "network"
		if waits {
			s.network += t.ns
		}
		if rules.Prepares(c.Stack) {
			s.prepare += t.ns
			if waits {
				s.preparing += t.ns
			}
		}
	}
	var out *diagnosis.Preparing
	explicit := map[string]int64{} // by function: prepared and dropped at lines that do nothing else
	for site, s := range sites {
		if share(s.preparing, s.network) >= onlyPrepares {
			explicit[site.Function] += s.prepare
		}
		calls := b.calls[site]
		if s.prepare == 0 || calls == nil || 2*calls.asked.dials > calls.n {
			continue
		}
		p := &diagnosis.Preparing{Site: site, Time: mean(s.prepare, e.requests), Waits: share(s.network, s.total), Only: share(s.preparing, s.network), Trips: calls.asked.tripsPerCall()}
		if out == nil || cmp.Or(cmp.Compare(out.Time, p.Time), compareFrames(p.Site, out.Site)) < 0 {
			out = p
		}
	}
	if out != nil && out.Only >= onlyPrepares {
		out.Time = mean(explicit[out.Site.Function], e.requests)
	}
	return out
}

// onlyPrepares is the share of a line's waiting for the network from which it does nothing
// but prepare a statement, or drop it: the service itself does so, beside the query.
const onlyPrepares = 0.9

// timedWait returns the waiting for a library's timer, with the site that spends the most
// on it, nil if there is none.
func (e *endpoint) timedWait(timer string) *diagnosis.TimedWait {
	sites, all := map[breakdown.Frame]int64{}, int64(0)
	for c, t := range e.buckets[breakdown.Sleep].causes {
		if c.Timer == timer {
			sites[c.Site] += t.ns
			all += t.ns
		}
	}
	if all == 0 {
		return nil
	}
	out, most := &diagnosis.TimedWait{Time: mean(all, e.requests)}, int64(-1)
	for site, t := range sites {
		if cmp.Or(cmp.Compare(most, t), compareFrames(site, out.Site)) < 0 {
			most, out.Site = t, site
		}
	}
	return out
}
