package report

import (
	"fmt"
	"strings"

	"timesink/analyze/breakdown"
)

const (
	shownRoots = 10
	// rootColumns is the width that names keep when notes on one line would take more.
	// Names are not cut below rootAtLeast to fit a note beside them.
	rootColumns = 32
	rootAtLeast = 20
)

// roots comes first on the page if requests are not what the process does: the
// goroutines by the function they began in. A row takes at most two lines.
func (t *text) roots(roots []breakdown.Root) error {
	whole := int64(0)
	for i := range roots {
		whole += roots[i].AtWork()
	}
	scale := scaleOf(whole)
	rows := []row{{cells: []string{"goroutines began in", "count", "waiting", "sleep", "at work", "share"}, note: []string{"of it"}}}
	for i := range roots[:min(len(roots), shownRoots)] {
		r := &roots[i]
		work := r.AtWork()
		in := func(b breakdown.Bucket) string { return percent(ratio(spentIn(r, b), r.Wall)) }
		rows = append(rows, row{
			cells: []string{function(r.Function), count(r.Goroutines), in(breakdown.Wait), in(breakdown.Sleep), scale.atLeastVisible(work), percent(ratio(work, whole))},
			note:  []string{largest(r.Buckets, work, worked)},
		})
	}
	if err := t.named(2, rows); err != nil {
		return err
	}
	if len(roots) > shownRoots {
		t.line(plain, fmt.Sprintf("  and %d more", len(roots)-shownRoots))
	}
	for _, line := range unitsOf(roots) {
		t.text(plain, 2, "", line)
	}
	t.line(plain, "")
	return nil
}

// named writes a table whose first cells are names from the service, and whose notes
// are lists of a few items. It makes room by shortening the names and by breaking the
// notes once. If that would leave too little of the names, it puts the notes below
// their rows.
func (p *page) named(indent int, rows []row) error {
	natural := widest(rows, func(r *row) int { return width(r.cells[0]) })
	left := p.beside(indent, rows) + natural // for the names and the notes
	oneLine := widest(rows, func(r *row) int { return width(r.note[0]) })
	twoLines := widest(rows, func(r *row) int { return broken(r.note[0]) })
	names := min(natural, max(left-oneLine, min(rootColumns, left-twoLines)))
	if names < min(natural, rootAtLeast) {
		return p.notedBelow(indent, rows, max(left+gutter, 1))
	}
	for i, r := range rows {
		rows[i].cells[0] = shorten(r.cells[0], names)
		rows[i].note = wrapList("", strings.Split(r.note[0], ", "), left-names)
	}
	return p.table(indent, rows)
}

// beside returns how many columns the cells of a table leave for its notes.
func (p *page) beside(indent int, rows []row) int {
	left := p.width - indent
	for i := range rows[0].cells {
		left -= widest(rows, func(r *row) int { return width(r.cells[i]) }) + gutter
	}
	return left
}

func widest(rows []row, of func(*row) int) (columns int) {
	for i := range rows {
		columns = max(columns, of(&rows[i]))
	}
	return columns
}

// broken returns the fewest columns that a list of two takes on two lines.
func broken(note string) int {
	head, rest, ok := strings.Cut(note, ", ")
	if !ok {
		return width(note)
	}
	return max(width(head+","), width(rest))
}

// notedBelow writes the rows of a table with each note on its own line.
func (p *page) notedBelow(indent int, rows []row, names int) error {
	lines := page{width: p.width}
	bare := make([]row, len(rows))
	for i, r := range rows {
		bare[i].cells = append([]string{shorten(r.cells[0], names)}, r.cells[1:]...)
	}
	if err := lines.table(indent, bare); err != nil {
		return err
	}
	i := 0
	for l := range strings.Lines(lines.String()) {
		p.WriteString(l)
		if i > 0 && rows[i].note[0] != "" { // the first row is the header
			p.line(plain, spaces(indent+2)+shorten(rows[0].note[0]+": "+rows[i].note[0], p.width-indent-2))
		}
		i++
	}
	return nil
}
