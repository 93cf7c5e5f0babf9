package redact

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
)

// An Item is a piece of private data in a part of a capture, with the number of
// its occurrences.
type Item struct {
	Part  string // "manifest.json", "trace.out" …
	Kind  Kind
	Value string
	Count int
}

// WriteList writes the items as text for the owner of the capture, part by part,
// followed by a note on what is not masked.
func WriteList(w io.Writer, items []Item) error {
	out := bufio.NewWriter(w)
	if len(items) == 0 {
		fmt.Fprintln(out, "no private data was found")
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	part := ""
	for _, item := range items {
		if item.Part != part {
			part = item.Part
			table.Flush()
			fmt.Fprintln(out, printable(part))
		}
		fmt.Fprintf(table, "  %s\t%d×\t%s\n", item.Kind, item.Count, printable(item.Value))
	}
	table.Flush()
	fmt.Fprintln(out, "\nNames of functions, import paths, line numbers and times are not masked: they are the answer.")
	return out.Flush()
}

// mostShown is how much of a value WriteList prints, in characters.
const mostShown = 100

// printable returns a text without control characters, shortened to mostShown.
func printable(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		text = strings.Trim(strconv.Quote(text), `"`)
	}
	if runes := []rune(text); len(runes) > mostShown {
		text = string(runes[:mostShown-1]) + "…"
	}
	return text
}

// Summary returns one line about how much was masked: "2 host names (14 times), 1
// home directory (214 times)".
func Summary(items []Item) string {
	var said []string
	for _, kind := range kinds {
		values, times := map[string]bool{}, 0
		for _, item := range items {
			if item.Kind == kind {
				values[item.Value] = true
				times += item.Count
			}
		}
		if times > 0 {
			said = append(said, fmt.Sprintf("%s (%s)", plural(len(values), string(kind)), plural(times, "time")))
		}
	}
	if said == nil {
		return "nothing"
	}
	return strings.Join(said, ", ")
}

func plural(n int, what string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(what, "ss"):
		what += "es"
	case strings.HasSuffix(what, "y"):
		what = strings.TrimSuffix(what, "y") + "ies"
	default:
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// mostValues is how many values of a kind are listed separately for a part. A
// service may log a million.
const mostValues = 1000

// furtherValues stands for the values beyond mostValues.
const furtherValues = "(further ones)"

// A tally masks the texts of one part and counts what it masks.
type tally struct {
	redactor *Redactor
	part     string
	masked   map[string]result // results by text, because texts repeat often
	counts   map[hit]int
	values   map[Kind]int
}

type result struct {
	text string
	hits []hit
}

// mostKept is the largest number of cached results.
const mostKept = 1 << 16

func newTally(r *Redactor, part string) *tally {
	return &tally{redactor: r, part: part, masked: map[string]result{}, counts: map[hit]int{}, values: map[Kind]int{}}
}

// text masks private data in a text.
func (t *tally) text(text string) string {
	got, ok := t.masked[text]
	if !ok {
		got.text, got.hits = t.redactor.mask(text)
		if len(t.masked) >= mostKept {
			clear(t.masked)
		}
		t.masked[text] = got
	}
	for _, h := range got.hits {
		t.count(h)
	}
	return got.text
}

// whole masks all of a text.
func (t *tally) whole(text string) string {
	if text == "" || text == valueMask {
		return text
	}
	t.count(hit{Value, text})
	return valueMask
}

// label masks the value of a profiler's label.
func (t *tally) label(text string) string {
	if plainLabel(text) {
		return text
	}
	return t.whole(text)
}

func (t *tally) count(h hit) {
	if len(h.value) > 4*mostShown {
		h.value = h.value[:4*mostShown]
	}
	if _, seen := t.counts[h]; !seen {
		if t.values[h.kind]++; t.values[h.kind] > mostValues {
			h.value = furtherValues
		}
	}
	t.counts[h]++
}

// items returns the counted items, by kind, the most frequent first.
func (t *tally) items() []Item {
	var items []Item
	for h, n := range t.counts {
		items = append(items, Item{Part: t.part, Kind: h.kind, Value: h.value, Count: n})
	}
	slices.SortFunc(items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	return items
}
