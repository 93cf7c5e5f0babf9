package report

import (
	"slices"
	"strings"
	"unicode/utf16"
)

// A document is written in the order of worth and read in another. It takes what
// still fits: as many rows of a part as there is room for, and never a part of a row.
type document struct {
	left    int // UTF-16 units that still fit: never fewer than characters
	parts   []placed
	omitted []omission // in the order of worth
}

// A part is a piece of a document: a table or a list, of which the last rows may be
// left out, or a text, which has none. Rows are made as long as they find room.
type part struct {
	head string
	rows []func() string
	foot string
	// spare is how much room it leaves to those of less worth.
	spare int
	// one and many say what its rows are, for the case that some are left out.
	one, many string
}

type placed struct {
	place []int // in the order of reading
	text  string
}

// add puts a part, or as many of its rows as fit, at a place, and tells whether
// any did. Without a row to show, a part that has rows is left out as a whole.
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

// An omission is a number of things that found no room.
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

// leftOut is that in words, "" where everything found room.
func (d *document) leftOut() string {
	var names []string
	for _, o := range d.omitted {
		names = append(names, counted(int64(o.n), o.one, o.many))
	}
	return list(names)
}

// String is the document in the order of reading.
func (d *document) String() string {
	slices.SortStableFunc(d.parts, func(a, b placed) int { return slices.Compare(a.place, b.place) })
	var text strings.Builder
	for _, p := range d.parts {
		text.WriteString(p.text)
	}
	return text.String()
}

// size is how long trackers find a text. GitHub counts characters, Java's and
// JavaScript's strings count those beyond the first 65,536 twice.
func size(text string) int {
	n := 0
	for _, r := range text {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}
