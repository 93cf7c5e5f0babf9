package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"timesink/analyze/breakdown"
)

// CompareMarkdown writes a comparison for a tracker's ticket or a pull request: what
// changed, the gates, and tables per endpoint. It writes tables for o.Top endpoints, or
// for all if o.Top is 0, as far as they fit.
func CompareMarkdown(w io.Writer, c *breakdown.Comparison, o MarkdownOptions) error {
	l, doc, err := o.markup()
	if err != nil {
		return err
	}
	m := &comparedMarkdown{c: WordedComparison(c), language: l, document: doc}
	m.write(o.Top)
	if _, err := io.WriteString(w, m.String()); err != nil {
		return fmt.Errorf("writing the markdown: %w", err)
	}
	return nil
}

// marker returns a line that no reader sees, by which a pipeline finds the comment that it
// wrote before and updates it. Jira's markup has none.
func marker(l language, kind string) string {
	if _, ok := l.(gfm); ok {
		return "<!-- timesink:" + kind + " -->\n"
	}
	return ""
}

// comparedMarkdown lays out a comparison's text.
type comparedMarkdown struct {
	c *breakdown.Comparison
	language
	document
}

// write adds the parts in order of importance. The last argument of add is the reading
// order.
func (m *comparedMarkdown) write(top int) {
	limit := m.left
	m.left -= noteRoom
	m.add(part{head: marker(m.language, "compare") + m.bold(sentence(m, verdict(m.c))) + "\n\n"}, 0)
	gates := part{foot: "\n", spare: limit / 2, one: "gate", many: "gates"}
	for i := range m.c.Gates {
		g := &m.c.Gates[i]
		gates.rows = append(gates.rows, func() string {
			return m.bullet(m.plain(gateWord(g)+": ") + sentence(m, GateText(g)))
		})
	}
	if len(gates.rows) > 0 {
		m.add(gates, 1)
	}
	predictions := part{foot: "\n", spare: limit / 3, one: "prediction", many: "predictions"}
	for i := range m.c.Predictions {
		predictions.rows = append(predictions.rows, func() string {
			return m.bullet(m.plain("predicted: ") + prose(m, clean(outcomeText(m.c, &m.c.Predictions[i]))))
		})
	}
	if len(predictions.rows) > 0 {
		m.add(predictions, 1)
	}
	m.add(part{head: m.sides()}, 2)
	warnings := part{spare: limit / 3, one: "warning", many: "warnings"}
	for _, w := range m.c.Warnings {
		warnings.rows = append(warnings.rows, func() string {
			return "\n" + m.quote(m.plain("warning: ")+cmp.Or(sentence(m, w.Message), sentence(m, w.Code)))
		})
	}
	if len(warnings.rows) > 0 {
		m.add(warnings, 6)
	}
	m.endpoints(top, limit/10)
	for _, status := range []string{"appeared", "vanished"} {
		p := part{head: "\n", one: "endpoint of one side", many: "endpoints of one side"}
		for _, e := range ofStatus(m.c, status) {
			p.rows = append(p.rows, func() string {
				return m.bullet(m.code(shorten(changeTitle(e), listLimit)) + ": " + status)
			})
		}
		if len(p.rows) > 0 {
			m.add(p, 5)
		}
	}
	m.left += noteRoom
	if out := m.leftOut(); out != "" {
		m.add(part{head: "\n" + m.plain("Left out to fit in one comment: "+out+". The JSON has all of it.") + "\n"}, 7)
	}
}

// sides says what each side was read from.
func (m *comparedMarkdown) sides() string {
	text, known := m.header("", "\tcaptures", "\trequests", "\tper second"), ""
	for i, s := range []*breakdown.Side{&m.c.Before, &m.c.After} {
		name := []string{"before", "after"}[i]
		text += m.row(name, m.plain(fmt.Sprint(s.Captures)), m.plain(count(s.Requests)), m.plain(fmt.Sprintf("%.1f", s.Rate)))
		var parts []string
		if s.Source.Target != "" {
			parts = append(parts, m.code(shorten(clean(s.Source.Target), listLimit)))
		}
		if s.Source.CapturedAt != nil {
			parts = append(parts, m.code(s.Source.CapturedAt.UTC().Format(time.RFC3339)))
		}
		for _, p := range identity(&s.Source) {
			parts = append(parts, prose(m, p))
		}
		if len(parts) > 0 {
			known += m.bullet(name + ": " + beside(parts...))
		}
	}
	if known != "" {
		text += "\n" + known
	}
	return text
}

func (m *comparedMarkdown) endpoints(top, spare int) {
	both := ofStatus(m.c, "both")
	shown := both
	if top > 0 {
		shown = both[:min(top, len(both))]
	}
	for i, e := range shown {
		if !m.add(part{head: m.endpoint(e), spare: spare * min(i, 1)}, 3, i) {
			m.without(len(shown)-i, "endpoint's table", "endpoints' tables")
			shown = shown[:i]
			break
		}
	}
	rest := part{head: "\n" + m.header("endpoint", "\tbefore", "\tafter", "\tchange", ""), one: "endpoint", many: "endpoints"}
	for _, e := range both[len(shown):] {
		c := &e.Wall[0]
		unit, change := scaleOf(max(c.Before, c.After)), "~"
		if c.Significant {
			change = signed(c.Relative)
		}
		rest.rows = append(rest.rows, func() string {
			return m.row(m.code(shorten(changeTitle(e), listLimit)), m.plain(unit.column(c.Before)), m.plain(unit.column(c.After)), m.plain(signedTime(unit, c.Delta)), m.plain(change))
		})
	}
	if len(rest.rows) > 0 {
		m.add(rest, 4)
	}
}

func (m *comparedMarkdown) endpoint(e *breakdown.EndpointChange) string {
	text := "\n" + m.heading(3, m.code(shorten(changeTitle(e), nameLimit)))
	if e.Was != "" {
		text += m.plain("was ") + m.code(shorten(clean(e.Was), nameLimit)) + "\n\n"
	}
	unit := scaleOf(max(e.Wall[0].Before, e.Wall[0].After))
	text += m.header("wall time", "\tbefore", "\tafter", "\tchange", "\t", fmt.Sprintf("%.0f%% interval", 100*(1-m.c.Alpha)), "p")
	for i := range e.Wall {
		c := &e.Wall[i]
		p := "~"
		if c.Significant {
			p = strings.TrimPrefix(probability(c.P), "= ")
		}
		text += m.row(c.Quantity, m.plain(unit.column(c.Before)), m.plain(unit.column(c.After)), m.plain(signedTime(unit, c.Delta)), m.plain(signed(c.Relative)),
			m.plain(signedTime(unit, c.Low)+" to "+signedTime(unit, c.High)), m.plain(p))
	}
	text += "\n" + m.header("where", "\tbefore", "\tafter", "\tchange", "why")
	for i := range e.Buckets {
		c := &e.Buckets[i]
		if c.Before == 0 && c.After == 0 && c.Delta == 0 {
			continue
		}
		var why []string
		for _, p := range worthShowing(c.Parts, c.Delta) {
			why = append(why, signedTime(unit, p.Delta)+" "+p.Part)
		}
		text += m.row(c.Bucket.Info().Label, m.plain(unit.column(c.Before)), m.plain(unit.column(c.After)), m.plain(signedTime(unit, c.Delta)), prose(m, strings.Join(why, ", ")))
	}
	return text
}
