package report

import (
	"fmt"
	"strings"

	"timesink/analyze/breakdown"
)

// How instances differ, in words.

// mostOdd is how many odd instances, and mostGrouped how many groups, a screen shows
// unless it is verbose.
const (
	mostOdd     = 4
	mostGrouped = 3
)

// instances writes how the instances differ: the range of the means of the endpoint with
// the most request time, those that are odd, and the groups.
func (t *text) instances() {
	s := t.b.Spread
	if s == nil || len(s.Endpoints) == 0 {
		return
	}
	t.line(bold, counted(int64(len(t.b.Instances)), "instance", "instances"))
	for i := range s.Endpoints {
		if e := &s.Endpoints[i]; i == 0 || t.verbose {
			t.text(plain, 2, "", rangeText(e))
		}
	}
	shown := t.b.Odd
	if !t.verbose {
		shown = shown[:min(len(shown), mostOdd)]
	}
	for i := range shown {
		t.text(yellow, 2, "odd: ", t.oddText(&shown[i]))
	}
	if more := len(t.b.Odd) - len(shown); more > 0 {
		t.line(plain, fmt.Sprintf("  and %d more, in the verbose report", more))
	}
	if len(t.b.Odd) == 0 && !t.leavesOut(noZeros) {
		t.text(plain, 2, "", noneOdd(t.b))
	}
	groups := t.groupsToShow()
	for i := range groups {
		t.text(plain, 2, "", t.groupText(&groups[i]))
	}
	t.gap()
}

// noneOdd says that no instance is odd, or why that cannot be told.
func noneOdd(b *breakdown.Breakdown) string {
	if b.Spread.Tests == 0 {
		return "no instance can be called odd: the test needs at least four instances with ten requests each"
	}
	return fmt.Sprintf("none is odd: none differs from the others by %s of their wall time and more than chance explains", percent(b.Spread.Least))
}

// rangeText says how far the instances' means are apart.
func rangeText(e *breakdown.EndpointSpread) string {
	unit := scaleOf(e.Wall.Most)
	text := fmt.Sprintf("%s: means from %s to %s, median %s", spreadTitle(e.Name, e.Route), unit.short(e.Wall.Least), unit.short(e.Wall.Most), unit.short(e.Wall.Median))
	if e.Wall.Noise > 0 {
		text += fmt.Sprintf("; they vary by ±%s, of which requests explain ±%s", unit.short(e.Wall.Between), unit.short(min(e.Wall.Noise, max(e.Wall.Between, e.Wall.Noise))))
	}
	few := 0
	for i := range e.Parts {
		if e.Parts[i].Few {
			few++
		}
	}
	if few > 0 {
		text += fmt.Sprintf("; %s too few requests to compare", counted(int64(few), "instance has", "instances have"))
	}
	return text
}

func spreadTitle(name, route string) string {
	return shorten(title(&breakdown.Endpoint{Name: name, Route: route}), 60)
}

// oddText says what is odd about an instance, for a list.
func (t *text) oddText(o *breakdown.Odd) string {
	text := clean(o.Name) + "   " + differenceText(&o.Difference)
	if several(t.b) {
		text += ", in " + spreadTitle(o.Endpoint, o.Route)
	}
	if apart := apartText(o.Differs); apart != "" {
		text += "; " + apart
	}
	return text
}

// differenceText says by how much some requests differ, and where.
func differenceText(d *breakdown.Difference) string {
	unit := scaleOf(max(d.Mean, d.Others))
	text := signedTime(unit, d.Delta) + " (" + unit.short(d.Mean) + ", the others " + unit.short(d.Others) + ")"
	if where := whereText(d); where != "" {
		text += ", " + where
	}
	return text
}

// mainPart returns the bucket that a difference is mostly in: the largest one of those
// that are odd, if there are any. It returns nil if there is none.
func mainPart(d *breakdown.Difference) *breakdown.BucketDifference {
	for i := range d.Buckets {
		if d.Buckets[i].Odd {
			return &d.Buckets[i]
		}
	}
	if len(d.Buckets) > 0 && d.Buckets[0].Delta != 0 {
		return &d.Buckets[0]
	}
	return nil
}

// mainPhase returns the phase that a bucket's difference is mostly in, nil if in none.
func mainPhase(b *breakdown.BucketDifference) *breakdown.PhaseDifference {
	for i := range b.Phases {
		if p := &b.Phases[i]; ratio(p.Delta, b.Delta) >= 0.6 {
			return p
		}
	}
	return nil
}

// whereText says in which bucket and phase a difference is: "all in database connect:
// 212 ms, the others 0.1 ms (connections are no longer reused)".
func whereText(d *breakdown.Difference) string {
	b := mainPart(d)
	if b == nil {
		return ""
	}
	where, mean, others := clean(b.Bucket.Info().Label), b.Mean, b.Others
	if p := mainPhase(b); p != nil {
		where += " " + strings.ReplaceAll(p.Phase.String(), "_", " ")
		mean, others = p.Mean, p.Others
	}
	unit := scaleOf(max(mean, others))
	text := howMuch(ratio(mean-others, d.Delta)) + where + ": " + unit.atLeastVisible(mean) + ", the others " + unit.atLeastVisible(others)
	if part := mainReason(b); part != "" {
		text += " (" + part + ")"
	}
	return text
}

func howMuch(share float64) string {
	switch {
	case share >= 0.95:
		return "all in "
	case share >= 0.6:
		return "mostly in "
	}
	return "partly in "
}

// mainReason returns what explains most of a bucket's difference, else the call site that
// it is at, "" if neither does.
func mainReason(b *breakdown.BucketDifference) string {
	for _, p := range b.Parts {
		if ratio(p.Delta, b.Delta) >= 0.6 {
			return p.Part
		}
	}
	for _, s := range b.Sites {
		if ratio(s.Delta, b.Delta) >= 0.6 && s.Function != breakdown.Other && s.Function != "" {
			return "at " + shortSpot(s.Frame)
		}
	}
	return ""
}

// apartText says what else sets an odd instance apart.
func apartText(list []breakdown.Distinction) string {
	var parts []string
	for _, d := range list {
		what := strings.TrimPrefix(d.What, "label ")
		switch d.What {
		case "go":
			parts = append(parts, fmt.Sprintf("it alone runs %s, the others %s", clean(d.Value), clean(d.Others)))
		case "build":
			parts = append(parts, "it is another build")
		case "gomaxprocs":
			parts = append(parts, fmt.Sprintf("its GOMAXPROCS is %s, the others' %s", clean(d.Value), clean(d.Others)))
		case breakdown.OtherPrograms:
			parts = append(parts, fmt.Sprintf("for %s of the time that it ran it had no core, the others for %s at most: a CPU limit, or neighbors", clean(d.Value), clean(d.Others)))
		case breakdown.SlowScheduler:
			parts = append(parts, fmt.Sprintf("all its processors were busy for %s of the time, the others' for %s at most", clean(d.Value), clean(d.Others)))
		default:
			parts = append(parts, fmt.Sprintf("its %s is %s, the others' %s", clean(what), clean(d.Value), clean(d.Others)))
		}
	}
	return strings.Join(parts, "; ")
}

// groupsToShow returns the groups that differ, or all of them if the page is verbose.
func (t *text) groupsToShow() (list []breakdown.Group) {
	for _, g := range t.b.Spread.Groups {
		if t.verbose || g.Significant && len(list) < mostGrouped {
			list = append(list, g)
		}
	}
	return list
}

func (t *text) groupText(g *breakdown.Group) string {
	text := fmt.Sprintf("%s   %s", groupTitle(g), differenceText(&g.Difference))
	if several(t.b) {
		text += ", in " + spreadTitle(g.Endpoint, g.Route)
	}
	if !g.Significant {
		text = "~ " + text
	}
	return text + groupBounds(g)
}

// groupTitle names a group: "version 1.5 (4 instances against 20)".
func groupTitle(g *breakdown.Group) string {
	value := shorten(clean(g.Value), 40)
	if g.Label == "build" {
		value = shorten(clean(g.Value), 12)
	}
	return fmt.Sprintf("%s %s (%s against %d)", clean(g.Label), value, counted(int64(g.Instances), "instance", "instances"), g.Against)
}

func groupBounds(g *breakdown.Group) string {
	if g.Low == 0 && g.High == 0 {
		return ""
	}
	unit := scaleOf(max(g.Mean, g.Others))
	return fmt.Sprintf("; 95%% interval over instances %s to %s", signedTime(unit, g.Low), signedTime(unit, g.High))
}

// oddSentence is what the answer says of instances that are odd, "" if none is.
func oddSentence(b *breakdown.Breakdown) string {
	if len(b.Odd) == 0 {
		return ""
	}
	o := &b.Odd[0]
	text := fmt.Sprintf("%s differs from the other %d instances: %s", clean(o.Name), len(b.Instances)-1, differenceText(&o.Difference))
	if apart := apartText(o.Differs); apart != "" {
		text += "; " + apart
	}
	names := map[int]bool{o.Instance: true}
	for i := range b.Odd {
		names[b.Odd[i].Instance] = true
	}
	if n := len(names) - 1; n > 0 {
		text += fmt.Sprintf("; and %d more do", n)
	}
	return text + "."
}

// spread writes how the instances differ into a ticket.
func (m *markdown) spread(spare int) {
	s := m.b.Spread
	if s == nil || len(s.Endpoints) == 0 {
		return
	}
	p := part{head: m.heading(3, counted(int64(len(m.b.Instances)), "instance", "instances")), foot: "\n", spare: spare, one: "instance", many: "instances"}
	for i := range s.Endpoints {
		p.rows = append(p.rows, func() string { return m.bullet(m.sentence(rangeText(&s.Endpoints[i]))) })
	}
	for i := range m.b.Odd {
		p.rows = append(p.rows, func() string {
			return m.bullet(m.bold(m.plain("odd")) + m.plain(": ") + m.sentence(m.t.oddText(&m.b.Odd[i])))
		})
	}
	if len(m.b.Odd) == 0 {
		p.rows = append(p.rows, func() string { return m.bullet(m.sentence(noneOdd(m.b))) })
	}
	for i := range s.Groups {
		if g := &s.Groups[i]; g.Significant {
			p.rows = append(p.rows, func() string { return m.bullet(m.sentence(m.t.groupText(g))) })
		}
	}
	m.add(p, instancesPlace)
}
