package replay

import (
	"slices"

	"timesink/analyze/breakdown"
)

// fewRequests is the number below which an endpoint's quantiles say little.
const fewRequests = 50

// off is the share of the mean from which a replay without a change does not give back
// what was recorded.
const off = 0.02

// offQueue is the share of the waits for a resource from which a replay does not understand
// the queue for it, unless they are less than off of the wall time. Queues are chaotic: one
// request that comes a little later changes who waits for how long after it.
const offQueue = 0.25

// caveats adds what a prediction rests on, and what it cannot know. p.Unknown holds what is
// not known about other systems already.
func (rec *Recording) caveats(p *breakdown.Prediction, w *world, kept []resource, paces []breakdown.Assumption, changes []Change) {
	assume := func(a breakdown.Assumption) { p.Assumptions = append(p.Assumptions, a) }
	unknown := func(a breakdown.Assumption) { p.Unknown = append(p.Unknown, a) }
	assume(breakdown.Assumption{Code: breakdown.AssumeLoad, Number: len(w.clients)})
	if rec.dropped > 0 {
		assume(breakdown.Assumption{Code: breakdown.AssumePart, Time: rec.length})
	}
	more := false
	for _, c := range changes {
		switch c.Kind {
		case Once:
			assume(breakdown.Assumption{Code: breakdown.AssumeOnce, At: c.Target.Text})
		case Procs:
			assume(breakdown.Assumption{Code: breakdown.AssumeCores, Number: c.Number})
		}
		more = more || c.Kind != Once
	}
	told := int64(0)
	for _, a := range paces {
		assume(a)
		told += a.Pace.Mean * int64(a.Pace.Calls)
	}
	if external := rec.spentIn(breakdown.Bucket.External); more && len(p.Unknown) == 0 && float64(told) < (1-busy)*float64(external) {
		assume(breakdown.Assumption{Code: breakdown.AssumePace})
	}
	n := int64(0)
	unnamed := 0
	for i := range rec.requests {
		if r := &rec.requests[i]; r.whole {
			n++
			if rec.endpoints[rec.endpointOf[r.name]].Name == "" {
				unnamed++
			}
		}
	}
	for _, b := range []breakdown.Bucket{breakdown.Lock, breakdown.Wait} {
		t := rec.spentIn(func(o breakdown.Bucket) bool { return o == b })
		for i := range w.resources {
			if w.resources[i].bucket == b {
				t -= w.resources[i].waited
			}
		}
		if t > 0 && float64(t) > off*float64(rec.spentIn(func(breakdown.Bucket) bool { return true })) {
			unknown(breakdown.Assumption{Code: breakdown.AssumeQueueKept, Bucket: b.String(), Time: t / n})
		}
	}
	for i := range kept {
		if r := &kept[i]; r.sort == aPool {
			unknown(breakdown.Assumption{Code: breakdown.AssumeQueueKept, Bucket: r.bucket.String(), Time: r.waited / n})
		}
	}
	for _, c := range changes {
		if (c.Kind == Pool || c.Kind == Workers) && !slices.ContainsFunc(w.resources, func(r resource) bool { return c.Target.isOf(r.causes) }) {
			unknown(breakdown.Assumption{Code: breakdown.UnknownQueue, At: c.Target.Text})
		}
	}
	for i := range p.Endpoints {
		e := &p.Endpoints[i]
		if d := e.Replayed.Mean - e.Before.Mean; float64(max(d, -d)) > off*float64(e.Before.Mean) {
			unknown(breakdown.Assumption{Code: breakdown.UnknownIdentity, At: e.Name, Time: d})
		}
		if e.Before.Requests < fewRequests {
			unknown(breakdown.Assumption{Code: breakdown.UnknownFew, At: e.Name, Number: int(e.Before.Requests)})
		}
	}
	if unnamed > 0 {
		unknown(breakdown.Assumption{Code: breakdown.UnknownUnnamed, Number: unnamed})
	}
}

// spentIn returns the time of the complete requests in some buckets, in ns.
func (rec *Recording) spentIn(of func(breakdown.Bucket) bool) (sum int64) {
	for i := range rec.requests {
		if r := &rec.requests[i]; r.whole {
			for b, t := range r.spent {
				if of(breakdown.Bucket(b)) {
					sum += t
				}
			}
		}
	}
	return sum
}
