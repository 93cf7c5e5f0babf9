package replay

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"timesink/analyze/breakdown"
)

// A Change is something that would be different.
type Change struct {
	Kind   Kind
	Target Target
	Factor float64 // of Scale: of the time; of Rate: of the requests per second
	Number int     // of Procs, Pool and Workers
}

// A Kind says what a change does.
type Kind uint8

const (
	Scale      Kind = iota // the time at the target is Factor times as long
	Concurrent             // a request's calls at the target go out at once
	Once                   // a request makes only the first of its calls at the target
	Reuse                  // no calls at the target make a connection
	Procs                  // GOMAXPROCS is Number
	Rate                   // requests arrive Factor times as often
	Pool                   // the pool of the calls at the target has Number connections
	Workers                // Number goroutines do what is done at the target
	NoLock                 // there is no lock at the target
)

// String returns the kind's name, as on the command line: "scale".
func (k Kind) String() string {
	return [...]string{"scale", "concurrent", "once", "reuse-connections", "procs", "rate", "pool", "workers", "no-lock"}[k]
}

// A Target is what a change is about: all of a bucket, or what is done at a place in the
// service's code. The zero value is everything.
type Target struct {
	Text   string // as the user gave it
	Bucket breakdown.Bucket
	// Function is the name of a function, with all that it calls; File and Line are a
	// line. Both are empty for a bucket.
	Function string
	File     string
	Line     int
}

// In returns the target that is all of a bucket.
func In(b breakdown.Bucket) Target { return Target{Text: b.String(), Bucket: b} }

// At returns the target that is a function, given its full name.
func At(function string) Target { return Target{Text: function, Function: function} }

// AtLine returns the target that is the line of a frame.
func AtLine(f breakdown.Frame) Target {
	return Target{Text: fmt.Sprintf("%s:%d", f.File, f.Line), File: f.File, Line: f.Line}
}

// All reports whether the target is everything.
func (t *Target) All() bool { return t.Text == "" }

// place reports whether the target is a place, not a bucket.
func (t *Target) place() bool { return t.Function != "" || t.File != "" }

// An AmbiguousError says that a target is not the name of exactly one place.
type AmbiguousError struct {
	Text string
	// Matches are the places that it may be, or, if None is set, those that there are.
	Matches []string
	None    bool
}

func (e *AmbiguousError) Error() string {
	if e.None {
		return fmt.Sprintf("%q is not where requests of this capture spend time", e.Text)
	}
	return fmt.Sprintf("%q is ambiguous", e.Text)
}

// Resolve returns the target that a text means: a bucket, a function, or file:line. If it
// may be several, or none, the error is an AmbiguousError.
func (rec *Recording) Resolve(text string) (Target, error) {
	for b := range breakdown.NumBuckets {
		if text == b.String() {
			return In(b), nil
		}
	}
	file, line := fileLine(text)
	functions, lines := map[string]bool{}, map[breakdown.Frame]bool{}
	for i := range rec.whats {
		eachFrame(&rec.whats[i], func(f breakdown.Frame) {
			if functionIs(f.Function, text) {
				functions[f.Function] = true
			}
			if line > 0 && f.Line == line && fileIs(f.File, file) {
				lines[breakdown.Frame{File: f.File, Line: f.Line}] = true
			}
		})
	}
	if functions[text] {
		return Target{Text: text, Function: text}, nil
	}
	var matches []string
	for f := range functions {
		matches = append(matches, f)
	}
	for f := range lines {
		matches = append(matches, fmt.Sprintf("%s:%d", f.File, f.Line))
	}
	slices.Sort(matches)
	switch {
	case len(matches) == 0:
		return Target{}, &AmbiguousError{Text: text, Matches: rec.places(), None: true}
	case len(matches) > 1:
		return Target{}, &AmbiguousError{Text: text, Matches: matches}
	case len(functions) == 1:
		return Target{Text: text, Function: matches[0]}, nil
	}
	for f := range lines {
		return Target{Text: text, File: f.File, Line: f.Line}, nil
	}
	return Target{}, nil
}

// eachFrame calls f for each frame of the stack of what time is spent on, and for its site.
func eachFrame(w *what, f func(breakdown.Frame)) {
	if w.cause == nil {
		return
	}
	for _, frame := range w.cause.Stack {
		f(frame)
	}
	if w.cause.Site.Function != "" {
		f(w.cause.Site)
	}
}

func fileLine(text string) (file string, line int) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return "", 0
	}
	line, err := strconv.Atoi(text[i+1:])
	if err != nil {
		return "", 0
	}
	return text[:i], line
}

func fileIs(file, text string) bool { return file == text || strings.HasSuffix(file, "/"+text) }

// functionIs reports whether text is a function's name, or its end from a package on.
func functionIs(function, text string) bool {
	return function == text || strings.HasSuffix(function, "/"+text) || strings.HasSuffix(function, "."+text)
}

// mostPlaces is how many places are listed.
const mostPlaces = 20

// places returns the places at which the requests spend most time, the longest first.
func (rec *Recording) places() []string {
	sums := map[string]int64{}
	for i := range rec.requests {
		for _, t := range rec.requests[i].threads {
			for _, s := range t {
				if s.kind > stays || s.time == 0 {
					continue
				}
				if c := rec.whats[s.what].cause; c != nil && c.Site.Function != "" {
					sums[fmt.Sprintf("%s  %s:%d", c.Site.Function, path.Base(c.Site.File), c.Site.Line)] += s.time
				}
			}
		}
	}
	var list []string
	for p := range sums {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b string) int {
		if sums[a] != sums[b] {
			return int(sums[b] - sums[a])
		}
		return strings.Compare(a, b)
	})
	return list[:min(len(list), mostPlaces)]
}

// meets reports whether what time is spent on belongs to a target.
func (t *Target) meets(w *what) bool {
	switch {
	case t.All():
		return true
	case !t.place():
		return w.bucket == t.Bucket && !(w.bucket.External() && w.phase.OwnSide())
	}
	found := false
	eachFrame(w, func(f breakdown.Frame) { found = found || t.isFrame(f) })
	return found
}

func (t *Target) isFrame(f breakdown.Frame) bool {
	if t.Function != "" {
		return f.Function == t.Function
	}
	return f.File == t.File && f.Line == t.Line
}
