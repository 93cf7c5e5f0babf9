package report

import (
	"fmt"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// The parts of an endpoint, in reading order.
const (
	tablePlace = iota
	sitesPlace
	holdersPlace
	functionsPlace
	clientPlace
	serverTimingPlace
)

// endpoints adds the tables of the first endpoints, and returns how many fit.
func (m *markdown) endpoints(list []breakdown.Endpoint, spare int) int {
	for i := range list {
		e := &list[i]
		if !m.add(part{head: m.endpoint(e), spare: spare * min(i, 1)}, endpointsPlace, i, tablePlace) {
			m.without(len(list)-i, "endpoint's table", "endpoints' tables")
			return i
		}
	}
	return len(list)
}

// barColumns is the length of a bar that stands for the whole time.
const barColumns = 16

func (m *markdown) endpoint(e *breakdown.Endpoint) string {
	b := m.t.block(e)
	text := m.heading(3, m.code(shorten(title(e), nameLimit))) + m.figures(b) + "\n\n"
	time := "\tmean"
	switch {
	case sharesOnly(e):
		time = "\t95% interval"
	case e.Requests == 0:
		time = "\ttime"
	}
	text += m.header("where", time, "\tshare", "", "if free", "how")
	for _, t := range ranked(e.Buckets, b.of) {
		if t.Bucket != breakdown.Unknown {
			text += m.bucket(b, t)
		}
	}
	if len(e.Buckets) == int(breakdown.NumBuckets) {
		text += m.bucket(b, &e.Buckets[breakdown.Unknown])
	}
	if isOutside(m.b) && e.Client != nil {
		text += m.seenByClient(b, e.Client)
	}
	if zero := b.zero(); len(zero) > 0 {
		text += "\n" + prose(m, "no time in: "+strings.Join(zero, ", ")) + "\n"
	}
	return text + "\n"
}

// figures returns the lines between an endpoint's name and its table.
func (m *markdown) figures(b *block) string {
	e := b.e
	var line []string
	if e.Route != "" && e.Name != "" {
		line = append(line, m.code(shorten(function(e.Name), nameLimit)))
	}
	if e.Kind != "" && e.Kind != "http/1" {
		line = append(line, prose(m, shorten(clean(e.Kind), listLimit)))
	}
	if several(m.b) {
		line = append(line, m.plain(percent(ratio(requestTime(e), m.t.requestTime()))+" of the request time"))
	}
	if e.Requests > 0 {
		line = append(line, m.plain(b.seen(e)), m.plain("mean "+b.scale.short(e.Wall.Mean)),
			m.plain("p50 "+b.scale.short(e.Wall.P50)), m.plain("p95 "+b.scale.short(e.Wall.P95)), m.plain("p99 "+b.scale.short(e.Wall.P99)))
	}
	lines := []string{beside(line...)}
	if text := b.sampled(); text != "" {
		lines = append(lines, prose(m, text))
	}
	if text := b.tail(); text != "" {
		lines = append(lines, prose(m, text))
	}
	if text := b.inferred(); text != "" {
		lines = append(lines, prose(m, text))
	}
	if e.Incomplete > 0 {
		lines = append(lines, prose(m, b.incomplete()))
	}
	if e.Client != nil && e.Client.Probes > 0 {
		lines = append(lines, prose(m, b.client(e.Client)))
	}
	return strings.TrimPrefix(strings.Join(lines, "\n\n"), "\n\n")
}

// bucket returns a bucket's row and the rows of its phases.
func (m *markdown) bucket(b *block, t *breakdown.BucketTime) string {
	share := ratio(b.of(t), b.whole)
	drawn, free := "", ""
	if share >= 0.0005 {
		drawn = (&page{}).parted(t, b.whole, barColumns, b.of, b.in)
	}
	if b.claims(t) {
		s := savingOf(b.e, t)
		figures := append([]string{b.scale.change(b.e.Wall.Mean, s.left(b.e))}, s.reserves(b.scale, 0)...)
		free = m.plain(strings.Join(figures, "; "))
	}
	rows := m.row(m.bold(prose(m, label(t))), m.plain(b.figure(t)), m.plain(percent(share)), drawn, free, m.how(b, t))
	for _, p := range b.phases(t) {
		rows += m.row("↳ "+m.plain(strings.TrimSpace(phaseMark(p.Phase)+phaseName(p.Phase))), m.plain(b.amount(b.in(&p))), m.plain(percent(ratio(b.in(&p), b.whole))), "", "", prose(m, b.remark(t, p.Phase)))
	}
	return rows
}

// how explains a bucket's time: how many calls, from where, and what kept them waiting.
func (m *markdown) how(b *block, t *breakdown.BucketTime) string {
	if t.Total == 0 {
		return ""
	}
	parts := []string{prose(m, b.joined(t))}
	shown, rest := b.shownSites(t)
	switch alone := len(shown) == 1 && rest < t.Total/100; {
	case alone:
		parts = append(parts, m.plain(callsAt(&shown[0])), m.frame(shown[0].Frame, listLimit))
	case len(shown) > 0:
		parts = append(parts, m.plain(calls(t.CallsPerRequest, 0)), m.plain(percent(ratio(shown[0].Total, t.Total))+" at ")+m.frame(shown[0].Frame, listLimit))
	default:
		parts = append(parts, m.plain(calls(t.CallsPerRequest, 0)))
	}
	if t.Bucket == breakdown.CPU {
		for i := range b.e.CPULibraries {
			if l := &b.e.CPULibraries[i]; l.OfSamples >= fewestSamples && ratio(l.Estimate, b.e.Wall.Mean) >= detailed {
				parts = append(parts, prose(m, within(l)))
			}
		}
	}
	if holders := t.Holdings(); len(holders) > 0 {
		parts = append(parts, m.holding(b, t, &holders[0]))
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "; ")
}

func (m *markdown) holding(b *block, t *breakdown.BucketTime, h *breakdown.Holding) string {
	who, what := keeping(t.Bucket)
	return m.plain(who+" ") + m.frame(h.Place(), listLimit) + m.plain(", "+what+" "+strings.Join(b.doing(h, false), ", "))
}

// sites lists all call sites of an endpoint, and the evidence for their time.
func (m *markdown) sites(e *breakdown.Endpoint, place, spare int) {
	b := m.t.block(e)
	begin, end := m.fold("call sites")
	time := "\tmean"
	if e.Requests == 0 {
		time = "\ttotal"
	}
	p := part{head: begin + m.header("where", "call site", time, "calls", "because"), foot: end, spare: spare, one: "call site", many: "call sites"}
	for _, t := range ranked(b.e.Buckets, total) {
		for _, s := range t.Sites {
			if s.Total > 0 || s.CallsPerRequest > 0 {
				p.rows = append(p.rows, func() string {
					return m.row(prose(m, label(t)), m.frame(s.Frame, nameLimit), m.plain(b.amount(s.Mean)),
						m.plain(callsAt(&s)), prose(m, shorten(clean(s.Why), nameLimit)))
				})
			}
		}
	}
	if len(p.rows) > 0 {
		m.add(p, endpointsPlace, place, sitesPlace)
	}
}

// holders lists what kept requests waiting.
func (m *markdown) holders(e *breakdown.Endpoint, place int) {
	b := m.t.block(e)
	begin, end := m.fold("who kept requests waiting")
	p := part{head: begin + m.header("waiting in", "\tmean", "holder"), foot: end, one: "holder", many: "holders"}
	for _, t := range ranked(e.Buckets, total) {
		for _, h := range t.Holdings() {
			p.rows = append(p.rows, func() string {
				return m.row(prose(m, label(t)), m.plain(b.scale.atLeastVisible(h.Total/max(e.Requests, 1))), m.holding(b, t, &h))
			})
		}
	}
	if len(p.rows) > 0 {
		m.add(p, endpointsPlace, place, holdersPlace)
	}
}

// functions lists the functions that an endpoint's CPU samples fell in.
func (m *markdown) functions(e *breakdown.Endpoint, place int) {
	samples := int64(0)
	for _, f := range e.CPU {
		samples += f.Samples
	}
	begin, end := m.fold(fmt.Sprintf("CPU functions, by %s", counted(samples, "sample", "samples")))
	p := part{head: begin + m.header("function", "\tsamples", "\tshare"), foot: end, one: "CPU function", many: "CPU functions"}
	for _, f := range e.CPU {
		p.rows = append(p.rows, func() string {
			return m.row(m.frame(f.Frame, nameLimit), m.plain(count(f.Samples)), m.plain(percent(ratio(f.Samples, samples))))
		})
	}
	if samples >= fewestSamples {
		m.add(p, endpointsPlace, place, functionsPlace)
	}
}

// seenByClient returns the rows of the client's phases, for an answer from outside.
func (m *markdown) seenByClient(b *block, c *breakdown.Client) (rows string) {
	for _, p := range clientPhases(c) {
		rows += m.row("↳ "+m.plain(clean(p.Phase)), m.plain(b.scale.atLeastVisible(p.Mean)), m.plain(percent(ratio(p.Mean, b.whole))), "", "", prose(m, clientMeanings[p.Phase]))
	}
	return rows
}

// saysItself lists what the service says of its own time.
func (m *markdown) saysItself(e *breakdown.Endpoint, place int) {
	if e.Client == nil || len(e.Client.ServerTiming) == 0 {
		return
	}
	b := m.t.block(e)
	begin, end := m.fold("what the service says of its own time")
	p := part{head: begin + m.header("metric", "\tmean", "answers"), foot: end, one: "metric", many: "metrics"}
	for _, s := range e.Client.ServerTiming {
		p.rows = append(p.rows, func() string {
			return m.row(m.name(s.Name, listLimit), m.plain(b.scale.atLeastVisible(s.Mean)), m.plain(b.said(&s)))
		})
	}
	m.add(p, endpointsPlace, place, serverTimingPlace)
}

// client lists the phases of the probes.
func (m *markdown) client(e *breakdown.Endpoint, place int) {
	if e.Client == nil || e.Client.Matched == 0 {
		return
	}
	b := m.t.block(e)
	begin, end := m.fold("as the client sees it")
	p := part{head: begin + m.header("phase", "\tmean"), foot: end, one: "client phase", many: "client phases"}
	for _, ph := range e.Client.Phases {
		if ph.Mean > 0 {
			p.rows = append(p.rows, func() string {
				return m.row(prose(m, shorten(clean(ph.Phase), listLimit)), m.plain(b.scale.atLeastVisible(ph.Mean)))
			})
		}
	}
	if len(p.rows) > 0 {
		m.add(p, endpointsPlace, place, clientPlace)
	}
}

// others adds a line for each endpoint without a table.
func (m *markdown) others(list []breakdown.Endpoint) {
	begin, end := m.fold(counted(int64(len(list)), "more endpoint", "more endpoints"))
	p := part{head: begin + m.header("endpoint", "\trequests", "\tmean", "\tp95", "\tof the request time", "most in"), foot: end, one: "endpoint", many: "endpoints"}
	for i := range list {
		e := &list[i]
		mean, p95, in := "", "", largest(e.Buckets, e.IncompleteTime, incomplete)
		if sharesOnly(e) {
			in = largest(e.Buckets, e.Wall.Total, total)
		}
		if e.Requests > 0 {
			unit := scaleOf(e.Wall.Mean)
			mean, p95, in = unit.column(e.Wall.Mean), unit.column(e.Wall.P95), largest(e.Buckets, e.Wall.Total, total)
		}
		p.rows = append(p.rows, func() string {
			return m.row(m.code(shorten(title(e), listLimit)), m.plain(count(e.Requests)), m.plain(mean), m.plain(p95),
				m.plain(percent(ratio(requestTime(e), m.t.requestTime()))), prose(m, in))
		})
	}
	if len(list) > 0 {
		m.add(p, othersPlace)
	}
}

// roots adds the goroutines by root, if requests are not what the process does.
func (m *markdown) roots(spare int) {
	list, whole := rootsToShow(m.b), int64(0)
	for i := range list {
		whole += list[i].AtWork()
	}
	unit := scaleOf(whole)
	p := part{head: m.header("goroutines began in", "\tcount", "\twaiting", "\tsleep", "\tat work", "\tshare", "", "of it"), foot: "\n", spare: spare, one: "kind of goroutine", many: "kinds of goroutines"}
	for i := range list {
		r := &list[i]
		work := r.AtWork()
		in := func(b breakdown.Bucket) string { return m.plain(percent(ratio(spentIn(r, b), r.Wall))) }
		p.rows = append(p.rows, func() string {
			return m.row(m.code(shorten(function(r.Function), listLimit)), m.plain(count(r.Goroutines)), in(breakdown.Wait), in(breakdown.Sleep),
				m.plain(unit.atLeastVisible(work)), m.plain(percent(ratio(work, whole))), bar(ratio(work, whole), barColumns), prose(m, largest(r.Buckets, work, worked)))
		})
	}
	if len(list) > 0 {
		for _, line := range unitsOf(list) {
			p.foot += prose(m, line) + "\n\n"
		}
		m.add(p, rootsPlace)
	}
}
