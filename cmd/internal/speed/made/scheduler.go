package made

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"time"
)

// The states of goroutines and processors in the trace's format. A goroutine that is to be
// started has none.
const (
	goRunnable = 1
	goRunning  = 2
	goWaiting  = 4

	procRunning = 1
	procIdle    = 2
)

const (
	processors = 2
	// How long the scheduler takes for something, in ns.
	toSwitch = 150
	toStart  = 3_000 // an idle processor's thread
	toStep   = 100
)

// An op is one step of a goroutine.
type op struct {
	do     func(s *scheduler, p *processor, o *op)
	time   int64  // ns
	stack  uint64 // id
	reason uint64 // id of the string
	other  *goroutine
	lock   *lock
	count  *int
}

// A goroutine runs its ops, one after another.
type goroutine struct {
	id, seq uint64
	state   uint64
	ops     []op
	more    func(g *goroutine) // appends ops when all are done; nil for a goroutine that ends then
	stack   uint64             // of its wait
	signals int                // that came while it did not wait
	returns bool               // it is in a system call, which returns next
}

// A lock may be held by free goroutines at a time.
type lock struct {
	free    int
	waiting []*goroutine
}

type processor struct {
	id, thread uint64
	seq        uint64
	now        int64 // ns
	idle       bool
	starting   bool
	current    *goroutine
	next       *goroutine // runs before those that wait in the queue
}

// A scheduler runs goroutines in virtual time. Of the processors, the one that is
// behind takes the next step, so events are written in the order of their times.
type scheduler struct {
	out        *writer
	random     *rand.Rand
	procs      [processors]processor
	queue      []*goroutine
	timers     timers
	all        []*goroutine
	lastID     uint64
	began, now int64
	requests   int64
	heap       uint64
	counted    bool // the trace says how many processors there are
}

func newScheduler(out *writer) *scheduler {
	s := &scheduler{out: out, random: rand.New(rand.NewPCG(1, 2)), began: 1e9, heap: 8 << 20}
	s.now = s.began
	for i := range s.procs {
		s.procs[i] = processor{id: uint64(i), thread: firstM + uint64(i), now: s.began, idle: i > 0}
	}
	return s
}

// about returns a random time with the given mean, mostly within a factor of two of it.
func (s *scheduler) about(mean time.Duration) int64 {
	const sigma = 0.35
	return int64(float64(mean) * math.Exp(sigma*s.random.NormFloat64()-sigma*sigma/2))
}

// run runs all goroutines for a time, and writes a generation for each second.
func (s *scheduler) run(length time.Duration) {
	end, boundary := s.began+int64(length), s.began
	for s.now < end {
		if s.now >= boundary && !s.inCalls() {
			s.generation()
			boundary += int64(time.Second)
		}
		p := s.behind()
		s.now = max(s.now, p.now)
		p.now = s.now
		s.step(p)
	}
}

func (s *scheduler) inCalls() bool {
	for i := range s.procs {
		if g := s.procs[i].current; g != nil && g.returns {
			return true
		}
	}
	return false
}

// behind returns the busy processor whose time is the earliest or, if something arrives
// before that, an idle one.
func (s *scheduler) behind() *processor {
	var first, idle *processor
	for i := range s.procs {
		p := &s.procs[i]
		if p.idle {
			idle = p
		} else if first == nil || p.now < first.now {
			first = p
		}
	}
	if idle != nil && len(s.timers) > 0 && (first == nil || s.timers[0].at < first.now) {
		s.wakeProc(idle, s.timers[0].at)
		return idle
	}
	return first
}

// step takes one step of a processor.
func (s *scheduler) step(p *processor) {
	if p.starting {
		p.starting = false
		p.seq++
		s.event(p, evProcStart, p.id, p.seq)
	}
	if p.current == nil {
		s.schedule(p)
		return
	}
	g := p.current
	if g.returns {
		g.returns = false
		s.event(p, evGoSyscallEnd)
		p.now += toStep
		return
	}
	if len(g.ops) == 0 {
		if g.more == nil {
			s.event(p, evGoDestroy)
			s.remove(g)
			p.current = nil
			return
		}
		g.more(g)
	}
	o := &g.ops[0]
	g.ops = g.ops[1:]
	o.do(s, p, o)
}

// schedule gives a processor something to run.
func (s *scheduler) schedule(p *processor) {
	for len(s.timers) > 0 && s.timers[0].at <= p.now {
		s.signal(p, heap.Pop(&s.timers).(timer).g, 0, false)
	}
	g := p.next
	p.next = nil
	if g == nil {
		if len(s.queue) == 0 {
			s.event(p, evProcStop)
			p.idle = true
			return
		}
		g = s.queue[0]
		s.queue = s.queue[1:]
	}
	p.now += toSwitch
	g.state = goRunning
	g.seq++
	p.current = g
	s.event(p, evGoStart, g.id, g.seq)
	if !s.counted { // only a goroutine can
		s.counted = true
		s.event(p, evProcsChange, processors, 0)
	}
}

// signal ends the wait of a goroutine, or the next one if it does not wait. The stack 0
// stands for none.
func (s *scheduler) signal(p *processor, g *goroutine, stack uint64, soon bool) {
	if g.state != goWaiting {
		g.signals++
		return
	}
	g.state = goRunnable
	g.seq++
	s.event(p, evGoUnblock, g.id, g.seq, stack)
	s.ready(p, g, soon)
}

// ready lets a goroutine run: on the processor next, or when its turn comes.
func (s *scheduler) ready(p *processor, g *goroutine, soon bool) {
	if soon {
		p.next, g = g, p.next
	}
	if g == nil {
		return
	}
	s.queue = append(s.queue, g)
	for i := range s.procs {
		if other := &s.procs[i]; other.idle {
			s.wakeProc(other, p.now+toStart)
			return
		}
	}
}

func (s *scheduler) wakeProc(p *processor, at int64) {
	p.idle, p.starting, p.now = false, true, max(at, s.now)
}

// wait lets the current goroutine wait.
func (s *scheduler) wait(p *processor, o *op) {
	g := p.current
	g.state, g.stack = goWaiting, o.stack
	s.event(p, evGoBlock, o.reason, o.stack)
	p.current = nil
}

// create adds a goroutine that runs ops, and then more. It does not exist in the trace before
// another one starts it, unless it is given a state.
func (s *scheduler) create(ops []op, more func(*goroutine)) *goroutine {
	s.lastID++
	g := &goroutine{id: s.lastID, ops: ops, more: more}
	s.all = append(s.all, g)
	return g
}

func (s *scheduler) remove(g *goroutine) {
	for i := len(s.all) - 1; i >= 0; i-- { // the youngest end first
		if s.all[i] == g {
			s.all = append(s.all[:i], s.all[i+1:]...)
			return
		}
	}
}

func (s *scheduler) event(p *processor, typ byte, args ...uint64) {
	s.out.event(p.thread, p.now, typ, args...)
}

// generation begins a generation with the state of everything.
func (s *scheduler) generation() {
	s.out.generation()
	for i := range s.procs {
		p := &s.procs[i]
		p.seq = 0
		if p.idle || p.starting {
			s.out.event(firstM, s.now, evProcStatus, p.id, procIdle)
			continue
		}
		s.event(p, evProcStatus, p.id, procRunning)
		if p.current != nil {
			s.event(p, evGoStatus, p.current.id, p.thread, goRunning)
		}
	}
	for _, g := range s.all {
		g.seq = 0
		switch g.state {
		case goWaiting:
			s.out.event(noThread, s.now, evGoStatusStack, g.id, noThread, goWaiting, g.stack)
		case goRunnable:
			s.out.event(noThread, s.now, evGoStatus, g.id, noThread, goRunnable)
		}
	}
}

// A timer signals a goroutine: something arrives for it.
type timer struct {
	at int64
	g  *goroutine
}

type timers []timer

func (t timers) Len() int { return len(t) }
func (t timers) Less(i, j int) bool {
	return t[i].at < t[j].at || t[i].at == t[j].at && t[i].g.id < t[j].g.id
}
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)   { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

func (s *scheduler) arrives(at int64, g *goroutine) { heap.Push(&s.timers, timer{at, g}) }
