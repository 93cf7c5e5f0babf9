package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// CompareText writes a comparison as a screen for a terminal: for each endpoint what
// changed, by how much, whether it is real, and where. The last line is the answer.
func CompareText(w io.Writer, c *breakdown.Comparison, o TextOptions) error {
	t := &compared{page: newPage(o), c: WordedComparison(c), verbose: o.Verbose}
	if err := t.write(cmp.Or(o.Top, defaultTop)); err != nil {
		return fmt.Errorf("laying out the comparison: %w", err)
	}
	if _, err := w.Write(t.Bytes()); err != nil {
		return fmt.Errorf("writing the comparison: %w", err)
	}
	return nil
}

// compared lays out a comparison's screen.
type compared struct {
	page
	c       *breakdown.Comparison
	verbose bool
}

func (t *compared) write(top int) error {
	t.text(plain, 0, "before: ", sideText(&t.c.Before))
	t.text(plain, 0, "after:  ", sideText(&t.c.After))
	if t.c.Noise != nil {
		t.text(plain, 0, "noise:  ", sideText(t.c.Noise))
	}
	t.line(plain, "")
	both := ofStatus(t.c, "both")
	for _, e := range both[:min(top, len(both))] {
		if err := t.endpoint(e); err != nil {
			return err
		}
	}
	if rest := both[min(top, len(both)):]; len(rest) > 0 {
		var names []string
		for _, e := range rest {
			names = append(names, shorten(changeTitle(e), 30)+" "+t.verdict(&e.Wall[0]))
		}
		t.text(plain, 0, "", counted(int64(len(rest)), "more endpoint", "more endpoints")+": "+strings.Join(names, ", "))
		t.line(plain, "")
	}
	if text := aloneText(t.c); text != "" {
		t.text(dim, 0, "", text)
		t.line(plain, "")
	}
	for _, text := range cameAndWent(t.c) {
		head, rest, _ := strings.Cut(text, " ")
		t.text(plain, 0, head+" ", rest)
	}
	if text := mixText(t.c); text != "" {
		t.text(plain, 0, "", text)
		t.line(plain, "")
	}
	for _, g := range t.c.Gates {
		t.text(plain, 0, gateWord(&g)+": ", clean(GateText(&g)))
	}
	if len(t.c.Gates) > 0 {
		t.line(plain, "")
	}
	for i := range t.c.Predictions {
		if err := t.outcome(&t.c.Predictions[i]); err != nil {
			return err
		}
	}
	for _, w := range t.c.Warnings {
		t.text(yellow, 0, "warning: ", clean(w.Message))
	}
	if len(t.c.Warnings) > 0 {
		t.line(plain, "")
	}
	t.text(bold, 0, "", verdict(t.c))
	return nil
}

func ofStatus(c *breakdown.Comparison, status string) (out []*breakdown.EndpointChange) {
	for i := range c.Endpoints {
		if c.Endpoints[i].Status == status {
			out = append(out, &c.Endpoints[i])
		}
	}
	return out
}

func sideText(s *breakdown.Side) string {
	parts := []string{}
	if s.Captures > 1 {
		parts = append(parts, fmt.Sprintf("%d captures", s.Captures))
	}
	if s.Source.Target != "" {
		parts = append(parts, shorten(clean(s.Source.Target), 40))
	}
	if s.Source.CapturedAt != nil {
		parts = append(parts, s.Source.CapturedAt.UTC().Format("2006-01-02 15:04:05Z"))
	}
	parts = append(parts, counted(s.Requests, "request", "requests"), fmt.Sprintf("%.1f/s", s.Rate))
	if len(s.Files) > 0 {
		parts = append(parts, "from "+filesText(s.Files))
	}
	parts = append(parts, identity(&s.Source)...)
	return strings.Join(parts, ", ")
}

func changeTitle(e *breakdown.EndpointChange) string {
	return title(&breakdown.Endpoint{Name: e.Name, Route: e.Route})
}

func (t *compared) endpoint(e *breakdown.EndpointChange) error {
	name := ""
	if e.Route != "" {
		name = title(&breakdown.Endpoint{Name: e.Name})
	}
	t.fields(bold, 0, shorten(changeTitle(e), t.width), shorten(name, t.width), counted(e.RequestsBefore, "request", "requests")+" → "+count(e.RequestsAfter))
	if e.Was != "" {
		t.line(plain, "  was "+shorten(clean(e.Was), t.width-6))
	}
	if len(e.Wall) == 0 {
		return nil
	}
	t.line(plain, "")
	unit := scaleOf(max(e.Wall[0].Before, e.Wall[0].After))
	rows := []row{{cells: []string{"", "before", "after", "change", ""}, note: []string{t.confidence()}}}
	for i := range e.Wall {
		c := &e.Wall[i]
		rows = append(rows, row{cells: []string{c.Quantity, unit.column(c.Before), unit.column(c.After), signedTime(unit, c.Delta), signed(c.Relative)}, note: t.tested(c, unit)})
	}
	left := t.beside(2, rows)
	for i := range rows {
		rows[i].note = wrap(rows[i].note[0], left)
	}
	if err := t.table(2, rows); err != nil {
		return err
	}
	for _, text := range needs(e) {
		t.text(plain, 2, "~ ", text)
	}
	t.line(plain, "")
	t.buckets(e, unit)
	t.line(plain, "")
	return nil
}

// confidence says what the intervals rest on.
func (t *compared) confidence() string {
	on := "over " + t.c.Test
	if t.c.Test == breakdown.OverRequests {
		on = "these requests"
	}
	return fmt.Sprintf("%.0f%% interval, %s", 100*(1-t.c.Alpha), on)
}

// aloneText says that the tests of what is shown do not count how many there are.
func aloneText(c *breakdown.Comparison) string {
	if len(c.Undecided) > 0 || len(ofStatus(c, "both")) == 0 {
		return ""
	}
	return fmt.Sprintf("Each change is tested alone: one in %.0f looks real by chance. Only gates count them all.", 1/c.Alpha)
}

// filesText names some captures.
func filesText(files []string) string {
	const most = 3
	var names []string
	for _, f := range files[:min(len(files), most)] {
		names = append(names, shorten(clean(f), 40))
	}
	if rest := len(files) - most; rest > 0 {
		names = append(names, fmt.Sprintf("%d more", rest))
	}
	return list(names)
}

// tested returns a change's interval and p-value, or "~" and the interval if the change
// is not significant.
func (t *compared) tested(c *breakdown.Change, unit scale) []string {
	interval := fmt.Sprintf("%s to %s", signedTime(unit, c.Low), signedTime(unit, c.High))
	if c.Significant {
		return []string{fmt.Sprintf("%s   p %s", interval, probability(c.P))}
	}
	return []string{"~ " + interval}
}

// needs says how many samples it would take to decide the changes that are not
// significant.
func needs(e *breakdown.EndpointChange) (texts []string) {
	by := map[string][]string{}
	var order []string
	for i := range e.Wall {
		if c := &e.Wall[i]; c.Needs != "" {
			if by[c.Needs] == nil {
				order = append(order, c.Needs)
			}
			by[c.Needs] = append(by[c.Needs], c.Quantity)
		}
	}
	for _, n := range order {
		texts = append(texts, list(by[n])+": the samples cannot tell; that takes "+n)
	}
	return texts
}

// verdict returns a change as one word: −57.5%, or ~ if it is not significant.
func (t *compared) verdict(c *breakdown.Change) string {
	if !c.Significant {
		return "~"
	}
	return signed(c.Relative)
}

func probability(p float64) string {
	if p <= 0.001 {
		return "≤ 0.001"
	}
	return fmt.Sprintf("= %.3f", p)
}

// smallPart is the share of the mean below which a bucket's change shares a line with
// others.
const smallPart = 0.01

// buckets shows where the mean changed, the largest part first, each with its own parts
// below it.
func (t *compared) buckets(e *breakdown.EndpointChange, unit scale) {
	mean := &e.Wall[0]
	order := make([]*breakdown.BucketChange, 0, len(e.Buckets))
	for i := range e.Buckets {
		order = append(order, &e.Buckets[i])
	}
	slices.SortStableFunc(order, func(a, b *breakdown.BucketChange) int { return cmp.Compare(magnitude(b.Delta), magnitude(a.Delta)) })
	shown, rest := 0, int64(0)
	for _, b := range order {
		if !t.verbose && float64(magnitude(b.Delta)) < smallPart*float64(max(mean.Before, mean.After)) {
			rest += b.Delta
			continue
		}
		shown++
		t.bucket(b, unit)
	}
	if rest != 0 || shown == 0 {
		t.bucketLine("the rest", "", signedTime(unit, rest), true)
	}
}

func (t *compared) bucket(b *breakdown.BucketChange, unit scale) {
	t.bucketLine(b.Bucket.Info().Label, unit.column(b.Before)+" → "+unit.column(b.After), signedTime(unit, b.Delta), b.Significant)
	parts := worthShowing(b.Parts, b.Delta)
	if len(parts) == 0 {
		parts = worthShowing(b.Phases, b.Delta)
	}
	for _, p := range parts {
		t.text(dim, 6, "", signedTime(unit, p.Delta)+" "+p.Part)
	}
	sites := 1
	if t.verbose {
		sites = len(b.Sites)
	}
	for _, s := range b.Sites[:min(sites, len(b.Sites))] {
		if s.Delta != 0 && s.Function != breakdown.Other {
			head := signedTime(unit, s.Delta) + " at "
			t.line(dim, spaces(6)+head+placeIn(s.Frame, t.width-6-width(head)))
		}
	}
}

// bucketLine writes one bucket's change. It marks a change that is not significant with
// ~.
func (t *compared) bucketLine(label, times, delta string, sure bool) {
	mark := ""
	if !sure {
		mark = "  ~"
	}
	t.line(plain, strings.TrimRight("  "+pad(label, 16)+spaces(12-width(delta))+delta+mark+spaces(4-width(mark))+times, " "))
}

// worthShowing returns the parts larger than a fiftieth of the largest, the largest
// first.
func worthShowing(parts []breakdown.PartChange, delta int64) (out []breakdown.PartChange) {
	most := magnitude(delta)
	for _, p := range parts {
		most = max(most, magnitude(p.Delta))
	}
	for _, p := range parts {
		if p.Delta != 0 && 50*magnitude(p.Delta) >= most {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b breakdown.PartChange) int { return cmp.Compare(magnitude(b.Delta), magnitude(a.Delta)) })
	return out
}

// cameAndWent lists the endpoints that are on one side only.
func cameAndWent(c *breakdown.Comparison) (texts []string) {
	for _, status := range []string{"appeared", "vanished"} {
		var names []string
		for _, e := range ofStatus(c, status) {
			names = append(names, fmt.Sprintf("%s (%s of the requests)", shorten(changeTitle(e), 40), percent(max(e.ShareBefore, e.ShareAfter))))
		}
		if len(names) > 0 {
			texts = append(texts, status+": "+strings.Join(names, ", "))
		}
	}
	return texts
}

// mixText says how much of the change of the overall mean comes from a different mix of
// endpoints. It returns "" if that is negligible.
func mixText(c *breakdown.Comparison) string {
	m := &c.Mix
	if len(c.Endpoints) < 2 || 100*magnitude(m.Shift) <= m.Before {
		return ""
	}
	unit := scaleOf(max(m.Before, m.After))
	return fmt.Sprintf("Over all requests the mean changed by %s: %s because the mix of endpoints changed, %s within the endpoints.",
		signedTime(unit, m.After-m.Before), signedTime(unit, m.Shift), signedTime(unit, m.Within))
}

func gateWord(g *breakdown.Gate) string {
	return map[string]string{breakdown.GatePassed: "gate passed", breakdown.GateBroken: "gate broken", breakdown.GateUnsure: "gate undecided"}[g.Outcome]
}

// verdict returns the comparison in one sentence, about the endpoint with the most
// request time.
func verdict(c *breakdown.Comparison) string {
	both := ofStatus(c, "both")
	if len(both) == 0 {
		return "No endpoint has complete requests on both sides: there is nothing to compare."
	}
	e := both[0]
	mean := &e.Wall[0]
	unit := scaleOf(max(mean.Before, mean.After))
	if len(c.Undecided) > 0 {
		return fmt.Sprintf("%s: the mean went from %s to %s (%s), but %s.", shorten(changeTitle(e), 60), unit.short(mean.Before), unit.short(mean.After), signed(mean.Relative), undecided(c))
	}
	if !mean.Significant {
		text := fmt.Sprintf("%s: the samples cannot tell a change of the mean (%s) from chance", shorten(changeTitle(e), 60), signedTime(unit, mean.Delta))
		if mean.Needs != "" {
			text += "; it takes " + mean.Needs
		}
		return text + "."
	}
	word := "slower"
	if mean.Delta < 0 {
		word = "faster"
	}
	text := fmt.Sprintf("%s answers %s (%s) %s at the mean", shorten(changeTitle(e), 60), unit.short(magnitude(mean.Delta)), percent(math.Abs(mean.Relative)), word)
	var most *breakdown.BucketChange
	for i := range e.Buckets {
		b := &e.Buckets[i]
		if b.Delta*mean.Delta > 0 && (most == nil || magnitude(b.Delta) > magnitude(most.Delta)) {
			most = b
		}
	}
	if len(e.Disturbances) > 0 {
		return text + "; " + likelier(&e.Disturbances[0], c) + "."
	}
	if most == nil {
		return text + "."
	}
	text += fmt.Sprintf(": %s in %s", signedTime(unit, most.Delta), most.Bucket.Info().Spoken)
	if parts := worthShowing(most.Parts, most.Delta); len(parts) > 0 && parts[0].Delta*most.Delta > 0 {
		text += ", where " + parts[0].Part
	}
	return text + "."
}

func magnitude(ns int64) int64 { return max(ns, -ns) }

// signedTime returns a change of a time, with its sign.
func signedTime(s scale, ns int64) string {
	text := s.column(magnitude(ns))
	switch {
	case strings.Trim(text[:strings.IndexByte(text, ' ')], "0.") == "":
		return text
	case ns < 0:
		return "−" + text
	}
	return "+" + text
}
