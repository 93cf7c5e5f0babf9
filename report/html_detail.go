package report

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
)

// A histogramRow is a bar of the histogram as a row of a table.
type histogramRow struct{ From, To, Requests, Share, Where string }

// A requestView is one request as a table.
type requestView struct {
	Index          int // in chartData.Requests
	ID, Role, Wall string
	Client         string
	Steps          []stepRow
	Left           string
	Notes          []string
	Bar            []barPart
	Spoken         string
}

// A stepRow is a segment of a request's path.
type stepRow struct{ Slot, Label, At, For, Phase, Site, Why, Lane string }

// detail repeats as tables what the charts show.
func (v *endpointView) detail(b *block, charts *charts) {
	chart := &charts.Endpoints[v.Number]
	if v.HasFlame = chart.Flame != nil; v.HasFlame {
		v.Stacks, v.StacksLeft = stackRows(b)
	}
	for i := range chart.Bars {
		v.Bars = append(v.Bars, histogramRowOf(b, &chart.Bars[i]))
	}
	for i := range charts.Requests {
		if r := &charts.Requests[i]; r.Endpoint == v.Number && r.Role != "example" {
			v.Shown = append(v.Shown, charts.requestView(i, r))
		}
	}
}

func histogramRowOf(b *block, bar *barChart) histogramRow {
	buckets, wall := make([]breakdown.BucketTime, breakdown.NumBuckets), int64(0)
	for k, t := range bar.Buckets {
		of := slots[k].bucket
		buckets[of].Bucket = of
		buckets[of].Total += t
		wall += t
	}
	return histogramRow{b.scale.column(bar.Low), b.scale.column(bar.High), count(bar.Requests), percent(ratio(bar.Requests, b.e.Requests)), largest(buckets, wall, total)}
}

// maxSteps is how many of a request's steps the table lists.
const maxSteps = 25

func (c *charts) requestView(i int, r *requestChart) requestView {
	unit := scale{r.Unit.Name, r.Unit.NS, r.Unit.Decimals}
	v := requestView{Index: i, ID: r.ID, Role: r.Role, Wall: unit.short(r.Wall), Notes: r.Notes}
	sums := make([]breakdown.BucketTime, breakdown.NumBuckets)
	for k := range sums {
		sums[k].Bucket = breakdown.Bucket(k)
	}
	for _, s := range r.Segments {
		at := slots[s[3]]
		t := &sums[at.bucket]
		t.Total += s[1] - s[0]
		if at.phase.Distinct() {
			t.Phases = append(t.Phases, breakdown.PhaseTime{Phase: at.phase, Total: s[1] - s[0]})
		}
	}
	for i := range sums {
		sums[i].Phases = summedPhases(sums[i].Phases)
	}
	v.Bar, v.Spoken = stackedBar(sums, r.Wall, total, totalIn)
	if n := len(r.Client); n > 0 {
		client := r.Client[n-1].End - r.Client[0].Start
		v.Client = "the client waited " + unit.short(client) + ": " + unit.short(r.Wall) + " in the server, " + unit.short(max(client-r.Wall, 0)) + " on the way"
	}
	steps := longest(r.Segments, maxSteps, func(s [7]int64) int64 { return s[1] - s[0] })
	slices.SortStableFunc(steps, func(x, y [7]int64) int { return cmp.Compare(x[0], y[0]) })
	for _, s := range steps {
		v.Steps = append(v.Steps, stepRow{
			slots[s[3]].name(), slots[s[3]].bucket.Info().Label, unit.column(s[0]), unit.atLeastVisible(s[1] - s[0]),
			c.Strings[s[4]], c.Strings[s[5]], c.Strings[s[6]], r.Lanes[s[2]],
		})
	}
	if n := len(r.Segments) - len(steps); n > 0 {
		v.Left = counted(int64(n), "shorter step is", "shorter steps are") + " not in the table"
	}
	return v
}

// summedPhases adds up the times of each phase.
func summedPhases(list []breakdown.PhaseTime) (out []breakdown.PhaseTime) {
	for _, p := range list {
		i := slices.IndexFunc(out, func(o breakdown.PhaseTime) bool { return o.Phase == p.Phase })
		if i < 0 {
			out = append(out, p)
		} else {
			out[i].Total += p.Total
		}
	}
	return out
}
