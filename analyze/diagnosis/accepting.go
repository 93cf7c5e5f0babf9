package diagnosis

import "timesink/analyze/breakdown"

// Clients queue at a loop from this share of its connections that came while it was
// held up, and this number of them.
const (
	mostlyQueued = 0.5
	enoughQueued = 10
	// mostlyBusy is the share of the window with all processors busy from which probes
	// alone do not show a queue.
	mostlyBusy = 0.5
)

// acceptQueue finds that requests wait before the server reads them. There are two
// witnesses: the probes on new connections, which wait longer than those on kept ones,
// and the accept loop, which was held up and then found most connections waiting. It
// returns nil if neither says so. How long the requests wait is known from the probes
// alone.
func acceptQueue(b *breakdown.Breakdown) *sum {
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
	s := &sum{Explanation: breakdown.Explanation{ID: "accept-queue", Confidence: breakdown.Likely, Endpoints: []string{}, Facts: breakdown.Facts{}, Shown: true}}
	switch {
	case slowest != nil:
		c := slowest.Client
		s.Endpoints = append(s.Endpoints, slowest.Name)
		s.requests = max(slowest.Requests, 1)
		s.explains, s.saves = c.Fresh.Longer()*s.requests, c.Fresh.Longer()*s.requests
		s.Facts = breakdown.Facts{
			{Kind: breakdown.FactWall, Value: float64(c.Fresh.Mean)}, spent(c.Fresh.Longer()),
			{Kind: breakdown.FactFreshProbes, Value: float64(c.Fresh.Probes)}, {Kind: breakdown.FactFreshWait, Value: float64(c.Fresh.Unread)},
			{Kind: breakdown.FactKeptProbes, Value: float64(c.Matched)}, {Kind: breakdown.FactKeptWait, Value: float64(c.Fresh.KeptUnread)},
		}
		if queue != nil {
			s.Confidence = breakdown.Certain
		}
	case queue == nil:
		return nil
	}
	if queue == nil && b.Source.Saturated > mostlyBusy {
		return nil // new connections are noticed late, as everything is
	}
	if queue != nil {
		s.Facts = append(s.Facts,
			breakdown.Fact{Kind: breakdown.FactAcceptSite, Place: breakdown.Place(queue.Site)},
			breakdown.Fact{Kind: breakdown.FactAcceptHeld, Place: breakdown.Place(queue.Waited), Value: float64(queue.Held)},
			breakdown.Fact{Kind: breakdown.FactAcceptQueued, Value: float64(queue.Queued)},
			breakdown.Fact{Kind: breakdown.FactAccepted, Value: float64(queue.Accepted)})
	}
	return s
}
