package report

import (
	"fmt"
	"maps"

	"timesink/analyze/breakdown"
)

// A findingWording puts a finding into words. The functions take its facts; evidence
// may return nil.
type findingWording struct {
	title    func(f breakdown.Facts) string
	evidence func(f breakdown.Facts) []string
	try      func(f breakdown.Facts) string // if set, instead of the catalogue's
	// concludes, if set, says the cause in a clause for the last line. By default it is the
	// title with the place.
	concludes func(f breakdown.Facts) string
}

// findingWordings holds the wording of every finding, by ID. JSON uses the same words.
var findingWordings = func() map[string]findingWording {
	all := map[string]findingWording{}
	for _, family := range []map[string]findingWording{holdingWordings, connectionWordings, waitingWordings, processorWordings, requestWordings, transferWordings, patternWordings, standingWordings, computingWordings, crowdingWordings} {
		maps.Copy(all, family)
	}
	return all
}()

func says(text string) func(breakdown.Facts) string {
	return func(breakdown.Facts) string { return text }
}

func ofRequest(f breakdown.Facts) string {
	return fmt.Sprintf("%s of %s per request", threeDigits(f.Time(breakdown.FactSpent)), threeDigits(f.Time(breakdown.FactWall)))
}

func siteAt(what string, site breakdown.Frame) []string {
	if site.Function == "" {
		return nil
	}
	return []string{what + " " + spot(site)}
}

// busyIn returns what a goroutine is doing while in a bucket, by the bucket's name: "a
// database call", "cpu".
func busyIn(name string) string {
	var b breakdown.Bucket
	if b.UnmarshalText([]byte(name)) == nil {
		if call := aCall(b); call != "" {
			return call
		}
	}
	return name
}

// toTry returns the findings that there is something to do about. The last line says the
// others.
func toTry(findings []breakdown.Finding) (list []breakdown.Finding) {
	for _, f := range findings {
		if f.ID != "not-worth-it" {
			list = append(list, f)
		}
	}
	return list
}
