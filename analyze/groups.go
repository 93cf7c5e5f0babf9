package analyze

import (
	"maps"
	"math"
	"slices"

	"timesink/analyze/breakdown"
)

// mostGroups is the largest number of values of a label that makes groups: with more, it
// names instances.
const mostGroups = 12

// A grouping is the instances by the value of one label, or of what else they have in
// common.
type grouping struct {
	name   string
	values map[string][]int // indices of instances
}

// groupings returns the labels by which instances form groups: at least two values, and
// fewer than there are instances. The Go version and the build count as labels, unless a
// label divides the instances in the same way.
func (sp *spreader) groupings() (out []grouping) {
	add := func(name string, of func(*breakdown.Instance) string) {
		g := grouping{name, map[string][]int{}}
		for i := range sp.instances {
			if v := of(&sp.instances[i]); v != "" {
				g.values[v] = append(g.values[v], i)
			}
		}
		if len(g.values) < 2 || len(g.values) > mostGroups || len(g.values) == len(sp.instances) || slices.ContainsFunc(out, g.divides) {
			return
		}
		out = append(out, g)
	}
	for _, name := range sp.labels() {
		add(name, func(in *breakdown.Instance) string { return in.Label(name) })
	}
	add("go", func(in *breakdown.Instance) string { return in.GoVersion })
	add("build", func(in *breakdown.Instance) string { return in.BuildID })
	return out
}

// divides reports whether another grouping divides the instances in the same way.
func (g grouping) divides(o grouping) bool {
	return maps.EqualFunc(byFirst(g.values), byFirst(o.values), slices.Equal[[]int])
}

func byFirst(values map[string][]int) map[int][]int {
	out := map[int][]int{}
	for _, list := range values {
		out[list[0]] = list
	}
	return out
}

// groups compares the instances with one value of a label with all others. Of two values
// the one with fewer instances is compared, or the later one in order.
func (sp *spreader) groups() []breakdown.Group {
	out := []breakdown.Group{}
	for _, g := range sp.groupings() {
		values := slices.Sorted(maps.Keys(g.values))
		if len(values) == 2 {
			if len(g.values[values[0]]) < len(g.values[values[1]]) {
				values = values[:1]
			} else {
				values = values[1:]
			}
		}
		for _, value := range values {
			for i := range sp.endpoints {
				if group, ok := sp.group(&sp.endpoints[i], &g, value); ok {
					out = append(out, group)
				}
			}
		}
	}
	for i := range out {
		g := &out[i]
		g.P = round(min(g.P*float64(len(out)), 1), 1e6)
		g.Significant = g.P <= SpreadAlpha && math.Abs(float64(g.Delta)) >= LeastSpread*float64(g.Others)
	}
	return out
}

// group compares the instances with one value of a label with the others, in one
// endpoint. It returns false if one side has none with enough requests.
func (sp *spreader) group(e *spreadEndpoint, g *grouping, value string) (out breakdown.Group, ok bool) {
	var these, others []int
	for _, i := range e.tested {
		if slices.Contains(g.values[value], i) {
			these = append(these, i)
		} else {
			others = append(others, i)
		}
	}
	if len(these) == 0 || len(others) == 0 {
		return out, false
	}
	levels := func(list []int) (out []level) {
		for _, i := range list {
			out = append(out, e.parts[i].level(wallQuantities[0]))
		}
		return out
	}
	c := contrastOf(levels(these), levels(others))
	return breakdown.Group{Label: g.name, Value: value, Instances: len(these), Against: len(others), Endpoint: e.of.Name, Route: e.of.Route,
		Difference: sp.difference(e, these, others, nil), Low: int64(c.low), High: int64(c.high), P: c.p}, true
}
