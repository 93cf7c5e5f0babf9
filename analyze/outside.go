package analyze

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// isOutside reports whether the probes are all that the capture has.
func isOutside(c *capture.Capture) bool {
	m := c.Manifest()
	return m != nil && m.Outside != nil
}

// fromOutside analyzes a capture of probes alone: by route, how long clients wait and for
// what. Which bucket that time belongs to is unknown.
func fromOutside(ctx context.Context, c *capture.Capture, opts Options) (*breakdown.Breakdown, error) {
	if opts.Series {
		return nil, &capture.Error{Op: "compare " + c.Path(), Err: capture.ErrNoTrace, Hint: "it has probes alone: collect with a trace on both sides"}
	}
	m := c.Manifest()
	if m.Window.Start <= 0 || m.Window.End <= m.Window.Start {
		return nil, &capture.Error{Op: "analyze " + c.Path(), Err: errors.New("the manifest states no window for the probes"), Hint: "the collection was killed: collect again"}
	}
	detail := opts.Detail
	opts.Detail = false
	a := newAnswer(opts)
	byRoute := map[string][]*capture.Probe{}
	probes := a.probes(c)
	for i := range probes {
		if p := &probes[i]; p.Phase == capture.InWindow {
			byRoute[p.Route] = append(byRoute[p.Route], p)
		}
	}
	for _, from := range c.Warnings() {
		a.warn.list = append(a.warn.list, breakdown.Warning{Code: from.Code, Message: from.Message})
	}
	b := &a.b
	b.Estimate = true
	b.Source.Window = m.Window.End - m.Window.Start
	b.Source.Covered = b.Source.Window
	b.Source.Asked = m.Outside.Asked
	b.Source.Outside = &breakdown.Outside{Why: m.Outside.Why}
	a.sourceOf(m)
	if detail {
		a.evidence(c, &timeline.Summary{}, a.matcher(0))
	}
	b.Endpoints = []breakdown.Endpoint{}
	for _, route := range slices.Sorted(maps.Keys(byRoute)) {
		if e, ok := seenOutside(route, byRoute[route]); ok {
			b.Endpoints = append(b.Endpoints, e)
		}
	}
	slices.SortStableFunc(b.Endpoints, func(x, y breakdown.Endpoint) int { return cmp.Compare(y.Wall.Total, x.Wall.Total) })
	b.Causes, b.Findings = []breakdown.Explanation{}, []breakdown.Finding{}
	for i := range b.Endpoints {
		if e := &b.Endpoints[i]; e.Requests < enoughRequests {
			a.warn.add("few-requests", breakdown.Doubt{Endpoint: title(e), Count: e.Requests})
		}
	}
	if len(b.Endpoints) == 0 {
		a.warn.add("no-requests", breakdown.Doubt{})
	}
	b.Warnings = a.warn.list
	if b.Warnings == nil {
		b.Warnings = []breakdown.Warning{}
	}
	return b, errors.Join(ctx.Err(), b.Check())
}

// seenOutside returns what the probes of a route saw; ok is false if none was answered.
func seenOutside(route string, probes []*capture.Probe) (e breakdown.Endpoint, ok bool) {
	var answered []probePair
	failed := 0
	for _, p := range probes {
		if p.Status == 0 {
			failed++
			continue
		}
		answered = append(answered, probePair{probe: p})
	}
	if len(answered) == 0 {
		return e, false
	}
	kept, fresh := apart(answered)
	walls := &breakdown.Histogram{}
	for _, pair := range kept {
		wall := pair.probe.End - pair.probe.Start
		walls.Record(wall)
		e.Wall.Total += wall
	}
	e.Route, e.Kind = route, kindOf(kept[0].probe)
	e.Requests = int64(len(kept))
	e.Known = e.Requests
	e.Wall.Hist = walls
	e.Wall.Mean, e.Wall.Max = mean(e.Wall.Total, e.Requests), walls.Max()
	e.Wall.P50, e.Wall.P95, e.Wall.P99 = walls.Quantile(0.5), walls.Quantile(0.95), walls.Quantile(0.99)
	e.CPU, e.CPUSites, e.CPULibraries = []breakdown.CPUFunction{}, []breakdown.CPUSite{}, []breakdown.CPULibrary{}
	for b := range breakdown.NumBuckets {
		t := breakdown.BucketTime{Bucket: b, ShareCI95: &breakdown.ShareInterval{0, 1}, TotalCI95: &breakdown.Interval{0, e.Wall.Total}, Systems: []string{}, Phases: []breakdown.PhaseTime{}, Sites: []breakdown.SiteTime{}, Hist: &breakdown.Histogram{}}
		if b == breakdown.Unknown {
			t.Total, t.Mean, t.Share, t.TimeShare, t.Hist = e.Wall.Total, e.Wall.Mean, 1, 1, walls
			t.P50, t.P95, t.P99 = e.Wall.P50, e.Wall.P95, e.Wall.P99
		}
		e.Buckets = append(e.Buckets, t)
	}
	e.Client = &breakdown.Client{Probes: len(kept), Mean: e.Wall.Mean, Failed: failed, Phases: phasesOf(kept),
		Statuses: statusesOf(answered), ServerTiming: serverTiming(kept)}
	if len(fresh) > 0 {
		e.Client.Fresh = freshOf(fresh, nil)
	}
	return e, true
}

// kindOf returns the kind of the requests of a route, by the protocol of an answer.
func kindOf(p *capture.Probe) string {
	if p.Proto == "HTTP/2.0" {
		return "http/2"
	}
	return "http/1"
}

// phasesOf returns the means of the steps of probes as the client sees them.
func phasesOf(probes []probePair) (out []breakdown.ClientPhase) {
	sums := make([]int64, len(clientPhases))
	for _, pair := range probes {
		for i, t := range clientTimes(pair.probe) {
			sums[i] += t
		}
	}
	for i, name := range clientPhases {
		out = append(out, breakdown.ClientPhase{Phase: name, Mean: mean(sums[i], int64(len(probes)))})
	}
	return out
}

// statusesOf counts the answers by their status, in its order.
func statusesOf(probes []probePair) (out []breakdown.StatusCount) {
	counts := map[int]int{}
	for _, pair := range probes {
		counts[pair.probe.Status]++
	}
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, breakdown.StatusCount{Status: status, Probes: counts[status]})
	}
	return out
}

// How many metrics of Server-Timing headers are listed, and how many are told apart: a
// service may invent a name for each answer.
const (
	topServerTimings  = 20
	mostServerTimings = 1000
)

// serverTiming returns the means of the metrics in the answers' Server-Timing headers, the
// one with the most time first. Those beyond the listed ones are summed as other.
func serverTiming(probes []probePair) (out []breakdown.ServerTiming) {
	totals := map[string]int64{}
	for _, pair := range probes {
		for _, m := range pair.probe.ServerTiming {
			if _, known := totals[m.Name]; known || len(totals) < mostServerTimings {
				totals[m.Name] += m.Duration
			}
		}
	}
	names := slices.SortedFunc(maps.Keys(totals), func(x, y string) int {
		return cmp.Or(cmp.Compare(totals[y], totals[x]), cmp.Compare(x, y))
	})
	names = slices.DeleteFunc(names, func(name string) bool { return name == breakdown.Other })
	names = append(names[:min(len(names), topServerTimings)], breakdown.Other)
	places := map[string]int{}
	for i, name := range names {
		places[name] = i
	}
	sums, answers := make([]int64, len(names)), make([]int, len(names))
	for _, pair := range probes {
		in := map[int]bool{}
		for _, m := range pair.probe.ServerTiming {
			at, listed := places[m.Name]
			if !listed {
				at = len(names) - 1
			}
			sums[at], in[at] = sums[at]+m.Duration, true
		}
		for at := range in {
			answers[at]++
		}
	}
	for i, name := range names {
		if answers[i] > 0 {
			out = append(out, breakdown.ServerTiming{Name: name, Mean: mean(sums[i], int64(answers[i])), Probes: answers[i]})
		}
	}
	return out
}
