package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"timesink/analyze/breakdown"
)

// Summarize fills in what an answer says about a case in short: the endpoint with the
// most request time, the conclusion, and the codes of the warnings.
func Summarize(c *breakdown.Case, b *breakdown.Breakdown) {
	b = Worded(b)
	s := &b.Source
	c.Target, c.GoVersion, c.CapturedAt, c.Window = s.Target, s.GoVersion, s.CapturedAt, max(s.Asked, s.Window)
	for i := range b.Endpoints {
		c.Requests += b.Endpoints[i].Requests
	}
	if e := busiest(b); e != nil {
		c.Endpoint, c.Route, c.Mean, c.P95 = e.Name, e.Route, e.Wall.Mean, e.Wall.P95
	}
	c.Headline, c.Cause = conclusion(b), b.Conclusion.Cause
	for _, w := range b.Warnings {
		if !slices.Contains(c.Warnings, w.Code) {
			c.Warnings = append(c.Warnings, w.Code)
		}
	}
}

// ListText writes the cases of a folder for a terminal: two lines or a few for each.
func ListText(w io.Writer, l *breakdown.List, o TextOptions) error {
	p := newPage(o)
	p.line(bold, shorten(listTitle(l), p.width))
	for i := range l.Cases {
		c := &l.Cases[i]
		p.line(plain, "")
		p.fields(plain, 0, caseHead(c)...)
		if c.Error != "" {
			p.text(yellow, 2, strings.TrimPrefix(stateText(c.State)+": ", ": "), clean(c.Error))
		}
		if text := caseText(c); text != "" {
			p.text(plain, 2, "", text)
		}
	}
	if _, err := w.Write(p.Bytes()); err != nil {
		return fmt.Errorf("writing the list: %w", err)
	}
	return nil
}

func listTitle(l *breakdown.List) string {
	text := clean(l.Folder) + ": " + counted(int64(len(l.Cases)), "case", "cases")
	for _, state := range []breakdown.CaseState{breakdown.CaseUnfinished, breakdown.CaseDamaged, breakdown.CaseUnreadable} {
		n := 0
		for i := range l.Cases {
			if l.Cases[i].State == state {
				n++
			}
		}
		if n > 0 {
			text += fmt.Sprintf(", %d %s", n, stateText(state))
		}
	}
	return text
}

// stateText names a state, "" for the usual one.
func stateText(s breakdown.CaseState) string {
	if s == breakdown.CaseWhole {
		return ""
	}
	return string(s)
}

func caseHead(c *breakdown.Case) []string {
	fields := []string{clean(c.File)}
	if c.CapturedAt != nil {
		fields = append(fields, c.CapturedAt.UTC().Format(time.RFC3339))
	}
	if c.Target != "" {
		fields = append(fields, clean(c.Target))
	}
	if c.Error == "" {
		fields = append(fields, stateText(c.State))
	}
	return fields
}

// caseText returns a case's requests and its headline, "" if it could not be read.
func caseText(c *breakdown.Case) string {
	if c.Headline == "" {
		return ""
	}
	return strings.TrimSpace(caseRequests(c) + " " + clean(c.Headline))
}

func caseRequests(c *breakdown.Case) string {
	if c.Requests == 0 || c.Mean == 0 {
		return ""
	}
	return fmt.Sprintf("%s: %s in all, mean %s, p95 %s.", caseTitle(c), counted(c.Requests, "request", "requests"), threeDigits(c.Mean), threeDigits(c.P95))
}

func caseTitle(c *breakdown.Case) string {
	return title(&breakdown.Endpoint{Name: c.Endpoint, Route: c.Route})
}

// ListJSON writes the cases of a folder in the schema named by breakdown.ListSchema.
func ListJSON(w io.Writer, l *breakdown.List) error {
	n := *l
	n.Schema = breakdown.ListSchema
	n.Cases = copied(l.Cases)
	for i := range n.Cases {
		n.Cases[i].Warnings = copied(n.Cases[i].Warnings)
	}
	return writeJSON(w, &n, "the list")
}

// RedactedList returns a deep copy of a list with every string passed through mask,
// except for the names of files, which the page links to.
func RedactedList(l *breakdown.List, mask func(string) string) *breakdown.List {
	n := copyOf(newCopier(mask), l)
	n.Schema = l.Schema
	for i := range n.Cases {
		n.Cases[i].File, n.Cases[i].Page = l.Cases[i].File, l.Cases[i].Page
	}
	return n
}

// An indexPage is the data of the template list.html.
type indexPage struct {
	frame
	Title    string
	Redacted bool
	Cases    []caseRow
}

// A caseRow is one case. Page is a relative link, "" if it has no page.
type caseRow struct {
	File, Page, At, Target, Endpoint, Requests, Mean, P95 string
	State, Error, Headline                                string
}

// ListHTML writes the cases of a folder as one self-contained page, like HTML. Its rows
// link to the cases' pages, which must lie beside it.
func ListHTML(w io.Writer, l *breakdown.List, redacted bool) error {
	p := &indexPage{Title: listTitle(l), Redacted: redacted}
	for i := range l.Cases {
		c := &l.Cases[i]
		row := caseRow{File: clean(c.File), Page: c.Page, Target: clean(c.Target), State: stateText(c.State), Error: clean(c.Error), Headline: clean(c.Headline)}
		if c.CapturedAt != nil {
			row.At = c.CapturedAt.UTC().Format(time.RFC3339)
		}
		if c.Endpoint != "" {
			row.Endpoint, row.Requests = caseTitle(c), count(c.Requests)
		}
		if c.Mean > 0 {
			row.Mean, row.P95 = threeDigits(c.Mean), threeDigits(c.P95)
		}
		p.Cases = append(p.Cases, row)
	}
	return p.writeTo(w, "list.html", &chartData{Buckets: []bucketName{}, Strings: []string{}, Endpoints: []endpointChart{}, Requests: []requestChart{}, Changes: []changeChart{}}, p)
}
