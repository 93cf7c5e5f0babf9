package analyze

import (
	"cmp"
	"fmt"
	"slices"

	"timesink/analyze/breakdown"
)

// A look is a gate at one endpoint. All looks are counted: the more there are, the
// likelier one is wrong by chance.
type look struct {
	gate   int
	e      *breakdown.EndpointChange
	change breakdown.Change
	p      float64 // of a change in the gate's direction
	all    float64 // the same, with all looks counted
}

// judged evaluates gates. The error is errNoEndpoint if an endpoint that one of them
// names is not on both sides.
func judged(c *breakdown.Comparison, gates []Gate) ([]breakdown.Gate, error) {
	var looks []*look
	for i := range gates {
		seen := false
		for j := range c.Endpoints {
			e := &c.Endpoints[j]
			if e.Status == "both" && (gates[i].endpoint == "" || e.Is(gates[i].endpoint)) {
				seen = true
				looks = append(looks, gates[i].look(i, e))
			}
		}
		if !seen && gates[i].endpoint != "" {
			return nil, fmt.Errorf("the condition %q: %w", gates[i].text, errNoEndpoint)
		}
	}
	holm(looks)
	out := []breakdown.Gate{}
	for i := range gates {
		g := breakdown.Gate{Condition: gates[i].text, Outcome: breakdown.GatePassed, P: 1, Looks: len(looks)}
		for _, l := range looks {
			if l.gate == i {
				gates[i].decide(&g, c, l)
			}
		}
		out = append(out, g)
	}
	return out, nil
}

func (g *Gate) look(i int, e *breakdown.EndpointChange) *look {
	l := &look{gate: i, e: e, change: changeOf(e, g.quantity), p: 1}
	if p := l.change.P; p < 1 {
		// The tests are symmetric, so half of p is on either side.
		if l.p = p / 2; (l.change.Delta > 0) != g.more {
			l.p = 1 - p/2
		}
	}
	return l
}

// holm counts all looks, by Holm's method: the smallest p is multiplied by the number of
// looks, the next by one less, and so on.
func holm(looks []*look) {
	sorted := slices.Clone(looks)
	slices.SortStableFunc(sorted, func(a, b *look) int { return cmp.Compare(a.p, b.p) })
	least := 0.0
	for i, l := range sorted {
		least = max(least, l.p*float64(len(sorted)-i))
		l.all = min(least, 1)
	}
}

// decide sets a gate's outcome from one endpoint, unless that of another endpoint weighs more:
// broken over unsure over passed, then the smaller p.
func (g *Gate) decide(out *breakdown.Gate, c *breakdown.Comparison, l *look) {
	cause := g.cause(l)
	outcome := breakdown.GateUnsure
	switch holds := g.holds(l.change.Delta, &l.change); {
	case holds && l.all < c.GateAlpha && abs(l.change.Delta) > l.change.Floor && (cause == nil || !cause.Excuses()):
		outcome = breakdown.GateBroken
	case !holds && len(c.Undecided) == 0 && g.excluded(&l.change), !holds && small(l.e):
		outcome = breakdown.GatePassed
	}
	weight := func(outcome string) int {
		return slices.Index([]string{breakdown.GatePassed, breakdown.GateUnsure, breakdown.GateBroken}, outcome)
	}
	stronger := cmp.Or(cmp.Compare(weight(outcome), weight(out.Outcome)), cmp.Compare(out.P, l.all))
	if out.Change != nil && stronger <= 0 {
		return
	}
	out.Outcome, out.Endpoint, out.Change, out.P, out.Cause = outcome, cmp.Or(l.e.Route, l.e.Name), &l.change, round(l.all, 1e6), cause
}

// cause returns what is likelier than the build to have caused a change that a gate on
// the wall time looks at, nil if nothing is.
func (g *Gate) cause(l *look) *breakdown.Disturbance {
	if len(l.e.Disturbances) == 0 || !g.holds(l.change.Delta, &l.change) {
		return nil
	}
	return &l.e.Disturbances[0]
}

// small reports whether an endpoint has too few requests, and too small a part of them,
// to keep a gate from passing.
func small(e *breakdown.EndpointChange) bool {
	return min(e.RequestsBefore, e.RequestsAfter) < fewRequests && max(e.ShareBefore, e.ShareAfter) < negligible
}

// holds reports whether the condition holds for a change of that many ns.
func (g *Gate) holds(delta int64, c *breakdown.Change) bool {
	if g.relative {
		share := relative(delta, c.Before)
		return g.more && share > g.share || !g.more && share < g.share
	}
	return g.more && delta > int64(g.amount) || !g.more && delta < int64(g.amount)
}

// excluded reports whether the interval of a change excludes that the condition holds.
func (g *Gate) excluded(c *breakdown.Change) bool {
	if g.more {
		return !g.holds(c.High, c)
	}
	return !g.holds(c.Low, c)
}
