package report

import (
	"fmt"
	"strings"

	"timesink/analyze/breakdown"
)

// requestWordings words the findings about requests as a whole.
var requestWordings = map[string]findingWording{
	"accept-queue": {
		title: func(f breakdown.Facts) string {
			if !f.Has(breakdown.FactFreshProbes) {
				return "new connections wait until the service accepts them"
			}
			return fmt.Sprintf("requests wait before the server reads them: %s of %s", threeDigits(f.Time(breakdown.FactSpent)), threeDigits(f.Time(breakdown.FactWall)))
		},
		evidence: acceptEvidence,
	},
	"cold-start": {
		title: func(f breakdown.Facts) string {
			first := "the first request takes"
			if n := int64(f.Number(breakdown.FactFirst)); n > 1 {
				first = fmt.Sprintf("the first %s requests take", count(n))
			}
			return fmt.Sprintf("%s %s, the others %s", first, threeDigits(f.Time(breakdown.FactFirstMean)), threeDigits(f.Time(breakdown.FactOthersMean)))
		},
		evidence: coldEvidence,
	},
	"not-worth-it": {
		title: func(f breakdown.Facts) string {
			t := suspectOf(f)
			return strings.ToLower(free(&t)[:1]) + free(&t)[1:] + " would save little"
		},
		evidence: func(f breakdown.Facts) []string {
			return []string{fmt.Sprintf("%s of %s per request", threeDigits(f.Time(breakdown.FactOtherSide)), threeDigits(f.Time(breakdown.FactWall)))}
		},
	},
}

// suspectOf returns the bucket of another system, and the system, that facts are about.
func suspectOf(f breakdown.Facts) (t breakdown.BucketTime) {
	if t.Bucket.UnmarshalText([]byte(f.Name(breakdown.FactOtherSide))) != nil {
		t.Bucket = breakdown.DB
	}
	for _, s := range f.All(breakdown.FactSystem) {
		t.Systems = append(t.Systems, s.Name)
	}
	return t
}

// coldEvidence says what the first requests do longer than the others.
func coldEvidence(f breakdown.Facts) (list []string) {
	for _, in := range f.All(breakdown.FactFirstIn) {
		text := threeDigits(int64(in.Value)) + " more in " + bucketNamed(in.Name).Info().Label
		if in.Function != "" {
			text += " at " + spot(in.Frame())
		}
		list = append(list, text)
	}
	if dialing := f.Time(breakdown.FactFirstDialing); 20*dialing >= f.Time(breakdown.FactFirstMean) {
		list = append(list, threeDigits(dialing)+" of it in making connections")
	}
	return append(list, "no request came in the "+duration(f.Time(breakdown.FactQuiet))+" of the window before them")
}

// acceptEvidence says what the probes and the accept loop show about connections that
// wait to be accepted.
func acceptEvidence(f breakdown.Facts) (list []string) {
	if fresh := int64(f.Number(breakdown.FactFreshProbes)); fresh > 0 {
		list = append(list, fmt.Sprintf("%s waited %s each until the server read them, %s %s",
			counted(fresh, "probe on a new connection", "probes on new connections"), threeDigits(f.Time(breakdown.FactFreshWait)),
			counted(int64(f.Number(breakdown.FactKeptProbes)), "on a kept one", "on kept ones"), threeDigits(f.Time(breakdown.FactKeptWait))))
	}
	if held, ok := f.Of(breakdown.FactAcceptHeld); ok && held.Function != "" {
		list = append(list, fmt.Sprintf("the accept loop was held up for %s in %s", duration(int64(held.Value)), spot(held.Frame())))
	}
	if accepted := int64(f.Number(breakdown.FactAccepted)); accepted > 0 {
		list = append(list, fmt.Sprintf("%s of %s had come while it was held up", count(int64(f.Number(breakdown.FactAcceptQueued))), counted(accepted, "connection", "connections")))
	}
	return append(list, siteAt("it accepts at", f.Frame(breakdown.FactAcceptSite))...)
}
