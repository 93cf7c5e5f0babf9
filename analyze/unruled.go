package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// unruled warns of what a notable part of an endpoint's time is spent waiting in
// and no rule knows: libraries, with the rule to add, and places in the service's
// own code.
func (w *warnings) unruled(e *breakdown.Endpoint, s *settled) {
	sums := s.of(e)
	if sums == nil {
		return
	}
	spent := map[string]int64{}
	for _, b := range []breakdown.Bucket{breakdown.Unknown, breakdown.Wait} {
		for c, t := range sums.buckets[b].causes {
			if what := unruledBy(c, b, e); what != "" {
				spent[what] += *t
			}
		}
	}
	most := slices.SortedFunc(maps.Keys(spent), func(a, b string) int { return cmp.Or(cmp.Compare(spent[b], spent[a]), cmp.Compare(a, b)) })
	for _, what := range most[:min(len(most), 3)] {
		if t := spent[what]; float64(t) >= negligible*float64(e.Wall.Total) {
			w.addf("unknown-library", "%s: %s per request (%.0f%%) %s", title(e), dur(mean(t, e.Requests)), 100*float64(t)/float64(e.Wall.Total), what)
		}
	}
}

// otherBuckets follow the db of a suggested rule.
const otherBuckets = "(or cache=, queue/fetch=, upstream=, lock=, sleep=, file= …)"

// unruledBy says where a cause waits and which rule would explain it, "" where
// there is nothing to say. A rule for a package is suggested for a library only:
// for the service's own it would turn all of its waits into one bucket.
func unruledBy(c *breakdown.Cause, b breakdown.Bucket, e *breakdown.Endpoint) string {
	switch {
	case c.Rule != "":
		return ""
	case c.Library != "":
		return fmt.Sprintf("is spent waiting in %s, which no rule knows; if it is a database's client, add --rule db=%s %s", c.Library, c.Library, otherBuckets)
	case b != breakdown.Unknown || len(c.Stack) == 0 || !rules.IsService(c.Site):
		return ""
	}
	what := "is spent waiting"
	if inC(c) {
		what = "is spent in C code"
	}
	text := fmt.Sprintf("%s at %s, which no rule knows", what, waitingAt(c))
	if of := c.Site.Function; of == rules.BaseName(of) && of != rules.BaseName(e.Name) && of != "main.main" {
		text += fmt.Sprintf("; if %s calls another system, add --rule %s %s", place(breakdown.Frame{Function: of}), quoted("db="+of), otherBuckets)
	}
	return text
}

// inC reports whether a cause's goroutine was in a call to C: cgo names the Go side
// of a C function by it.
func inC(c *breakdown.Cause) bool {
	return slices.ContainsFunc(c.Stack, func(f breakdown.Frame) bool {
		return strings.Contains(f.Function, "._Cfunc_") || strings.Contains(f.Function, "._C2func_")
	})
}

// waitingAt is the way from the service's code to what it waits in, innermost
// first, as rules and stacks are written. The runtime's own frames are left out, and
// so is the middle of a long way.
func waitingAt(c *breakdown.Cause) string {
	var names []string
	for _, f := range c.Stack {
		if f == c.Site {
			break
		}
		if !strings.HasPrefix(f.Function, "runtime.") {
			names = append(names, place(breakdown.Frame{Function: f.Function}))
		}
	}
	const shown = 2
	if len(names) > shown {
		names = append(names[:shown], "…")
	}
	return strings.Join(append(names, place(c.Site)), " < ")
}
