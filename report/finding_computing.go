package report

import (
	"fmt"
	"strings"

	"timesink/analyze/breakdown"
)

// computingWordings words the findings about what requests compute.
var computingWordings = map[string]findingWording{
	"compiles-per-request": {
		title: func(f breakdown.Facts) string {
			switch f.Name(breakdown.FactActivity) {
			case breakdown.ParsingTemplates.String():
				return "templates are parsed for each request"
			case breakdown.Preparing.String():
				if called := f.Frame(breakdown.FactCalled).Function; called != "" {
					return "each request makes anew what could be kept, in " + function(called)
				}
				return "each request makes anew what could be kept"
			}
			return "patterns are compiled for each request"
		},
		evidence: computed,
	},
	"c-call": {
		title: func(f breakdown.Facts) string {
			if 2*f.Time(breakdown.FactComputing) >= f.Time(breakdown.FactSpent) {
				return "requests compute in C code"
			}
			return "requests wait in C code"
		},
		evidence: func(f breakdown.Facts) []string {
			_, name, _ := strings.Cut(f.Frame(breakdown.FactCalled).Function, "func_")
			return []string{ofRequest(f), fmt.Sprintf("most of it in %s, called at %s", clean(name), spot(f.Frame(breakdown.FactSite)))}
		},
		try: func(f breakdown.Facts) string {
			if 2*f.Time(breakdown.FactComputing) >= f.Time(breakdown.FactSpent) {
				return "make the C function cheaper, or call it less often: perf shows what it computes"
			}
			return "time the call within the C code and give it a limit: each one that waits occupies a thread"
		},
	},
	"serialization": {title: says("requests spend their time on serialization"), evidence: computed},
	"compression":   {title: says("requests spend their time on compression"), evidence: computed},
	"crypto":        {title: says("requests spend their time on cryptography"), evidence: computed},
	"logging-cpu":   {title: says("requests spend their time on log lines"), evidence: computed},
	"allocation":    {title: says("requests spend their time allocating memory"), evidence: computed},
	"cpu-own-code": {
		title: func(f breakdown.Facts) string {
			return "requests compute in " + shorten(function(f.Frame(breakdown.FactSite).Function), 60)
		},
		evidence: computed,
	},
}

// computed says how much of a request's time is spent computing, by how many samples, and
// where.
func computed(f breakdown.Facts) []string {
	list := []string{fmt.Sprintf("%s, by %s of %s", ofRequest(f), count(int64(f.Number(breakdown.FactSamples))),
		counted(int64(f.Number(breakdown.FactOfSamples)), "CPU sample", "CPU samples"))}
	site, called := f.Frame(breakdown.FactSite), f.Frame(breakdown.FactCalled).Function
	switch {
	case called != "" && site.Function != "":
		return append(list, fmt.Sprintf("most of it in %s, called at %s", function(called), spot(site)))
	case site.Function != "":
		return append(list, "most of it at "+spot(site))
	}
	return list
}
