package report

import (
	"bytes"
	"regexp"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// A terminal has 24 lines at least. The answer about one endpoint must fit them, so a
// page leaves out what matters least until it does. A verbose page leaves out nothing.
const screen = 24

// terse is how much a page leaves out: each step leaves out a little more.
type terse uint8

const (
	whole     terse = iota
	noZeros         // which buckets hold no time, and how much of all work is in requests
	noTrifles       // cut requests, phases, and doubts about a figure that hardly matter
	fewProofs       // all but the evidence that says where to look
	fewSites        // small buckets, and the call sites of all but the largest
	oneProof        // more than one line of evidence, and more than two findings
	noProofs        // all evidence, and more than one warning
	noGaps          // empty lines
	noSites         // call sites
	endOfTerse
)

// room returns how many lines a page may have: each further endpoint takes half a screen.
func room(endpoints int) int { return screen + (max(endpoints, 1)-1)*screen/2 }

// fit lays out the page for so many endpoints so that it has room.
func (t *text) fit(endpoints int) error {
	for t.terse = whole; ; t.terse++ {
		t.Reset()
		if err := t.write(endpoints); err != nil {
			return err
		}
		if t.verbose || t.terse+1 == endOfTerse || bytes.Count(t.Bytes(), []byte("\n")) <= room(endpoints) {
			return nil
		}
	}
}

// leavesOut reports whether the page is so terse that it leaves something out.
func (t *text) leavesOut(what terse) bool { return t.terse >= what }

// located matches evidence that says where something is.
var located = regexp.MustCompile(`\S:\d+\)`)

// evidence returns the lines of evidence that a page has room for, those first that say
// where to look. The last line says how much time the cause that it is about accounts for.
func (t *text) evidence(n int, f *breakdown.Finding) []string {
	list := slices.DeleteFunc(slices.Clone(f.Evidence), func(line string) bool { return line == "" })
	places := slices.DeleteFunc(slices.Clone(list), func(line string) bool { return !located.MatchString(line) })
	switch {
	case !t.leavesOut(fewProofs):
		return list
	case t.leavesOut(noProofs) || n > 1 && t.leavesOut(oneProof):
		return nil
	case len(places) == 0 && !t.concludes(f):
		places = list
	}
	most := 2
	if n > 1 || t.leavesOut(oneProof) {
		most = 1
	}
	return places[:min(len(places), most)]
}

// concludes reports whether the last line is about a finding's cause.
func (t *text) concludes(f *breakdown.Finding) bool {
	x := diagnosis.Concluding(t.b)
	return x != nil && x.ID == f.ID
}

// firstLine returns the beginning of a text that takes at most limit columns.
func firstLine(text string, limit int) string {
	if lines := wrap(text, limit); len(lines) < 2 {
		return text
	}
	return wrap(text, limit-2)[0] + " …"
}
