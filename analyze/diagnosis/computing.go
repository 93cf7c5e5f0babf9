package diagnosis

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// Computing: what requests use the processors for, by CPU samples.

// A work is what a part of an endpoint's CPU samples hit.
type work struct {
	site        breakdown.CPUSite // with the most of the samples
	samples, of int64
	// ns is the part of the running time per request, and least the least that the samples
	// allow.
	ns, least int64
	activity  breakdown.Activity
}

// fewestSamples is the fewest CPU samples that say what an endpoint computes.
const fewestSamples = 20

// computes sums the samples that match. It returns false if there are too few to say
// anything.
func (s *subject) computes(match func(*breakdown.CPUSite) bool) (w work, ok bool) {
	functions := map[string]int64{}
	for i := range s.Computing {
		site := &s.Computing[i]
		w.of = site.OfSamples
		if match(site) {
			w.samples += site.Samples
			functions[site.Function] += site.Samples
		}
	}
	if w.samples == 0 || w.of < fewestSamples {
		return w, false
	}
	for i := range s.Computing {
		site := &s.Computing[i]
		if match(site) && (w.site.Function == "" || cmp.Or(cmp.Compare(functions[site.Function], functions[w.site.Function]), cmp.Compare(site.Samples, w.site.Samples)) > 0) {
			w.site = *site
		}
	}
	w.activity = w.site.Activity
	ran := s.onCPU().ns
	share := float64(w.samples) / float64(w.of)
	w.ns, w.least = int64(math.Round(share*float64(ran))), int64(leastShare(w.samples, w.of)*float64(ran))
	return w, true
}

// leastShare returns the lower bound of a share of which n in total were counted, with
// 97.5% certainty: Wilson's.
func leastShare(n, total int64) float64 {
	const z = 1.96
	t, p := float64(total), float64(n)/float64(total)
	return max(0, (p+z*z/(2*t)-z*math.Sqrt(p*(1-p)/t+z*z/(4*t*t)))/(1+z*z/t))
}

// onCPU returns a claim on the running time on a core.
func (s *subject) onCPU() claim {
	t := &s.Buckets[breakdown.CPU]
	for _, p := range t.Phases {
		if p.Phase == breakdown.OnCPU {
			return claim{bucket: breakdown.CPU, phases: []breakdown.Phase{breakdown.OnCPU}, ns: p.Mean}
		}
	}
	return s.whole(breakdown.CPU)
}

// offCPU returns the running time without a core.
func (s *subject) offCPU() int64 {
	for _, p := range s.Buckets[breakdown.CPU].Phases {
		if p.Phase == breakdown.OffCPU {
			return p.Mean
		}
	}
	return 0
}

// spentOn returns a cause for work that is a notable part of the requests' time, nil if
// it is not.
func (s *subject) spentOn(share float64, match func(*breakdown.CPUSite) bool) *found {
	w, ok := s.computes(match)
	// Where others have the cores, requests take longer, and what they do is the same.
	if !ok || float64(w.least) < share*float64(s.Wall.Mean-s.offCPU()) {
		return nil
	}
	c := s.onCPU()
	c.ns = w.ns
	f := &found{sure: breakdown.Likely, claims: []claim{c}, saves: -1, key: w.site.Function, facts: breakdown.Facts{spent(w.ns),
		{Kind: breakdown.FactSamples, Value: float64(w.samples)}, {Kind: breakdown.FactOfSamples, Value: float64(w.of)}}}
	if w.activity != breakdown.NoActivity {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactActivity, Name: w.activity.String()})
	}
	if !w.site.Outside {
		f.facts = append(f.facts, at(w.site.Frame)...)
	}
	if w.site.Called != "" {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactCalled, Place: breakdown.Place{Function: w.site.Called}})
	}
	return f
}

// doing returns a look for requests that compute one of these.
func doing(activities ...breakdown.Activity) look {
	return func(s *subject) *found {
		return s.spentOn(notable, func(c *breakdown.CPUSite) bool { return !isC(c.Called) && slices.Contains(activities, c.Activity) })
	}
}

// named are the activities with kinds of causes of their own.
var named = []breakdown.Activity{breakdown.CompilingPatterns, breakdown.ParsingTemplates, breakdown.Preparing,
	breakdown.Serializing, breakdown.Compressing, breakdown.Crypto, breakdown.Logging, breakdown.Allocating, breakdown.StoppingTheWorld}

// mostlyOwn is the share of a request's time from which the service's own computing is
// worth showing: to compute is what many services are for.
const mostlyOwn = 0.25

// ownCode finds the function of the service that computes the most, for itself or in a
// library, of what has no kind of its own.
func ownCode(s *subject) *found {
	other := func(c *breakdown.CPUSite) bool {
		return !c.Outside && !isC(c.Called) && !slices.Contains(named, c.Activity)
	}
	w, ok := s.computes(other)
	if !ok {
		return nil
	}
	return s.spentOn(mostlyOwn, func(c *breakdown.CPUSite) bool { return other(c) && c.Function == w.site.Function })
}

// cCall finds C functions that take a notable part of the requests' time.
func cCall(s *subject) *found {
	if len(s.C) == 0 {
		return nil
	}
	most, waiting, computing := s.C[0], int64(0), int64(0)
	for _, c := range s.C {
		waiting, computing = waiting+c.Waiting, computing+c.Computing
	}
	if !s.worth(waiting + computing) {
		return nil
	}
	running := s.onCPU()
	running.ns = min(computing, running.ns)
	f := &found{sure: breakdown.Certain, claims: []claim{{breakdown.Unknown, []breakdown.Phase{breakdown.CCall}, waiting}, running}, saves: -1,
		key: most.Function, facts: append(breakdown.Facts{spent(waiting + computing)}, at(most.Site)...)}
	f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactCalled, Place: breakdown.Place{Function: most.Function}})
	if computing > 0 {
		f.sure = breakdown.Likely // by samples
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactComputing, Value: float64(computing)})
	}
	return f
}

// isC reports whether cgo named a function: the Go side of a C function.
func isC(function string) bool {
	return strings.Contains(function, "._Cfunc_") || strings.Contains(function, "._C2func_")
}
