package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"timesink/analyze/breakdown"
)

// A Flavor is a tracker's markup.
type Flavor string

// The flavors. GitHub's and GitLab's are the same today.
const (
	GitHub Flavor = "github"
	GitLab Flavor = "gitlab"
	Jira   Flavor = "jira"
)

// Flavors returns all flavors.
func Flavors() []Flavor { return []Flavor{GitHub, GitLab, Jira} }

// MarkdownOptions configures Markdown and CompareMarkdown. The zero value is for
// GitHub.
type MarkdownOptions struct {
	Flavor Flavor
	// Top is the number of endpoints that get a table; 0 means up to 3 with at least 1%
	// of the request time each. The others get a line each.
	Top int
}

// The most characters that a tracker accepts in one comment. GitLab accepts more, but
// text written for it is also pasted elsewhere.
const (
	mostOfGitHub = 65_536
	mostOfJira   = 32_767
)

// markup returns the flavor's language, and an empty document of the greatest length
// allowed. It returns an error for an unknown flavor.
func (o *MarkdownOptions) markup() (language, document, error) {
	switch cmp.Or(o.Flavor, GitHub) {
	case GitHub, GitLab:
		return gfm{}, document{left: mostOfGitHub - 1}, nil
	case Jira:
		return jira{}, document{left: mostOfJira - 1}, nil
	}
	return nil, document{}, fmt.Errorf("there is no flavor %q of markdown: there are %v", o.Flavor, Flavors())
}

// Markdown writes b for a tracker's ticket: the answer first, then what to try, then
// tables per endpoint, with the long parts folded. The result fits in one comment. What
// does not fit is left out, the least important parts first, and the text says so.
func Markdown(w io.Writer, b *breakdown.Breakdown, o MarkdownOptions) error {
	l, doc, err := o.markup()
	if err != nil {
		return err
	}
	b = Worded(b)
	m := &markdown{t: &text{page: page{width: nameLimit}, b: b}, b: b, language: l, document: doc}
	m.write(top(b, o.Top))
	if _, err := io.WriteString(w, m.String()); err != nil {
		return fmt.Errorf("writing the markdown: %w", err)
	}
	return nil
}

// markdown lays out a ticket's text. Its words are those of text.
type markdown struct {
	t *text
	b *breakdown.Breakdown
	language
	document
}

// Names and sentences are shortened to these widths, in columns.
const (
	nameLimit = 160
	listLimit = 80 // for names in lists

	sentenceLimit = 600
)

// mostEvidence is how many sentences of evidence a finding shows.
const mostEvidence = 6

// The parts, in reading order.
const (
	headPlace = iota
	findingsPlace
	rootsPlace
	instancesPlace
	endpointsPlace // then the endpoint, then the place in it
	othersPlace
	warningsPlace
	provenancePlace
	endPlace
)

// noteRoom is reserved for the note about what was left out.
const noteRoom = 600

// write adds the parts in order of importance. No part may take so much that nothing is
// left for the next.
func (m *markdown) write(top int) {
	limit := m.left
	m.left -= noteRoom
	m.add(part{head: m.bold(prose(m, conclusion(m.b))) + "\n\n" + m.source()}, headPlace)
	m.findings(limit * 3 / 4)
	m.roots(limit * 2 / 5)
	m.spread(limit * 2 / 5)
	shown := m.endpoints(m.b.Endpoints[:min(top, len(m.b.Endpoints))], limit*2/5)
	m.warnings(limit / 3)
	m.provenance(limit / 4)
	for i := range m.b.Endpoints[:shown] {
		m.sites(&m.b.Endpoints[i], i, limit/8)
	}
	m.others(m.b.Endpoints[shown:])
	for i := range m.b.Endpoints[:shown] {
		m.holders(&m.b.Endpoints[i], i)
		m.functions(&m.b.Endpoints[i], i)
		m.client(&m.b.Endpoints[i], i)
		m.saysItself(&m.b.Endpoints[i], i)
	}
	m.left += noteRoom
	if out := m.leftOut(); out != "" {
		m.add(part{head: m.plain("Left out to fit in one comment: "+out+". The JSON has all of it.") + "\n"}, endPlace)
	}
}

// source says what was observed, starting with the target.
func (m *markdown) source() string {
	parts := m.t.source()
	for i, p := range parts {
		if i == 0 && m.b.Source.Target != "" {
			parts[i] = m.code(p)
		} else {
			parts[i] = prose(m, p)
		}
	}
	return beside(parts...) + "\n\n"
}

// beside joins the parts that are not empty.
func beside(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " · ")
}

// frame returns a place in the service's code.
func (m *markdown) frame(f breakdown.Frame, limit int) string {
	if f.Function == breakdown.Other {
		return m.plain("other call sites")
	}
	text := m.code(shorten(function(f.Function), limit))
	if where := position(f); where != "" {
		text += " " + m.code(shorten(where, listLimit))
	}
	return text
}

// sentence returns prose of limited length, or "" if text is empty.
func (m *markdown) sentence(text string) string { return sentence(m, text) }

func sentence(l language, text string) string { return prose(l, shorten(clean(text), sentenceLimit)) }

func (m *markdown) findings(spare int) {
	list := m.t.worthwhile()
	for _, f := range toTry(m.b.Findings) {
		if e := m.t.find(f.Endpoint); e != nil && ratio(requestTime(e), m.t.requestTime()) < ownLine {
			list = append(list, f)
		}
	}
	p := part{head: m.heading(3, "What to try"), foot: "\n", spare: spare, one: "finding", many: "findings"}
	for i := range list {
		p.rows = append(p.rows, func() string {
			return m.finding(i+1, &list[i])
		})
	}
	if len(list) > 0 {
		m.add(p, findingsPlace)
	}
}

func (m *markdown) finding(n int, f *breakdown.Finding) string {
	head := m.bold(cmp.Or(m.sentence(f.Title), m.sentence(f.ID), m.plain("a finding")))
	if saves(f) {
		head += m.plain(" (" + savesUpTo(f) + ")")
	}
	if f.Endpoint != "" && len(m.b.Endpoints) > 1 {
		head += m.plain(", in ") + m.code(shorten(m.t.titleOf(f.Endpoint), listLimit))
		if n := len(f.Endpoints) - 1; n > 0 {
			head += m.plain(" and " + counted(int64(n), "other endpoint", "other endpoints"))
		}
	}
	var below []string
	for i, evidence := range f.Evidence {
		if i == mostEvidence {
			below = append(below, m.plain(fmt.Sprintf("and %d more", len(f.Evidence)-i)))
			break
		}
		if text := m.sentence(evidence); text != "" {
			below = append(below, text)
		}
	}
	if text := m.sentence(f.Try); text != "" {
		below = append(below, m.plain("try: ")+text)
	}
	return m.numbered(n, head, below)
}

func (m *markdown) warnings(spare int) {
	begin, end := m.fold(counted(int64(len(m.b.Warnings)), "warning", "warnings"))
	p := part{head: begin, foot: end, spare: spare, one: "warning", many: "warnings"}
	for _, w := range m.b.Warnings {
		p.rows = append(p.rows, func() string {
			return m.bullet(cmp.Or(m.sentence(w.Message), m.sentence(w.Code), m.plain("a warning")))
		})
	}
	if len(p.rows) > 0 {
		m.add(p, warningsPlace)
	}
}

// provenance says what the answer was read from, so that the holder of a copy can check
// it, and how to collect the same again.
func (m *markdown) provenance(spare int) {
	begin, end := m.fold("provenance")
	p := part{head: begin, foot: strings.TrimPrefix(end, "\n"), spare: spare, one: "capture's checksums", many: "captures' checksums"}
	for i := range m.b.Source.Evidence {
		p.rows = append(p.rows, func() string {
			return m.evidence(&m.b.Source.Evidence[i])
		})
	}
	if len(p.rows) > 0 {
		m.add(p, provenancePlace)
	}
	begin, end = m.fold("rules added by the user")
	p = part{head: begin, foot: end, spare: spare, one: "rule", many: "rules"}
	for _, r := range m.b.Source.Rules {
		p.rows = append(p.rows, func() string { return m.bullet(m.name(r, nameLimit)) })
	}
	if len(p.rows) > 0 {
		m.add(p, provenancePlace)
	}
}

// name returns a name from the service or the user, unchanged but for its length.
func (m *markdown) name(name string, limit int) string { return m.code(shorten(clean(name), limit)) }

func (m *markdown) evidence(e *breakdown.Evidence) string {
	line := []string{m.plain("case ") + m.name(e.Case, listLimit)}
	if e.CapturedAt != nil {
		line = append(line, m.code(e.CapturedAt.UTC().Format(time.RFC3339)))
	}
	if e.Tool != "" {
		line = append(line, m.plain("timesink ")+m.name(e.Tool, listLimit))
	}
	if e.Command != "" {
		line = append(line, m.name(e.Command, sentenceLimit))
	}
	text := beside(line...) + "\n\n"
	if len(e.Parts) == 0 {
		return text
	}
	text += m.header("part", "\tbytes", "SHA256")
	for _, p := range e.Parts {
		text += m.row(m.name(p.Name, listLimit), m.plain(count(p.Size)), m.name(p.SHA256, listLimit))
	}
	return text + "\n"
}
