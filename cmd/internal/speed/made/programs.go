package made

import "time"

// What goroutines do. Each function returns one op.

func runs(ns int64) op {
	return op{time: ns, do: func(_ *scheduler, p *processor, o *op) { p.now += o.time }}
}

// call makes a system call that returns after a time.
func (s *scheduler) call(stack string, ns int64) op {
	return op{stack: s.out.stack(stack), time: ns, do: (*scheduler).doCall}
}

func (s *scheduler) doCall(p *processor, o *op) {
	p.seq++
	s.event(p, evGoSyscallBegin, p.seq, o.stack)
	p.now += o.time
	p.current.returns = true
}

// callUnlessSignaled makes a system call unless the next wait is over already.
func (s *scheduler) callUnlessSignaled(stack string, ns int64) op {
	return op{stack: s.out.stack(stack), time: ns, do: func(s *scheduler, p *processor, o *op) {
		if p.current.signals == 0 {
			s.doCall(p, o)
		}
	}}
}

// await waits for a signal, unless one came before.
func (s *scheduler) await(reason, stack string) op {
	return op{reason: s.out.text(reason), stack: s.out.stack(stack), do: func(s *scheduler, p *processor, o *op) {
		if p.current.signals > 0 {
			p.current.signals--
			return
		}
		s.wait(p, o)
	}}
}

// arrival waits for something that arrives from the network after a time.
func (s *scheduler) arrival(stack string, ns int64) op {
	return op{reason: s.out.text("network"), stack: s.out.stack(stack), time: ns, do: func(s *scheduler, p *processor, o *op) {
		s.arrives(p.now+o.time, p.current)
		s.wait(p, o)
	}}
}

// arrivalAt waits for something that arrives from the network at a time, or right away if
// that has passed. Then what comes later is put off as well.
func (s *scheduler) arrivalAt(stack string, at *int64) op {
	return op{reason: s.out.text("network"), stack: s.out.stack(stack), do: func(s *scheduler, p *processor, o *op) {
		*at = max(*at, p.now+int64(time.Microsecond))
		s.arrives(*at, p.current)
		s.wait(p, o)
	}}
}

// sends lets something arrive for another goroutine after a time.
func sends(g *goroutine, ns int64) op {
	return op{other: g, time: ns, do: func(s *scheduler, p *processor, o *op) { s.arrives(p.now+o.time, o.other) }}
}

// wakes signals another goroutine.
func (s *scheduler) wakes(g *goroutine, stack string) op {
	return op{other: g, stack: s.out.stack(stack), do: func(s *scheduler, p *processor, o *op) {
		s.signal(p, o.other, o.stack, true)
		p.now += toStep
	}}
}

// wakesAsLast signals another goroutine if the count has come down to 0.
func (s *scheduler) wakesAsLast(g *goroutine, count *int, stack string) op {
	return op{other: g, count: count, stack: s.out.stack(stack), do: func(s *scheduler, p *processor, o *op) {
		if *o.count--; *o.count == 0 {
			s.signal(p, o.other, o.stack, true)
		}
		p.now += toStep
	}}
}

// starts starts another goroutine. The reason is the stack that it starts with.
func (s *scheduler) starts(g *goroutine, start, stack string) op {
	return op{other: g, reason: s.out.stack(start), stack: s.out.stack(stack), do: func(s *scheduler, p *processor, o *op) {
		s.event(p, evGoCreate, o.other.id, o.reason, o.stack)
		o.other.state = goRunnable
		s.ready(p, o.other, true)
		p.now += toStep
	}}
}

func (s *scheduler) locks(l *lock, reason, stack string) op {
	return op{lock: l, reason: s.out.text(reason), stack: s.out.stack(stack), do: func(s *scheduler, p *processor, o *op) {
		if o.lock.free > 0 {
			o.lock.free--
			return
		}
		o.lock.waiting = append(o.lock.waiting, p.current)
		s.wait(p, o)
	}}
}

// unlocks hands a lock to the first that waits for it.
func (s *scheduler) unlocks(l *lock, stack string) op {
	return op{lock: l, stack: s.out.stack(stack), do: func(s *scheduler, p *processor, o *op) {
		if len(o.lock.waiting) == 0 {
			o.lock.free++
			return
		}
		g := o.lock.waiting[0]
		o.lock.waiting = o.lock.waiting[1:]
		s.signal(p, g, o.stack, false)
		p.now += toStep
	}}
}

// ends counts a request and what it allocated.
func ends() op {
	return op{do: func(s *scheduler, p *processor, _ *op) {
		s.requests++
		const each, collected = 3 << 10, 16 << 20
		if s.heap += each; s.heap > collected {
			s.heap /= 2
		}
		if s.requests%4 == 0 {
			s.event(p, evHeapAlloc, s.heap)
		}
	}}
}

// start adds a shape's connections. Their goroutines exist when the trace begins.
func (sh Shape) start(s *scheduler) {
	pool, cache := &lock{free: 16}, &lock{free: 1}
	s.connections(sh.Health, func(*goroutine) appends {
		return func(ops []op) []op { return append(ops, runs(s.about(4*time.Microsecond))) }
	})
	s.connections(sh.Calls, s.decode)
	s.connections(sh.FanOut, func(g *goroutine) appends { return s.compare(g, pool, cache, sh.Branches) })
	for range sh.Quiet {
		g := s.create(nil, nil)
		g.state, g.stack = goWaiting, s.out.stack("readLoop.idle")
	}
}

// appends appends the ops of a request's handler.
type appends func(ops []op) []op

// connections adds a server's connections. handler is called for each.
func (s *scheduler) connections(l Load, handler func(g *goroutine) appends) {
	for range l.Connections {
		period := time.Duration(l.Connections) * time.Second / time.Duration(l.Rate)
		s.connection(period, handler)
	}
}

// connection adds a server's connection on which requests come a period apart on average,
// or as soon as the one before has been answered.
func (s *scheduler) connection(period time.Duration, handler func(g *goroutine) appends) {
	g := s.create(nil, nil)
	handle := handler(g)
	room := make([]op, 0, 128)
	due := s.began + s.about(period)
	g.more = func(g *goroutine) {
		background := s.create(nil, nil)
		background.ops = []op{
			s.callUnlessSignaled("background.read", s.about(time.Microsecond)),
			s.await("network", "background.idle"),
			s.wakes(g, "background.ends"),
		}
		due += s.about(period)
		ops := append(room[:0], s.call("serve.read", s.about(3*time.Microsecond)), runs(s.about(3*time.Microsecond)),
			s.starts(background, "background", "serve.startBackground"))
		ops = handle(ops)
		g.ops = append(ops, s.call("serve.write", s.about(9*time.Microsecond)), s.wakes(background, "serve.abort"),
			s.await("sync.(*Cond).Wait", "serve.await"), ends(), runs(s.about(time.Microsecond)),
			s.call("serve.read", s.about(time.Microsecond)), s.arrivalAt("serve.idle", &due))
	}
	g.state, g.stack = goWaiting, s.out.stack("serve.idle")
	s.arrives(due, g)
}

// decode asks a database, then four other services over one connection each.
func (s *scheduler) decode(g *goroutine) appends {
	const services = 4
	var calls [services]appends
	for i := range calls {
		calls[i] = s.client(g)
	}
	return func(ops []op) []op {
		ops = append(ops, runs(s.about(10*time.Microsecond)), s.call("db.write", s.about(8*time.Microsecond)),
			s.call("db.read", s.about(time.Microsecond)), s.arrival("db.idle", s.about(time.Millisecond)),
			s.call("db.read", s.about(2*time.Microsecond)), runs(s.about(20*time.Microsecond)))
		for _, call := range calls {
			ops = call(ops)
		}
		return ops
	}
}

// client adds an HTTP client's connection, and returns what appends a call through it.
func (s *scheduler) client(g *goroutine) appends {
	reads, writes := s.create(nil, nil), s.create(nil, nil)
	reads.state, reads.stack = goWaiting, s.out.stack("readLoop.idle")
	writes.state, writes.stack = goWaiting, s.out.stack("writeLoop.idle")
	writing, reading := make([]op, 0, 8), make([]op, 0, 8)
	writes.more = func(w *goroutine) {
		w.ops = append(writing[:0], runs(s.about(2*time.Microsecond)), s.call("writeLoop.write", s.about(9*time.Microsecond)),
			s.wakes(g, "writeLoop.wrote"), sends(reads, s.about(4*time.Millisecond)), s.await("select", "writeLoop.idle"))
	}
	reads.more = func(r *goroutine) {
		r.ops = append(reading[:0], s.call("readLoop.read", s.about(3*time.Microsecond)), runs(s.about(4*time.Microsecond)),
			s.wakes(g, "readLoop.deliver"), s.await("select", "readLoop.body"), s.wakes(g, "readLoop.bodyReturned"),
			s.call("readLoop.read", s.about(time.Microsecond)), s.await("network", "readLoop.idle"))
	}
	return func(ops []op) []op {
		return append(ops, runs(s.about(8*time.Microsecond)), s.wakes(writes, "http.send"),
			s.await("select", "http.roundTrip"), runs(s.about(time.Microsecond)), s.await("select", "http.roundTrip"), // written, answered
			runs(s.about(5*time.Microsecond)), s.wakes(reads, "http.bodyEnds"),
			s.await("chan receive", "http.bodyReturned"), runs(s.about(20*time.Microsecond)))
	}
}

// compare asks a database through a pool, then asks it in branches that share a lock.
func (s *scheduler) compare(g *goroutine, pool, cache *lock, branches int) appends {
	return func(ops []op) []op {
		ops = append(ops, s.locks(pool, "select", "pool.waits"), s.call("db.write", s.about(8*time.Microsecond)),
			s.arrival("db.idle", s.about(time.Millisecond)), s.call("db.read", s.about(2*time.Microsecond)),
			s.unlocks(pool, "pool.returns"))
		left := branches
		for range branches {
			b := s.create(nil, nil)
			b.ops = []op{
				runs(s.about(3 * time.Microsecond)), s.call("branch.write", s.about(8*time.Microsecond)),
				s.arrival("branch.idle", s.about(2*time.Millisecond)), s.locks(cache, "sync", "branch.locks"),
				runs(s.about(5 * time.Microsecond)), s.unlocks(cache, "branch.unlocks"), s.wakesAsLast(g, &left, "branch.done"),
			}
			ops = append(ops, s.starts(b, "branch", "branch.created"))
		}
		return append(ops, s.await("sync", "branches.wait"))
	}
}
