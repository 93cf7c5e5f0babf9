package report

import (
	"fmt"
	"io"

	"timesink/analyze/diagnosis"
)

// Explain writes what a kind of cause means for a terminal, or a summary of each if there
// are several.
func Explain(w io.Writer, entries []diagnosis.Entry, o TextOptions) error {
	p := newPage(o)
	for i := range entries {
		e := &entries[i]
		p.line(bold, e.ID)
		p.text(plain, 2, "", e.Means)
		if len(entries) > 1 {
			continue
		}
		for _, part := range []struct{ head, text string }{
			{"how it is told: ", e.Told}, {"may be wrong: ", e.FalseAlarms}, {"try: ", e.Try}, {"to check: ", e.Check},
		} {
			if part.text != "" {
				p.text(plain, 2, part.head, part.text)
			}
		}
	}
	if _, err := w.Write(p.Bytes()); err != nil {
		return fmt.Errorf("writing the explanation: %w", err)
	}
	return nil
}

// ExplainJSON writes entries of the catalogue as JSON: a single one as an object, several
// as an array.
func ExplainJSON(w io.Writer, entries []diagnosis.Entry) error {
	if len(entries) == 1 {
		return writeJSON(w, entries[0], "the explanation")
	}
	return writeJSON(w, entries, "the explanations")
}
