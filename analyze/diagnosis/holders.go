package diagnosis

import (
	"slices"

	"timesink/analyze/breakdown"
)

// Who has the processors while requests need them: the collector, goroutines that serve no
// request, other requests. What ran while every processor was busy shows whom requests that
// were ready waited for, and who kept the runtime from noticing news in time.

// enoughCrowded is the fewest CPU samples, taken while all processors were busy, that show
// who had them.
const enoughCrowded = 20

// mostlyHeld is the share of the samples from which one of them is the cause.
const mostlyHeld = 0.25

// heldBy returns the share of the processors' time that some had while all were busy. It
// is 0 if there are too few samples.
func (s *subject) heldBy(of func(*breakdown.Hits) int64) float64 {
	p := s.in.Processors
	if p == nil || p.Crowded.Total < enoughCrowded {
		return 0
	}
	return float64(of(&p.Crowded)) / float64(p.Crowded.Total)
}

// delayed returns claims on a share of the time in which requests were ready to run, and of
// that which only seems to be another system's, or sleep, because its end was noticed late.
func (s *subject) delayed(share float64) (claims []claim, ready, late int64) {
	part := func(ns int64) int64 { return int64(share * float64(ns)) }
	c := s.whole(breakdown.Scheduler)
	if c.ns = part(c.ns); c.ns > 0 {
		claims, ready = append(claims, c), c.ns
	}
	for b := range breakdown.NumBuckets {
		c := s.claimed(b, breakdown.Asking)
		if c.ns == 0 {
			c = s.whole(b)
		}
		if c.ns = min(c.ns, part(s.Late[b])); c.ns > 0 {
			claims, late = append(claims, c), late+c.ns
		}
	}
	return claims, ready, late
}

// lateFacts returns how long requests were ready to run, and what was noticed late, with
// the bucket that has most of the latter.
func (s *subject) lateFacts(ready, late int64) (facts breakdown.Facts) {
	if ready > 0 {
		facts = append(facts, breakdown.Fact{Kind: breakdown.FactReady, Value: float64(ready)})
	}
	if late > 0 {
		most := breakdown.Bucket(0)
		for b := range breakdown.NumBuckets {
			if s.Late[b] > s.Late[most] {
				most = b
			}
		}
		facts = append(facts, breakdown.Fact{Kind: breakdown.FactLate, Name: most.String(), Value: float64(late)})
	}
	return facts
}

// pressing is the share of all CPU samples from which the collector is under pressure.
const pressing = 0.25

// stopping is the share of a request's time in the collector's hands from which that is a
// cause, whatever the collector's share of the CPU.
const stopping = 0.15

// fewRequests is the fewest requests whose time in the collector's hands is no accident.
const fewRequests = 20

// gcPressure finds that the garbage collector holds requests up: it stops them, has them
// help, or has the processors that they need.
func gcPressure(s *subject) *found {
	p := s.in.Processors
	if p == nil || p.All.Total < enoughCrowded {
		return nil
	}
	whole := s.whole(breakdown.GC)
	pressed := leastShare(p.All.Collector, p.All.Total) >= pressing
	if !pressed && (float64(whole.ns) < stopping*float64(s.Wall.Mean) || s.Requests < fewRequests) {
		return nil
	}
	claims, ready, late := []claim{whole}, int64(0), int64(0)
	if pressed {
		claims, ready, late = s.delayed(s.heldBy(func(h *breakdown.Hits) int64 { return h.Collector }))
		claims = append(claims, whole)
	}
	if !s.worth(whole.ns + ready + late) {
		return nil
	}
	percent := func(n int64) float64 { return 100 * float64(n) / float64(p.All.Total) }
	f := &found{sure: breakdown.Likely, claims: claims, saves: -1, facts: breakdown.Facts{spent(whole.ns + ready + late),
		{Kind: breakdown.FactCollector, Value: percent(p.All.Collector)},
		{Kind: breakdown.FactCollectorPart, Name: "marking", Value: percent(p.Marking)},
		{Kind: breakdown.FactCollectorPart, Name: "assists", Value: percent(p.Assisting)},
		{Kind: breakdown.FactCollectorPart, Name: "sweeping", Value: percent(p.Sweeping + p.Scavenging)},
		{Kind: breakdown.FactSamples, Value: float64(p.All.Total)}}}
	if h := p.Heap; h != nil {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactCollections, Value: float64(h.Collections)},
			breakdown.Fact{Kind: breakdown.FactLiveHeap, Value: float64(h.Live)}, breakdown.Fact{Kind: breakdown.FactHeapGoal, Value: float64(h.Goal)})
	}
	f.facts = append(f.facts, s.lateFacts(ready, late)...)
	return f
}

// A Stop is the waiting at one place for a collection of garbage that it asked for.
type Stop struct {
	Site   breakdown.Frame
	Called string // the function of the runtime
	Time   int64  // ns, per request unless it says otherwise
}

// stopsTheWorld finds that requests stop all goroutines themselves, or wait for a collection
// that they ask for. What keeps such requests waiting for each other is in the collector's
// bucket too, though the collector has hardly run.
func stopsTheWorld(s *subject) *found {
	if f := s.stoppedByOthers(); f != nil {
		return f
	}
	w, _ := s.computes(func(c *breakdown.CPUSite) bool { return c.Activity == breakdown.StoppingTheWorld })
	waits := claim{bucket: breakdown.GC}
	if s.Stops != nil {
		waits.ns = s.Stops.Time
	}
	if p := s.in.Processors; w.least > 0 && p != nil && p.All.Total > 0 && float64(p.All.Collector) < pressing*float64(p.All.Total) {
		waits = s.whole(breakdown.GC)
	}
	if !s.worth(waits.ns + w.least) {
		return nil
	}
	runs := s.onCPU()
	runs.ns = w.ns
	f := &found{sure: breakdown.Likely, claims: []claim{waits, runs}, saves: -1, facts: breakdown.Facts{spent(waits.ns + runs.ns)}} // by samples
	t := Transfer{Site: w.site.Frame, Called: w.site.Called}
	if s.Stops != nil && s.Stops.Time >= w.ns {
		f.sure, t = breakdown.Certain, Transfer{Site: s.Stops.Site, Called: s.Stops.Called}
	}
	f.key, f.facts = t.Site.Function, append(f.facts, t.facts()...)
	return f
}

// oftenStopped is the share of the window from which stops of the world by others matter.
const oftenStopped = 0.05

// stoppedByOthers finds that goroutines that serve no request stop all others. Requests wait
// for the end of the stop, or notice only then what has come meanwhile.
func (s *subject) stoppedByOthers() *found {
	stop, window := s.in.Stopper, float64(s.in.Source.Covered)
	if stop == nil || float64(stop.Time) < oftenStopped*window {
		return nil
	}
	claims, _, late := s.delayed(1)
	claims = slices.DeleteFunc(claims, func(c claim) bool { return c.bucket == breakdown.Scheduler })
	waits := s.whole(breakdown.GC)
	if p := s.in.Processors; p != nil && p.All.Total > 0 && float64(p.All.Collector) >= pressing*float64(p.All.Total) {
		waits.ns = 0
	}
	if !s.worth(waits.ns + late) {
		return nil
	}
	f := &found{sure: breakdown.Likely, claims: append(claims, waits), saves: -1, key: stop.Site.Function, facts: breakdown.Facts{spent(waits.ns + late),
		{Kind: breakdown.FactStopped, Value: 100 * float64(stop.Time) / window}}}
	t := Transfer{Site: stop.Site, Called: stop.Called}
	f.facts = slices.Concat(f.facts, t.facts(), s.lateFacts(0, late))
	return f
}

// processorsHeld finds that goroutines that serve no request, or other endpoints, have the
// processors that requests need.
func processorsHeld(s *subject) *found {
	p := s.in.Processors
	share := s.heldBy(func(h *breakdown.Hits) int64 { return h.Jobs })
	others, most := s.othersShare()
	byJobs := share >= others
	if !byJobs {
		share = others
	}
	if p == nil || share < mostlyHeld || !byJobs && (share < 2*mostlyHeld || s.share(s.computing()) > mostlyHeld) {
		return nil
	}
	claims, ready, late := s.delayed(share)
	if !s.worth(ready + late) {
		return nil
	}
	f := &found{sure: breakdown.Likely, claims: claims, saves: -1, facts: breakdown.Facts{spent(ready + late)}}
	if byJobs {
		jobs := p.Jobs
		for _, j := range jobs[:min(len(jobs), 2)] {
			if 4*j.Crowded >= jobs[0].Crowded {
				f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactJob, Place: breakdown.Place(j.Frame), Value: 100 * float64(j.Samples) / float64(p.All.Total)},
					breakdown.Fact{Kind: breakdown.FactJobBusy, Value: float64(j.Busy)}, breakdown.Fact{Kind: breakdown.FactJobTimes, Value: float64(j.Times)})
			}
		}
		f.key = jobs[0].Function
	} else {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactEndpointCPU, Name: s.in.Endpoints[most].Name, Value: 100 * s.share(s.in.computing(most))})
		f.key = s.in.Endpoints[most].Name
	}
	f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactSamples, Value: float64(p.All.Total)})
	f.facts = append(f.facts, s.lateFacts(ready, late)...)
	return f
}

// computing returns how many CPU samples hit an endpoint while it computed.
func (in *Input) computing(endpoint int) int64 {
	if endpoint < len(in.Evidence) && len(in.Evidence[endpoint].Computing) > 0 {
		return in.Evidence[endpoint].Computing[0].OfSamples
	}
	return 0
}

// computing returns how many CPU samples hit these requests while they computed.
func (s *subject) computing() int64 {
	if len(s.Computing) > 0 {
		return s.Computing[0].OfSamples
	}
	return 0
}

// share returns the share of the process's CPU samples, 0 if there are none.
func (s *subject) share(samples int64) float64 {
	if p := s.in.Processors; p != nil && p.All.Total > 0 {
		return float64(samples) / float64(p.All.Total)
	}
	return 0
}

// othersShare estimates which share of the processors' time the requests to other endpoints
// had while all were busy, and returns the index of the one with the most.
func (s *subject) othersShare() (share float64, most int) {
	whole, samples, most := int64(0), int64(0), -1
	for i := range s.in.Evidence {
		n := s.in.computing(i)
		whole += n
		if &s.in.Evidence[i] == s.Evidence {
			continue
		}
		samples += n
		if most < 0 || n > s.in.computing(most) {
			most = i
		}
	}
	if whole == 0 || most < 0 || s.Name == breakdown.Unnamed {
		return 0, -1 // requests without a name may be of the endpoint that computes
	}
	return s.heldBy(func(h *breakdown.Hits) int64 { return h.Requests }) * float64(samples) / float64(whole), most
}
