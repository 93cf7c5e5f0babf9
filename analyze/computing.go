package analyze

import (
	"cmp"
	"math"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
)

// CPU samples show what requests compute: a running goroutine leaves no other stack.

// A cpuKey is a place in the service's code with what it calls there.
type cpuKey struct {
	site     breakdown.Frame
	called   string
	activity breakdown.Activity
	outside  bool
}

// computed adds a sample that hit a request while it computed, in Go or in C. Marking for
// the collector is time in another bucket.
func (e *endpoint) computed(c *breakdown.Cause) {
	inC := c.State == "syscall" && cName(c) != ""
	if c.State != "running" && !inC || c.Collecting == breakdown.Assisting {
		return
	}
	e.computing++
	key := cpuKey{c.Site, c.Called, c.Activity, c.Outside}
	sum := e.computes[key]
	if sum == nil && e.spend(sumSize) {
		sum = new(int64)
		e.computes[key] = sum
	}
	if sum != nil {
		*sum++
	}
}

// cpuSites returns the places that the samples led to, the one with the most samples
// first. A function that calls the same function in several lines is one place, at the
// line with most of them.
func cpuSites(e *endpoint) []breakdown.CPUSite {
	type group struct {
		function, called string
		activity         breakdown.Activity
	}
	lines := map[group][]breakdown.CPUSite{}
	for k, n := range e.computes {
		g := group{k.site.Function, k.called, k.activity}
		lines[g] = append(lines[g], breakdown.CPUSite{Frame: k.site, Called: k.called, Activity: k.activity, Samples: *n, OfSamples: e.computing, Outside: k.outside})
	}
	ran := mean(e.buckets[breakdown.CPU].total, e.requests)
	out := []breakdown.CPUSite{}
	for _, list := range lines {
		slices.SortFunc(list, bySamples)
		site := list[0]
		for _, other := range list[1:] {
			site.Samples += other.Samples
		}
		site.Estimate = int64(math.Round(float64(ran) * float64(site.Samples) / float64(site.OfSamples)))
		out = append(out, site)
	}
	slices.SortFunc(out, bySamples)
	return out
}

func bySamples(a, b breakdown.CPUSite) int {
	return cmp.Or(cmp.Compare(b.Samples, a.Samples), compareFrames(a.Frame, b.Frame), cmp.Compare(a.Called, b.Called), cmp.Compare(a.Activity, b.Activity))
}

// fewestSampled is the fewest samples from which the cpu bucket's time is divided among
// call sites.
const fewestSampled = 10

// divide splits the time of the cpu bucket without a call site among the places that the
// samples led to. What is left of it by rounding, or outside of the service's code, stays
// without one.
func divide(t *breakdown.BucketTime, sites []breakdown.CPUSite, requests int64) {
	last := len(t.Sites) - 1
	if last < 0 || t.Sites[last].Function != breakdown.Other || len(sites) == 0 || sites[0].OfSamples < fewestSampled {
		return
	}
	total, by, of := t.Sites[last].Total, map[string]*breakdown.SiteTime{}, int64(0)
	for i := range sites {
		if !isCFunction(sites[i].Called) { // time in C has its call site
			of += sites[i].Samples
		}
	}
	rest := total
	var order []*breakdown.SiteTime
	for i := range sites {
		s := &sites[i]
		if s.Outside || s.Function == "" || isCFunction(s.Called) {
			continue
		}
		part := int64(float64(total) * (float64(s.Samples) / float64(of)))
		rest -= part
		if by[s.Function] == nil {
			by[s.Function] = &breakdown.SiteTime{Frame: s.Frame, Why: whyComputes(s), Because: breakdown.Because{State: "running", In: s.Called}}
			order = append(order, by[s.Function])
		}
		by[s.Function].Total += part
		by[s.Function].Samples += s.Samples
	}
	slices.SortStableFunc(order, func(a, b *breakdown.SiteTime) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), compareFrames(a.Frame, b.Frame))
	})
	out := t.Sites[:last:last]
	for i, s := range order {
		if len(out) >= topSites {
			for _, small := range order[i:] {
				rest += small.Total
			}
			break
		}
		s.Mean = mean(s.Total, requests)
		out = append(out, *s)
	}
	slices.SortStableFunc(out, func(a, b breakdown.SiteTime) int { return cmp.Compare(b.Total, a.Total) })
	if rest > 0 {
		out = append(out, breakdown.SiteTime{Frame: breakdown.Frame{Function: breakdown.Other}, Total: rest, Mean: mean(rest, requests)})
	}
	t.Sites = out
}

// whyComputes is the evidence for the time of a place that was sampled.
func whyComputes(s *breakdown.CPUSite) string {
	if s.Called == "" {
		return "CPU samples"
	}
	return "CPU samples in " + s.Called
}

// processors adds whom the processors of a capture's service worked for.
func (a *answer) processors(sum *timeline.Summary) {
	if sum.Processors.All.Total == 0 {
		return
	}
	if a.b.Processors == nil {
		a.b.Processors = &breakdown.Processors{Jobs: []breakdown.Job{}}
	}
	a.b.Processors.Add(&sum.Processors)
}

// cCalls returns the time in C functions by place, the one with the most first.
func (e *endpoint) cCalls() []diagnosis.CCall {
	type key struct {
		site     breakdown.Frame
		function string
	}
	sums := map[key]*diagnosis.CCall{}
	for _, b := range []breakdown.Bucket{breakdown.Unknown, breakdown.CPU} {
		for c, t := range e.buckets[b].causes {
			name := cName(c)
			if name == "" || c.State != "syscall" {
				continue
			}
			k := key{c.Site, name}
			if sums[k] == nil {
				sums[k] = &diagnosis.CCall{Site: c.Site, Function: name}
			}
			if b == breakdown.CPU {
				sums[k].Computing += t.ns
			} else {
				sums[k].Waiting += t.ns
			}
		}
	}
	var out []diagnosis.CCall
	for _, c := range sums {
		c.Waiting, c.Computing = mean(c.Waiting, e.requests), mean(c.Computing, e.requests)
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b diagnosis.CCall) int {
		return cmp.Or(cmp.Compare(b.Waiting+b.Computing, a.Waiting+a.Computing), compareFrames(a.Site, b.Site), cmp.Compare(a.Function, b.Function))
	})
	return out
}

// stops returns the place that waits the longest for a collection of garbage that it asked
// for, nil if there is none.
func (e *endpoint) stops() (most *diagnosis.Stop) {
	type key struct {
		site   breakdown.Frame
		called string
	}
	sums := map[key]int64{}
	for c, t := range e.buckets[breakdown.GC].causes {
		if called := rules.Stopper(c.Stack); called != "" {
			sums[key{c.Site, called}] += t.ns
		}
	}
	for k, ns := range sums {
		ns = mean(ns, e.requests)
		if most == nil || cmp.Or(cmp.Compare(most.Time, ns), compareFrames(k.site, most.Site), cmp.Compare(k.called, most.Called)) < 0 {
			most = &diagnosis.Stop{Site: k.site, Called: k.called, Time: ns}
		}
	}
	return most
}

// longestStopper returns where goroutines that serve no request stop the world the longest,
// of all captures, nil if nowhere.
func longestStopper(all []timeline.Stopper) (most *diagnosis.Stop) {
	type key struct {
		site   breakdown.Frame
		called string
	}
	sums := map[key]*diagnosis.Stop{}
	for _, s := range all {
		k := key{s.Site, s.Called}
		if sums[k] == nil {
			sums[k] = &diagnosis.Stop{Site: s.Site, Called: s.Called}
		}
		sum := sums[k]
		if sum.Time += s.Time; most == nil || sum.Time > most.Time {
			most = sum
		}
	}
	return most
}
