package main

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// fallbackColumns is the width of a page that does not go to a terminal.
const fallbackColumns = 80

// columns returns the width of pages written to w: COLUMNS if set, else the terminal's
// width.
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

// fallbackRows is the height of a terminal that does not report one.
const fallbackRows = 24

// height returns the number of rows of the terminal w.
func height(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if _, n, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return fallbackRows
}

// moves reports whether the cursor of the terminal w can move to other lines.
func moves(w io.Writer) bool { return isTerminal(w) && os.Getenv("TERM") != "dumb" }

// colored reports whether w supports color: it is a terminal that is not dumb, and
// NO_COLOR (no-color.org) is not set.
func colored(w io.Writer) bool {
	return moves(w) && os.Getenv("NO_COLOR") == ""
}
