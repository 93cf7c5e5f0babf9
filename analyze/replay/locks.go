package replay

import (
	"cmp"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// This file finds out who held a lock from when until when.
//
// A trace shows a lock only where somebody waits for it: who waited, until when, and who
// released it then. So the end of a hold is known if somebody waited for it, and its
// beginning if its holder had to wait. Holds of which both are known show what a hold spans:
// from how long after which step, until how long after which step. That says where the
// others begin and end, also of requests that met nobody.

// A mark is a lock that is taken or given back at a moment.
type mark struct {
	at       int64
	kind     kind // takes or gives
	resource int32
	step     int // the recorded wait that the taking replaces, -1 if none
}

// A holdEvent is the end of a wait for a lock: one goroutine took it then, and another one
// had released it.
type holdEvent struct {
	threadID
	step int // the wait
	at   int64
}

// A release is a moment at which a thread released a lock that somebody waited for.
type release struct {
	threadID
	at int64
}

// A lockSeen is what is known about one lock.
type lockSeen struct {
	name     string
	waited   int64
	unheld   int64 // the part of it for which no thread is known to have held it
	taken    []holdEvent
	released []release
	causes   map[*breakdown.Cause]bool
}

// findLocks finds the locks that requests waited for, and marks where they are taken and
// given back.
func (l *linker) findLocks() {
	locks := l.seeLocks()
	names := make([]string, 0, len(locks))
	for name := range locks {
		names = append(names, name)
	}
	slices.Sort(names)
	all := l.rec.spentIn(func(breakdown.Bucket) bool { return true })
	for _, name := range names {
		k := locks[name]
		r := resource{sort: aLock, name: name, bucket: breakdown.Lock, capacity: 1, waited: k.waited}
		for c := range k.causes {
			r.causes = append(r.causes, c)
		}
		if l.kept[r.key()] || k.waited <= all/1000 || 5*k.unheld > k.waited {
			continue
		}
		marks, ok := l.holds(k, int32(len(l.resources)))
		if !ok {
			continue
		}
		l.add(r)
		for id, list := range marks {
			l.marks[id] = append(l.marks[id], list...)
		}
	}
}

// lockName returns the name of a lock: the function that waits for it. It returns "" if
// several may hold it at once.
func lockName(w *what) string {
	if w.bucket != breakdown.Lock || w.cause == nil || strings.Contains(w.cause.Rule, "RWMutex") || slices.ContainsFunc(w.cause.Stack, func(f breakdown.Frame) bool { return strings.Contains(f.Function, "RWMutex") }) {
		return ""
	}
	return w.cause.Site.Function
}

// seeLocks collects what the waits for locks show.
func (l *linker) seeLocks() map[string]*lockSeen {
	rec := l.rec
	where := l.goroutines()
	locks := map[string]*lockSeen{}
	for i := range rec.requests {
		r := &rec.requests[i]
		for t := range r.threads {
			walk(r, t, func(n int, s *step, at int64) {
				if s.kind != queues {
					return
				}
				name := lockName(&rec.whats[s.what])
				if name == "" {
					return
				}
				if by, ok := rec.unlocked[s.what]; ok {
					name = min(name, by)
				}
				k := locks[name]
				if k == nil {
					k = &lockSeen{name: name, causes: map[*breakdown.Cause]bool{}}
					locks[name] = k
				}
				k.causes[rec.whats[s.what].cause] = true
				if r.whole {
					k.waited += s.time
				}
				k.taken = append(k.taken, holdEvent{threadID{int32(i), int32(t)}, n, at + s.time})
				if id, ok := where.find(s.arg, at+s.time); ok {
					k.released = append(k.released, release{id, at + s.time})
				} else if r.whole {
					k.unheld += s.time
				}
			})
		}
	}
	return locks
}

// An occupation says which thread a goroutine worked for, and when.
type occupation struct {
	start, end int64
	threadID
}

type occupations map[int32][]occupation

// goroutines returns the threads that each goroutine worked for.
func (l *linker) goroutines() occupations {
	o := occupations{}
	for i := range l.rec.requests {
		r := &l.rec.requests[i]
		o[r.own] = append(o[r.own], occupation{r.start, r.end, threadID{int32(i), 0}})
		for t := range r.threads {
			walk(r, t, func(_ int, s *step, at int64) {
				if s.by == 0 || s.kind > queues {
					return
				}
				list := o[s.by]
				if n := len(list); n > 0 && list[n-1].threadID == (threadID{int32(i), int32(t)}) && list[n-1].end == at {
					list[n-1].end += s.recorded()
					return
				}
				o[s.by] = append(list, occupation{at, at + s.recorded(), threadID{int32(i), int32(t)}})
			})
		}
	}
	for _, list := range o {
		slices.SortFunc(list, func(a, b occupation) int { return cmp.Compare(a.start, b.start) })
	}
	return o
}

// find returns the thread that a goroutine worked for at a moment.
func (o occupations) find(goroutine int32, at int64) (threadID, bool) {
	list := o[goroutine]
	i, _ := slices.BinarySearchFunc(list, at, func(x occupation, at int64) int {
		if x.end < at {
			return -1
		}
		return 1
	})
	if goroutine == 0 || i == len(list) || list[i].start > at {
		return threadID{}, false
	}
	return list[i].threadID, true
}

// A spot is a place in a thread: so much running time after the end of a step of a kind.
type spot struct {
	after int32 // what the last step before it is spent on, -1 if nothing but running
	ran   int64
}

// brief is how long a goroutine that was woken for a lock may run before it waits for it
// again, because another one was faster.
const brief = 100_000

// holds returns where a lock is taken and given back. It reports false if the holds that
// are known do not show what a hold spans.
func (l *linker) holds(k *lockSeen, resource int32) (map[threadID][]mark, bool) {
	taken, released := map[threadID][]holdEvent{}, map[threadID][]int64{}
	for _, e := range k.taken {
		taken[e.threadID] = append(taken[e.threadID], e)
	}
	for _, e := range k.released {
		released[e.threadID] = append(released[e.threadID], e.at)
	}
	var begins, ends []spot
	for id, list := range taken {
		gone := released[id]
		slices.Sort(gone)
		for i, e := range list {
			begins = append(begins, l.spotAt(id, 0, l.began(e)))
			if at, ok := endOf(list, i, gone); ok {
				ends = append(ends, l.spotAt(id, e.at, at))
			}
		}
	}
	begin, ok1 := usual(begins)
	end, ok2 := usual(ends)
	if !ok1 || !ok2 {
		return nil, false
	}
	marks := map[threadID][]mark{}
	names := map[int32]bool{}
	for id := range taken {
		names[l.rec.endpointOf[l.rec.requests[id.request].name]] = true
	}
	for i := range l.rec.requests {
		r := &l.rec.requests[i]
		for t := range r.threads {
			id := threadID{int32(i), int32(t)}
			if list := l.marksOf(id, taken[id], released[id], begin, end, names[l.rec.endpointOf[r.name]] && t == 0, resource); len(list) > 0 {
				marks[id] = list
			}
		}
	}
	return marks, true
}

// began returns when the wait of an event began.
func (l *linker) began(e holdEvent) int64 {
	return e.at - l.rec.requests[e.request].threads[e.thread][e.step].time
}

// endOf returns when the hold ended that began with the i-th event of a thread.
func endOf(list []holdEvent, i int, gone []int64) (int64, bool) {
	k, _ := slices.BinarySearch(gone, list[i].at+1)
	if k == len(gone) || i+1 < len(list) && gone[k] > list[i+1].at {
		return 0, false
	}
	return gone[k], true
}

// spotAt returns the place of a moment in a thread, seen from a moment before it.
func (l *linker) spotAt(id threadID, from, at int64) spot {
	s := spot{after: -1}
	walk(&l.rec.requests[id.request], int(id.thread), func(_ int, p *step, start int64) {
		end := start + p.recorded()
		switch {
		case start >= at || end <= from:
		case p.kind == stays && end <= at+brief/10 && start >= from:
			s = spot{after: p.what}
		case p.kind == runs && p.time > 0:
			s.ran += min(end, at) - max(start, from)
		}
	})
	return s
}

// usual returns the place that is typical of most.
func usual(list []spot) (spot, bool) {
	counts := map[int32][]int64{}
	for _, s := range list {
		counts[s.after] = append(counts[s.after], s.ran)
	}
	best := int32(-2)
	for after, rans := range counts {
		if best == -2 || len(rans) > len(counts[best]) || len(rans) == len(counts[best]) && after < best {
			best = after
		}
	}
	if best == -2 || 2*len(counts[best]) < len(list) {
		return spot{}, false
	}
	rans := counts[best]
	slices.Sort(rans)
	return spot{best, rans[len(rans)/2]}, true
}

// marksOf returns where a thread takes and gives back a lock.
func (l *linker) marksOf(id threadID, taken []holdEvent, released []int64, begin, end spot, usually bool, resource int32) (list []mark) {
	add := func(from, to int64, step int) {
		if to > from {
			list = append(list, mark{from, takes, resource, step}, mark{to, gives, resource, -1})
		}
	}
	at := int64(-1) // until when the holds so far last
	for i, e := range taken {
		if i+1 < len(taken) && l.began(taken[i+1])-e.at < brief { // another one was faster
			list = append(list, mark{e.at, none, resource, e.step})
			continue
		}
		to, ok := endOf(taken, i, released)
		if !ok {
			if to, ok = l.find(id, e.at, end); !ok {
				to = e.at + max(end.ran, 1)
			}
		}
		if i+1 < len(taken) {
			to = min(to, l.began(taken[i+1]))
		}
		add(e.at, max(to, e.at+1), e.step)
		at = max(to, e.at+1)
	}
	if len(taken) > 0 {
		return list
	}
	for _, to := range released {
		if from, ok := l.find(id, max(at, 0), begin); ok && from < to {
			add(from, to, -1)
			at = to
		}
	}
	if len(released) == 0 && usually {
		if from, ok := l.find(id, 0, begin); ok {
			if to, ok := l.find(id, from, end); ok {
				add(from, to, -1)
			}
		}
	}
	return list
}

// find returns the first moment of a thread that is at a place, seen from a moment.
func (l *linker) find(id threadID, from int64, s spot) (at int64, ok bool) {
	ran, after := int64(0), s.after < 0
	walk(&l.rec.requests[id.request], int(id.thread), func(_ int, p *step, start int64) {
		end := start + p.recorded()
		if ok || end <= from {
			return
		}
		switch {
		case p.kind == stays && !after && start >= from && l.alike(p.what, s.after):
			after, ran, at = true, 0, end
			ok = s.ran == 0
		case p.kind == runs && p.time > 0 && after:
			part := end - max(start, from)
			if ran+part >= s.ran {
				at, ok = max(start, from)+s.ran-ran, true
			}
			ran += part
		case p.kind == stays && after && s.after >= 0 && !l.alike(p.what, s.after):
			ok = true // it runs for less than is usual
		case p.kind == stays && after && s.after >= 0:
			ran, at = 0, end // the same step goes on
		}
	})
	if !ok && after && s.after >= 0 {
		ok = true
	}
	return at, ok
}

// alike reports whether two steps are spent on the same at the same place.
func (l *linker) alike(a, b int32) bool {
	x, y := &l.rec.whats[a], &l.rec.whats[b]
	return a == b || x.bucket == y.bucket && x.cause != nil && y.cause != nil && x.cause.Site == y.cause.Site
}

// marked returns a thread's steps with the taking and giving back of locks.
func (l *linker) marked(request, thread int32) []step {
	r := &l.rec.requests[request]
	list := l.marks[threadID{request, thread}]
	if len(list) == 0 {
		return r.threads[thread]
	}
	slices.SortStableFunc(list, func(a, b mark) int { return cmp.Compare(a.at, b.at) })
	replaced := map[int]*mark{}
	var rest []mark
	for i := range list {
		if m := &list[i]; m.step >= 0 {
			replaced[m.step] = m
		} else {
			rest = append(rest, *m)
		}
	}
	var out []step
	emit := func(m mark) { out = append(out, step{kind: m.kind, arg: m.resource, time: m.at}) }
	walk(r, int(thread), func(i int, s *step, at int64) {
		for len(rest) > 0 && rest[0].at <= at {
			emit(rest[0])
			rest = rest[1:]
		}
		if m := replaced[i]; m != nil {
			if m.kind == takes {
				emit(*m)
			}
			return
		}
		left := *s
		for len(rest) > 0 && s.kind <= stays && s.time > 0 && rest[0].at < at+left.time {
			part := left
			part.time = rest[0].at - at
			left.time -= part.time
			out = append(out, part)
			at = rest[0].at
			emit(rest[0])
			rest = rest[1:]
		}
		out = append(out, left)
	})
	for _, m := range rest {
		emit(m)
	}
	return out
}
