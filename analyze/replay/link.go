package replay

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
)

// A resource is something that only some requests can have at once: the connections of a
// pool, the workers of a group, a lock.
type resource struct {
	sort     sort
	name     string // of the system, of the workers' function, of the lock's place
	bucket   breakdown.Bucket
	capacity int // 0: more than are ever needed
	// waited is how long complete requests waited for it as recorded, in ns.
	waited int64
	// causes are those of waits for it, and of what is done with it.
	causes []*breakdown.Cause
	// single is set for another system if nearly all calls to it were seen with the same
	// number in flight.
	single bool
}

// A sort is what kind of resource it is.
type sort uint8

const (
	aPool sort = iota
	workers
	aLock
	aPeer // another system, for as many calls as it was seen to answer at once
)

// A linker turns the waits in a recording's requests into the taking of resources.
type linker struct {
	rec       *Recording
	resources []resource
	requests  []request
	pools     map[poolKey]int32 // index of a resource
	peers     map[poolKey]int32 // index of a resource
	groups    map[int32]int32   // of workers: resource by goroutine
	// limited is set for pools and groups that must exist although nobody waited for them.
	limits []Change
	kept   map[string]bool // resources of which the waits are kept as recorded
	// unclear are those of which it is not known how many there are, or who has them.
	unclear []resource
	marks   map[threadID][]mark
	asked   []asking
	awaits  []await
}

// A threadID identifies a thread of a request.
type threadID struct{ request, thread int32 }

type poolKey struct {
	bucket breakdown.Bucket
	system string
}

// link gives the world the requests with the taking and giving back of resources, and the
// paces of other systems. What the waits in kept are for is not known well enough: they last
// as long as they did. It returns the resources that are unclear.
func (rec *Recording) link(w *world, limits []Change, kept map[string]bool) (unclear []resource) {
	l := &linker{rec: rec, pools: map[poolKey]int32{}, peers: map[poolKey]int32{}, groups: map[int32]int32{}, limits: limits, kept: kept, marks: map[threadID][]mark{}}
	l.requests = slices.Clone(rec.requests)
	l.findPools()
	l.findPeers()
	l.findWorkers()
	l.findLocks()
	n := 0
	for i := range l.requests {
		n += len(l.requests[i].calls)
	}
	l.asked, l.awaits = make([]asking, 0, n), make([]await, 0, n)
	for i := range l.requests {
		r := &l.requests[i]
		threads := make([][]step, len(r.threads))
		first := len(l.asked)
		for t := range threads {
			threads[t] = l.thread(r, r.begins[t], l.marked(int32(i), int32(t)))
		}
		r.threads = threads
		telling(l.asked[first:], r)
	}
	w.paces = l.findPaces()
	w.requests, w.resources, w.awaits = l.requests, l.resources, l.awaits
	return l.unclear
}

// add adds a resource and returns its index.
func (l *linker) add(r resource) int32 {
	l.resources = append(l.resources, r)
	return int32(len(l.resources) - 1)
}

// limited reports whether a change is about a resource of a sort with these causes.
func (l *linker) limited(kind Kind, causes []*breakdown.Cause) bool {
	return slices.ContainsFunc(l.limits, func(c Change) bool { return c.Kind == kind && c.Target.isOf(causes) })
}

// isOf reports whether a target means a resource, by what is done with it.
func (t *Target) isOf(causes []*breakdown.Cause) bool {
	return slices.ContainsFunc(causes, func(c *breakdown.Cause) bool {
		w := what{cause: c, bucket: c.Of}
		if !t.place() {
			return c.Of == t.Bucket
		}
		return t.meets(&w)
	})
}

// A usage is when a resource was taken, and when requests waited for it.
type usage struct{ edges []usageEdge }

type usageEdge struct {
	at           int64
	used, waiter int
}

func (u *usage) use(from, to int64) {
	u.edges = append(u.edges, usageEdge{from, 1, 0}, usageEdge{to, -1, 0})
}

func (u *usage) wait(from, to int64) {
	u.edges = append(u.edges, usageEdge{from, 0, 1}, usageEdge{to, 0, -1})
}

// capacity returns how many were taken for most of the time in which requests waited, and
// whether that is clear: 0 if nobody waited.
func (u *usage) capacity() (n int, clear bool) {
	slices.SortFunc(u.edges, func(a, b usageEdge) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.used, b.used), cmp.Compare(a.waiter, b.waiter))
	})
	times := map[int]int64{}
	used, waiting, at, all := 0, 0, int64(0), int64(0)
	for _, e := range u.edges {
		if waiting > 0 {
			times[used] += e.at - at
			all += e.at - at
		}
		used, waiting, at = used+e.used, waiting+e.waiter, e.at
	}
	for k, t := range times {
		if t > times[n] || t == times[n] && k > n {
			n = k
		}
	}
	return n, n > 0 && 2*times[n] > all
}

// walk calls f for each step of a thread with the time at which it was recorded.
func walk(r *request, t int, f func(i int, s *step, at int64)) {
	at := r.begins[t]
	for i := range r.threads[t] {
		s := &r.threads[t][i]
		f(i, s, at)
		at += s.recorded()
	}
}

// recorded returns how long a step took, in ns.
func (s *step) recorded() int64 {
	if s.kind == runs && s.time == 0 {
		return int64(s.arg)
	}
	switch s.kind {
	case forks, takes, gives, none:
		return 0
	}
	return s.time
}

// findPools finds the pools of connections that requests waited for, and how many
// connections each has.
func (l *linker) findPools() {
	rec := l.rec
	type found struct {
		usage  usage
		waited int64
		causes map[*breakdown.Cause]bool
	}
	pools := map[poolKey]*found{}
	of := func(r *request, s *step) *found {
		key := rec.poolOf(r, s.call)
		f := pools[key]
		if f == nil {
			f = &found{causes: map[*breakdown.Cause]bool{}}
			pools[key] = f
		}
		if c := rec.whats[s.what].cause; c != nil {
			f.causes[c] = true
		}
		return f
	}
	for i := range rec.requests {
		r := &rec.requests[i]
		for t := range r.threads {
			var holding pooled
			walk(r, t, func(_ int, s *step, at int64) {
				if s.kind == queues && s.call > 0 && rec.whats[s.what].phase == breakdown.PoolWait {
					f := of(r, s)
					f.usage.wait(at, at+s.time)
					if r.whole {
						f.waited += s.time
					}
				}
				if s.call > 0 && s.kind == stays {
					of(r, s)
				}
				holding.step(rec, r, s, at, func(call int16, from, to int64) {
					if f := pools[rec.poolOf(r, call)]; f != nil {
						f.usage.use(from, to)
					}
				})
			})
			holding.end(r.end, func(call int16, from, to int64) {
				if f := pools[rec.poolOf(r, call)]; f != nil {
					f.usage.use(from, to)
				}
			})
		}
	}
	keys := make([]poolKey, 0, len(pools))
	for k := range pools {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b poolKey) int {
		return cmp.Or(cmp.Compare(a.bucket, b.bucket), cmp.Compare(a.system, b.system))
	})
	all := rec.spentIn(func(breakdown.Bucket) bool { return true })
	for _, k := range keys {
		f := pools[k]
		r := resource{sort: aPool, name: k.system, bucket: k.bucket, waited: f.waited}
		for c := range f.causes {
			r.causes = append(r.causes, c)
		}
		n, clear := f.usage.capacity()
		if clear {
			r.capacity = n
		}
		matters := f.waited > all/1000 && clear
		if f.waited > all/1000 && !clear {
			l.unclear = append(l.unclear, r)
		}
		if l.kept[r.key()] || !matters && (n > 0 || !l.limited(Pool, r.causes)) {
			continue
		}
		l.pools[k] = l.add(r)
	}
}

// key identifies a resource.
func (r *resource) key() string {
	return [...]string{"pool", "workers", "lock", "peer"}[r.sort] + " " + r.bucket.String() + " " + r.name
}

// poolOf returns the pool that a call takes a connection from.
func (rec *Recording) poolOf(r *request, call int16) poolKey {
	s := &rec.sites[r.calls[call-1].site]
	return poolKey{s.bucket, s.system}
}

// A pooled follows a thread through the calls for which it has a connection: each call, or
// all of a transaction.
type pooled struct {
	call int16 // for which it was taken, 0 if none
	last int16 // call in it
	from int64
	tx   bool
}

// step follows one step. It calls use when a connection has been given back.
func (p *pooled) step(rec *Recording, r *request, s *step, at int64, use func(call int16, from, to int64)) {
	if s.kind > queues {
		return
	}
	if p.call > 0 && !p.tx && s.call != p.last {
		use(p.call, p.from, at)
		p.call = 0
	}
	if s.call == 0 || s.kind == queues {
		return
	}
	hold := breakdown.NoHold
	if c := rec.whats[s.what].cause; c != nil && s.kind <= stays {
		hold = c.Hold
	}
	if p.call == 0 {
		p.call, p.from = s.call, at
	}
	p.last = s.call
	switch {
	case hold.Begins():
		p.tx = true
	case hold.Ends():
		p.tx = false
	}
}

func (p *pooled) end(at int64, use func(call int16, from, to int64)) {
	if p.call > 0 {
		use(p.call, p.from, at)
		p.call = 0
	}
}

// findWorkers finds the goroutines that work for one request after another, by the function
// that they began in.
func (l *linker) findWorkers() {
	rec := l.rec
	type worker struct {
		spans  [][2]int64
		of     map[int64]bool
		root   string
		causes map[*breakdown.Cause]bool
		waited int64
	}
	list := make([]*worker, len(rec.goroutines))
	for i := range rec.requests {
		r := &rec.requests[i]
		for t := range r.threads {
			last, waited := int32(0), int64(0)
			walk(r, t, func(_ int, s *step, at int64) {
				if s.kind == queues && rec.whats[s.what].bucket == breakdown.Wait {
					waited = s.time
					return
				}
				if s.kind > queues || s.by == 0 {
					last = 0
					if s.kind != runs || s.time > brief {
						waited = 0
					}
					return
				}
				w := list[s.by]
				if w == nil {
					w = &worker{of: map[int64]bool{}, causes: map[*breakdown.Cause]bool{}}
					list[s.by] = w
				}
				w.of[int64(i)] = true
				if c := rec.whats[s.what].cause; c != nil {
					if n := len(c.Stack); n > 0 && w.root == "" && c.State == "waiting" {
						w.root = c.Stack[n-1].Function
					}
					w.causes[c] = true
				}
				if n := len(w.spans); last == s.by && n > 0 {
					w.spans[n-1][1] = at + s.recorded()
				} else {
					w.spans = append(w.spans, [2]int64{at, at + s.recorded()})
				}
				if r.whole && waited > 0 {
					w.waited += waited
				}
				last, waited = s.by, 0
			})
		}
	}
	type group struct {
		goroutines []int32
		serial     bool
		waited     int64
		causes     map[*breakdown.Cause]bool
	}
	groups := map[string]*group{}
	for g, w := range list {
		if w == nil || len(w.of) < 2 || w.root == "" {
			continue
		}
		x := groups[w.root]
		if x == nil {
			x = &group{serial: true, causes: map[*breakdown.Cause]bool{}}
			groups[w.root] = x
		}
		x.goroutines = append(x.goroutines, int32(g))
		x.waited += w.waited
		x.serial = x.serial && serial(w.spans)
		for c := range w.causes {
			x.causes[c] = true
		}
	}
	names := make([]string, 0, len(groups))
	for name := range groups {
		names = append(names, name)
	}
	slices.Sort(names)
	all := rec.spentIn(func(breakdown.Bucket) bool { return true })
	for _, name := range names {
		x := groups[name]
		r := resource{sort: workers, name: name, bucket: breakdown.Wait, capacity: len(x.goroutines), waited: x.waited}
		for c := range x.causes {
			r.causes = append(r.causes, c)
		}
		if l.kept[r.key()] || !x.serial || x.waited <= all/1000 && !l.limited(Workers, r.causes) {
			continue
		}
		at := l.add(r)
		for _, g := range x.goroutines {
			l.groups[g] = at
		}
	}
}

// serial reports whether hardly any of the stretches overlap.
func serial(spans [][2]int64) bool {
	slices.SortFunc(spans, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	over, all, end := int64(0), int64(0), int64(0)
	for _, s := range spans {
		all += s[1] - s[0]
		over += max(0, min(end, s[1])-s[0])
		end = max(end, s[1])
	}
	return 20*over <= all
}

// thread returns a thread's steps with the taking and giving back of what they need.
func (l *linker) thread(r *request, begin int64, steps []step) []step {
	rec := l.rec
	out := make([]step, 0, len(steps)+8)
	var conn pooled
	peer, asked := int32(-1), int16(0)  // the system that a call asks, and which call does
	worker, pool := int32(0), int32(-1) // the group that works, and the pool of conn
	begun := false                      // whether the worker has
	give := func(resource int32, call int16) {
		out = append(out, step{kind: gives, arg: resource, call: call})
	}
	answered := func(at int64) {
		give(peer, asked)
		a := &l.asked[len(l.asked)-1]
		a.to, a.awaits[1] = at, int32(len(l.awaits))
		peer = -1
	}
	for i := range steps {
		s := steps[i]
		at := begin
		begin += s.recorded()
		dispatch := s.kind == runs && s.time == 0 // whoever gives something back has to run first
		if s.kind > queues {
			if s.kind == takes { // after a wait that has become this
				begin = max(begin, s.time)
			}
			out = append(out, s)
			continue
		}
		if group, ok := l.groups[s.by]; worker > 0 && begun && (!ok || s.by == 0 || group != worker-1) {
			give(worker-1, 0)
			worker = 0
		} else if ok && s.by > 0 && s.kind != queues {
			begun = true
		}
		if peer >= 0 && s.call != asked {
			answered(at)
		}
		if conn.call > 0 && !conn.tx && s.call != conn.last {
			if dispatch && conn.last > 0 {
				out = append(out, s)
				s.kind = none
			}
			if pool >= 0 {
				give(pool, conn.last)
			}
			conn.call, pool = 0, -1
		}
		if s.kind == none {
			continue
		}
		if group, ok := l.groups[s.by]; ok && s.by > 0 && worker == 0 && s.kind != queues {
			out = append(out, step{kind: takes, arg: group, time: at})
			worker, begun = group+1, true
		}
		if s.call > 0 && s.kind != queues {
			was := conn.call
			conn.step(rec, r, &s, 0, func(int16, int64, int64) {})
			if was == 0 {
				if p, ok := l.pools[rec.poolOf(r, s.call)]; ok {
					pool = p
					out = append(out, step{kind: takes, arg: p, call: s.call, time: at})
				}
			}
		}
		if s.call > 0 && s.call != asked && asks(&rec.whats[s.what], &s) {
			if p, ok := l.peers[rec.poolOf(r, s.call)]; ok {
				peer, asked = p, s.call
				out = append(out, step{kind: takes, arg: p, call: s.call, time: at})
				n := int32(len(l.awaits))
				l.asked = append(l.asked, asking{peer: p, site: r.calls[s.call-1].site, from: at, awaits: [2]int32{n, n}})
			}
		}
		if peer >= 0 && asks(&rec.whats[s.what], &s) {
			l.awaits = append(l.awaits, await{from: at, to: begin, pace: -1})
			s.arg = int32(len(l.awaits))
		}
		if s.kind == queues {
			if l.fromPool(r, &s) {
				continue
			}
			if group, ok := l.forWorker(steps[i:]); ok && worker == 0 {
				out = append(out, step{kind: takes, arg: group, time: begin})
				worker, begun = group+1, false
				continue
			}
			s.kind, s.arg = stays, 0
		}
		out = append(out, s)
	}
	if peer >= 0 {
		answered(begin)
	}
	if pool >= 0 {
		give(pool, conn.last)
	}
	if worker > 0 {
		give(worker-1, 0)
	}
	return out
}

// fromPool reports whether a recorded wait is for a pool, and comes out of the replay.
func (l *linker) fromPool(r *request, s *step) bool {
	if l.rec.whats[s.what].phase != breakdown.PoolWait || s.call == 0 {
		return false
	}
	_, ok := l.pools[l.rec.poolOf(r, s.call)]
	return ok
}

// forWorker returns the group of workers that the first of the steps, a wait, is for: one of
// them does what comes next.
func (l *linker) forWorker(steps []step) (group int32, ok bool) {
	if l.rec.whats[steps[0].what].bucket != breakdown.Wait {
		return 0, false
	}
	for i := range steps[1:] {
		s := &steps[1+i]
		if group, ok = l.groups[s.by]; ok && s.by > 0 {
			return group, true
		}
		if s.kind != runs || s.time > brief {
			return 0, false
		}
	}
	return 0, false
}
