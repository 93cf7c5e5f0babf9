package report

import (
	"slices"
	"strings"
	"unicode/utf16"
)

// A document is written in order of importance and read in another order. It takes what
// fits: as many rows of a part as there is room for, and never part of a row.
type document struct {
	left    int // room left, in UTF-16 units; a text never has fewer of them than characters
	parts   []placed
	omitted []omission // in order of importance
}

// A part is a piece of a document: a table or a list, whose last rows may be left out,
// or a text, which has no rows. Rows are made only while there is room.
type part struct {
	head string
	rows []func() string
	foot string
	// spare is the room to leave for less important parts.
	spare int
	// one and many name the rows, for the note about those left out.
	one, many string
}

type placed struct {
	place []int // in reading order
	text  string
}

// add adds a part at a place, or as many of its rows as fit. It reports whether it
// added anything: a part whose first row does not fit is left out altogether.
func (d *document) add(p part, place ...int) bool {
	room := d.left - p.spare - size(p.head) - size(p.foot)
	var text strings.Builder
	text.WriteString(p.head)
	rows := 0
	for ; rows < len(p.rows); rows++ {
		r := p.rows[rows]()
		if room -= size(r); room < 0 {
			d.without(len(p.rows)-rows, p.one, p.many)
			break
		}
		text.WriteString(r)
	}
	if len(p.rows) > 0 && rows == 0 || len(p.rows) == 0 && room < 0 {
		return false
	}
	text.WriteString(p.foot)
	d.left -= size(text.String())
	d.parts = append(d.parts, placed{place, text.String()})
	return true
}

// An omission is a number of things that did not fit.
type omission struct {
	n         int
	one, many string
}

func (d *document) without(n int, one, many string) {
	i := slices.IndexFunc(d.omitted, func(o omission) bool { return o.one == one })
	if i < 0 {
		i, d.omitted = len(d.omitted), append(d.omitted, omission{one: one, many: many})
	}
	d.omitted[i].n += n
}

// leftOut lists what did not fit, or returns "" if everything did.
func (d *document) leftOut() string {
	var names []string
	for _, o := range d.omitted {
		names = append(names, counted(int64(o.n), o.one, o.many))
	}
	return list(names)
}

// String returns the document in reading order.
func (d *document) String() string {
	slices.SortStableFunc(d.parts, func(a, b placed) int { return slices.Compare(a.place, b.place) })
	var text strings.Builder
	for _, p := range d.parts {
		text.WriteString(p.text)
	}
	return text.String()
}

// size returns the length of a text as trackers count it. GitHub counts characters;
// Java and JavaScript count characters above U+FFFF twice.
func size(text string) int {
	n := 0
	for _, r := range text {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}
