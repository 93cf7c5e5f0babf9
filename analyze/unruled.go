package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// unruled warns of places that no rule matches and where an endpoint spends a notable
// part of its time: libraries, with the rule to add, and places in the service's own
// code.
func (w *warnings) unruled(e *breakdown.Endpoint, s *settled) {
	sums := s.of(e)
	if sums == nil {
		return
	}
	spent := map[string]*breakdown.Unruled{}
	for _, b := range []breakdown.Bucket{breakdown.Unknown, breakdown.Wait} {
		for c, t := range sums.buckets[b].causes {
			u := unruledBy(c, b, e)
			if u == nil {
				continue
			}
			key := keyOf(u)
			if spent[key] == nil {
				spent[key] = u
			}
			spent[key].Time += t.ns
		}
	}
	most := slices.SortedFunc(maps.Keys(spent), func(a, b string) int { return cmp.Or(cmp.Compare(spent[b].Time, spent[a].Time), cmp.Compare(a, b)) })
	for _, key := range most[:min(len(most), 3)] {
		if u := spent[key]; float64(u.Time) >= negligible*float64(e.Wall.Total) {
			of := float64(u.Time) / float64(e.Wall.Total)
			u.Time = mean(u.Time, e.Requests)
			w.add("unknown-library", breakdown.Doubt{Endpoint: title(e), Share: of, Unruled: u})
		}
	}
}

// keyOf returns a key that is equal for places that look the same to a reader.
func keyOf(u *breakdown.Unruled) string {
	names := []string{u.Library, u.Rule}
	for _, f := range u.Stack {
		names = append(names, fmt.Sprintf("%s (%s:%d)", path.Base(f.Function), path.Base(strings.ReplaceAll(f.File, `\`, "/")), f.Line))
	}
	return fmt.Sprint(names, u.InC, u.Cut)
}

// unruledBy returns where a cause waits and which rule would explain it, or nil if a
// rule already does or none would help. It suggests a rule for a package only for
// libraries: for the service's own package the rule would put all of its waits into one
// bucket.
func unruledBy(c *breakdown.Cause, b breakdown.Bucket, e *breakdown.Endpoint) *breakdown.Unruled {
	switch {
	case c.Rule != "":
		return nil
	case c.Library != "":
		return &breakdown.Unruled{Library: c.Library, Rule: c.Library}
	case b != breakdown.Unknown || len(c.Stack) == 0 || !rules.IsService(c.Site):
		return nil
	}
	u := &breakdown.Unruled{InC: cName(c) != ""}
	u.Stack, u.Cut = waitingAt(c)
	if of := c.Site.Function; of == rules.BaseName(of) && of != rules.BaseName(e.Name) && of != "main.main" {
		u.Rule = of
	}
	return u
}

// waitingAt returns the frames from the function that a cause waits in outwards, and
// then the call site. It leaves out the runtime's frames, and, of many others, all but
// the innermost; cut reports whether it left out any of those.
func waitingAt(c *breakdown.Cause) (frames []breakdown.Frame, cut bool) {
	const shown = 2
	for _, f := range c.Stack {
		if f == c.Site {
			break
		}
		if !strings.HasPrefix(f.Function, "runtime.") {
			frames = append(frames, breakdown.Frame{Function: f.Function})
		}
	}
	cut = len(frames) > shown
	return append(frames[:min(len(frames), shown)], c.Site), cut
}
