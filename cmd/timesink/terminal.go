package main

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// isTerminal tells whether what is written to w is looked at by somebody.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// fallbackColumns is the width of a page that goes to no terminal.
const fallbackColumns = 80

// columns is the width to write w in: COLUMNS where it is set, else that of the
// terminal.
func columns(w io.Writer) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return fallbackColumns
}

// fallbackRows is the height of a terminal that does not tell it.
const fallbackRows = 24

// rows is the height of the terminal w.
func rows(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if _, n, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return fallbackRows
}

// moves tells whether the cursor of the terminal w can be sent to other lines.
func moves(w io.Writer) bool { return isTerminal(w) && os.Getenv("TERM") != "dumb" }

// colored tells whether w takes colour: a terminal that is not dumb, unless
// NO_COLOR (no-color.org) is set to anything.
func colored(w io.Writer) bool {
	return moves(w) && os.Getenv("NO_COLOR") == ""
}
