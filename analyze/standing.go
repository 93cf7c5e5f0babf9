package analyze

import (
	"cmp"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// longWait is the length in ns from which a wait that ended shows that those like it do.
// Shorter ones, at a site where requests stand still, were for something else.
const longWait = 250_000_000

// standing sums what an endpoint's requests were waiting for when the window closed, and
// which long waits ended in the window.
type standing struct {
	stands map[standKey]*standSum
	ended  map[endedKey]*endedSum
}

type standKey struct {
	own    *breakdown.Cause // with the stack of the request's own goroutine
	of     *breakdown.Cause // what it waits for
	bucket breakdown.Bucket
	phase  breakdown.Phase
}

type standSum struct{ count, whole, time, longest int64 }

type endedKey struct {
	bucket breakdown.Bucket
	phase  breakdown.Phase
	site   breakdown.Frame
}

// endedSum counts long waits that ended, and those of them that a holder ended by giving
// back what they waited for.
type endedSum struct{ count, released int64 }

// addStanding adds what a cut request was waiting for when the window closed, and its
// long waits that ended.
func (e *endpoint) addStanding(r *breakdown.Request) {
	n := len(r.Path)
	if r.Stands.Cause != nil && n > 0 {
		last := &r.Path[n-1]
		s := e.standSum(standKey{r.Stands.Cause, last.Cause, last.Bucket, last.Phase})
		s.count++
		if r.Stands.Whole {
			s.whole++
		}
		s.time += r.End - r.Stands.Since
		s.longest = max(s.longest, r.End-r.Stands.Since)
	}
	for i := range r.Path {
		if s := &r.Path[i]; s.End-s.Start >= longWait && (r.Stands.Cause == nil || s.End <= r.Stands.Since) && s.End < r.End {
			e.addEnded(s)
		}
	}
}

// standSum returns the sums for a key. If there is no room for them, nothing keeps what it
// returns.
func (e *endpoint) standSum(key standKey) *standSum {
	s := e.stands[key]
	if s == nil {
		s = &standSum{}
		if e.spend(sumSize) {
			if e.stands == nil {
				e.stands = map[standKey]*standSum{}
			}
			e.stands[key] = s
		}
	}
	return s
}

// addEnded adds a long wait that ended in the window.
func (e *endpoint) addEnded(s *breakdown.Segment) {
	key := endedKey{s.Bucket, s.Phase, s.Cause.Site}
	sum := e.ended[key]
	if sum == nil {
		if !e.spend(sumSize) {
			return
		}
		if e.ended == nil {
			e.ended = map[endedKey]*endedSum{}
		}
		sum = &endedSum{}
		e.ended[key] = sum
	}
	sum.count++
	if slices.ContainsFunc(s.Behind, isRelease) {
		sum.released++
	}
}

// isRelease reports whether a holder gave back what a request waited for. A canceled
// context ends a wait as well.
func isRelease(b breakdown.Behind) bool {
	return !slices.ContainsFunc(b.Release.Stack, func(f breakdown.Frame) bool { return strings.HasPrefix(f.Function, "context.") })
}

func (s *standing) merge(o *standing) {
	for key, sum := range o.stands {
		if have := s.stands[key]; have != nil {
			have.count, have.whole, have.time = have.count+sum.count, have.whole+sum.whole, have.time+sum.time
			have.longest = max(have.longest, sum.longest)
			continue
		}
		if s.stands == nil {
			s.stands = map[standKey]*standSum{}
		}
		s.stands[key] = sum
	}
	for key, sum := range o.ended {
		if have := s.ended[key]; have != nil {
			have.count, have.released = have.count+sum.count, have.released+sum.released
			continue
		}
		if s.ended == nil {
			s.ended = map[endedKey]*endedSum{}
		}
		s.ended[key] = sum
	}
}

// standingOf returns what an endpoint's requests stood at, the most first.
func (s *standing) standingOf() (out []diagnosis.Stand) {
	for key, sum := range s.stands {
		out = append(out, diagnosis.Stand{
			Bucket: key.bucket, Phase: key.phase, Reason: rules.Reason(key.own), Site: key.of.Site, System: key.of.System,
			Stack: key.of.Stack, Own: key.own.Stack,
			Count: sum.count, Whole: sum.whole, Time: sum.time, Longest: sum.longest,
		})
	}
	slices.SortFunc(out, compareStands)
	return out
}

func compareStands(a, b diagnosis.Stand) int {
	return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(b.Time, a.Time), compareFrames(a.Site, b.Site),
		cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Phase, b.Phase), cmp.Compare(a.Reason, b.Reason), slices.CompareFunc(a.Own, b.Own, compareFrames),
		slices.CompareFunc(a.Stack, b.Stack, compareFrames))
}

// endedOf returns the long waits that ended, in a fixed order.
func (s *standing) endedOf() (out []diagnosis.Ended) {
	for key, sum := range s.ended {
		out = append(out, diagnosis.Ended{Bucket: key.bucket, Phase: key.phase, Site: key.site, Count: sum.count, Released: sum.released})
	}
	slices.SortFunc(out, func(a, b diagnosis.Ended) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), compareFrames(a.Site, b.Site), cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Phase, b.Phase))
	})
	return out
}

// besideRequests returns what the service's other goroutines stood at.
func besideRequests(list []timeline.Standing) (out []diagnosis.Stand) {
	for _, s := range list {
		out = append(out, diagnosis.Stand{
			Bucket: s.Bucket, Phase: s.Phase, State: s.Cause.State, Reason: rules.Reason(s.Cause), Site: s.Cause.Site, System: s.Cause.System,
			Stack: s.Cause.Stack, Own: s.Cause.Stack,
			Count: s.Count, Whole: s.Whole, Branches: s.Branches, Longest: s.Longest,
		})
	}
	return out
}

// unanswered counts the probes that waited for the server in vain, and those that did not.
type unanswered struct {
	diagnosis.Unanswered
	answered int64
}

func (u *unanswered) add(probes []capture.Probe) {
	for i := range probes {
		switch p := &probes[i]; {
		case p.Status != 0:
			u.answered++
		case p.FirstByte > 0:
			u.Count++
			u.Longest = max(u.Longest, p.FirstByte)
		}
	}
}

// alone returns the count unless there were answers as well.
func (u *unanswered) alone() *diagnosis.Unanswered {
	if u.answered > 0 || u.Count == 0 {
		return nil
	}
	return &u.Unanswered
}
