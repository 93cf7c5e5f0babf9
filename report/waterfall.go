package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"timesink/analyze/breakdown"
)

// RequestText writes one request as a waterfall for a terminal: the steps of its path in
// the order of time, each with a bar, and below them the calls that ran side by side.
// Short steps are folded into their neighbors until the page fits a screen of 24 lines,
// and the page says what was folded. With Verbose, it keeps all steps that can be told
// apart. b must have been made with detail.
func RequestText(w io.Writer, b *breakdown.Breakdown, s *breakdown.Specimen, o TextOptions) error {
	t := &text{page: newPage(o), b: b, verbose: o.Verbose}
	f := newWaterfall(t, s)
	f.write()
	if _, err := w.Write(t.Bytes()); err != nil {
		return fmt.Errorf("writing the request: %w", err)
	}
	return nil
}

// A waterfall lays out one request. Its times are relative to the request's start.
type waterfall struct {
	*text
	e     *breakdown.Endpoint // nil if it is not known
	s     *breakdown.Specimen
	r     *breakdown.Request
	scale scale
	path  []stretch // as recorded, joined where nothing changes
	calls []callRow
	// The columns of numbers, bars and names, in characters.
	numbers, bars, whats int
}

// Limits of a screen.
const (
	screenLines   = 24
	leastRows     = 6
	leastCallRows = 2
	mostCallRows  = 6
	maxFolded     = 4
	verboseRows   = 1000
	leastBar      = 18
	mostBar       = 40
	siteWithNames = 24 // columns from which a site is more than its line
)

func newWaterfall(t *text, s *breakdown.Specimen) *waterfall {
	f := &waterfall{text: t, s: s, r: &s.Request, scale: scaleOf(s.Request.Wall())}
	f.e = endpointOf(t.b, f.r)
	f.path = stretchesOf(f.r)
	f.calls = besideEachOther(f.r)
	return f
}

func (f *waterfall) write() {
	f.head()
	rows := folded(f.path, verboseRows)
	if !f.verbose {
		f.calls = groupedTo(f.calls, mostCallRows)
		rows = f.fitting(folded(rows, screenLines))
	}
	tail := f.tail(rows)
	f.columns(rows)
	f.axis()
	for i := range rows {
		f.stretch(&rows[i])
	}
	f.callRows()
	f.Write(tail.Bytes())
}

// fitting folds rows, and then leaves out calls, until the page fits a screen or has few
// of both.
func (f *waterfall) fitting(rows []stretch) []stretch {
	const axis = 1
	over := func() int {
		return f.lines() + axis + min(len(f.calls), 1) + len(f.calls) + len(rows) + f.tail(rows).lines() - screenLines
	}
	for len(rows) > leastRows && over() > 0 {
		rows = folded(rows, len(rows)-1)
	}
	for len(f.calls) > leastCallRows && over() > 0 {
		f.calls = groupedTo(f.calls, len(f.calls)-1)
	}
	return rows
}

// lines returns how many lines have been written.
func (p *page) lines() int { return strings.Count(p.String(), "\n") }

// head says which request it is.
func (f *waterfall) head() {
	parts := identity(&f.b.Source)
	if f.b.Source.Target != "" {
		parts = append([]string{shorten(clean(f.b.Source.Target), f.width)}, parts...)
	}
	f.fields(plain, 0, parts...)
	name := []string{shorten(clean(cmp.Or(f.r.Endpoint, breakdown.Unnamed)), f.width)}
	if f.e != nil {
		name = []string{shorten(title(f.e), f.width)}
		if f.e.Route != "" && f.e.Name != "" {
			name = append(name, shorten(function(f.e.Name), f.width))
		}
	}
	f.fields(bold, 0, name...)
	id := "request " + f.s.ID.String()
	if f.e != nil {
		if which := list(whichOf(f.e, f.s.ID)); which != "" {
			id += " (" + which + ")"
		}
	}
	wall := "wall time " + f.scale.short(f.r.Wall())
	if f.r.Incomplete {
		wall += " within the window, whose edge cut it"
	}
	mean := ""
	if f.e != nil && f.e.Requests > 1 {
		mean = fmt.Sprintf("mean of %s %s", counted(f.e.Requests, "request", "requests"), f.scale.short(f.e.Wall.Mean))
	}
	f.fields(plain, 0, id, wall, mean)
	if c := f.s.Client; c != nil {
		whole := c.Wall()
		f.text.text(plain, 0, "", fmt.Sprintf("the client waited %s: %s in the server, %s on the way",
			f.scale.short(whole), f.scale.short(f.r.Wall()), f.scale.short(max(whole-f.r.Wall(), 0))))
	}
	f.line(plain, "")
}

// columns divides the width of the page.
func (f *waterfall) columns(rows []stretch) {
	f.numbers = max(width(f.number(f.r.Wall())), 5)
	for i := range rows {
		f.whats = max(f.whats, width(rows[i].name()))
	}
	for i := range f.calls {
		f.whats = max(f.whats, width(f.calls[i].what()))
	}
	f.whats = min(f.whats, 26)
	f.bars = min(max(f.width-f.indent()-f.whats-2*gutter-siteWithNames-20, leastBar), mostBar)
}

// indent is where the bars begin.
func (f *waterfall) indent() int { return gutter + 2*f.numbers + gutter + 1 }

func (f *waterfall) number(ns int64) string { return f.bare(f.scale.column(ns)) }

// bare returns a time without its unit, which the axis names.
func (f *waterfall) bare(time string) string { return strings.TrimSuffix(time, " "+f.scale.unit) }

// axis names the columns.
func (f *waterfall) axis() {
	whole := f.scale.short(f.r.Wall())
	f.line(dim, spaces(gutter)+f.cell("at "+f.scale.unit)+" "+f.cell("for")+spaces(gutter)+"0"+spaces(f.bars-1-width(whole))+whole)
}

func (f *waterfall) cell(text string) string { return spaces(f.numbers-width(text)) + text }

func (f *waterfall) stretch(s *stretch) {
	m := s.main()
	where := f.site(m.kind.site, m.steps)
	f.row(s.start, s.end, s.name(), where, m.kind.phase)
}

// row writes one line.
func (f *waterfall) row(start, end int64, what, where string, phase breakdown.Phase) {
	from := int(float64(f.bars) * ratio(start, f.r.Wall()))
	to := int(float64(f.bars)*ratio(end, f.r.Wall()) + 0.5)
	from = min(max(from, 0), f.bars-1)
	glyph, paint := "█", cyan
	if info := phase.Info(); info.Distinct() {
		glyph, paint = info.Glyph, yellow
	}
	drawn := strings.Repeat(glyph, max(to-from, 0))
	if drawn == "" || 2*float64(f.bars)*ratio(end-start, f.r.Wall()) < 1 {
		drawn = "▏"
	}
	text := spaces(gutter) + f.cell(f.number(start)) + " " + f.cell(f.bare(f.scale.atLeastVisible(end-start))) + spaces(gutter) +
		spaces(from) + f.styled(paint, drawn) + spaces(f.bars-from-width(drawn)+gutter) + pad(shorten(what, f.whats), f.whats)
	if where != "" {
		text += spaces(gutter) + where
	}
	f.WriteString(strings.TrimRight(text, " ") + "\n")
}

// site returns a call site in what is left of a line, with the number of steps there.
func (f *waterfall) site(site breakdown.Frame, steps int) string {
	left := f.width - f.indent() - f.bars - f.whats - 2*gutter
	times := ""
	if steps > 1 {
		times = fmt.Sprintf(" ×%s", count(int64(steps)))
		left -= width(times)
	}
	if site.Function == "" {
		return strings.TrimSpace(times)
	}
	where := position(site)
	name := function(site.Function)
	if left < siteWithNames {
		name = name[strings.LastIndexByte(name, '.')+1:]
	}
	switch {
	case where == "":
		return shorten(name, left) + times
	case width(name)+1+width(where) <= left:
		return name + " " + where + times
	case left-1-width(where) >= 8:
		return shorten(name, left-1-width(where)) + " " + where + times
	}
	return shorten(where, left) + times
}

// tail returns what comes after the rows: what they leave out, the other requests to look
// at, and what takes most of the time.
func (f *waterfall) tail(rows []stretch) *page {
	p := &page{width: f.width, color: f.color}
	if text := f.folded(rows); text != "" {
		p.text(dim, gutter, "", text)
	}
	if text := f.legend(rows); text != "" {
		p.text(dim, gutter, "", text)
	}
	if f.r.Condensed != 0 {
		p.text(dim, gutter, "", fmt.Sprintf("of the first %s only sums are known, not single steps: there were too many", duration(f.r.Condensed-f.r.Start)))
	}
	if text := f.overlap(); text != "" {
		p.text(dim, gutter, "", text)
	}
	p.line(plain, "")
	if f.e != nil {
		var others []string
		for _, x := range f.e.Examples() {
			if x.ID != f.s.ID {
				others = append(others, x.Which+" "+x.ID.String())
			}
		}
		if len(others) > 0 {
			for _, l := range wrapList("other requests of this endpoint: ", others, f.width) {
				p.line(plain, l)
			}
		}
	}
	p.text(bold, 0, "", f.answer())
	return p
}

// folded says what the rows hold beside what they are named after.
func (f *waterfall) folded(rows []stretch) string {
	var sums [breakdown.NumBuckets]int64
	steps, whole := 0, int64(0)
	for i := range rows {
		for j, p := range rows[i].parts {
			if j > 0 {
				sums[p.kind.bucket] += p.ns
				whole += p.ns
				steps += p.steps
			}
		}
	}
	if steps == 0 {
		return ""
	}
	var list []breakdown.BucketTime
	for b, ns := range sums {
		list = append(list, breakdown.BucketTime{Bucket: breakdown.Bucket(b), Total: ns})
	}
	var parts []string
	for i, t := range ranked(list, total) {
		if i == maxFolded {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, label(t)+" "+f.scale.atLeastVisible(t.Total))
	}
	return fmt.Sprintf("folded into these rows: %s, %s of the request (%s)",
		counted(int64(steps), "short step", "short steps"), percent(ratio(whole, f.r.Wall())), strings.Join(parts, ", "))
}

// legend explains the bars that are drawn in another way.
func (f *waterfall) legend(rows []stretch) string {
	for i := range rows {
		if info := rows[i].main().kind.phase.Info(); info.Distinct() {
			return info.Glyph + " " + info.Label + ": " + info.Meaning
		}
	}
	return ""
}

// answer says what takes most of the request's time.
func (f *waterfall) answer() string {
	wall := f.r.Wall()
	m := sumOf(f.path)
	if m == nil || wall <= 0 {
		return "The request took no time."
	}
	subject := "The largest part of this request"
	if 2*m.ns >= wall {
		subject = "Most of this request"
	}
	text := fmt.Sprintf("%s, %s of %s (%s), is %s", subject, f.scale.short(m.ns), f.scale.short(wall), percent(ratio(m.ns, wall)), m.kind)
	if site := m.kind.site; site.Function != "" {
		text += " at " + clean(spot(site))
	}
	if m.steps > 1 {
		text += fmt.Sprintf(", in %s steps", count(int64(m.steps)))
	}
	return text + "."
}
