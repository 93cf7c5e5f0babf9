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
