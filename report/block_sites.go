package report

import (
	"cmp"
	"fmt"
	"strings"

	"timesink/analyze/breakdown"
)

// maxSites is how many of a bucket's call sites a page shows unless it is verbose.
const maxSites = 3

func (b *block) mostSites() int {
	switch {
	case b.leavesOut(noSites):
		return 0
	case b.leavesOut(fewSites):
		return 1
	}
	return maxSites
}

// sites says where in the service's code a bucket's time was spent. It sets alone if
// that was a single place.
func (b *block) sites(t *breakdown.BucketTime) (lines []string, alone bool) {
	shown, rest := b.shownSites(t)
	alone = len(shown) == 1 && (rest < t.Total/100 || b.leavesOut(fewSites) && ratio(shown[0].Total, t.Total) >= detailed)
	for _, s := range shown {
		how := shorten(cmp.Or(callsAt(&s), b.computesIn(&s)), b.notes)
		if alone {
			lines = append(lines, flow(b.notes, how, placeIn(s.Frame, b.notes-2))...)
		} else {
			lines = append(lines, b.site(s.Frame, b.amount(s.Mean), how)...)
		}
		if b.verbose && s.Why != "" {
			lines = append(lines, indented(wrap("because: "+clean(s.Why), b.notes-2))...)
		}
	}
	if len(shown) > 0 && rest >= max(t.Total/100, 1) && !b.leavesOut(fewSites) {
		lines = append(lines, "other call sites   "+b.amount(rest/max(b.e.Requests, 1)))
	}
	if len(t.Sites) == 0 && t.CallsPerRequest > 0 {
		return []string{calls(t.CallsPerRequest, 0)}, true
	}
	return lines, alone
}

// computesIn names the library's function that a place calls for most of its CPU samples,
// "" if there is none.
func (b *block) computesIn(s *breakdown.SiteTime) string {
	for i := range b.e.CPUSites {
		if c := &b.e.CPUSites[i]; s.Samples > 0 && c.Function == s.Function && 2*c.Samples >= s.Samples {
			if c.Called == "" {
				return ""
			}
			return "in " + function(c.Called)
		}
	}
	return ""
}

// site lays out one of several call sites, on at most two lines.
func (b *block) site(f breakdown.Frame, mean, how string) []string {
	lines := flow(b.notes, placeIn(f, b.notes-2), mean, how)
	if len(lines) > 2 {
		lines = []string{placeIn(f, b.notes-width("   "+mean)) + "   " + mean, how}
	}
	return lines
}

// manySites is the share of the requests' time from which a bucket without a large call site
// has its largest ones named.
const manySites = 0.25

// shownSites returns the call sites worth a line, and the total of the others. Where there
// are many in a large bucket, each has a small share: the largest is worth a line anyway, and
// so is what has half as much.
func (b *block) shownSites(t *breakdown.BucketTime) (shown []breakdown.SiteTime, rest int64) {
	least := detailed * float64(t.Total)
	if len(t.Sites) > 0 && ratio(t.Total, b.e.Wall.Total) >= manySites {
		least = min(least, float64(t.Sites[0].Total)/2)
	}
	for _, s := range t.Sites {
		small := float64(s.Total) < least || len(shown) >= b.mostSites()
		if s.Function == breakdown.Other || small && !b.verbose {
			rest += s.Total
		} else {
			shown = append(shown, s)
		}
	}
	return shown, rest
}

func indented(lines []string) []string {
	for i := range lines {
		lines[i] = "  " + lines[i]
	}
	return lines
}

// placeIn returns a frame in at most limit columns. It shortens the function's name,
// never the line.
func placeIn(f breakdown.Frame, limit int) string {
	where := position(f)
	if where == "" || width(where) > limit/2 {
		return shorten(place(f), limit)
	}
	return shorten(function(f.Function), limit-2-width(where)) + "  " + where
}

// severalTrips is how many round trips a call has at least in the mean to be told of.
const severalTrips = 1.5

// callsAt says how many calls a request made from a site, and how many round trips each
// has if they are several.
func callsAt(s *breakdown.SiteTime) string {
	text := calls(s.CallsPerRequest, s.Concurrency)
	if text == "" || s.Trips < severalTrips {
		return text
	}
	return text + ", " + trips(s.Trips) + " each"
}

// trips says how many round trips there are in the mean, several of them.
func trips(n float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0") + " round trips"
}

// calls says how many calls a request made from one site, and whether it made them one
// after another.
func calls(perRequest, concurrency float64) string {
	if perRequest <= 0 {
		return ""
	}
	text := rate(perRequest, "call per request", "calls per request")
	if perRequest < 0.05 {
		text = "less than 0.1 calls per request"
	}
	switch {
	case perRequest < 1.05 || concurrency <= 0:
		return text
	case concurrency < 1.05:
		return text + ", one after another"
	}
	return text + fmt.Sprintf(", %.1f at a time", concurrency)
}

// maxHolders is how many holders a page shows unless it is verbose.
const maxHolders = 2

// holders names what kept requests waiting, and what it was doing meanwhile.
func (b *block) holders(t *breakdown.BucketTime) []string {
	var lines []string
	for i, h := range t.Holdings() {
		if (i >= maxHolders || i > 0 && ratio(h.Total, t.Total) < detailed) && !b.verbose {
			break
		}
		who, what := keeping(t.Bucket)
		lines = append(lines, who+" "+placeIn(h.Place(), b.notes-len(who)-1))
		if b.leavesOut(fewSites) {
			return lines // the findings say the rest
		}
		doing := b.doing(&h, b.verbose)
		list := wrapList(what+" ", doing, b.notes-2)
		if len(list) > 1 && !b.verbose {
			list = []string{wrapList(what+" ", doing, b.notes-4)[0] + " …"}
		}
		lines = append(lines, indented(list)...)
	}
	return lines
}

// doing lists what a holder was busy with, and for how long per request.
func (b *block) doing(h *breakdown.Holding, all bool) (parts []string) {
	for i, d := range h.Doing {
		if i == 0 || all || ratio(d.Total, h.Total) >= detailed {
			parts = append(parts, d.Doing.Info().Label+" "+b.scale.atLeastVisible(d.Total/max(b.e.Requests, 1)))
		}
	}
	return parts
}

// fewestSamples is the fewest CPU samples that a page draws conclusions from.
const fewestSamples = 10

// libraries says how much of the running time was spent in calls to other systems
// within the process.
func (b *block) libraries() (lines []string) {
	for i := range b.e.CPULibraries {
		l := &b.e.CPULibraries[i]
		if l.OfSamples >= fewestSamples && (b.verbose || ratio(l.Estimate, b.e.Wall.Mean) >= detailed) {
			estimate := fmt.Sprintf("%s (estimate by %s)", within(l), counted(l.OfSamples, "CPU sample", "CPU samples"))
			lines = append(lines, wrap(estimate, b.notes)...)
		}
	}
	return lines
}

// functions lists the functions that this endpoint's CPU samples fell in.
func (b *block) functions() []string {
	samples := int64(0)
	for _, f := range b.e.CPU {
		samples += f.Samples
	}
	var lines []string
	for i, f := range b.e.CPU {
		if samples < fewestSamples {
			break
		}
		if share := ratio(f.Samples, samples); b.verbose && i < 10 || i < 2 && share >= 0.1 {
			lines = append(lines, fmt.Sprintf("%6s  %s", percent(share), shorten(function(f.Function), b.notes-10)))
		}
	}
	if len(lines) > 0 {
		lines = append([]string{fmt.Sprintf("of %s:", counted(samples, "CPU sample", "CPU samples"))}, indented(lines)...)
	}
	return lines
}
