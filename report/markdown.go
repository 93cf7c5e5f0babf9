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

// A Flavor is the markup that a tracker takes.
type Flavor string

// The flavours. GitHub's and GitLab's are the same today.
const (
	GitHub Flavor = "github"
	GitLab Flavor = "gitlab"
	Jira   Flavor = "jira"
)

// Flavors lists them.
func Flavors() []Flavor { return []Flavor{GitHub, GitLab, Jira} }

// MarkdownOptions say what a report or a comparison for a tracker is to be like. The
// zero value is one for GitHub.
type MarkdownOptions struct {
	Flavor Flavor
	// Top is the number of endpoints that get a table of their own; 0 stands for up
	// to 3 that hold 1% of the request time. The others get a line each.
	Top int
}

// The most characters that trackers take in one comment. GitLab would take more, but
// what is written for it is also pasted elsewhere.
const (
	mostOfGitHub = 65_536
	mostOfJira   = 32_767
)

// markup is the flavour's language, and an empty document of the length that it may
// have.
func (o *MarkdownOptions) markup() (language, document, error) {
	switch cmp.Or(o.Flavor, GitHub) {
	case GitHub, GitLab:
		return gfm{}, document{left: mostOfGitHub - 1}, nil
	case Jira:
		return jira{}, document{left: mostOfJira - 1}, nil
	}
	return nil, document{}, fmt.Errorf("there is no flavour %q of markdown: there are %v", o.Flavor, Flavors())
}

// Markdown writes b for a tracker's ticket: the answer first, what could be done,
// and tables per endpoint, with the long parts folded. It is as long as a comment may
// be; what finds no room is left out in the order of its worth, and that is said.
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

// markdown is a ticket's text in the making. The words are those of text.
type markdown struct {
	t *text
	b *breakdown.Breakdown
	language
	document
}

// The longest names that are written out, in columns.
const (
	nameLimit = 160
	listLimit = 80 // of names that stand among many

	sentenceLimit = 600
)

// mostEvidence is how many sentences of evidence a finding has.
const mostEvidence = 6

// The parts, in the order of reading.
const (
	headPlace = iota
	findingsPlace
	endpointsPlace // then the endpoint, then the place in it
	othersPlace
	warningsPlace
	provenancePlace
	endPlace
)

// noteRoom is kept free for the note on what was left out.
const noteRoom = 600

// write adds the parts in the order of their worth. None may take so much that
// nothing is left to those after it.
func (m *markdown) write(top int) {
	limit := m.left
	m.left -= noteRoom
	m.add(part{head: m.bold(prose(m, answer(m.b))) + "\n\n" + m.source()}, headPlace)
	m.findings(limit * 3 / 4)
	shown := m.endpoints(m.b.Endpoints[:min(top, len(m.b.Endpoints))], limit*2/5)
	m.roots(limit * 2 / 5)
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
	}
	m.left += noteRoom
	if out := m.leftOut(); out != "" {
		m.add(part{head: m.plain("Left out, for want of room in one comment: "+out+". The JSON holds all of it.") + "\n"}, endPlace)
	}
}

// source says what was looked at, and what names it.
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

// beside are those parts that say something.
func beside(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " · ")
}

// frame is a place in the service's code.
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

// sentence is prose of some length, and "" where it says nothing.
func (m *markdown) sentence(text string) string { return sentence(m, text) }

func sentence(l language, text string) string { return prose(l, shorten(clean(text), sentenceLimit)) }

func (m *markdown) findings(spare int) {
	list := m.t.worthwhile()
	for _, f := range m.b.Findings {
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
	if f.SavesUpTo > 0 {
		head += m.plain(fmt.Sprintf(" (saves up to %s per request)", duration(f.SavesUpTo)))
	}
	if f.Endpoint != "" && len(m.b.Endpoints) > 1 {
		head += m.plain(", in ") + m.code(shorten(m.t.titleOf(f.Endpoint), listLimit))
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

// provenance says what the answer was made of, so that somebody who holds a copy can
// tell that it is one, and how to ask for the same again.
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
	begin, end = m.fold("rules of the user's own")
	p = part{head: begin, foot: end, spare: spare, one: "rule", many: "rules"}
	for _, r := range m.b.Source.Rules {
		p.rows = append(p.rows, func() string { return m.bullet(m.name(r, nameLimit)) })
	}
	if len(p.rows) > 0 {
		m.add(p, provenancePlace)
	}
}

// name is what somebody else chose, as it came.
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
