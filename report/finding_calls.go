package report

import (
	"timesink/analyze/breakdown"
)

// Places that findings name.

func calledAt(f breakdown.Facts) []string { return siteAt("called at", f.Frame(breakdown.FactSite)) }

func waitedAt(f breakdown.Facts) []string {
	return siteAt("waited for at", f.Frame(breakdown.FactSite))
}
