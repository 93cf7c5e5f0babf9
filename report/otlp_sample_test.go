package report_test

import (
	"slices"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/report"
)

func TestTheSampleIsSpreadOverTheDistribution(t *testing.T) {
	id := func(n int64) breakdown.RequestID { return breakdown.RequestID{Goroutine: 1, Start: n} }
	detail := func(slowest int64, examples ...int64) *breakdown.Detail {
		d := &breakdown.Detail{Slowest: id(slowest)}
		for _, n := range examples {
			d.Bars = append(d.Bars, breakdown.Bar{Requests: 1, Example: id(n)})
		}
		return d
	}
	for _, test := range []struct {
		name string
		of   []*breakdown.Detail
		most int
		want []int64
	}{
		{"all there are", []*breakdown.Detail{detail(4, 1, 2, 3, 4)}, 10, []int64{1, 2, 3, 4}},
		{"the slowest is no example", []*breakdown.Detail{detail(9, 1, 2, 3, 4)}, 10, []int64{1, 2, 3, 4, 9}},
		{"evenly", []*breakdown.Detail{detail(9, 1, 2, 3, 4, 5, 6)}, 4, []int64{1, 3, 5, 9}},
		{"one", []*breakdown.Detail{detail(9, 1, 2, 3, 4)}, 1, []int64{9}},
		{"of each endpoint", []*breakdown.Detail{detail(2, 1, 2), nil, {}, detail(4, 3, 4)}, 2, []int64{1, 2, 3, 4}},
		{"200 where nothing is said", []*breakdown.Detail{detail(2, 1, 2)}, 0, []int64{1, 2}},
	} {
		b := &breakdown.Breakdown{}
		for _, d := range test.of {
			b.Endpoints = append(b.Endpoints, breakdown.Endpoint{Detail: d})
		}
		var got []int64
		for _, id := range report.SpreadOver(b, test.most) {
			got = append(got, id.Start)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, not %v", test.name, got, test.want)
		}
	}
	many := &breakdown.Detail{Slowest: id(999)}
	for n := range int64(1000) {
		many.Bars = append(many.Bars, breakdown.Bar{Requests: 1, Example: id(n)})
	}
	if got := report.SpreadOver(&breakdown.Breakdown{Endpoints: []breakdown.Endpoint{{Detail: many}}}, 0); len(got) != 200 || got[199] != id(999) || got[0] != id(0) {
		t.Errorf("%d of 1000 are shown, from %v to %v", len(got), got[0], got[len(got)-1])
	}
}
