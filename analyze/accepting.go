package analyze

import (
	"cmp"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
)

// acceptLoops adds the loops of a capture that clients waited for.
func (a *answer) acceptLoops(loops []timeline.AcceptLoop) {
	for _, l := range loops {
		if l.Queued == 0 {
			continue // no client came while it was held up
		}
		site, waited := l.At.Site, waitedIn(l.At)
		i := slices.IndexFunc(a.b.AcceptLoops, func(o breakdown.AcceptLoop) bool { return o.Site == site && o.Waited == waited })
		if i < 0 {
			i, a.b.AcceptLoops = len(a.b.AcceptLoops), append(a.b.AcceptLoops, breakdown.AcceptLoop{Site: site, Waited: waited})
		}
		sum := &a.b.AcceptLoops[i]
		sum.Held, sum.Accepted, sum.Queued = sum.Held+l.Held, sum.Accepted+l.Accepted, sum.Queued+l.Queued
	}
	slices.SortStableFunc(a.b.AcceptLoops, func(x, y breakdown.AcceptLoop) int { return cmp.Compare(y.Held, x.Held) })
}

// waitedIn returns the innermost frame of a wait that is not the runtime's.
func waitedIn(c *breakdown.Cause) breakdown.Frame {
	for _, f := range c.Stack {
		if !strings.HasPrefix(f.Function, "runtime.") {
			return f
		}
	}
	return breakdown.Frame{}
}

// Clients queue at a loop from this share of its connections that came while it was
// held up, and this number of them.
const (
	mostlyQueued = 0.5
	enoughQueued = 10
)

// acceptQueue finds that requests wait before the server reads them. There are two
// witnesses: the probes on new connections, which wait longer than those on kept ones,
// and the accept loop, which was held up and then found most connections waiting. It
// returns nil if neither says so. How long the requests wait is known from the probes
// alone.
func acceptQueue(b *breakdown.Breakdown) *breakdown.Finding {
	var queue *breakdown.AcceptLoop
	for i := range b.AcceptLoops {
		if l := &b.AcceptLoops[i]; l.Queued >= enoughQueued && float64(l.Queued) >= mostlyQueued*float64(l.Accepted) {
			queue = l
			break
		}
	}
	var slowest *breakdown.Endpoint
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		if e.Client != nil && e.Client.Fresh.Queues() && (slowest == nil || e.Client.Fresh.Longer() > slowest.Client.Fresh.Longer()) {
			slowest = e
		}
	}
	switch {
	case slowest != nil:
		c := slowest.Client
		return &breakdown.Finding{ID: "accept-queue", Endpoint: slowest.Name, Evidence: []string{}, SavesUpTo: c.Fresh.Longer(),
			Facts: &breakdown.Facts{Wall: c.Fresh.Mean, Spent: c.Fresh.Longer(), Fresh: c.Fresh.Probes, Kept: c.Matched,
				FreshWait: c.Fresh.Unread, KeptWait: c.Fresh.KeptUnread, Accept: queue}}
	case queue != nil:
		return &breakdown.Finding{ID: "accept-queue", Evidence: []string{}, Facts: &breakdown.Facts{Accept: queue}}
	}
	return nil
}
