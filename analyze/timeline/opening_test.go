package timeline

import (
	"slices"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

const (
	answers     = "syscall.write < internal/poll.(*FD).Write < net.(*conn).Write < net/http.(*response).finishRequest < net/http.(*conn).serve"
	sleeps      = "time.Sleep < " + served
	peeks       = "syscall.read < internal/poll.(*FD).Read < net.(*conn).Read < bufio.(*Reader).Peek < net/http.(*conn).serve"
	unlocking   = "internal/sync.(*Mutex).unlockSlow < internal/sync.(*Mutex).Unlock < sync.(*Mutex).Unlock < "
	puttingConn = "runtime.chansend1 < github.com/jackc/puddle/v2.(*Resource).Release < "
	takingConn  = "runtime.selectgo < github.com/jackc/pgx/v5/pgxpool.(*Pool).Acquire < "
)

// opened is a script that has not begun: the states that are under way have no stack.
func opened(waiting ...int32) *script {
	s := &script{stacks: []string{""}, at: 90}
	for _, g := range waiting {
		s.records = append(s.records, trace.Record{At: 100, Op: trace.OpStatus, G: g, Other: -1, State: trace.StateWaiting})
	}
	s.at = 490
	return s
}

// wakes ends a goroutine's wait without a waker.
func (s *script) wakes(g int32) {
	s.add(trace.Record{Op: trace.OpWake, G: g, Other: -1, State: trace.StateRunnable})
	s.add(trace.Record{Op: trace.OpState, G: g, Other: -1, State: trace.StateRunning})
}

// wokenBy makes a goroutine with a stack end another one's wait.
func (s *script) wokenBy(other, g int32, stack string) {
	s.add(trace.Record{Op: trace.OpWake, G: g, Other: other, State: trace.StateRunnable, Stack2: s.stack(stack)})
	s.add(trace.Record{Op: trace.OpState, G: g, Other: -1, State: trace.StateRunning})
}

func (s *script) kernel(g int32, stack string) {
	s.add(trace.Record{Op: trace.OpState, G: g, Other: -1, State: trace.StateSyscall, Stack: s.stack(stack)})
	s.add(trace.Record{Op: trace.OpState, G: g, Other: -1, State: trace.StateRunning})
}

func (s *script) blocksAt(g int32, reason trace.Reason, stack string) {
	s.add(trace.Record{Op: trace.OpState, G: g, Other: -1, State: trace.StateWaiting, Reason: reason, Stack: s.stack(stack)})
}

// goesIdle makes a connection's goroutine wait for its next request.
func (s *script) goesIdle(g int32) {
	s.blocksAt(g, trace.ReasonNetwork, "internal/poll.(*FD).Read < net.(*conn).Read < bufio.(*Reader).Peek < net/http.(*conn).serve")
}

// next makes a request arrive at an idle goroutine.
func (s *script) next(g int32) {
	s.wakes(g)
	s.kernel(g, peeks)
	s.kernel(g, "syscall.getpid < "+served)
}

// play returns all requests in the order in which they began.
func (s *script) play(t *testing.T) (all []breakdown.Request) {
	t.Helper()
	m := newMachine(rules.New(), func(r *breakdown.Request) {
		if err := r.Check(); err != nil {
			t.Error(err)
		}
		kept := *r
		kept.Path = slices.Clone(r.Path)
		all = append(all, kept)
	})
	apply(m, &batch{stacks: stackClasses(rules.New(), s.stacks), first: 100, records: s.records})
	m.finish()
	slices.SortStableFunc(all, func(a, b breakdown.Request) int { return int(a.Start - b.Start) })
	return all
}

// What was waited for when the window opened is determined by how the wait ended, by
// what came next, and by similar waits in the rest of the window.
func TestWaitsWhenWindowOpens(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     func(*script)
		bucket breakdown.Bucket
		phase  breakdown.Phase
		site   string
	}{
		{"an answer is written, with no other evidence", func(s *script) {
			s.wakes(1)
			s.kernel(1, answers)
			s.goesIdle(1)
		}, breakdown.Unknown, breakdown.NoPhase, ""},
		{"an answer is written, as after each sleep", func(s *script) {
			s.wakes(1)
			s.kernel(1, answers)
			s.goesIdle(1)
			s.next(1)
			s.blocksAt(1, trace.ReasonSleep, sleeps)
			s.wakes(1)
			s.kernel(1, answers)
			s.goesIdle(1)
		}, breakdown.Sleep, breakdown.NoPhase, "main.get"},
		{"an answer is written, as after sleeps and slow clients alike", func(s *script) {
			s.wakes(1)
			s.kernel(1, answers)
			s.goesIdle(1)
			for _, waits := range []string{sleeps, "internal/poll.(*FD).Write < net.(*conn).Write < net/http.(*response).finishRequest < net/http.(*conn).serve"} {
				s.next(1)
				reason := trace.ReasonSleep
				if waits != sleeps {
					reason = trace.ReasonNetwork
				}
				s.blocksAt(1, reason, waits)
				s.wakes(1)
				s.kernel(1, answers)
				s.goesIdle(1)
			}
		}, breakdown.Unknown, breakdown.NoPhase, ""},
		{"a driver reads on", func(s *script) {
			s.wakes(1)
			s.kernel(1, "syscall.read < "+queries+served)
			s.kernel(1, answers)
			s.goesIdle(1)
		}, breakdown.DB, breakdown.Query, "main.get"},
		{"anything but reading or writing comes next", func(s *script) {
			s.wakes(1)
			s.blocksAt(1, trace.ReasonRecv, "runtime.chanrecv1 < "+served)
		}, breakdown.Sleep, breakdown.NoPhase, ""},
		{"a lock was released", func(s *script) {
			s.wokenBy(2, 1, unlocking+served)
			s.kernel(1, answers)
			s.goesIdle(1)
		}, breakdown.Lock, breakdown.NoPhase, ""},
		{"a connection was given back, as to others that waited for one", func(s *script) {
			s.wokenBy(2, 1, puttingConn+served)
			s.kernel(1, answers)
			s.goesIdle(1)
			s.next(1)
			s.blocksAt(1, trace.ReasonSelect, takingConn+served)
			s.wokenBy(2, 1, puttingConn+served)
			s.kernel(1, answers)
			s.goesIdle(1)
		}, breakdown.DB, breakdown.PoolWait, "main.get"},
		{"another request woke it, with no other evidence", func(s *script) {
			s.wokenBy(2, 1, "runtime.chansend1 < "+served)
			s.kernel(1, answers)
			s.goesIdle(1)
		}, breakdown.Unknown, breakdown.NoPhase, ""},
		{"a worker that serves no request let it go", func(s *script) {
			s.records = append(s.records, trace.Record{At: 100, Op: trace.OpStatus, G: 3, Other: -1, State: trace.StateWaiting})
			s.wakes(3)
			s.kernel(3, "syscall.read < "+queries+worker)
			s.wokenBy(3, 1, "runtime.closechan < "+worker)
			s.kernel(1, answers)
			s.goesIdle(1)
		}, breakdown.DB, breakdown.Query, "main.worker"},
		{"a worker that serves no request let it go right after another", func(s *script) {
			for _, g := range []int32{3, 4} {
				s.records = append(s.records, trace.Record{At: 100, Op: trace.OpStatus, G: g, Other: -1, State: trace.StateWaiting})
			}
			s.wakes(3)
			s.kernel(3, "syscall.read < "+queries+worker)
			s.wokenBy(3, 4, "runtime.closechan < "+worker)
			s.wokenBy(3, 1, "runtime.closechan < "+worker)
			for _, g := range []int32{4, 1} {
				s.kernel(g, answers)
				s.goesIdle(g)
			}
		}, breakdown.DB, breakdown.Query, "main.worker"},
		{"a goroutine that asks a cache let it go, as when its driver waited for the database", func(s *script) {
			const (
				feeds  = "runtime.chansend1 < github.com/jackc/pgx/v5/pgconn.(*PgConn).CopyFrom.func1"
				copies = "runtime.selectgo < github.com/jackc/pgx/v5/pgconn.(*PgConn).CopyFrom < "
				asks   = "internal/poll.(*FD).Read < net.(*conn).Read < github.com/gomodule/redigo/redis.(*conn).Do < main.worker < main.main"
			)
			s.records = append(s.records, trace.Record{At: 100, Op: trace.OpStatus, G: 3, Other: -1, State: trace.StateWaiting})
			s.wakes(3)
			s.blocksAt(3, trace.ReasonNetwork, asks)
			s.wakes(3)
			s.wokenBy(3, 1, feeds)
			s.kernel(1, answers)
			s.goesIdle(1)
			s.next(1)
			s.blocksAt(1, trace.ReasonSelect, copies+served)
			s.wokenBy(3, 1, feeds)
			s.kernel(1, answers)
			s.goesIdle(1)
		}, breakdown.DB, breakdown.Query, "main.get"},
	} {
		s := opened(1)
		s.kernel(2, "syscall.getpid < "+served) // another request
		c.do(s)
		all := s.play(t)
		i := slices.IndexFunc(all, func(r breakdown.Request) bool { return r.Goroutine == 1 && r.Start == 100 })
		if i < 0 || !all[i].Incomplete || len(all[i].Path) == 0 {
			t.Errorf("%s: the requests are %+v", c.name, all)
			continue
		}
		if s := all[i].Path[0]; s.Bucket != c.bucket || s.Phase != c.phase || s.Cause.Site.Function != c.site || s.End < 500 {
			t.Errorf("%s: %s %s until %d at %q", c.name, s.Bucket, s.Phase, s.End, s.Cause.Site.Function)
		}
	}
}

// A driver that asks the service for what it sends waits for what the service waits for
// meanwhile. The rest of the time is the database's.
func TestDriversThatAreFed(t *testing.T) {
	const (
		copies = "runtime.selectgo < github.com/jackc/pgx/v5/pgconn.(*PgConn).CopyFrom < github.com/jackc/pgx/v5.(*Conn).CopyFrom < "
		feeds  = "runtime.closechan < github.com/jackc/pgx/v5/pgconn.(*PgConn).CopyFrom.func1"
		asks   = "internal/poll.(*FD).Read < net.(*conn).Read < github.com/gomodule/redigo/redis.(*conn).Do < main.rows < github.com/jackc/pgx/v5.(*copyFrom).run.func1"
		sends  = "internal/poll.(*FD).Write < net.(*conn).Write < github.com/jackc/pgx/v5/pgconn.(*PgConn).CopyFrom.func1"
	)
	s := opened(1)
	s.records = append(s.records, trace.Record{At: 100, Op: trace.OpStatus, G: 3, Other: -1, State: trace.StateWaiting})
	s.wakes(1)
	s.kernel(1, answers)
	s.goesIdle(1)
	s.wakes(3)
	s.next(1)
	s.blocksAt(1, trace.ReasonSelect, copies+served)
	var want int64
	for range 2 {
		s.blocksAt(3, trace.ReasonNetwork, asks)
		asked := s.at
		s.wakes(3)
		want += s.at - asked
		s.blocksAt(3, trace.ReasonNetwork, sends)
		s.wakes(3)
	}
	s.wokenBy(3, 1, feeds)
	s.kernel(1, answers)
	s.goesIdle(1)
	all := s.play(t)
	var got [breakdown.NumBuckets]int64
	for _, p := range all[len(all)-1].Path {
		got[p.Bucket] += p.End - p.Start
	}
	if c := got[breakdown.Cache]; c == 0 || c > want || got[breakdown.DB] == 0 {
		t.Errorf("the cache has %d of %d ns, the database %d", c, want, got[breakdown.DB])
	}
}

// Who waits for a connection that is being made since before the window waits for what the
// goroutine that makes it is doing, whether it ends within the window or not.
func TestConnectionsThatAreMadeSinceBeforeTheWindow(t *testing.T) {
	const (
		takes   = "runtime.selectgo < net/http.(*Transport).getConn < " + served
		dials   = "net/http.(*Transport).dialConn < net/http.(*Transport).dialConnFor < net/http.(*Transport).startDialConnForLocked.func1"
		looksUp = "runtime.selectgo < net.(*Resolver).lookupIPAddr < " + dials
		gives   = "runtime.chansend1 < net/http.(*wantConn).tryDeliver < net/http.(*Transport).dialConnFor < net/http.(*Transport).startDialConnForLocked.func1"
	)
	for _, c := range []struct {
		name    string
		dialers []int32
		do      func(*script)
		want    map[int64]breakdown.Phase
	}{
		{"none is made", nil, func(*script) {}, map[int64]breakdown.Phase{1: breakdown.PoolWait, 2: breakdown.PoolWait}},
		{"one for each", []int32{3, 4}, func(*script) {}, map[int64]breakdown.Phase{1: breakdown.DNS, 2: breakdown.DNS}},
		{"fewer than wait", []int32{3}, func(*script) {}, map[int64]breakdown.Phase{1: breakdown.DNS, 2: breakdown.PoolWait}},
		{"one comes", []int32{3, 4}, func(s *script) {
			s.wakes(4)
			s.wokenBy(4, 2, gives)
			s.kernel(2, answers)
			s.goesIdle(2)
		}, map[int64]breakdown.Phase{1: breakdown.DNS, 2: breakdown.DNS}},
	} {
		s := opened(append([]int32{1, 2}, c.dialers...)...)
		status := func(g int32, stack string) {
			s.add(trace.Record{Op: trace.OpStatus, G: g, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonSelect, Stack: s.stack(stack)})
		}
		for _, g := range []int32{1, 2} {
			status(g, takes)
		}
		for _, g := range c.dialers {
			status(g, looksUp)
		}
		c.do(s)
		s.kernel(9, "syscall.getpid < main.other")
		for _, r := range s.play(t) {
			if got := r.Path[0]; got.Bucket != breakdown.Upstream || got.Phase != c.want[r.Goroutine] {
				t.Errorf("%s: goroutine %d is in %s %s, want %s", c.name, r.Goroutine, got.Bucket, got.Phase, c.want[r.Goroutine])
			}
			delete(c.want, r.Goroutine)
		}
		for g := range c.want {
			t.Errorf("%s: goroutine %d has no request", c.name, g)
		}
	}
}

// If all requests last longer than the window, those that are under way when it opens leave
// no stack. They are named by those that wait in the same way when it closes.
func TestRequestsAreNamedLikeThoseThatStand(t *testing.T) {
	const (
		post       = "main.post < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve"
		readLoop   = "net/http.(*persistConn).readLoop"
		queriesNow = "runtime.selectgo < github.com/jackc/pgx/v5.(*Conn).Query < "
	)
	for _, c := range []struct {
		name  string
		stand []string
		want  string
	}{
		{"all of one handler", []string{asks + served, asks + served}, "main.get"},
		{"of two handlers", []string{asks + served, asks + post}, ""},
		{"in another way", []string{queriesNow + served}, ""},
		{"none", nil, ""},
	} {
		s := opened(1, 2)
		s.wakes(2)
		s.kernel(2, "syscall.read < internal/poll.(*FD).Read < net.(*conn).Read < net/http.(*persistConn).Read < "+readLoop)
		s.wokenBy(2, 1, "runtime.chansend1 < "+readLoop)
		s.kernel(1, answers)
		s.goesIdle(1)
		for i, stack := range c.stand {
			s.serves(int32(10 + i))
			s.blocksAt(int32(10+i), trace.ReasonSelect, stack)
		}
		s.add(trace.Record{Op: trace.OpStatus, G: 20, Other: -1, State: trace.StateRunning}) // they wait until then
		all := s.play(t)
		i := slices.IndexFunc(all, func(r breakdown.Request) bool { return r.Goroutine == 1 })
		if len(all) != 1+len(c.stand) || i < 0 || all[i].Endpoint != c.want {
			t.Errorf("%s: %+v", c.name, all)
		}
	}
}

// A request that computes for the whole window, and is never stopped, shows only samples.
func TestRequestsAreRecognizedBySamples(t *testing.T) {
	for _, c := range []struct {
		stack string
		want  int
	}{
		{"main.compute < " + served, 1},
		{"main.compute < main.worker", 0},
		{"net/http/pprof.Profile < " + served, 0},
	} {
		s := opened()
		s.add(trace.Record{Op: trace.OpStatus, G: 1, Other: -1, State: trace.StateRunning})
		s.add(trace.Record{Op: trace.OpSample, G: 1, Other: -1, Stack: s.stack(c.stack)})
		s.add(trace.Record{Op: trace.OpStatus, G: 3, Other: -1, State: trace.StateRunning})
		all := s.play(t)
		if len(all) != c.want || c.want > 0 && (all[0].Endpoint != "main.get" || !all[0].Incomplete) {
			t.Errorf("%s: %+v", c.stack, all)
		}
	}
}

// A wait that another goroutine ended was not for a request's first bytes, although
// the connection reads next: the request before was ending.
func TestWokenConnectionHasNoRequestYet(t *testing.T) {
	for _, c := range []struct {
		name  string
		wakes func(*script)
		start int64
	}{
		{"by the network", func(s *script) { s.wakes(1) }, 500},
		{"by the goroutine that read ahead", func(s *script) {
			s.wokenBy(2, 1, "sync.(*Cond).Broadcast < net/http.(*connReader).backgroundRead")
		}, 520},
	} {
		s := opened(1, 2)
		c.wakes(s)
		s.kernel(1, peeks)
		s.kernel(1, "syscall.getpid < "+served)
		s.kernel(1, answers)
		s.goesIdle(1)
		all := s.play(t)
		if len(all) != 1 || all[0].Start != c.start || all[0].Incomplete {
			t.Errorf("%s: %+v", c.name, all)
		}
	}
}

// What a request waits for when the window closes is determined by which goroutine
// would have woken it.
func TestWaitsWhenWindowCloses(t *testing.T) {
	const (
		jobs  = "runtime.chanrecv1 < " + served
		query = queries + worker
		done  = "runtime.closechan < " + worker
	)
	// The worker finishes what 1 and 4 gave it, one after the other.
	serve := func(s *script, n int) {
		for i := range n {
			g := []int32{1, 4}[i%2]
			s.blocksAt(3, trace.ReasonNetwork, query)
			s.at += 1000
			s.wakes(3)
			s.wokenBy(3, g, done)
			s.blocksAt(g, trace.ReasonRecv, jobs)
		}
	}
	for _, c := range []struct {
		name string
		jobs bool // 1 and 4 wait for the worker
		do   func(*script)
		want map[int64]breakdown.Bucket // of the goroutines, at the window's end
	}{
		{"too few waits have ended", true, func(s *script) {
			serve(s, 6)
			s.kernel(2, "syscall.getpid < main.other")
		}, map[int64]breakdown.Bucket{1: breakdown.Unknown, 4: breakdown.Unknown}},
		{"in the order of their beginning", true, func(s *script) {
			serve(s, 30)
			s.blocksAt(3, trace.ReasonNetwork, query)
			s.at += 500
			s.kernel(2, "syscall.getpid < main.other")
		}, map[int64]breakdown.Bucket{1: breakdown.DB, 4: breakdown.Wait}},
		{"in that order but once", true, func(s *script) {
			serve(s, 30)
			serve(s, 1)
			serve(s, 30)
			s.blocksAt(3, trace.ReasonNetwork, query)
			s.at += 500
			s.kernel(2, "syscall.getpid < main.other")
		}, map[int64]breakdown.Bucket{1: breakdown.DB, 4: breakdown.Wait}},
		{"in any order", true, func(s *script) {
			for range 20 {
				serve(s, 1)
				serve(s, 2)
			}
			s.blocksAt(3, trace.ReasonNetwork, query)
			s.at += 500
			s.kernel(2, "syscall.getpid < main.other")
		}, map[int64]breakdown.Bucket{1: breakdown.Unknown, 4: breakdown.Unknown}},
		{"a goroutine that another request started for a batch, like the ones before it", true, func(s *script) {
			for i := int32(0); i <= 20; i++ {
				s.add(trace.Record{Op: trace.OpCreate, G: 100 + i, Other: 2, State: trace.StateRunnable, Stack: s.stack("main.load < " + served), Stack2: s.stack("main.load.func1")})
				s.add(trace.Record{Op: trace.OpState, G: 100 + i, Other: -1, State: trace.StateRunning})
				if i > 0 {
					s.blocksAt(4, trace.ReasonRecv, jobs)
				}
				s.blocksAt(100+i, trace.ReasonSleep, "time.Sleep < main.load.func1")
				s.at += 1000
				if i == 20 {
					break
				}
				s.wakes(100 + i)
				s.blocksAt(100+i, trace.ReasonNetwork, queries+"main.load.func1")
				s.at += 1000
				s.wakes(100 + i)
				s.wokenBy(100+i, 4, "runtime.closechan < main.load.func1")
				s.add(trace.Record{Op: trace.OpEnd, G: 100 + i, Other: -1})
			}
			s.kernel(2, "syscall.getpid < main.other")
		}, map[int64]breakdown.Bucket{4: breakdown.Sleep}},
		{"a branch that is at work", false, func(s *script) {
			s.begins(1, 6, "main.get.func1 < "+served)
			s.blocksAt(6, trace.ReasonSleep, "time.Sleep < main.get.func1")
			s.blocksAt(1, trace.ReasonSync, "sync.(*WaitGroup).Wait < "+served)
			s.kernel(2, "syscall.getpid < main.other")
		}, map[int64]breakdown.Bucket{1: breakdown.Sleep}},
	} {
		s := &script{stacks: []string{""}, at: 100}
		s.add(trace.Record{Op: trace.OpStatus, G: 3, Other: -1, State: trace.StateRunning, Stack: s.stack(worker)})
		for _, g := range []int32{1, 2, 4} {
			s.serves(g)
		}
		if c.jobs {
			for _, g := range []int32{1, 4} {
				s.blocksAt(g, trace.ReasonRecv, jobs)
			}
		}
		c.do(s)
		all := s.play(t)
		for g, want := range c.want {
			i := slices.IndexFunc(all, func(r breakdown.Request) bool { return r.Goroutine == g && r.Incomplete })
			if i < 0 || len(all[i].Path) == 0 {
				t.Errorf("%s: goroutine %d has no request", c.name, g)
			} else if got := all[i].Path[len(all[i].Path)-1].Bucket; got != want {
				t.Errorf("%s: goroutine %d is in %s, want %s", c.name, g, got, want)
			}
		}
	}
}

// The collector and locks stop a request anywhere, also on its way to its handler.
func TestRequestsAreNamedInPassing(t *testing.T) {
	const locks = "sync.(*Mutex).Lock < "
	for _, c := range []struct {
		name string
		do   func(*script)
		want bool
	}{
		{"preempted by the collector", func(s *script) { s.blocksAt(1, trace.ReasonGC, "runtime.asyncPreempt2 < "+served) }, true},
		{"at a lock", func(s *script) { s.blocksAt(1, trace.ReasonSync, locks+served) }, true},
		{"in a query", func(s *script) { s.blocksAt(1, trace.ReasonNetwork, queries+served) }, false},
		{"at a lock after a query", func(s *script) {
			s.blocksAt(1, trace.ReasonNetwork, queries+served)
			s.wakes(1)
			s.blocksAt(1, trace.ReasonSync, locks+served)
		}, false},
		{"in a query after a lock", func(s *script) {
			s.blocksAt(1, trace.ReasonSync, locks+served)
			s.wakes(1)
			s.blocksAt(1, trace.ReasonNetwork, queries+served)
		}, false},
	} {
		s := &script{stacks: []string{""}, at: 100}
		s.add(trace.Record{Op: trace.OpStatus, G: 1, Other: -1, State: trace.StateRunning, Stack: s.stack("net/http.(*conn).serve")})
		s.goesIdle(1)
		s.wakes(1)
		s.kernel(1, peeks)
		c.do(s)
		s.wakes(1)
		s.kernel(1, answers)
		s.goesIdle(1)
		s.kernel(2, "syscall.getpid < main.other")
		all := s.play(t)
		i := slices.IndexFunc(all, func(r breakdown.Request) bool { return !r.Incomplete && r.Endpoint != "" })
		if i < 0 || all[i].NamedInPassing != c.want {
			t.Errorf("%s: the requests are %+v", c.name, all)
		}
	}
}
