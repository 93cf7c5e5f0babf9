package blame

import (
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/report"
)

// LastLine returns the last line of an answer about one endpoint alone, as if the service
// had no other: with its causes, and the conclusion that these lead to.
func LastLine(b *breakdown.Breakdown, endpoint string) string {
	one := *b
	keep := func(names []string) bool { return slices.Contains(names, endpoint) }
	one.Endpoints = slices.DeleteFunc(slices.Clone(b.Endpoints), func(e breakdown.Endpoint) bool { return e.Name != endpoint })
	one.Causes = slices.DeleteFunc(slices.Clone(b.Causes), func(x breakdown.Explanation) bool { return !keep(x.Endpoints) })
	one.Findings = diagnosis.Findings(one.Causes)
	one.Roots, one.Coverage, one.Conclusion = nil, breakdown.Coverage{}, breakdown.Conclusion{}
	return report.Worded(&one).Conclusion.Text
}
