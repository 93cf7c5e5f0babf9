package analyze

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"timesink/analyze/breakdown"
)

// This file is about the probes that dial a connection of their own. The others reuse
// connections, which the service has accepted long ago, so only these see how long new
// clients wait until they are accepted.

// assignFresh pairs each such probe with the request that answered it: of those that
// the server began to read after the probe was sent, the one whose end is nearest to
// the probe's. Only requests come into question that belong to an endpoint for which
// kept connections have shown the route: on a new connection, nothing tells the probe's
// request from those of other clients that end at the same moment. The pairs are in the
// order of the probes.
func (m *matcher) assignFresh(all []*candidate, kept []matched) (pairs []matched) {
	served := map[string]map[*endpoint]bool{}
	for _, k := range kept {
		if served[k.probe.Route] == nil {
			served[k.probe.Route] = map[*endpoint]bool{}
		}
		served[k.probe.Route][k.endpoint] = true // nil for a request without a name
	}
	byEnd := slices.Clone(all)
	slices.SortFunc(byEnd, func(a, b *candidate) int { return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.g, b.g)) })
	m.compared = 0
	for _, p := range m.probes {
		if !p.Fresh || p.Error != "" || p.Status == 0 {
			continue
		}
		from := p.Sent() - m.offset
		lo, _ := slices.BinarySearchFunc(byEnd, from, func(c *candidate, t int64) int { return cmp.Compare(c.end, t) })
		var found *candidate
		nearest := int64(0)
		for _, c := range byEnd[lo:] {
			if m.compared++; m.compared > mostCompared || c.end+m.offset > p.End+slackAfter {
				break
			}
			if c.used || c.start < from-slackBefore || !served[p.Route][c.endpoint] {
				continue
			}
			if off := distance(c.end+m.offset, p.End); found == nil || off < nearest {
				found, nearest = c, off
			}
		}
		if found != nil {
			found.used = true
			pairs = append(pairs, matched{found, p})
		}
	}
	return pairs
}

func distance(a, b int64) int64 { return max(a-b, b-a) }

// apart separates the probes on kept connections from those on new ones. If all are on
// new ones, there is nothing to compare these with.
func apart(all []probePair) (kept, fresh []probePair) {
	for _, p := range all {
		if p.probe.Fresh {
			fresh = append(fresh, p)
		} else {
			kept = append(kept, p)
		}
	}
	if len(kept) == 0 {
		return fresh, nil
	}
	return kept, fresh
}

// handshakeCPU is the processor time that both sides of a TLS handshake may take, in
// ns, scheduling included.
const handshakeCPU = 5_000_000

// freshOf compares the probes on new connections with those on kept ones. It returns
// nil if there are none.
func freshOf(fresh, kept []probePair) *breakdown.Fresh {
	if len(fresh) == 0 {
		return nil
	}
	out := &breakdown.Fresh{Probes: len(fresh)}
	var wall, server, connect, tls int64
	for _, pair := range fresh {
		p := pair.probe
		wall += p.End - p.Start
		server += pair.server
		connect += p.Connect
		tls += p.TLS
		if p.TLS > 0 {
			out.Handshakes++
		}
	}
	n := int64(len(fresh))
	out.Mean, out.Server, out.Connect, out.TLS = mean(wall, n), mean(server, n), mean(connect, n), mean(tls, n)
	onNew, onKept := waitsOf(fresh), waitsOf(kept)
	out.Unread, out.KeptUnread = meanOf(onNew), meanOf(onKept)
	out.Low, out.High = between(onNew, onKept)
	return out
}

// waitsOf returns how long each probe's request waited, in ns, before the server read
// it. That includes what a TLS handshake took beyond its two round trips, as long as
// one for the TCP connection, and its computing: the server takes part in it only once
// it has accepted the connection.
func waitsOf(pairs []probePair) []int64 {
	out := make([]int64, len(pairs))
	for i, pair := range pairs {
		out[i] = pair.unread
		if p := pair.probe; p.Fresh {
			out[i] += max(0, p.TLS-2*p.Connect-handshakeCPU)
		}
	}
	return out
}

func meanOf(x []int64) int64 {
	sum := int64(0)
	for _, v := range x {
		sum += v
	}
	return mean(sum, int64(len(x)))
}

// fewest is the fewest probes of either sort that a difference is drawn from.
const fewest = 3

// between returns the bounds, at 95%, of how much larger the mean of a is than that of
// b (bootstrap). Both bounds are 0 if there are too few values.
func between(a, b []int64) (low, high int64) {
	if len(a) < fewest || len(b) < fewest {
		return 0, 0
	}
	// The seed comes from the data, so that the same capture gives the same interval.
	rng := rand.New(rand.NewPCG(uint64(meanOf(a)), uint64(meanOf(b))))
	const times = 1000
	differences := make([]int64, times)
	for i := range differences {
		differences[i] = meanOf(resample(rng, a)) - meanOf(resample(rng, b))
	}
	slices.Sort(differences)
	return differences[times/40], differences[times-1-times/40]
}
