package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// ABText writes what pairs of captures say about two builds as a screen for a terminal.
// The last line is the verdict.
func ABText(w io.Writer, a *breakdown.AB, o TextOptions) error {
	a = WordedAB(a)
	t := &compared{page: newPage(o)}
	t.text(plain, 0, "before: ", sideText(&a.Before))
	t.text(plain, 0, "after:  ", sideText(&a.After))
	t.line(plain, "")
	if a.Pairs > 0 {
		t.fields(bold, 0, shorten(abTitle(a), t.width), counted(int64(a.Pairs), "pair", "pairs")+abOrder(a))
		t.line(plain, "")
		if err := t.quantities(a); err != nil {
			return fmt.Errorf("laying out the quantities: %w", err)
		}
		t.line(plain, "")
	}
	for _, d := range a.Disturbances {
		t.text(plain, 0, "", likelier(&d, &breakdown.Comparison{Before: a.Before, After: a.After}))
	}
	for _, w := range a.Warnings {
		t.text(yellow, 0, "warning: ", clean(w.Message))
	}
	if len(a.Disturbances)+len(a.Warnings) > 0 {
		t.line(plain, "")
	}
	if a.Folder != "" {
		t.text(plain, 0, "", "The captures are in "+clean(a.Folder)+"; timesink compare shows where the time went.")
	}
	t.text(bold, 0, "", abVerdict(a))
	if _, err := w.Write(t.Bytes()); err != nil {
		return fmt.Errorf("writing the verdict: %w", err)
	}
	return nil
}

func abTitle(a *breakdown.AB) string {
	return title(&breakdown.Endpoint{Name: a.Endpoint, Route: a.Route})
}

func abOrder(a *breakdown.AB) string {
	if a.Recorded {
		return ", in the order of time"
	}
	if a.AtOnce {
		return ", taken at once"
	}
	return fmt.Sprintf(", in random order (--seed %d)", a.Seed)
}

func (t *compared) quantities(a *breakdown.AB) error {
	rows := []row{{cells: []string{"", "before", "after", "change"}, note: []string{fmt.Sprintf("%.0f%% interval; noise floor, spread", 100*(1-a.Alpha))}}}
	for _, q := range a.Quantities {
		unit := scaleOf(max(q.Before, q.After))
		note := fmt.Sprintf("%s; %s, %s", abInterval(&q), percent(q.Floor), percent(q.Spread))
		if q.Verdict == breakdown.Undecided {
			note = "~ " + note
		}
		rows = append(rows, row{cells: []string{q.Quantity, unit.column(q.Before), unit.column(q.After), signed(q.Relative)}, note: []string{note}})
	}
	left := t.beside(2, rows)
	for i := range rows {
		rows[i].note = wrap(rows[i].note[0], left)
	}
	return t.table(2, rows)
}

func abInterval(q *breakdown.ABQuantity) string {
	bound := func(x *float64) string {
		if x == nil {
			return "?"
		}
		return signed(*x)
	}
	return bound(q.Low) + " to " + bound(q.High)
}

// abVerdict returns the verdict in one sentence or two.
func abVerdict(a *breakdown.AB) string {
	if a.Pairs == 0 {
		return "Undecided: there is no pair of captures with requests to the same endpoint."
	}
	looks := fmt.Sprintf("wrong in at most %s of cases, all looks counted", percent(a.Alpha))
	texts := map[breakdown.Verdict][]string{}
	for i := range a.Quantities {
		q := &a.Quantities[i]
		texts[q.Verdict] = append(texts[q.Verdict], fmt.Sprintf("the %s by %s (%s)", q.Quantity, signed(q.Relative), abInterval(q)))
	}
	switch a.Verdict {
	case breakdown.Slower, breakdown.Faster:
		return fmt.Sprintf("The candidate is %s: %s; %s.", a.Verdict, list(texts[a.Verdict]), looks)
	case breakdown.Equivalent:
		return fmt.Sprintf("The candidate is not slower by more than %s: %s; %s.", percent(a.Margin), list(append(texts[breakdown.Equivalent], texts[breakdown.Faster]...)), looks)
	}
	return "Undecided, which does not mean that nothing changed: " + abNeeds(a) + "."
}

// abNeeds says what it would take to decide.
func abNeeds(a *breakdown.AB) string {
	if len(a.Disturbances) > 0 && a.Disturbances[0].What == breakdown.OtherLoad {
		return "the loads differ, so it takes pairs under the same load"
	}
	if slices.ContainsFunc(a.Warnings, func(w breakdown.Warning) bool { return w.Code == "one-after-another" }) {
		return "the captures of both sides were not taken in turn, so a change of the build cannot be told from that of the moment"
	}
	var parts []string
	for i := range a.Quantities {
		q := &a.Quantities[i]
		switch {
		case q.Verdict != breakdown.Undecided:
		case q.Needs > 0:
			parts = append(parts, fmt.Sprintf("the %s takes about %d pairs in all, of which there are %d", q.Quantity, q.Needs, a.Pairs))
		default:
			parts = append(parts, fmt.Sprintf("the %s takes far more than the %s there are: captures of one build differ by %s", q.Quantity, counted(int64(a.Pairs), "pair", "pairs"), percent(q.Spread)))
		}
	}
	return list(parts)
}

// ABMarkdown writes the verdict for a comment.
func ABMarkdown(w io.Writer, a *breakdown.AB, o MarkdownOptions) error {
	l, doc, err := o.markup()
	if err != nil {
		return err
	}
	a = WordedAB(a)
	m := &comparedMarkdown{language: l, document: doc}
	text := marker(l, "ab") + m.bold(sentence(m, abVerdict(a))) + "\n\n"
	if a.Pairs > 0 {
		text += m.code(shorten(abTitle(a), nameLimit)) + m.plain(", "+counted(int64(a.Pairs), "pair", "pairs")+abOrder(a)) + "\n\n"
		text += m.header("wall time", "\tbefore", "\tafter", "\tchange", fmt.Sprintf("%.0f%% interval", 100*(1-a.Alpha)), "\tnoise floor", "\tspread", "")
		for i := range a.Quantities {
			q := &a.Quantities[i]
			unit := scaleOf(max(q.Before, q.After))
			text += m.row(q.Quantity, m.plain(unit.column(q.Before)), m.plain(unit.column(q.After)), m.plain(signed(q.Relative)), m.plain(abInterval(q)), m.plain(percent(q.Floor)), m.plain(percent(q.Spread)), string(q.Verdict))
		}
		text += "\n"
	}
	for _, warning := range a.Warnings {
		text += m.bullet(m.plain("warning: ") + sentence(m, clean(warning.Message)))
	}
	if _, err := io.WriteString(w, strings.TrimRight(text, "\n")+"\n"); err != nil {
		return fmt.Errorf("writing the markdown: %w", err)
	}
	return nil
}

// ABJSON writes it in the schema named by breakdown.ABSchema.
func ABJSON(w io.Writer, a *breakdown.AB) error {
	n := *WordedAB(a)
	n.Quantities, n.Disturbances, n.Warnings = copied(n.Quantities), copied(n.Disturbances), copied(n.Warnings)
	n.Stopped = cmp.Or(n.Stopped, "budget")
	return writeJSON(w, &n, "the verdict")
}

// WordedAB is like Worded, for pairs of captures.
func WordedAB(a *breakdown.AB) *breakdown.AB {
	w := *a
	w.Warnings = copied(a.Warnings)
	for i := range w.Warnings {
		w.Warnings[i].Message = message(&w.Warnings[i], comparisonDoubts)
	}
	return &w
}
