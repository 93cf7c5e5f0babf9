package report

import (
	"fmt"
	"io"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// entryHeads are the headings of the catalogue's list, by kind of entry.
var entryHeads = map[diagnosis.EntryKind]string{
	diagnosis.FindingEntry: "Findings",
	diagnosis.CauseEntry:   "Causes that are no finding by themselves",
	diagnosis.WarningEntry: "Warnings",
	diagnosis.AdviceEntry:  "Advice of timesink doctor",
	diagnosis.ExitEntry:    "Exit codes",
}

// Explain writes what a finding, a warning, a piece of advice or an exit code means for a
// terminal, or a summary of each by kind if there are several.
func Explain(w io.Writer, entries []diagnosis.Entry, o TextOptions) error {
	p := newPage(o)
	if len(entries) == 1 {
		p.entry(&entries[0])
	} else {
		p.entries(entries)
	}
	if _, err := w.Write(p.Bytes()); err != nil {
		return fmt.Errorf("writing the explanation: %w", err)
	}
	return nil
}

func (p *page) entry(e *diagnosis.Entry) {
	p.line(bold, e.ID)
	p.text(plain, 2, "", e.Means)
	for _, part := range entryParts(e) {
		p.text(plain, 2, part.Head+": ", part.Text)
	}
}

// entries lists entries with what they mean, below a heading for each kind.
func (p *page) entries(entries []diagnosis.Entry) {
	var kind diagnosis.EntryKind
	for i := range entries {
		e := &entries[i]
		if e.Kind != kind {
			if kind != "" {
				p.line(plain, "")
			}
			kind = e.Kind
			p.line(bold, entryHeads[kind])
		}
		p.line(plain, "  "+e.ID)
		p.text(dim, 4, "", e.Means)
	}
}

// An entryPart is a part of an entry with its heading.
type entryPart struct{ Head, Text string }

// entryParts returns what an entry holds beside its meaning.
func entryParts(e *diagnosis.Entry) (list []entryPart) {
	for _, part := range []entryPart{{"how it is told", e.Told}, {"may be wrong", e.FalseAlarms}, {"try", e.Try}, {"to check", e.Check}} {
		if part.Text != "" {
			list = append(list, part)
		}
	}
	return list
}

// An explained is an entry of the catalogue in a page.
type explained struct {
	ID, Means string
	Parts     []entryPart
}

// explanations returns the entries of findings and warnings, each once.
func explanations(findings []breakdown.Finding, warnings []breakdown.Warning) (list []explained) {
	seen := map[string]bool{}
	add := func(id string) {
		if e := diagnosis.Explain(id); e != nil && !seen[id] {
			seen[id] = true
			list = append(list, explained{e.ID, e.Means, entryParts(e)})
		}
	}
	for i := range findings {
		add(findings[i].ID)
	}
	for i := range warnings {
		add(warnings[i].Code)
	}
	return list
}

// explainedID returns the ID that a page links to, "" if there is no such entry.
func explainedID(id string) string {
	if diagnosis.Explain(id) == nil {
		return ""
	}
	return id
}

// ExplainJSON writes entries of the catalogue as JSON: a single one as an object, several
// as an array.
func ExplainJSON(w io.Writer, entries []diagnosis.Entry) error {
	if len(entries) == 1 {
		return writeJSON(w, entries[0], "the explanation")
	}
	return writeJSON(w, entries, "the explanations")
}
