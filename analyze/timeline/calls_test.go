package timeline

import (
	"slices"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// A script is a sequence of events on goroutines, 10 ns apart. Goroutine 1 serves a
// request, which ends with the script.
type script struct {
	stacks  []string
	records []trace.Record
	at      int64
}

const (
	served  = "main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve"
	worker  = "main.worker"
	receive = "runtime.selectgo < google.golang.org/grpc/internal/transport.(*recvBufferReader).readMessageHeaderClient < google.golang.org/grpc.(*clientStream).RecvMsg < "
	header  = "runtime.selectgo < google.golang.org/grpc/internal/transport.(*ClientStream).waitOnHeader < google.golang.org/grpc.(*clientStream).RecvMsg < "
	opens   = "google.golang.org/grpc.newClientStreamWithParams < google.golang.org/grpc.newClientStream < google.golang.org/grpc.(*ClientConn).NewStream < "
	watches = "context.(*cancelCtx).propagateCancel < context.WithCancel < " + opens
	invokes = "runtime.selectgo < google.golang.org/grpc/internal/transport.(*ClientStream).waitOnHeader < google.golang.org/grpc.(*clientStream).RecvMsg < google.golang.org/grpc.invoke < "
	asks    = "runtime.selectgo < net/http.(*persistConn).roundTrip < net/http.(*Transport).roundTrip < "
	reads   = "internal/poll.(*FD).Read < net/http.(*persistConn).Read < net/http.(*bodyEOFSignal).Read < "
	queries = "internal/poll.(*FD).Read < github.com/lib/pq.(*conn).query < "
)

func newScript() *script {
	s := &script{stacks: []string{""}, at: 100}
	s.add(trace.Record{Op: trace.OpStatus, G: 2, Other: -1, State: trace.StateRunning})
	s.serves(1)
	return s
}

// serves makes a goroutine begin to serve a request.
func (s *script) serves(g int32) {
	begins := s.stack("net/http.(*connReader).startBackgroundRead < net/http.(*conn).serve")
	s.add(trace.Record{Op: trace.OpStatus, G: g, Other: -1, State: trace.StateRunning, Stack: begins})
	s.add(trace.Record{Op: trace.OpState, G: g, Other: -1, State: trace.StateSyscall, Stack: begins})
	s.add(trace.Record{Op: trace.OpState, G: g, Other: -1, State: trace.StateRunning})
}

func (s *script) stack(name string) int32 {
	i := slices.Index(s.stacks, name)
	if i < 0 {
		i = len(s.stacks)
		s.stacks = append(s.stacks, name)
	}
	return int32(i)
}

func (s *script) add(r trace.Record) {
	s.at += 10
	r.At = s.at
	s.records = append(s.records, r)
}

// waits makes a goroutine wait for the network, or for its client's goroutine.
func (s *script) waits(g int32, stack string) {
	reason := trace.ReasonSelect
	if stack[0] == 'i' {
		reason = trace.ReasonNetwork
	}
	s.add(trace.Record{Op: trace.OpState, G: g, Other: -1, State: trace.StateWaiting, Reason: reason, Stack: s.stack(stack)})
	s.add(trace.Record{Op: trace.OpWake, G: g, Other: -1, State: trace.StateRunnable})
	s.add(trace.Record{Op: trace.OpState, G: g, Other: -1, State: trace.StateRunning})
}

// begins makes a goroutine create another.
func (s *script) begins(g, other int32, stack string) {
	s.add(trace.Record{Op: trace.OpCreate, G: other, Other: g, State: trace.StateRunnable, Stack: s.stack(stack), Stack2: s.stack("main.get.func1")})
	s.add(trace.Record{Op: trace.OpState, G: other, Other: -1, State: trace.StateRunning})
}

// blocks makes a request wait until another goroutine gives it something.
func (s *script) blocks(g int32) {
	s.add(trace.Record{Op: trace.OpState, G: g, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonRecv, Stack: s.stack("runtime.chanrecv1 < " + served)})
}

func (s *script) gives(g, to int32) {
	s.add(trace.Record{Op: trace.OpWake, G: to, Other: g, State: trace.StateRunning, Stack2: s.stack("runtime.chansend1 < " + worker)})
}

// request plays the script and returns its request.
func (s *script) request(t *testing.T) (got breakdown.Request) {
	t.Helper()
	s.add(trace.Record{Op: trace.OpEnd, G: 1, Other: -1})
	m := newMachine(rules.New(), func(r *breakdown.Request) {
		if err := r.Check(); err != nil {
			t.Error(err)
		}
		got = *r
		got.Calls = slices.Clone(r.Calls)
	})
	apply(m, &batch{stacks: stackClasses(rules.New(), s.stacks), first: 100, records: s.records})
	m.finish()
	return got
}

// What a request does after a deadline ended a wait in its own code is not ended by it, even
// if it gives something to its call's goroutines before it waits again.
func TestCallsAfterADeadline(t *testing.T) {
	const (
		expires = "runtime.closechan < context.WithDeadlineCause.func2"
		dials   = "net/http.(*Transport).dialConn < net/http.(*Transport).dialConnFor < net/http.(*Transport).startDialConnForLocked.func1"
		writes  = "runtime.selectgo < net/http.(*persistConn).writeLoop"
		hands   = "runtime.chansend1 < net/http.(*persistConn).roundTrip < net/http.(*Transport).roundTrip < " + served
	)
	for _, c := range []struct {
		name string
		wait string
		want bool
	}{
		{"a wait in its own code", "runtime.chanrecv1 < " + served, false},
		{"a wait in the client", asks + served, true},
	} {
		s := newScript()
		// Its client makes a connection for it, whose goroutine waits for requests.
		s.add(trace.Record{Op: trace.OpCreate, G: 3, Other: 1, State: trace.StateRunnable, Stack: s.stack("net/http.(*Transport).startDialConnForLocked < net/http.(*Transport).getConn < " + served), Stack2: s.stack("net/http.(*Transport).startDialConnForLocked.func1")})
		s.add(trace.Record{Op: trace.OpState, G: 3, Other: -1, State: trace.StateRunning})
		s.add(trace.Record{Op: trace.OpCreate, G: 4, Other: 3, State: trace.StateRunnable, Stack: s.stack(dials), Stack2: s.stack("net/http.(*persistConn).writeLoop")})
		s.add(trace.Record{Op: trace.OpState, G: 4, Other: -1, State: trace.StateRunning})
		s.add(trace.Record{Op: trace.OpState, G: 4, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonSelect, Stack: s.stack(writes)})
		answered := func() {
			s.add(trace.Record{Op: trace.OpState, G: 1, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonSelect, Stack: s.stack(asks + served)})
			s.add(trace.Record{Op: trace.OpWake, G: 1, Other: 6, State: trace.StateRunnable, Stack2: s.stack("runtime.chansend1 < net/http.(*persistConn).readLoop")})
			s.add(trace.Record{Op: trace.OpState, G: 1, Other: -1, State: trace.StateRunning})
		}
		answered()
		// The deadline ends its wait.
		s.add(trace.Record{Op: trace.OpState, G: 1, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonRecv, Stack: s.stack(c.wait)})
		s.add(trace.Record{Op: trace.OpCreate, G: 5, Other: -1, State: trace.StateRunnable, Stack2: s.stack("context.WithDeadlineCause.func2")})
		s.add(trace.Record{Op: trace.OpState, G: 5, Other: -1, State: trace.StateRunning})
		s.add(trace.Record{Op: trace.OpWake, G: 1, Other: 5, State: trace.StateRunnable, Stack2: s.stack(expires)})
		s.add(trace.Record{Op: trace.OpState, G: 1, Other: -1, State: trace.StateRunning})
		// It gives something to its client's goroutine.
		s.add(trace.Record{Op: trace.OpWake, G: 4, Other: 1, State: trace.StateRunnable, Stack2: s.stack(hands)})
		answered()
		timedOut := slices.ContainsFunc(s.request(t).Calls, func(c breakdown.Call) bool { return c.TimedOut })
		if timedOut != c.want {
			t.Errorf("%s: a call has timed out: %t", c.name, timedOut)
		}
	}
}

func TestCallContinuesWhileOthersAreMade(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*script)
		// calls are the goroutines that make them, between is what they spend on
		// others.
		calls   []int64
		between []int64
	}{
		{"an answer is read between queries", func(s *script) {
			for _, stack := range []string{asks, reads, queries, reads} {
				s.waits(1, stack+served)
			}
		}, []int64{1, 1}, []int64{50, 0}},
		{"a second answer is read between queries", func(s *script) {
			for _, stack := range []string{asks, queries, reads, asks, reads} {
				s.waits(1, stack+served)
			}
		}, []int64{1, 1, 1}, []int64{50, 0, 0}},
		{"a stream and calls of the same client", func(s *script) {
			s.begins(1, 3, opens+served)
			for _, stack := range []string{receive, invokes, receive, invokes, receive} {
				s.waits(1, stack+served)
			}
		}, []int64{1, 1, 1}, []int64{100, 0, 0}},
		{"two streams, one after another", func(s *script) {
			s.begins(1, 3, opens+served)
			s.waits(1, receive+served)
			s.begins(1, 4, opens+served)
			s.waits(1, receive+served)
		}, []int64{1, 1}, []int64{0, 0}},
		{"a stream whose context is watched", func(s *script) {
			s.begins(1, 3, watches+served)
			s.begins(1, 4, opens+served)
			s.waits(1, receive+served)
		}, []int64{1}, []int64{0}},
		{"a stream that another goroutine listens to", func(s *script) {
			s.begins(1, 3, opens+served)
			s.begins(1, 4, "main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve")
			s.blocks(1)
			s.waits(4, receive+"main.get.func1")
			s.waits(4, receive+"main.get.func1")
			s.gives(4, 1)
		}, []int64{4}, []int64{50}},
		{"a stream whose header another goroutine waits for", func(s *script) {
			s.begins(1, 3, opens+served)
			s.begins(1, 4, "main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve")
			s.blocks(1)
			s.waits(4, header+"main.get.func1")
			s.waits(4, receive+"main.get.func1")
			s.gives(4, 1)
		}, []int64{4}, []int64{50}},
		{"a worker that no goroutine asked reads a stream and calls", func(s *script) {
			s.blocks(1)
			for _, stack := range []string{receive, asks, receive} {
				s.waits(2, stack+worker)
			}
			s.gives(2, 1)
		}, []int64{2, 2}, []int64{50, 0}},
		{"a worker that no goroutine asked opens two streams", func(s *script) {
			s.blocks(1)
			s.begins(2, 3, opens+worker)
			s.waits(2, receive+worker)
			s.begins(2, 4, opens+worker)
			s.waits(2, receive+worker)
			s.gives(2, 1)
		}, []int64{2, 2}, []int64{0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript()
			c.do(s)
			r := s.request(t)
			var calls, between []int64
			for _, call := range r.Calls {
				calls, between = append(calls, call.Goroutine), append(between, call.Between)
			}
			if !slices.Equal(calls, c.calls) || !slices.Equal(between, c.between) {
				t.Errorf("calls by goroutines %d, with %d ns between them; want %d, with %d: %+v", calls, between, c.calls, c.between, r.Calls)
			}
		})
	}
}

// A goroutine that listens to a stream and queries the database for each message
// never finishes the stream. Its queries must be dropped anyway, although there is
// always a request that has waited since before the last one.
func TestQueriesForStreamAreDropped(t *testing.T) {
	s := newScript()
	m := newMachine(rules.New(), func(*breakdown.Request) {})
	s.serves(6)
	most := 0
	s.blocks(1)
	for i := range 500 {
		request, next := int32(1), int32(6)
		if i%2 == 1 {
			request, next = next, request
		}
		s.waits(2, receive+worker)
		s.waits(2, queries+worker)
		s.blocks(next)
		s.gives(5, request)
		d := batch{stacks: stackClasses(rules.New(), s.stacks), first: 100, records: s.records}
		apply(m, &d)
		s.records = nil
		for _, g := range m.gs.All() {
			if g.call != nil {
				most = max(most, len(g.call.loose))
			}
		}
	}
	if most == 0 || most > 100 {
		t.Errorf("%d calls that belong to no request were kept", most)
	}
}

// A round trip is an answer that the goroutine reads after it wrote something. What
// makes a connection is none.
func TestRoundTripsAreCounted(t *testing.T) {
	const (
		driver   = "github.com/lib/pq.(*conn)."
		prepare  = driver + "prepareTo < " + driver + "query < database/sql.(*DB).QueryContext < "
		exec     = "github.com/lib/pq.(*stmt).exec < " + driver + "query < database/sql.(*DB).QueryContext < "
		rows     = "github.com/lib/pq.(*rows).Next < database/sql.(*Rows).Next < "
		connects = driver + "startup < database/sql.(*DB).conn < database/sql.(*DB).QueryContext < "
		write    = "syscall.write < internal/poll.(*FD).Write < net.(*conn).Write < "
		read     = "internal/poll.(*FD).Read < net.(*conn).Read < "
	)
	for _, c := range []struct {
		name  string
		do    func(*script)
		trips []int32
	}{
		{"one query", func(s *script) { s.writes(1, write+exec+served); s.waits(1, read+exec+served) }, []int32{1}},
		{"a query that is prepared first", func(s *script) {
			for _, step := range []string{prepare, exec} {
				s.writes(1, write+step+served)
				s.waits(1, read+step+served)
			}
		}, []int32{2}},
		{"a request written in parts, an answer read in parts", func(s *script) {
			s.writes(1, write+exec+served)
			s.writes(1, write+exec+served)
			for _, step := range []string{exec, exec, rows, rows, rows} {
				s.waits(1, read+step+served)
			}
		}, []int32{1}},
		{"a connection that is made for the query", func(s *script) {
			for _, step := range []string{connects, connects, connects, exec} {
				s.writes(1, write+step+served)
				s.waits(1, read+step+served)
			}
		}, []int32{1}},
		{"an answer that is read in other goroutines", func(s *script) { s.waits(1, asks+served) }, []int32{0}},
	} {
		s := newScript()
		c.do(s)
		var got []int32
		for _, call := range s.request(t).Calls {
			got = append(got, call.Trips)
		}
		if !slices.Equal(got, c.trips) {
			t.Errorf("%s: %v round trips, want %v", c.name, got, c.trips)
		}
	}
}

// writes makes a goroutine write in a system call.
func (s *script) writes(g int32, stack string) {
	s.add(trace.Record{Op: trace.OpState, G: g, Other: -1, State: trace.StateSyscall, Stack: s.stack(stack)})
	s.add(trace.Record{Op: trace.OpState, G: g, Other: -1, State: trace.StateRunning})
}

// A service may write a query in one function and read the answer in another: it is one
// call, made where its time is spent, and its answer was read.
func TestQueryThatTheServiceWritesAndReadsItself(t *testing.T) {
	const (
		asks    = " < net.(*conn).Write < github.com/miekg/dns.(*Conn).WriteMsg < main.ask < " + served
		answers = " < net.(*conn).Read < github.com/miekg/dns.(*Conn).ReadMsg < main.answer < " + served
	)
	s := newScript()
	for range 2 {
		s.writes(1, "syscall.write"+asks)
		s.waits(1, "internal/poll.(*FD).Read"+answers)
		s.writes(1, "syscall.read"+answers)
	}
	calls := s.request(t).Calls
	if len(calls) != 2 {
		t.Errorf("%d calls, want 2", len(calls))
	}
	for _, c := range calls {
		if c.Unread {
			t.Error("an answer is said not to have been read")
		}
		if c.Site.Function != "main.answer" {
			t.Errorf("the call site is %s", c.Site.Function)
		}
	}
}
