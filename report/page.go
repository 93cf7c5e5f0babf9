package report

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"timesink/analyze/breakdown"
)

// A page is what Text writes to: lines of at most width columns, measured as a terminal
// displays them.
type page struct {
	bytes.Buffer
	width int
	color bool
}

// newPage returns an empty page as wide as the options say, within readable limits.
func newPage(o TextOptions) page {
	return page{width: min(max(o.Width, minWidth), maxWidth), color: o.Color}
}

// The styles. They only emphasize: no meaning rests on a style alone.
type style string

const (
	plain  style = ""
	bold   style = "\x1b[1m"
	dim    style = "\x1b[2m"
	yellow style = "\x1b[33m"
	cyan   style = "\x1b[36m"
	reset        = "\x1b[0m"
)

func (p *page) styled(s style, text string) string {
	if !p.color || s == plain || text == "" {
		return text
	}
	return string(s) + text + reset
}

// line writes one line. The caller makes it fit.
func (p *page) line(s style, text string) {
	if indent := len(text) - len(strings.TrimLeft(text, " ")); indent < len(text) {
		p.WriteString(text[:indent] + p.styled(s, text[indent:]))
	}
	p.WriteByte('\n')
}

// fields writes pieces of text side by side, on as many lines as they need. It breaks a
// piece only if the piece does not fit on a line.
func (p *page) fields(s style, indent int, pieces ...string) {
	for _, l := range flow(p.width-indent, pieces...) {
		p.line(s, spaces(indent)+l)
	}
}

// text writes running text after a head such as "warning: ". Further lines are indented
// by the head's width.
func (p *page) text(s style, indent int, head, text string) {
	indent += width(head)
	for i, l := range wrap(text, p.width-indent) {
		if i == 0 {
			p.line(s, spaces(indent-width(head))+head+l)
		} else {
			p.line(s, spaces(indent)+l)
		}
	}
}

// A row is a row of a table. A note may have several lines.
type row struct {
	cells []string
	note  []string
}

// table writes rows as columns: the first left-aligned, the others right-aligned, the
// note last. Cells may hold styled text.
func (p *page) table(indent int, rows []row) error {
	var buf bytes.Buffer
	t := tablewriter.NewTable(&buf,
		tablewriter.WithEastAsian(tw.Off), // the layout must not depend on the reader's locale
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithTrimLine(tw.Off),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithPadding(tw.PaddingNone),
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})),
		tablewriter.WithRowAlignmentConfig(tw.CellAlignment{PerColumn: alignment(rows)}),
	)
	for _, r := range rows {
		cells := make([]string, 0, len(r.cells)+1)
		for i, c := range r.cells {
			cells = append(cells, spaces(min(i, 1)*gutter)+c)
		}
		note := make([]string, max(len(r.note), 1))
		for i, l := range r.note {
			note[i] = spaces(gutter) + l
		}
		if err := t.Append(append(cells, strings.Join(note, "\n"))); err != nil {
			return err
		}
	}
	if err := t.Render(); err != nil {
		return err
	}
	for l := range strings.Lines(buf.String()) {
		p.WriteString(spaces(indent) + strings.TrimRight(l, " \n") + "\n")
	}
	return nil
}

// gutter is the number of spaces between columns.
const gutter = 2

func alignment(rows []row) []tw.Align {
	var align []tw.Align
	for i := range rows[0].cells {
		if i == 0 {
			align = append(align, tw.AlignLeft)
		} else {
			align = append(align, tw.AlignRight)
		}
	}
	return append(align, tw.AlignLeft)
}

// width returns the number of columns that text takes in a terminal. As in tables,
// characters of ambiguous width are narrow.
func width(text string) int { return twwidth.WidthWithOptions(text, twwidth.Options{}) }

// flow puts pieces side by side, three spaces apart, on lines of at most limit columns.
func flow(limit int, pieces ...string) []string {
	const apart = "   "
	var lines []string
	for _, piece := range pieces {
		last := len(lines) - 1
		switch {
		case piece == "":
		case last >= 0 && width(lines[last])+len(apart)+width(piece) <= limit:
			lines[last] += apart + piece
		case width(piece) <= limit:
			lines = append(lines, piece)
		default:
			for i, l := range wrap(piece, limit-2) {
				if i > 0 {
					l = "  " + l
				}
				lines = append(lines, l)
			}
		}
	}
	return lines
}

// wrap breaks text between words into lines of at most limit columns. It breaks longer
// words anywhere, and keeps the spaces within a line.
func wrap(text string, limit int) []string {
	var lines []string
	for width(text) > limit {
		cut := prefix(text, limit)
		if i := strings.LastIndexByte(text[:min(cut+1, len(text))], ' '); i > 0 && strings.TrimSpace(text[:i]) != "" {
			cut = i
		}
		lines = append(lines, strings.TrimRight(text[:cut], " "))
		text = strings.TrimLeft(text[cut:], " ")
	}
	return append(lines, strings.TrimRight(text, " "))
}

// wrapList breaks a list between its items, never within one that fits.
func wrapList(head string, items []string, limit int) []string {
	const join = "\u00a0" // in an item, a space at which wrap does not break
	text := head
	for i, item := range items {
		if i > 0 {
			text += ", "
		}
		text += strings.ReplaceAll(item, " ", join)
	}
	lines := wrap(text, limit)
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], join, " ")
	}
	return lines
}

// prefix returns the length in bytes of the longest prefix of text that takes at most
// limit columns, and at least one character.
func prefix(text string, limit int) int {
	used := 0
	for i, r := range text {
		used += width(string(r))
		if used > limit && i > 0 {
			return i
		}
	}
	return len(text)
}

// suffix returns the longest suffix of text that takes at most limit columns. It may be
// empty.
func suffix(text string, limit int) string {
	at, used := len(text), 0
	for at > 0 {
		r, size := utf8.DecodeLastRuneInString(text[:at])
		if used += width(string(r)); used > limit {
			break
		}
		at -= size
	}
	return text[at:]
}

// shorten cuts text in its middle to at most limit columns. Names differ at both ends:
// packages at the start, methods at the end.
func shorten(text string, limit int) string {
	if width(text) <= limit {
		return text
	}
	head := text[:prefix(text, (limit-1)/3)]
	return head + "…" + suffix(text, limit-1-width(head))
}

// pad appends spaces to text up to that many columns.
func pad(text string, columns int) string { return text + spaces(columns-width(text)) }

func spaces(n int) string { return strings.Repeat(" ", max(n, 0)) }

// bar draws a share from 0 to 1 as a bar of at most that many columns, in eighths of a
// column.
func bar(share float64, columns int) string {
	eighths := int(share*float64(columns)*8 + 0.5)
	if share > 0 {
		eighths = max(eighths, 1)
	}
	eighths = min(eighths, columns*8)
	text := strings.Repeat("█", eighths/8)
	if part := eighths % 8; part > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[part-1])
	}
	return text
}

// parted draws a bucket's share of a whole as bar does, with its distinct phases last and
// made of glyphs of their own.
func (p *page) parted(t *breakdown.BucketTime, whole int64, columns int, of func(*breakdown.BucketTime) int64, in func(*breakdown.PhaseTime) int64) string {
	parts := slotTimes([]*breakdown.BucketTime{t}, of, in)
	if len(parts) == 1 && !parts[0].phase.Distinct() {
		return p.styled(cyan, bar(ratio(of(t), whole), columns))
	}
	text, at, sum := "", 0, int64(0)
	for i, part := range parts {
		sum += part.ns
		to := min(int(ratio(sum, whole)*float64(columns)+0.5), columns)
		if i == len(parts)-1 {
			to = max(to, 1)
		}
		glyph, paint := "█", cyan
		if part.phase.Distinct() {
			glyph, paint = part.phase.Info().Glyph, yellow
		}
		text += p.styled(paint, strings.Repeat(glyph, max(to-at, 0)))
		at = max(at, to)
	}
	return text
}
