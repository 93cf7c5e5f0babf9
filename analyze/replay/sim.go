package replay

import "timesink/analyze/breakdown"

// A world is what requests are replayed in.
type world struct {
	requests   []request
	whats      []what
	resources  []resource
	processors int
	late       []int32   // how long an idle processor may take to run what is ready, ns
	clients    [][]int32 // of a closed load: the requests of each client, in order; nil for an open one
	length     int64     // ns
	pace       float64   // how often requests arrive, relative to the recording
	others     *breakdown.Load
	offset     int64
	scale      float64 // of others
	paces      []pace  // of other systems
	awaits     []await // nil if the duration of no call depends on the calls in flight
	steeper    int     // 1 if the paces are as steep as they may be
}

// quantum is how long a goroutine may run while others are waiting for a processor, in ns.
const quantum = 10_000_000

// An outcome is one request as replayed.
type outcome struct {
	request    int32
	start, end int64
	spent      [breakdown.NumBuckets]int64
}

// A task is one thread of a request that is being replayed, or a stretch of other load.
type task struct {
	of    *flight
	steps []step
	next  int
	left  int64 // of the current run
	since int64 // when it began to wait
	// running is set while it has a processor.
	running bool
	granted bool // it gets one as soon as that is awake
	thread  int32
	waits   []int32 // threads that it still waits for
	joined  int64   // when it began to
	spans   []span  // of threads other than the first
	clock   *clock  // of a task that rings it; it has no steps
}

// A span is a part of a thread's time, for the path of whoever waited for it.
type span struct {
	start, end int64
	bucket     breakdown.Bucket
}

// A flight is one request that is being replayed.
type flight struct {
	outcome
	client int32
	nth    int32 // of the client's requests
	first  task
	tasks  []*task // by thread, nil until it is started
	ended  []bool
}

// A simulation runs requests in a world.
type simulation struct {
	world
	now      int64
	seq      int64
	events   agenda
	free     int
	ready    []*task // waiting for a processor
	head     int
	outcomes []outcome
	arrivals int       // of an open load, how many have arrived
	slice    int       // of others
	held     []holders // by resource
	drawn    uint64
	through  []int64 // when each client had sent all its requests, 0 before
	going    int     // clients that have not
	chunk    int64
	starts   int64      // how often an idle processor ran something for a request that counts
	clocks   []clock    // by pace
	clocksOf [][]*clock // by resource
}

// run replays the requests and returns those that began and ended within the window.
func (w *world) run(turn int64) *simulation {
	s := &simulation{world: *w, free: w.processors, chunk: min(max(turn, 20_000), quantum), held: make([]holders, len(w.resources)), through: make([]int64, len(w.clients)), going: len(w.clients)}
	s.setClocks()
	for i, list := range s.clients {
		first := s.requests[list[0]].start
		for _, r := range list {
			first = min(first, s.requests[r].start)
		}
		s.send(int32(i), 0, first)
	}
	for s.step() {
	}
	return s
}

// step handles the next thing that happens. It reports false if there is nothing more.
func (s *simulation) step() bool {
	at, which := int64(0), 0
	if len(s.events) > 0 {
		at, which = s.events[0].at, 1
	}
	if s.clients == nil && s.arrivals < len(s.requests) {
		if t := int64(float64(s.requests[s.arrivals].start) / s.pace); which == 0 || t < at {
			at, which = t, 2
		}
	}
	if which != 0 && s.slice < len(s.others.Ran) && s.offset+int64(s.slice)*s.others.Width <= at {
		s.now = max(s.now, s.offset+int64(s.slice)*s.others.Width)
		s.load()
		return true
	}
	s.now = max(s.now, at)
	switch which {
	case 1:
		s.resume(s.events.next().task)
	case 2:
		s.arrivals++
		s.begin(int32(s.arrivals-1), 0, 0)
	}
	return which != 0 && (s.clients == nil || s.going > 0)
}

// load starts what else runs in a slice of the window.
func (s *simulation) load() {
	ran := int64(float64(s.others.Ran[s.slice]) * s.scale)
	s.slice++
	n := (ran + s.chunk - 1) / s.chunk
	for i := range n {
		t := &task{steps: []step{{kind: runs, time: ran / n}}}
		s.at(s.now+i*s.others.Width/n, t)
	}
}

// send lets a client send its request with a number at a moment.
func (s *simulation) send(client, nth int32, at int64) {
	f := &flight{client: client, nth: nth}
	f.request = -1
	f.first.of = f
	s.at(at, &f.first)
}

// begin starts a request.
func (s *simulation) begin(request, client, nth int32) {
	f := &flight{client: client, nth: nth}
	s.start(f, request)
}

func (s *simulation) start(f *flight, request int32) {
	r := &s.requests[request]
	f.outcome = outcome{request: request, start: s.now}
	f.first = task{of: f, steps: r.threads[0], left: -1}
	if len(r.threads) > 1 {
		f.tasks, f.ended = make([]*task, len(r.threads)), make([]bool, len(r.threads))
	}
	s.resume(&f.first)
}

// resume lets a task go on: it arrives, its delay is over, it has a processor, or its turn
// on one is over.
func (s *simulation) resume(t *task) {
	if t.clock != nil {
		s.ring(t.clock)
		return
	}
	if t.of != nil && t.of.request < 0 { // it arrives
		list := s.clients[t.of.client]
		s.start(t.of, list[t.of.nth])
		return
	}
	if t.granted {
		t.granted = false
		s.turn(t)
		return
	}
	if t.running && t.left > 0 { // its turn is over
		if s.head < len(s.ready) {
			s.yield(t)
			return
		}
		s.turn(t)
		return
	}
	if t.running {
		t.next++
	}
	s.advance(t)
}

// advance takes a task through its steps until it has to wait.
func (s *simulation) advance(t *task) {
	for t.next < len(t.steps) {
		switch p := &t.steps[t.next]; p.kind {
		case runs:
			t.left = p.time
			if t.running {
				if t.left == 0 {
					t.next++
					continue
				}
				s.turn(t)
				return
			}
			t.since = s.now
			if s.free > 0 {
				s.free--
				if s.counts(t.of) {
					s.starts++
				}
				s.dispatched(t, s.wakes(t))
			} else {
				s.ready = append(s.ready, t)
			}
			return
		case stays:
			s.leave(t)
			t.next++
			if len(s.awaits) > 0 && p.arg > 0 && s.await(t, p) {
				return
			}
			s.spend(t, s.whats[p.what].bucket, s.now, s.now+p.time)
			if p.time > 0 {
				s.at(s.now+p.time, t)
				return
			}
		case forks:
			t.next++
			s.fork(t.of, p.arg)
		case takes:
			t.next++
			if s.take(t, p.arg) {
				return
			}
		case gives:
			t.next++
			s.give(p.arg)
		case joins:
			t.next++
			if s.join(t, p.arg) {
				return
			}
		}
	}
	s.leave(t)
	s.end(t)
}

// wakes returns how long it takes an idle processor to run a task.
func (s *simulation) wakes(t *task) int64 {
	if t.of == nil || len(s.late) == 0 {
		return 0
	}
	return int64(s.late[s.draw()%uint64(len(s.late))])
}

// turn lets a task that has a processor run, for as long as it may.
func (s *simulation) turn(t *task) {
	if t.left == 0 {
		t.next++
		s.advance(t)
		return
	}
	part := min(t.left, quantum)
	s.spend(t, s.running(t), s.now, s.now+part)
	t.left -= part
	s.at(s.now+part, t)
}

// running returns what a run of a task is spent on.
func (s *simulation) running(t *task) breakdown.Bucket {
	if t.of == nil {
		return breakdown.CPU
	}
	return s.whats[t.steps[t.next].what].bucket
}

// dispatched gives a task a processor, after a delay.
func (s *simulation) dispatched(t *task, delay int64) {
	t.running = true
	s.spend(t, breakdown.Scheduler, t.since, s.now+delay)
	if delay > 0 {
		t.granted = true
		s.at(s.now+delay, t)
		return
	}
	s.turn(t)
}

// yield makes a task wait for its next turn.
func (s *simulation) yield(t *task) {
	t.running, t.since = false, s.now
	s.ready = append(s.ready, t)
	s.pass()
}

// leave frees a task's processor.
func (s *simulation) leave(t *task) {
	if t.running {
		t.running = false
		s.pass()
	}
}

// pass gives a processor that has become free to the next task.
func (s *simulation) pass() {
	if s.head == len(s.ready) {
		s.free++
		return
	}
	t := s.ready[s.head]
	s.ready[s.head] = nil
	s.head++
	if s.head > 1024 && 2*s.head > len(s.ready) {
		s.ready = append(s.ready[:0], s.ready[s.head:]...)
		s.head = 0
	}
	s.dispatched(t, 0)
}

// fork starts a thread.
func (s *simulation) fork(f *flight, thread int32) {
	t := &task{of: f, steps: s.requests[f.request].threads[thread], thread: thread, left: -1}
	f.tasks[thread] = t
	s.at(s.now, t)
}

// join makes a task wait for threads. It reports whether there is something to wait for.
func (s *simulation) join(t *task, joint int32) bool {
	t.waits = t.waits[:0]
	for _, thread := range s.requests[t.of.request].joints[joint] {
		if !t.of.ended[thread] {
			t.waits = append(t.waits, thread)
		}
	}
	t.joined = s.now
	if len(t.waits) > 0 {
		s.leave(t)
	}
	return len(t.waits) > 0
}

// holders are those who have a resource, or wait for it.
type holders struct {
	used    int
	waiting agenda
	waited  int64   // by complete requests, ns
	levels  []int64 // for how long so many were taken, ns
	since   int64   // of the current level
}

// take gives a task one of a resource, or makes it wait for one. It reports whether it has
// to wait.
func (s *simulation) take(t *task, resource int32) bool {
	r, h := &s.resources[resource], &s.held[resource]
	if r.capacity == 0 || h.used < r.capacity {
		s.use(resource, 1)
		return false
	}
	s.leave(t)
	t.since = s.now
	s.seq++
	h.waiting.add(due{s.turnOf(t), s.seq, t})
	return true
}

// give gives one of a resource back, and to the next that waits for it.
func (s *simulation) give(resource int32) {
	r, h := &s.resources[resource], &s.held[resource]
	if len(h.waiting) == 0 {
		s.use(resource, -1)
		return
	}
	t := h.waiting.next().task
	s.spend(t, r.bucket, t.since, s.now)
	if s.counts(t.of) {
		h.waited += s.now - t.since
	}
	s.at(s.now, t)
}

// use changes how many of a resource are taken.
func (s *simulation) use(resource int32, by int) {
	h := &s.held[resource]
	h.count(s.now)
	if len(s.clocksOf) == 0 {
		h.used += by
		return
	}
	list := s.clocksOf[resource]
	for _, c := range list {
		c.advance(s.now, h.used)
	}
	h.used += by
	for _, c := range list {
		s.expect(c)
	}
}

// turnOf returns when a task's turn would come if it waited as long as recorded. Some queues
// serve who came first, others anyone: the order is that of the recording.
func (s *simulation) turnOf(t *task) int64 {
	return t.steps[t.next-1].time + t.of.start - s.requests[t.of.request].start
}

// draw returns the next of a fixed sequence of random numbers (splitmix64).
func (s *simulation) draw() uint64 {
	s.drawn += 0x9e3779b97f4a7c15
	x := s.drawn
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// end ends a task.
func (s *simulation) end(t *task) {
	f := t.of
	switch {
	case f == nil:
	case t.thread == 0:
		s.answer(f)
	default:
		f.ended[t.thread] = true
		waiting := &f.first
		if n := len(waiting.waits); n > 0 {
			waiting.waits = without(waiting.waits, t.thread)
			if len(waiting.waits) < n && len(waiting.waits) == 0 {
				for _, p := range t.spans {
					if from := max(p.start, waiting.joined); from < p.end {
						f.spent[p.bucket] += p.end - from
					}
				}
				s.at(s.now, waiting)
			}
		}
	}
}

func without(list []int32, x int32) []int32 {
	for i, v := range list {
		if v == x {
			return append(list[:i], list[i+1:]...)
		}
	}
	return list
}

// answer ends a request.
func (s *simulation) answer(f *flight) {
	f.end = s.now
	if s.counts(f) {
		s.outcomes = append(s.outcomes, f.outcome)
	}
	if s.clients != nil {
		list := s.clients[f.client]
		if int(f.nth)+1 == len(list) && s.through[f.client] == 0 {
			s.through[f.client] = s.now
			s.going--
		}
		nth, think := s.following(list, f.nth)
		s.send(f.client, nth, s.now+int64(float64(think)/s.pace))
	}
}

// counts reports whether a request is one of those that the answer is about: each that was
// recorded from beginning to end, once.
func (s *simulation) counts(f *flight) bool {
	return f != nil && s.requests[f.request].whole && (s.clients == nil || s.through[f.client] == 0)
}

// following returns a client's next request, and how long it thinks before it sends it. A
// client that has sent all begins anew, with the first that is whole.
func (s *simulation) following(list []int32, nth int32) (next int32, think int64) {
	if int(nth)+1 < len(list) {
		next = nth + 1
		think = s.requests[list[next]].start - s.requests[list[nth]].end
	} else {
		for think = -1; int(next)+1 < len(list) && !s.requests[list[next]].whole; next++ {
		}
	}
	if think < 0 { // one does not follow the other in the recording
		think = s.thinks(list)
	}
	return next, think
}

// thinks returns how long a client thinks on average.
func (s *simulation) thinks(list []int32) int64 {
	sum, n := int64(0), int64(0)
	for i := 1; i < len(list); i++ {
		if think := s.requests[list[i]].start - s.requests[list[i-1]].end; think >= 0 {
			sum, n = sum+think, n+1
		}
	}
	return sum / max(1, n)
}

// spend accounts for a part of a task's time.
func (s *simulation) spend(t *task, bucket breakdown.Bucket, from, to int64) {
	if t.of == nil || from >= to {
		return
	}
	if t.thread == 0 {
		t.of.spent[bucket] += to - from
		return
	}
	t.spans = append(t.spans, span{from, to, bucket})
}

// at lets a task go on at a moment.
func (s *simulation) at(at int64, t *task) {
	s.seq++
	s.events.add(due{at, s.seq, t})
}
