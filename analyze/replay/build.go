package replay

import (
	"math"
	"slices"

	"timesink/analyze/breakdown"
)

// A builder turns a request's path and calls into threads.
//
// The path has no branches: while a request waits for several, it holds what the one that
// ended last was doing. Where others worked at the same time, the replay needs them too:
// if the last one becomes shorter, the request waits for the next. What they did is known
// from their calls; the time in between is kept as it was.
type builder struct {
	c    *Recorder
	r    *breakdown.Request
	out  request
	main []timed
	// branches are the goroutines beside the request's own with calls that are not all on
	// the path, by when they began.
	branches []branch
}

// A timed step is one with the time at which it was recorded, for as long as it matters
// where it begins.
type timed struct {
	step
	at int64
}

// A branch is what one goroutine did beside the path, or on it.
type branch struct {
	goroutine  int64
	start, end int64
	calls      []int // indices into the request's calls, by start
	joined     bool
}

// mostThreads bounds how many branches of a request are told apart.
const mostThreads = 256

// build returns a request's threads.
func (c *Recorder) build(r *breakdown.Request) request {
	b := builder{c: c, r: r, out: request{start: r.Start, end: r.End, goroutine: r.Goroutine, own: c.goroutineIs(r.Goroutine), name: c.nameIs(r), whole: !r.Incomplete}}
	for i := range r.Calls {
		b.out.calls = append(b.out.calls, call{c.siteIs(&r.Calls[i]), r.Calls[i].Dialing})
	}
	b.findBranches()
	b.out.threads, b.out.begins = [][]step{nil}, []int64{r.Start}
	for i := 0; i < len(r.Path); {
		n := b.awaits(i)
		if n == 0 {
			b.main = append(b.main, b.segment(&r.Path[i]))
			i++
			continue
		}
		b.join(i, i+n)
		i += n
	}
	for i := range b.branches {
		if br := &b.branches[i]; !br.joined {
			b.fork(br.start, b.thread(br.start, b.branchSteps(br, br.start, math.MaxInt64)))
		}
	}
	b.out.threads[0] = bare(b.main)
	for i := range r.Path {
		s := &r.Path[i]
		b.out.spent[s.Bucket] += s.End - s.Start
		if s.Cause != nil && onProcessor(s) {
			c.ran.Add(s.Start, s.End)
		}
	}
	return b.out
}

// onProcessor reports whether a segment's goroutine was running.
func onProcessor(s *breakdown.Segment) bool {
	return s.Bucket == breakdown.CPU && s.Phase == breakdown.NoPhase || s.Bucket == breakdown.GC && s.Cause.State == "running"
}

// bare returns the steps, each of which follows the one before.
func bare(list []timed) []step {
	out := make([]step, 0, len(list))
	for i := range list {
		s := &list[i].step
		if n := len(out); n > 0 && s.kind <= stays && s.time > 0 && out[n-1].time > 0 && out[n-1].kind == s.kind && out[n-1].what == s.what && out[n-1].call == s.call && out[n-1].by == s.by {
			out[n-1].time += s.time
			continue
		}
		out = append(out, *s)
	}
	return slices.Clip(out)
}

// segment returns the step for a segment of the path. The wait for a processor becomes a
// need for one: how long that takes is for the replay to find out.
func (b *builder) segment(s *breakdown.Segment) timed {
	w := what{s.Bucket, s.Phase, s.Cause}
	t := timed{at: s.Start, step: step{time: s.End - s.Start, kind: stays, call: b.callAt(s)}}
	if s.Goroutine != b.r.Goroutine {
		t.by = b.c.goroutineIs(s.Goroutine)
	}
	switch {
	case s.Bucket == breakdown.Scheduler:
		t.arg = int32(min(t.time, math.MaxInt32))
		t.kind, t.time = runs, 0
		w.bucket = breakdown.CPU
	case s.Bucket == breakdown.Lock, s.Bucket == breakdown.Wait, s.Phase == breakdown.PoolWait:
		t.kind = queues
		if len(s.Behind) > 0 {
			t.arg = b.c.goroutineIs(s.Behind[0].By)
		}
	case onProcessor(s):
		t.kind = runs
	}
	t.what = b.c.whatIs(w)
	if s.Bucket == breakdown.Lock && len(s.Behind) > 0 {
		by := s.Behind[0].Release
		if s.Behind[0].Through != nil {
			by = s.Behind[0].Through
		}
		if by != nil && by.Site.Function != "" {
			b.c.unlocked[t.what] = by.Site.Function
		}
	}
	return t
}

// callAt returns the call that a segment is part of, from 1, or 0 if there is none.
func (b *builder) callAt(s *breakdown.Segment) int16 {
	for i := range b.r.Calls {
		c := &b.r.Calls[i]
		if c.Goroutine == s.Goroutine && c.Start <= s.Start && s.End <= c.End && (s.Bucket == c.Bucket || !s.Bucket.External()) && i < math.MaxInt16 {
			return int16(i + 1)
		}
	}
	return 0
}

// findBranches finds the goroutines that made calls beside the path.
func (b *builder) findBranches() {
	r := b.r
	for i := range r.Calls {
		c := &r.Calls[i]
		if c.Goroutine == r.Goroutine || c.End <= c.Start {
			continue
		}
		k := slices.IndexFunc(b.branches, func(br branch) bool { return br.goroutine == c.Goroutine })
		if k < 0 {
			if len(b.branches) == mostThreads {
				continue
			}
			k = len(b.branches)
			b.branches = append(b.branches, branch{goroutine: c.Goroutine, start: c.Start, end: c.End})
		}
		br := &b.branches[k]
		br.start, br.end = min(br.start, c.Start), max(br.end, c.End)
		br.calls = append(br.calls, i)
	}
	b.branches = slices.DeleteFunc(b.branches, func(br branch) bool {
		slices.SortFunc(br.calls, func(i, k int) int { return int(r.Calls[i].Start - r.Calls[k].Start) })
		return !slices.ContainsFunc(br.calls, func(i int) bool { return r.Calls[i].OnPath < (r.Calls[i].End-r.Calls[i].Start)/2 }) && !b.overlapped(&br)
	})
}

// overlapped reports whether another branch made calls at the same time.
func (b *builder) overlapped(br *branch) bool {
	return slices.ContainsFunc(b.branches, func(o branch) bool {
		return o.goroutine != br.goroutine && o.start < br.end && br.start < o.end
	})
}

// awaits returns how many segments from i on are a wait of the request's own goroutine for
// several branches, 0 if they are none.
func (b *builder) awaits(i int) int {
	r := b.r
	if r.Path[i].Goroutine == r.Goroutine || len(b.branches) == 0 {
		return 0
	}
	k := i
	for k < len(r.Path) && r.Path[k].Goroutine != r.Goroutine {
		k++
	}
	from, to := r.Path[i].Start, r.Path[k-1].End
	if !slices.ContainsFunc(b.branches, func(br branch) bool { return !br.joined && br.start < to && br.end > from }) {
		return 0
	}
	return k - i
}

// join adds a wait for branches, in which the path has the segments [i, k): the last one's
// thread, which the path shows, and those that ended by then.
func (b *builder) join(i, k int) {
	r := b.r
	from, to := r.Path[i].Start, r.Path[k-1].End
	var joint []int32
	var led []timed // what the last one did before the wait
	start := from
	for n := k - 1; n >= i; n-- {
		at := slices.IndexFunc(b.branches, func(br branch) bool { return br.goroutine == r.Path[n].Goroutine && !br.joined })
		if at < 0 {
			continue
		}
		if br := &b.branches[at]; br.end <= to {
			br.joined = true
			if br.start < from {
				start, led = br.start, b.branchSteps(br, br.start, from)
			}
			break
		}
	}
	for n := i; n < k; n++ {
		led = append(led, b.segment(&r.Path[n]))
	}
	joint = append(joint, b.thread(start, led))
	b.fork(start, joint[0])
	for n := range b.branches {
		if br := &b.branches[n]; !br.joined && br.end <= to && br.start < to {
			br.joined = true
			t := b.thread(br.start, b.branchSteps(br, br.start, math.MaxInt64))
			b.fork(br.start, t)
			joint = append(joint, t)
		}
	}
	b.main = append(b.main, timed{at: from, step: step{kind: joins, time: to - from, arg: int32(len(b.out.joints))}})
	b.out.joints = append(b.out.joints, joint)
}

// thread adds a thread and returns its number.
func (b *builder) thread(begin int64, steps []timed) int32 {
	b.out.threads, b.out.begins = append(b.out.threads, bare(steps)), append(b.out.begins, begin)
	return int32(len(b.out.threads) - 1)
}

// fork lets the request's own goroutine start a thread at a moment. If it was waiting for
// others then, the thread begins with as much delay after the wait began.
func (b *builder) fork(at int64, thread int32) {
	fork := timed{at: at, step: step{kind: forks, arg: thread}}
	i := len(b.main)
	for i > 0 && b.main[i-1].at >= at {
		i--
	}
	// What begins before it: it is inside of that, or after it.
	if i > 0 {
		switch s := &b.main[i-1]; {
		case s.kind == joins:
			b.delay(thread, at-s.at)
			fork.at = s.at
			i--
		case s.kind <= stays && s.at+s.time > at:
			rest := *s
			rest.at, rest.time = at, s.at+s.time-at
			s.time -= rest.time
			b.main = slices.Insert(b.main, i, fork, rest)
			return
		}
	}
	b.main = slices.Insert(b.main, i, fork)
}

// delay lets a thread begin later.
func (b *builder) delay(thread int32, time int64) {
	if time > 0 {
		t := &b.out.threads[thread]
		*t = slices.Insert(*t, 0, b.gap(time))
		b.out.begins[thread] -= time
	}
}

// gap returns a step for time in which nothing is known about a branch.
func (b *builder) gap(time int64) step {
	return step{kind: stays, time: time, what: b.c.whatIs(what{bucket: breakdown.Unknown})}
}

// branchSteps returns what a branch did in [from, to), from its calls.
func (b *builder) branchSteps(br *branch, from, to int64) (steps []timed) {
	at := from
	for _, i := range br.calls {
		c := &b.r.Calls[i]
		start, end := max(c.Start, at), min(c.End, to)
		if start >= end {
			continue
		}
		if start > at {
			steps = append(steps, timed{b.gap(start - at), at})
		}
		w := what{bucket: c.Bucket, cause: b.c.causeOf(b.out.calls[i].site)}
		steps = append(steps, timed{step{kind: stays, time: end - start, what: b.c.whatIs(w), call: int16(min(i+1, math.MaxInt16))}, start})
		at = end
	}
	if to != math.MaxInt64 && to > at {
		steps = append(steps, timed{b.gap(to - at), at})
	}
	return steps
}

// causeOf returns a cause for a call of which only the site is known.
func (c *Recorder) causeOf(site int32) *breakdown.Cause {
	s := &c.sites[site]
	if s.cause == nil {
		s.cause = &breakdown.Cause{State: "waiting", System: s.system, Of: s.bucket, Site: s.frame}
		if s.way != nil {
			s.cause.Stack = s.way.Frames
		}
	}
	return s.cause
}
