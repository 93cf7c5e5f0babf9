package report

import (
	"cmp"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// An instancesView shows how the instances differ.
type instancesView struct {
	Title     string
	Odd       []string
	Groups    []string
	None      string
	Rule      string // how odd ones are told
	Endpoints []instancesTable
}

// An instancesTable lists the instances of one endpoint, the odd ones first.
type instancesTable struct {
	Title, Range, Left string
	Rows               []instanceRow
}

type instanceRow struct {
	Name, Labels, Requests, Mean, Against string
	Odd                                   bool
	Bar                                   []barPart
	Spoken                                string
}

// instancesView returns nil if there is only one instance.
func (t *text) instancesView(top int) *instancesView {
	b := t.b
	if b.Spread == nil || len(b.Spread.Endpoints) == 0 {
		return nil
	}
	v := &instancesView{Title: counted(int64(len(b.Instances)), "instance", "instances"), Rule: oddRule(b.Spread)}
	for i := range b.Odd {
		v.Odd = append(v.Odd, t.oddText(&b.Odd[i]))
	}
	if len(b.Odd) == 0 {
		v.None = noneOdd(b)
	}
	for i := range b.Spread.Groups {
		v.Groups = append(v.Groups, t.groupText(&b.Spread.Groups[i]))
	}
	for i := range b.Spread.Endpoints[:min(max(top, 1), len(b.Spread.Endpoints))] {
		v.Endpoints = append(v.Endpoints, t.instancesTable(&b.Spread.Endpoints[i]))
	}
	return v
}

// oddRule says how odd instances are told.
func oddRule(s *breakdown.Spread) string {
	return "An instance is odd if a bucket of its requests differs from the other instances by more than chance explains, and by at least " + percent(s.Least) +
		" of their wall time. The tests leave one instance out at a time, and allow for how its requests differ, by blocks of consecutive ones. In " +
		counted(int64(s.Tests), "test", "tests") + ", the probability that any instance is called odd by chance is at most " + percent(s.Alpha) + "."
}

func (t *text) instancesTable(e *breakdown.EndpointSpread) instancesTable {
	out := instancesTable{Title: spreadTitle(e.Name, e.Route), Range: rangeText(e)}
	odd := map[int]bool{}
	for i := range t.b.Odd {
		if o := &t.b.Odd[i]; o.Endpoint == e.Name && o.Route == e.Route {
			odd[o.Instance] = true
		}
	}
	parts := slices.Clone(e.Parts)
	order := func(p breakdown.InstancePart) int {
		if odd[p.Instance] {
			return 0
		}
		return 1
	}
	mean := func(p breakdown.InstancePart) int64 { return p.Wall / max(p.Requests, 1) }
	slices.SortStableFunc(parts, func(x, y breakdown.InstancePart) int {
		return cmp.Or(cmp.Compare(order(x), order(y)), cmp.Compare(mean(y), mean(x)))
	})
	longest := int64(1)
	for _, p := range parts {
		longest = max(longest, mean(p))
	}
	unit := scaleOf(longest)
	for _, p := range parts[:min(len(parts), maxRows)] {
		in := &t.b.Instances[p.Instance]
		row := instanceRow{Name: clean(in.Name), Labels: labelsText(in), Requests: count(p.Requests), Mean: unit.column(mean(p)), Against: signedTime(unit, mean(p)-e.Wall.Median), Odd: odd[p.Instance]}
		if p.Few {
			row.Against = "too few requests"
		}
		row.Bar, row.Spoken = instanceBar(&p, longest)
		out.Rows = append(out.Rows, row)
	}
	if rest := len(parts) - maxRows; rest > 0 {
		out.Left = "and " + counted(int64(rest), "more instance", "more instances")
	}
	return out
}

// instanceBar draws an instance's mean request, on the scale of the longest.
func instanceBar(p *breakdown.InstancePart, longest int64) ([]barPart, string) {
	var buckets []breakdown.BucketTime
	for b, total := range p.Buckets {
		buckets = append(buckets, breakdown.BucketTime{Bucket: breakdown.Bucket(b), Total: total})
	}
	return stackedBar(buckets, longest*max(p.Requests, 1), total, totalIn)
}

func labelsText(in *breakdown.Instance) string {
	var parts []string
	for _, l := range in.Labels {
		parts = append(parts, clean(l.Name)+"="+shorten(clean(l.Value), 40))
	}
	if in.GoVersion != "" {
		parts = append(parts, clean(in.GoVersion))
	}
	return strings.Join(parts, ", ")
}
