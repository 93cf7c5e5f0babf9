package replay

import (
	"slices"

	"timesink/analyze/breakdown"
)

// apply returns requests with the changes that are about their steps. The requests given
// stay as they are.
func (rec *Recording) apply(requests []request, changes []Change) []request {
	requests = slices.Clone(requests)
	for _, c := range changes {
		meets := make([]bool, len(rec.whats))
		for i := range meets {
			meets[i] = c.Target.meets(&rec.whats[i])
		}
		sites := make([]bool, len(rec.sites))
		for i := range sites {
			sites[i] = c.Target.meetsSite(&rec.sites[i])
		}
		a := alteration{rec: rec, change: &c, meets: meets, sites: sites}
		for i := range requests {
			a.request(&requests[i])
		}
	}
	return requests
}

// meetsSite reports whether calls of a site belong to a target.
func (t *Target) meetsSite(s *site) bool {
	switch {
	case t.All():
		return true
	case !t.place():
		return s.bucket == t.Bucket
	case t.isFrame(s.frame):
		return true
	}
	return s.way != nil && slices.ContainsFunc(s.way.Frames, t.isFrame)
}

// An alteration is one change that is being made.
type alteration struct {
	rec    *Recording
	change *Change
	meets  []bool // by what
	sites  []bool // by site
}

// request changes one request. Its threads are replaced, not modified.
func (a *alteration) request(r *request) {
	switch a.change.Kind {
	case Scale:
		a.each(r, func(s step) (step, bool) {
			if s.kind <= stays && a.meets[s.what] {
				s.time = int64(float64(s.time) * a.change.Factor)
			}
			return s, true
		})
	case NoLock:
		a.each(r, func(s step) (step, bool) {
			return s, s.kind != stays || a.rec.whats[s.what].bucket != breakdown.Lock || !a.meets[s.what]
		})
	case Reuse:
		a.each(r, a.reuse(r))
	case Once:
		first := map[int32]int16{} // the first call at each site
		for i := len(r.calls) - 1; i >= 0; i-- {
			if a.sites[r.calls[i].site] {
				first[r.calls[i].site] = int16(i + 1)
			}
		}
		a.each(r, func(s step) (step, bool) {
			return s, s.call == 0 || !a.sites[r.calls[s.call-1].site] || first[r.calls[s.call-1].site] == s.call
		})
	case Concurrent:
		r.threads, r.joints = slices.Clone(r.threads), slices.Clone(r.joints)
		a.spread(r)
	}
}

// each replaces each step of a request, or leaves it out.
func (a *alteration) each(r *request, change func(step) (step, bool)) {
	threads := make([][]step, len(r.threads))
	for i, t := range r.threads {
		threads[i] = make([]step, 0, len(t))
		for _, s := range t {
			if s, ok := change(s); ok {
				threads[i] = append(threads[i], s)
			}
		}
	}
	r.threads = threads
}

// reuse returns how to take the making of connections out of a request's steps.
func (a *alteration) reuse(r *request) func(step) (step, bool) {
	left := make([]int64, len(r.calls)) // of calls beside the path, of which no phases are known
	for i := range left {
		left[i] = r.calls[i].dialing
	}
	return func(s step) (step, bool) {
		if s.kind > stays || s.call == 0 || !a.sites[r.calls[s.call-1].site] {
			return s, true
		}
		w := &a.rec.whats[s.what]
		switch {
		case dials(w):
			return s, false
		case s.kind == stays && unphased(w):
			part := min(left[s.call-1], s.time)
			left[s.call-1] -= part
			s.time -= part
		}
		return s, true
	}
}

// spread makes the calls of a request's own goroutine go out at once: each gets a thread of
// its own, with what is computed between it and the next.
func (a *alteration) spread(r *request) {
	main := r.threads[0]
	matches := func(s *step) bool {
		return s.call > 0 && a.sites[r.calls[s.call-1].site]
	}
	first := slices.IndexFunc(main, func(s step) bool { return matches(&s) })
	if first < 0 {
		return
	}
	last := len(main)
	for last > 0 && !matches(&main[last-1]) {
		last--
	}
	out := slices.Clone(main[:first])
	var rest []step
	var joint []int32
	call := int16(0)
	for i := first; i < last; i++ {
		s := main[i]
		switch {
		case matches(&s):
			if s.call != call {
				call = s.call
				joint = append(joint, int32(len(r.threads)))
				out = append(out, step{kind: forks, arg: int32(len(r.threads))})
				r.threads = append(r.threads, nil)
			}
		case s.kind != runs || call == 0:
			rest = append(rest, s)
			call = 0
			continue
		}
		t := &r.threads[len(r.threads)-1]
		*t = append(*t, s)
	}
	out = append(out, step{kind: joins, arg: int32(len(r.joints))})
	r.joints = append(r.joints, joint)
	r.threads[0] = append(append(out, rest...), main[last:]...)
}

// dials reports whether time is spent on making a connection.
func dials(w *what) bool { return w.bucket.External() && w.phase.Stage() == breakdown.Dialing }

// unphased reports whether time is spent in a call of which no phases are known.
func unphased(w *what) bool { return w.bucket.External() && w.phase == breakdown.NoPhase }
