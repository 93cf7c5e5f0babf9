package report

import (
	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// Worded returns a copy of b with its findings and warnings in words, made from the
// facts of the analysis. The formats do this themselves; Worded is for programs that
// read the words from a Breakdown. A finding or warning without facts keeps its words.
func Worded(b *breakdown.Breakdown) *breakdown.Breakdown {
	w := *b
	w.Causes = copied(b.Causes)
	for i := range w.Causes {
		if entry := diagnosis.Explain(w.Causes[i].ID); entry != nil && w.Causes[i].Confirm == "" {
			w.Causes[i].Confirm = entry.Check
		}
	}
	w.Conclusion.Text = conclusion(&w)
	w.Findings = copied(b.Findings)
	for i := range w.Findings {
		f := &w.Findings[i]
		words, ok := findingWordings[f.ID]
		if !ok || f.Title != "" && len(f.Facts) == 0 {
			continue
		}
		f.Title, f.Evidence = words.title(f.Facts), words.evidence(f.Facts)
		f.Try = ""
		if words.try != nil {
			f.Try = words.try(f.Facts)
		}
		if entry := diagnosis.Explain(f.ID); entry != nil && f.Try == "" {
			f.Try = entry.Try
		}
	}
	w.Warnings = copied(b.Warnings)
	for i := range w.Warnings {
		w.Warnings[i].Message = message(&w.Warnings[i], nil)
	}
	return &w
}

// WordedComparison is like Worded, for a comparison and its gates.
func WordedComparison(c *breakdown.Comparison) *breakdown.Comparison {
	w := *c
	w.Gates, w.Warnings = copied(c.Gates), copied(c.Warnings)
	for i := range w.Gates {
		w.Gates[i].Why = why(&w, &w.Gates[i])
	}
	for i := range w.Warnings {
		w.Warnings[i].Message = message(&w.Warnings[i], comparisonDoubts)
	}
	return &w
}
