package report

import (
	"fmt"

	"timesink/analyze/breakdown"
)

// inRequests says how much of what the process does is in its requests. It returns "" if
// there are none, or if that is unknown.
func inRequests(b *breakdown.Breakdown) string {
	c := &b.Coverage
	if len(b.Endpoints) == 0 || c.Running == 0 {
		return ""
	}
	text := fmt.Sprintf("requests: %s of the running time", percent(ratio(c.RunningInRequests, c.Running)))
	if c.Samples >= fewestSamples {
		text += fmt.Sprintf(", %s of the CPU samples", percent(ratio(c.SamplesInRequests, c.Samples)))
	}
	return text
}

// rootsToShow returns the goroutines' roots that a page shows: those of the service, if
// the requests are not what the process does.
func rootsToShow(b *breakdown.Breakdown) []breakdown.Root {
	if len(b.Endpoints) > 0 && !b.WorksElsewhere() {
		return nil
	}
	return ofService(b.Roots)
}

// elsewhere says what the process does instead of serving requests. It returns "" if
// requests are what it does.
func elsewhere(b *breakdown.Breakdown) string {
	if !b.WorksElsewhere() {
		return ""
	}
	text := fmt.Sprintf("What was found in requests is not what this process does: they hold %s of the time that its goroutines ran.",
		percent(ratio(b.Coverage.RunningInRequests, b.Coverage.Running)))
	if top, share := busiestRoot(b.Roots); top != nil {
		text += fmt.Sprintf(" Of all work, %s is in goroutines that began in %s: %s.", percent(share), shorten(function(top.Function), 60), largest(top.Buckets, top.AtWork(), worked))
	}
	return text
}

// busiestRoot returns the root of the service with the most work, and its share of all
// roots' work. It returns nil if none did any.
func busiestRoot(all []breakdown.Root) (top *breakdown.Root, share float64) {
	whole, most := int64(0), int64(0)
	roots := ofService(all)
	for i := range roots {
		work := roots[i].AtWork()
		whole += work
		if work > most {
			top, most = &roots[i], work
		}
	}
	return top, ratio(most, whole)
}

// maxUnits is how many roots with units of work a page says more about.
const maxUnits = 3

// unitsOf says which roots' goroutines seem to do units of work, and how to see these
// like requests.
func unitsOf(roots []breakdown.Root) (lines []string) {
	for i := range roots {
		u := roots[i].Units
		if u == nil || len(lines) == maxUnits {
			continue
		}
		does := "do one job each, " + count(u.Count) + " in all"
		if u.Kind == breakdown.InTurn {
			does = "handle one message after another, about " + count(u.Count) + " in all"
		}
		lines = append(lines, fmt.Sprintf("Those of %s %s. To see where their time goes: --root '%s'", shorten(function(roots[i].Function), 60), does, clean(u.Root)))
	}
	if len(lines) > 1 {
		lines = append(lines, "To see all of these: --root auto")
	}
	return lines
}
