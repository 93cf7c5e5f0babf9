package timeline

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
	"timesink/analyze/trace/tracetest"
)

// testStacks holds one stack of each kind that the machine treats differently.
var testStacks = []string{
	"", // none
	"net/http.(*conn).serve",
	"net/http.(*connReader).Read < bufio.(*Reader).Peek < net/http.(*conn).serve",
	"net/http.(*connReader).Read < net/http.(*conn).readRequest < net/http.(*conn).serve",
	"net/http.(*connReader).startBackgroundRead < net/http.(*conn).serve",
	"net/http.(*connReader).backgroundRead",
	"net/http.(*conn).close < net/http.(*conn).serve",
	"net/http.(*http2serverConn).serve < net/http.(*conn).serve",
	"net/http.(*http2serverConn).runHandler",
	"net/http.(*response).Write < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"runtime.chanrecv1 < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"runtime.chanrecv1 < main.worker",
	"main.worker",
	"main.get.func1",
	"sync.(*Mutex).Lock < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"sync.(*Mutex).Lock < main.worker",
	"sync.(*Mutex).Unlock < main.worker",
	"sync.(*Mutex).Lock < sync.(*Once).doSlow < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"database/sql.(*DB).conn < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"database/sql.(*DB).conn < main.worker",
	"database/sql.(*DB).putConn < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"syscall.write < internal/poll.(*FD).Write < github.com/lib/pq.(*conn).query < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"internal/poll.(*FD).Read < github.com/lib/pq.(*conn).query < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"internal/poll.(*FD).Read < github.com/lib/pq.(*rows).Next < main.worker",
	"net/http.(*Transport).getConn < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"net/http.(*persistConn).roundTrip < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"net/http.(*persistConn).roundTrip < main.get.func1",
	"net/http.(*Transport).startDialConnForLocked.func1",
	"net.(*Resolver).lookupIPAddr < net/http.(*Transport).dialConn < net/http.(*Transport).dialConnFor < net/http.(*Transport).startDialConnForLocked.func1",
	"net/http.(*persistConn).writeLoop",
	"time.Sleep < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"runtime.gcStart < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"time.Sleep < net/http/pprof.Trace < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"runtime.selectgo < github.com/nats-io/nats%2ego.(*Subscription).NextMsg < main.consume",
	"runtime.selectgo < github.com/nats-io/nats%2ego.(*Subscription).Fetch < main.consume",
	"sync.(*Mutex).Lock < github.com/nats-io/nats%2ego.(*Subscription).Fetch < main.consume",
	"sync.(*Cond).Wait < github.com/nats-io/nats%2ego.(*Conn).waitForMsgs",
	"time.Sleep < main.handle < github.com/nats-io/nats%2ego.(*Conn).waitForMsgs",
	"github.com/nats-io/nats%2ego.(*Conn).waitForMsgs",
	"runtime.selectnbsend < github.com/nats-io/nats%2ego.(*Conn).processMsg < github.com/nats-io/nats%2ego.(*Conn).readLoop",
	"runtime.chanrecv2 < main.consume",
	"sync.(*WaitGroup).Wait < github.com/twmb/franz-go/pkg/kgo.(*Client).ProduceSync < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"runtime.chansend1 < main.get.func1 < github.com/twmb/franz-go/pkg/kgo.(*producer).finishPromises",
	"google.golang.org/grpc.newClientStream < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"google.golang.org/grpc.newClientStream < main.worker",
	"runtime.selectgo < google.golang.org/grpc/internal/transport.(*http2Client).NewStream < google.golang.org/grpc.newClientStream < main.worker",
	"runtime.selectgo < google.golang.org/grpc/internal/transport.(*http2Client).write < google.golang.org/grpc.(*clientStream).SendMsg < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"runtime.selectgo < google.golang.org/grpc/internal/transport.(*recvBufferReader).readClient < google.golang.org/grpc.(*clientStream).RecvMsg < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"runtime.selectgo < google.golang.org/grpc/internal/transport.(*recvBufferReader).readClient < google.golang.org/grpc.(*clientStream).RecvMsg < main.worker",
	"runtime.selectgo < google.golang.org/grpc/internal/transport.(*recvBufferReader).readClient < google.golang.org/grpc.(*clientStream).RecvMsg < main.get.func1",
	"runtime.selectgo < google.golang.org/grpc/internal/transport.(*ClientStream).waitOnHeader < google.golang.org/grpc.(*clientStream).RecvMsg < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"runtime.selectgo < google.golang.org/grpc/internal/transport.(*ClientStream).waitOnHeader < google.golang.org/grpc.(*clientStream).RecvMsg < main.get.func1",
	"runtime.closechan < context.WithDeadlineCause.func2",
	"context.WithDeadlineCause.func2",
	"runtime.chanrecv1 < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"internal/poll.(*FD).Read < net.(*conn).Read < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"runtime.Gosched < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"net/http.(*persistConn).roundTrip < main.worker",
	"net/http.(*bodyEOFSignal).Read < main.worker",
	"syscall.Fsync < os.(*File).Sync < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"syscall.unlinkat < os.Remove < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
	"internal/poll.(*FD).Read < github.com/gorilla/websocket.(*Conn).NextReader < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
}

// stackClasses returns the classes of stacks whose functions are separated by " < ",
// leaf first. Package main is the service, the rest are not.
func stackClasses(table *rules.Table, stacks []string) []*class {
	var out []*class
	for _, s := range stacks {
		if s == "" {
			out = append(out, nil)
			continue
		}
		var frames []breakdown.Frame
		for i, f := range strings.Split(s, " < ") {
			file := "/go/pkg/mod/lib@v1.0.0/lib.go"
			if strings.HasPrefix(f, "main.") {
				file = "/home/me/shop/main.go"
			}
			frames = append(frames, breakdown.Frame{Function: f, File: file, Line: i + 1})
		}
		out = append(out, newClass(table.Classify(frames)))
	}
	return out
}

// recordsFrom turns any bytes into generations. They need not be realistic:
// goroutines end that never began, begin twice, wake while they run, and the clock
// goes backward.
func recordsFrom(data []byte, classes []*class) []batch {
	const size = 8
	var out []batch
	names := make([]string, len(classes))
	d := batch{stacks: classes, names: names}
	at := int64(1000)
	for len(data) >= size {
		b := data[:size]
		data = data[size:]
		if b[0] == 255 { // the next generation, in which time may start over
			out = append(out, d)
			d = batch{stacks: classes, names: names}
			at -= int64(b[1])
			continue
		}
		at += int64(int8(b[7]))
		if b[0] > 240 {
			at += int64(b[7]) << 8
		}
		d.records = append(d.records, trace.Record{
			At: at, Op: trace.Op(b[0]) % trace.NumOps, G: int32(b[1] % 10), Other: int32(b[2]%11) - 1,
			State: trace.State(b[3]) % trace.NumStates, Reason: trace.Reason(b[4]) % (trace.ReasonSystem + 1),
			Stack: int32(int(b[5]) % len(classes)), Stack2: int32(int(b[6]) % len(classes)),
		})
		if r := &d.records[len(d.records)-1]; r.Op >= trace.OpTaskBegin { // a task needs an id
			r.Other = max(r.Other, 0)
		}
		if d.first == 0 {
			d.first = at
		}
	}
	return append(out, d)
}

// A batch is a generation's records, with the tables that they refer to.
type batch struct {
	first   int64
	records []trace.Record
	stacks  []*class
	names   []string
}

// apply makes a machine apply a generation whose records name goroutines, processors
// and tasks by their ids.
func apply(m *machine, b *batch) {
	most := int32(0)
	for i := range b.records {
		most = max(most, b.records[i].G, b.records[i].Other)
	}
	var ids []int64
	for id := range int64(most) + 1 {
		ids = append(ids, id)
	}
	m.startGeneration(b.first)
	m.apply(b.records, tables{ids, b.stacks, b.names})
}

// checkAccounts runs records through a machine and checks each request, and the
// total, against the accounting identities.
func checkAccounts(t *testing.T, data []byte) (requests int64) {
	table := rules.New()
	m := newMachine(table, func(r *breakdown.Request) {
		requests++
		if err := r.Check(); err != nil {
			t.Fatal(err)
		}
		if r.End <= r.Start {
			t.Fatalf("a request lasts from %d to %d", r.Start, r.End)
		}
		for i := range r.Path {
			s := &r.Path[i]
			if s.Cause == nil {
				t.Fatalf("segment %d has no evidence", i)
			}
			if s.Start == s.End {
				t.Fatalf("segment %d is empty", i)
			}
		}
		for i := range r.Calls {
			if call := &r.Calls[i]; call.Start < r.Start || call.End > r.End || !call.Bucket.External() {
				t.Fatalf("call %d of %s lasts from %d to %d in a request from %d to %d", i, call.Bucket, call.Start, call.End, r.Start, r.End)
			}
		}
	})
	m.most, m.instant = 500, len(data)%2 == 1
	m.room, m.mostCalls, m.causesRoom = 6*goroutineSize, 3+len(data)/8%10, 20*causeSize
	for _, d := range recordsFrom(data, stackClasses(table, testStacks)) {
		apply(m, &d)
		checkKept(t, m)
	}
	sum := m.finish()
	if !reflect.ValueOf(nothing).IsZero() {
		t.Fatalf("the shared empty rare part was written to: %+v", nothing)
	}
	if sum.Requests != requests {
		t.Fatalf("%d requests counted, %d emitted", sum.Requests, requests)
	}
	for _, r := range sum.Roots {
		for b, ns := range r.Spent {
			if ns < 0 {
				t.Fatalf("goroutines of %q spent %d ns in %s", r.Function, ns, breakdown.Bucket(b))
			}
		}
	}
	return requests
}

// FuzzAccounts checks the accounting identity on records that contradict each other.
func FuzzAccounts(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 16 {
		f.Add(randomRecords(rng, 200))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkAccounts(t, data) })
}

func randomRecords(rng *rand.Rand, n int) []byte {
	data := make([]byte, 8*n)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	for i := 0; i < len(data); i += 8 {
		// Mostly states, wakes and creations, on a few goroutines.
		if data[i+1]&1 == 0 {
			data[i] = byte(rng.IntN(int(trace.OpEnd) + 1))
		}
		data[i+1] %= 5
		data[i+2] %= 6
		data[i+7] &= 0x7f
	}
	return data
}

func TestRandomRecordsAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	requests, runs := int64(0), 600
	if tracetest.Long {
		runs = 2000
	}
	for range runs {
		requests += checkAccounts(t, randomRecords(rng, 300))
	}
	if requests < int64(runs) {
		t.Errorf("only %d requests: the records are too random to test anything", requests)
	}
}

// checkKept checks the number of intervals that the machine counts as kept.
func checkKept(t *testing.T, m *machine) {
	t.Helper()
	kept, weight := 0, int64(0)
	for _, g := range m.gs.All() {
		kept += g.holds()
		weight += goroutineSize + int64(len(g.early))*intervalSize
		if r := m.served(g); r != nil {
			weight += r.weight
		}
	}
	for _, r := range m.held {
		weight += r.weight
	}
	for _, g := range m.dead {
		kept += g.holds()
	}
	if kept != m.kept || kept > m.most {
		t.Fatalf("%d intervals kept, %d counted, limit %d", kept, m.kept, m.most)
	}
	if weight != m.weight || weight > m.room {
		t.Fatalf("goroutines and requests weigh %d, %d counted, limit %d", weight, m.weight, m.room)
	}
}

// A request that waits all the time must not make the machine keep everything that
// the others do, nor reduce what is known about them.
func TestLongWaitDoesNotKeepEverything(t *testing.T) {
	const (
		waits = "runtime.selectgo < main.poll < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve"
		joins = "sync.(*WaitGroup).Wait < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve"
		serve = "net/http.(*conn).serve"
		idle  = "internal/poll.(*FD).Read < net/http.(*connReader).Read < bufio.(*Reader).Peek < net/http.(*conn).serve"
		read  = "internal/poll.(*FD).Read < github.com/lib/pq.(*conn).query < main.get.func1"
		start = "main.get.func1"
		begin = "main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve"
	)
	table := rules.New()
	stacks := []string{"", waits, joins, serve, idle, read, start, begin}
	id := func(s string) int32 { return int32(slices.Index(stacks, s)) }
	unknown, short := map[string]int64{}, 0
	m := newMachine(table, func(r *breakdown.Request) {
		if err := r.Check(); err != nil {
			t.Fatal(err)
		}
		for _, s := range r.Path {
			if s.Bucket == breakdown.Unknown {
				unknown[r.Endpoint] += s.End - s.Start
			}
		}
		if r.Endpoint == "main.get" {
			short++
		}
	})
	m.most = 2000
	d := batch{stacks: stackClasses(table, stacks), first: 1}
	at := int64(1)
	put := func(op trace.Op, g, other int32, state trace.State, reason trace.Reason, stack, stack2 string) {
		at += 10
		d.records = append(d.records, trace.Record{At: at, Op: op, G: g, Other: other, State: state, Reason: reason, Stack: id(stack), Stack2: id(stack2)})
	}
	put(trace.OpCreate, 1, -1, trace.StateRunnable, trace.ReasonNone, "", serve)
	put(trace.OpState, 1, -1, trace.StateRunning, trace.ReasonNone, "", "")
	put(trace.OpState, 1, -1, trace.StateWaiting, trace.ReasonSelect, waits, "")
	put(trace.OpCreate, 2, -1, trace.StateRunnable, trace.ReasonNone, "", serve)
	put(trace.OpState, 2, -1, trace.StateRunning, trace.ReasonNone, "", "")
	const n = 5000
	for i := range int32(n) {
		branch := 100 + i
		put(trace.OpCreate, branch, 2, trace.StateRunnable, trace.ReasonNone, begin, start)
		put(trace.OpState, 2, -1, trace.StateWaiting, trace.ReasonSync, joins, "")
		put(trace.OpState, branch, -1, trace.StateRunning, trace.ReasonNone, "", "")
		put(trace.OpState, branch, -1, trace.StateWaiting, trace.ReasonNetwork, read, "")
		put(trace.OpWake, branch, -1, trace.StateRunnable, trace.ReasonNone, "", "")
		put(trace.OpState, branch, -1, trace.StateRunning, trace.ReasonNone, "", "")
		put(trace.OpWake, 2, branch, trace.StateRunnable, trace.ReasonNone, "", start)
		put(trace.OpEnd, branch, -1, trace.StateUnknown, trace.ReasonNone, "", "")
		put(trace.OpState, 2, -1, trace.StateRunning, trace.ReasonNone, "", "")
		put(trace.OpState, 2, -1, trace.StateWaiting, trace.ReasonNetwork, idle, "")
		put(trace.OpWake, 2, -1, trace.StateRunnable, trace.ReasonNone, "", "")
		put(trace.OpState, 2, -1, trace.StateRunning, trace.ReasonNone, "", "")
	}
	put(trace.OpWake, 1, 2, trace.StateRunnable, trace.ReasonNone, "", begin)
	put(trace.OpState, 1, -1, trace.StateRunning, trace.ReasonNone, "", "")
	put(trace.OpEnd, 1, -1, trace.StateUnknown, trace.ReasonNone, "", "")
	apply(m, &d)
	checkKept(t, m)
	sum := m.finish()
	if short < n || unknown["main.get"] != 0 {
		t.Errorf("%d short requests of %d, %d ns of them unknown", short, n, unknown["main.get"])
	}
	if sum.Forgotten == 0 {
		t.Error("nothing was dropped, so nothing was tested")
	}
}

// A thread that the kernel delayed at the end of a generation writes late times into
// it. What others did in the meantime keeps its own times.
func TestOverlappingGenerationsKeepTheirTimes(t *testing.T) {
	const (
		serve = "net/http.(*conn).serve"
		sleep = "time.Sleep < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve"
		ends  = "internal/poll.(*FD).Write < net/http.(*response).finishRequest < net/http.(*conn).serve"
		idle  = "internal/poll.(*FD).Read < net/http.(*connReader).Read < bufio.(*Reader).Peek < net/http.(*conn).serve"
	)
	table := rules.New()
	stacks := []string{"", serve, sleep, ends, idle}
	var got []breakdown.Request
	m := newMachine(table, func(r *breakdown.Request) { got = append(got, *r) })
	at := func(at int64, g int32, op trace.Op, state trace.State, reason trace.Reason, stack string) trace.Record {
		return trace.Record{At: at, Op: op, G: g, Other: -1, State: state, Reason: reason, Stack: int32(slices.Index(stacks, stack))}
	}
	classes := stackClasses(table, stacks)
	apply(m, &batch{stacks: classes, first: 100, records: []trace.Record{
		at(100, 1, trace.OpStatus, trace.StateWaiting, trace.ReasonNetwork, idle),
		at(100, 2, trace.OpStatus, trace.StateRunning, trace.ReasonNone, ""),
		at(9000, 2, trace.OpState, trace.StateRunnable, trace.ReasonNone, ""), // delayed
	}})
	apply(m, &batch{stacks: classes, first: 500, records: []trace.Record{
		at(500, 1, trace.OpWake, trace.StateRunnable, trace.ReasonNone, ""),
		at(510, 1, trace.OpState, trace.StateRunning, trace.ReasonNone, ""),
		at(600, 1, trace.OpState, trace.StateWaiting, trace.ReasonSleep, sleep),
		at(900, 1, trace.OpWake, trace.StateRunnable, trace.ReasonNone, ""),
		at(920, 1, trace.OpState, trace.StateRunning, trace.ReasonNone, ""),
		at(930, 1, trace.OpState, trace.StateSyscall, trace.ReasonNone, ends),
		at(940, 1, trace.OpState, trace.StateRunning, trace.ReasonNone, ""),
		at(950, 1, trace.OpState, trace.StateSyscall, trace.ReasonNone, idle),
		at(9100, 1, trace.OpState, trace.StateRunning, trace.ReasonNone, ""),
	}})
	m.finish()
	if len(got) != 1 || got[0].Start != 500 || got[0].End != 950 {
		t.Errorf("the requests are %+v, want one from 500 to 950", got)
	}
}

// A connection's reader that waited since before the window has no stack of that
// wait, but reads as soon as it wakes up.
func TestReadIdentifiesWaitBeforeIt(t *testing.T) {
	const (
		begins = "net/http.(*connReader).startBackgroundRead < net/http.(*conn).serve"
		waits  = "runtime.chanrecv1 < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve"
		read   = "syscall.read < internal/poll.(*FD).Read < github.com/lib/pq.(*ListenerConn).listenerConnLoop"
		sends  = "runtime.chansend1 < github.com/lib/pq.(*ListenerConn).listenerConnLoop"
	)
	stacks := []string{"", begins, waits, read, sends}
	id := func(s string) int32 { return int32(slices.Index(stacks, s)) }
	for _, c := range []struct {
		first string
		want  breakdown.Bucket
	}{{read, breakdown.DB}, {sends, breakdown.Unknown}} {
		var got []breakdown.Segment
		m := newMachine(rules.New(), func(r *breakdown.Request) { got = slices.Clone(r.Path) })
		apply(m, &batch{stacks: stackClasses(rules.New(), stacks), first: 100, records: []trace.Record{
			{At: 100, Op: trace.OpStatus, G: 2, Other: -1, State: trace.StateWaiting},
			{At: 110, Op: trace.OpStatus, G: 3, Other: -1, State: trace.StateRunning, Stack: id(begins)},
			{At: 120, Op: trace.OpState, G: 3, Other: -1, State: trace.StateSyscall, Stack: id(begins)},
			{At: 125, Op: trace.OpState, G: 3, Other: -1, State: trace.StateRunning},
			{At: 130, Op: trace.OpState, G: 3, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonRecv, Stack: id(waits)},
			{At: 500, Op: trace.OpWake, G: 2, Other: -1, State: trace.StateRunnable},
			{At: 500, Op: trace.OpState, G: 2, Other: -1, State: trace.StateRunning},
			{At: 500, Op: trace.OpState, G: 2, Other: -1, State: trace.StateSyscall, Stack: id(c.first)},
			{At: 500, Op: trace.OpState, G: 2, Other: -1, State: trace.StateRunning},
			{At: 500, Op: trace.OpWake, G: 3, Other: 2, State: trace.StateRunnable, Stack2: id(sends)},
			{At: 510, Op: trace.OpState, G: 3, Other: -1, State: trace.StateRunning},
			{At: 600, Op: trace.OpEnd, G: 3, Other: -1},
		}})
		m.finish()
		i := slices.IndexFunc(got, func(s breakdown.Segment) bool { return s.Start == 130 })
		if i < 0 || got[i].End != 500 || got[i].Bucket != c.want {
			t.Errorf("woken to %s: path %+v", c.first, got)
		}
	}
}

// A shared worker answers a request from before the window, whose goroutine has shown
// no stack yet. What it did for that request does not belong to the next one.
func TestAnswerToUnseenRequest(t *testing.T) {
	const (
		begins  = "net/http.(*connReader).startBackgroundRead < net/http.(*conn).serve"
		waits   = "runtime.chanrecv1 < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve"
		queries = "internal/poll.(*FD).Read < github.com/lib/pq.(*conn).query < main.worker"
		answers = "runtime.closechan < main.worker"
		writes  = "net/http.(*response).Write < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve"
	)
	stacks := []string{"", begins, waits, queries, answers, writes}
	id := func(s string) int32 { return int32(slices.Index(stacks, s)) }
	var got []breakdown.Segment
	m := newMachine(rules.New(), func(r *breakdown.Request) {
		if r.Goroutine == 3 {
			got = slices.Clone(r.Path)
		}
	})
	apply(m, &batch{stacks: stackClasses(rules.New(), stacks), first: 100, records: []trace.Record{
		{At: 100, Op: trace.OpStatus, G: 2, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonNetwork, Stack: id(queries)},
		{At: 110, Op: trace.OpStatus, G: 3, Other: -1, State: trace.StateRunning, Stack: id(begins)},
		{At: 120, Op: trace.OpState, G: 3, Other: -1, State: trace.StateSyscall, Stack: id(begins)},
		{At: 125, Op: trace.OpState, G: 3, Other: -1, State: trace.StateRunning},
		{At: 130, Op: trace.OpState, G: 3, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonRecv, Stack: id(waits)},
		{At: 300, Op: trace.OpWake, G: 2, Other: -1, State: trace.StateRunning},
		{At: 300, Op: trace.OpStatus, G: 4, Other: -1, State: trace.StateWaiting},
		{At: 300, Op: trace.OpWake, G: 4, Other: 2, State: trace.StateRunning, Stack2: id(answers)},
		{At: 300, Op: trace.OpState, G: 2, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonNetwork, Stack: id(queries)},
		{At: 320, Op: trace.OpState, G: 4, Other: -1, State: trace.StateSyscall, Stack: id(writes)},
		{At: 500, Op: trace.OpWake, G: 2, Other: -1, State: trace.StateRunning},
		{At: 500, Op: trace.OpWake, G: 3, Other: 2, State: trace.StateRunning, Stack2: id(answers)},
		{At: 600, Op: trace.OpEnd, G: 3, Other: -1},
	}})
	m.finish()
	var sum [breakdown.NumBuckets]int64
	for _, s := range got {
		sum[s.Bucket] += s.End - s.Start
	}
	if sum[breakdown.Wait] != 170 || sum[breakdown.DB] != 200 {
		t.Errorf("wait %d, db %d, path %+v", sum[breakdown.Wait], sum[breakdown.DB], got)
	}
}

// An allocation by a shared worker starts a collection in the middle of a request's
// work, and wakes a goroutine of the runtime for it. That hands nothing over: the
// work goes on, and what was done until then belongs to the request.
func TestWorkerThatStartsCollectionGoesOn(t *testing.T) {
	const (
		handler = " < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve"
		begins  = "net/http.(*connReader).startBackgroundRead < net/http.(*conn).serve"
		asks    = "runtime.chansend1" + handler
		waits   = "runtime.chanrecv1" + handler
		takes   = "runtime.chanrecv2 < main.worker"
		queries = "internal/poll.(*FD).Read < github.com/lib/pq.(*conn).query < main.worker"
		gathers = "runtime.systemstack_switch < runtime.gcStart < runtime.mallocgc < github.com/lib/pq.(*conn).query < main.worker"
		begun   = "runtime.semacquire1 < runtime.gcStart < runtime.mallocgc < main.other"
		gives   = "runtime.chansend1 < main.worker"
		idle    = "runtime.chanrecv2 < main.dispatch"
		answers = "runtime.closechan < main.dispatch"
	)
	stacks := []string{"", begins, asks, waits, takes, queries, gathers, begun, gives, idle, answers}
	id := func(s string) int32 { return int32(slices.Index(stacks, s)) }
	for name, woken := range map[string]trace.Record{
		"a goroutine of the runtime's":    {Op: trace.OpStatus, G: 9, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonSystem},
		"one that waits to begin one":     {Op: trace.OpStatus, G: 9, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonSync, Stack: id(begun)},
		"one of whose wait none is known": {Op: trace.OpStatus, G: 9, Other: -1, State: trace.StateWaiting},
	} {
		t.Run(name, func(t *testing.T) {
			var got breakdown.Request
			m := newMachine(rules.New(), func(r *breakdown.Request) {
				if r.Goroutine == 2 {
					got = *r
					got.Path, got.Calls = slices.Clone(r.Path), slices.Clone(r.Calls)
				}
			})
			woken.At = 100
			apply(m, &batch{stacks: stackClasses(rules.New(), stacks), first: 100, records: []trace.Record{
				{At: 100, Op: trace.OpStatus, G: 3, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonRecv, Stack: id(takes)},
				{At: 100, Op: trace.OpStatus, G: 4, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonRecv, Stack: id(idle)},
				woken,
				// Another request, whose answer the dispatcher passes on in the
				// meantime.
				{At: 105, Op: trace.OpStatus, G: 5, Other: -1, State: trace.StateRunning, Stack: id(begins)},
				{At: 105, Op: trace.OpState, G: 5, Other: -1, State: trace.StateSyscall, Stack: id(begins)},
				{At: 106, Op: trace.OpState, G: 5, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonRecv, Stack: id(waits)},
				{At: 110, Op: trace.OpStatus, G: 2, Other: -1, State: trace.StateRunning, Stack: id(begins)},
				{At: 120, Op: trace.OpState, G: 2, Other: -1, State: trace.StateSyscall, Stack: id(begins)},
				{At: 125, Op: trace.OpState, G: 2, Other: -1, State: trace.StateRunning},
				{At: 130, Op: trace.OpWake, G: 3, Other: 2, State: trace.StateRunnable, Stack2: id(asks)},
				{At: 130, Op: trace.OpState, G: 2, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonRecv, Stack: id(waits)},
				{At: 140, Op: trace.OpState, G: 3, Other: -1, State: trace.StateRunning},
				{At: 150, Op: trace.OpState, G: 3, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonNetwork, Stack: id(queries)},
				{At: 300, Op: trace.OpWake, G: 4, Other: 6, State: trace.StateRunning, Stack2: id(gives)},
				{At: 302, Op: trace.OpWake, G: 5, Other: 4, State: trace.StateRunnable, Stack2: id(answers)},
				{At: 305, Op: trace.OpState, G: 4, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonRecv, Stack: id(idle)},
				{At: 400, Op: trace.OpWake, G: 3, Other: -1, State: trace.StateRunning},
				{At: 410, Op: trace.OpWake, G: 9, Other: 3, State: trace.StateRunnable, Stack2: id(gathers)},
				{At: 420, Op: trace.OpState, G: 3, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonNetwork, Stack: id(queries)},
				{At: 500, Op: trace.OpWake, G: 3, Other: -1, State: trace.StateRunning},
				{At: 510, Op: trace.OpWake, G: 4, Other: 3, State: trace.StateRunning, Stack2: id(gives)},
				{At: 515, Op: trace.OpWake, G: 2, Other: 4, State: trace.StateRunning, Stack2: id(answers)},
				{At: 600, Op: trace.OpEnd, G: 2, Other: -1},
			}})
			m.finish()
			var sum [breakdown.NumBuckets]int64
			for _, s := range got.Path {
				sum[s.Bucket] += s.End - s.Start
			}
			// All of the query but the 20 of the collection, and the 3 that the
			// dispatcher takes to pass the other's answer on.
			if sum[breakdown.DB] != 327 || sum[breakdown.Wait] != 0 || len(got.Calls) != 1 {
				t.Errorf("db %d, wait %d, %d calls, path %+v", sum[breakdown.DB], sum[breakdown.Wait], len(got.Calls), got.Path)
			}
		})
	}
}

// No network writes to a database within the process. A call to it begins where a
// rule says so.
func TestCallBeginsWhereRuleSaysSo(t *testing.T) {
	const (
		handler = " < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve"
		begins  = "net/http.(*connReader).startBackgroundRead < net/http.(*conn).serve"
		prepare = "github.com/mattn/go-sqlite3._Cfunc__sqlite3_prepare_v2_internal < github.com/mattn/go-sqlite3.(*SQLiteConn).prepare" + handler
		free    = "github.com/mattn/go-sqlite3._Cfunc_free < github.com/mattn/go-sqlite3.(*SQLiteConn).prepare" + handler
		step    = "github.com/mattn/go-sqlite3._Cfunc__sqlite3_step_row_internal < github.com/mattn/go-sqlite3.(*SQLiteStmt).exec" + handler
	)
	stacks := []string{"", begins, prepare, free, step}
	calls := 0
	m := newMachine(rules.New(), func(r *breakdown.Request) { calls = len(r.Calls) })
	d := batch{stacks: stackClasses(rules.New(), stacks), first: 100}
	at := int64(100)
	in := func(stack string) {
		at += 20
		d.records = append(d.records, trace.Record{At: at, Op: trace.OpState, G: 1, Other: -1, State: trace.StateSyscall, Stack: int32(slices.Index(stacks, stack))},
			trace.Record{At: at + 10, Op: trace.OpState, G: 1, Other: -1, State: trace.StateRunning})
	}
	in(begins)
	for range 3 {
		in(prepare)
		in(free)
		in(step)
		in(step)
	}
	d.records = append(d.records, trace.Record{At: at + 50, Op: trace.OpEnd, G: 1, Other: -1})
	apply(m, &d)
	m.finish()
	if calls != 3 {
		t.Errorf("%d calls, want 3", calls)
	}
}

// An allocation by the server, while it reads a request, may start a collection and
// wait until the collector's workers have started.
func TestCollectionWhileReadingRequest(t *testing.T) {
	const (
		begins = "net/http.(*conn).serve"
		reads  = "internal/poll.(*FD).Read < net/http.(*connReader).Read < net/http.(*conn).readRequest < net/http.(*conn).serve"
		sys    = "syscall.read < " + reads
		starts = "runtime.gcBgMarkStartWorkers < runtime.gcStart < runtime.mallocgc < bufio.NewWriterSize < net/http.(*conn).readRequest < net/http.(*conn).serve"
		waits  = "runtime.chanrecv1 < " + starts
		worker = "runtime.gcBgMarkWorker"
		works  = "runtime.chansend1 < " + worker
		sleeps = "time.Sleep < main.get < net/http.HandlerFunc.ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve"
	)
	stacks := []string{"", begins, reads, sys, starts, waits, worker, works, sleeps}
	id := func(s string) int32 { return int32(slices.Index(stacks, s)) }
	var got []breakdown.Request
	m := newMachine(rules.New(), func(r *breakdown.Request) { got = append(got, *r) })
	apply(m, &batch{stacks: stackClasses(rules.New(), stacks), first: 100, records: []trace.Record{
		{At: 110, Op: trace.OpCreate, G: 2, Other: -1, State: trace.StateRunnable, Stack2: id(begins)},
		{At: 120, Op: trace.OpState, G: 2, Other: -1, State: trace.StateRunning},
		{At: 130, Op: trace.OpState, G: 2, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonNetwork, Stack: id(reads)},
		{At: 200, Op: trace.OpWake, G: 2, Other: -1, State: trace.StateRunnable},
		{At: 210, Op: trace.OpState, G: 2, Other: -1, State: trace.StateRunning},
		{At: 220, Op: trace.OpState, G: 2, Other: -1, State: trace.StateSyscall, Stack: id(sys)},
		{At: 230, Op: trace.OpState, G: 2, Other: -1, State: trace.StateRunning},
		{At: 240, Op: trace.OpCreate, G: 3, Other: 2, State: trace.StateRunnable, Stack: id(starts), Stack2: id(worker)},
		{At: 250, Op: trace.OpState, G: 2, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonRecv, Stack: id(waits)},
		{At: 260, Op: trace.OpState, G: 3, Other: -1, State: trace.StateRunning},
		{At: 300, Op: trace.OpWake, G: 2, Other: 3, State: trace.StateRunnable, Stack2: id(works)},
		{At: 310, Op: trace.OpState, G: 2, Other: -1, State: trace.StateRunning},
		{At: 320, Op: trace.OpCreate, G: 4, Other: 2, State: trace.StateRunnable, Stack: id(starts), Stack2: id(worker)},
		{At: 330, Op: trace.OpState, G: 2, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonSleep, Stack: id(sleeps)},
		{At: 500, Op: trace.OpWake, G: 2, Other: -1, State: trace.StateRunnable},
		{At: 510, Op: trace.OpState, G: 2, Other: -1, State: trace.StateRunning},
		{At: 600, Op: trace.OpEnd, G: 2, Other: -1},
	}})
	m.finish()
	if len(got) != 1 || got[0].Start != 200 || got[0].End != 600 || got[0].Endpoint != "main.get" {
		t.Errorf("the requests are %+v, want one to main.get from 200 to 600", got)
	}
}

// The collector stops a goroutine anywhere to scan its stack, including when it is
// about to read the next request or is reading one.
func TestCollectorStopIsNoRequestEdge(t *testing.T) {
	const (
		reads  = "internal/poll.(*FD).Read < net/http.(*connReader).Read < bufio.(*Reader).Peek < net/http.(*conn).serve"
		sys    = "syscall.read < " + reads
		sleeps = "time.Sleep < main.get < net/http.HandlerFunc.ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve"
		writes = "syscall.write < net/http.(*response).finishRequest < net/http.(*conn).serve"
		worker = "runtime.gcBgMarkWorker"
	)
	stacks := []string{"", reads, sys, sleeps, writes, worker}
	id := func(s string) int32 { return int32(slices.Index(stacks, s)) }
	var got []breakdown.Request
	m := newMachine(rules.New(), func(r *breakdown.Request) { got = append(got, *r) })
	stop := func(at int64) []trace.Record {
		return []trace.Record{
			{At: at, Op: trace.OpState, G: 2, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonGC, Stack: id(reads)},
			{At: at + 40, Op: trace.OpWake, G: 2, Other: 3, State: trace.StateRunnable, Stack2: id(worker)},
			{At: at + 50, Op: trace.OpState, G: 2, Other: -1, State: trace.StateRunning},
		}
	}
	serve := func(at int64) []trace.Record { // from the read on
		return []trace.Record{
			{At: at, Op: trace.OpState, G: 2, Other: -1, State: trace.StateSyscall, Stack: id(sys)},
			{At: at + 10, Op: trace.OpState, G: 2, Other: -1, State: trace.StateRunning},
			{At: at + 20, Op: trace.OpState, G: 2, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonSleep, Stack: id(sleeps)},
			{At: at + 220, Op: trace.OpWake, G: 2, Other: -1, State: trace.StateRunnable},
			{At: at + 230, Op: trace.OpState, G: 2, Other: -1, State: trace.StateRunning},
			{At: at + 240, Op: trace.OpState, G: 2, Other: -1, State: trace.StateSyscall, Stack: id(writes)},
			{At: at + 250, Op: trace.OpState, G: 2, Other: -1, State: trace.StateRunning},
		}
	}
	apply(m, &batch{stacks: stackClasses(rules.New(), stacks), first: 100, records: slices.Concat(
		[]trace.Record{
			{At: 110, Op: trace.OpStatus, G: 2, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonNetwork, Stack: id(reads)},
			{At: 200, Op: trace.OpWake, G: 2, Other: -1, State: trace.StateRunnable},
			{At: 210, Op: trace.OpState, G: 2, Other: -1, State: trace.StateRunning},
		},
		stop(300), // while reading a request, which began at 200
		serve(400),
		stop(700), // before reading the next one, which has already arrived
		serve(800),
		[]trace.Record{
			{At: 1100, Op: trace.OpState, G: 2, Other: -1, State: trace.StateSyscall, Stack: id(sys)}, // finds nothing
			{At: 1110, Op: trace.OpState, G: 2, Other: -1, State: trace.StateRunning},
		},
		stop(1120), // before the wait for more, which arrives in the meantime
		serve(1300),
		[]trace.Record{{At: 1600, Op: trace.OpState, G: 2, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonNetwork, Stack: id(reads)}},
	)})
	m.finish()
	if len(got) != 3 || got[0].Start != 200 || got[0].End != 700 || got[1].Start != 800 || got[1].End != 1100 ||
		got[2].Start != 1300 || got[2].End != 1600 {
		for _, r := range got {
			t.Errorf("a request to %q from %d to %d", r.Endpoint, r.Start, r.End)
		}
		t.Error("want one from 200 to 700, one from 800 to 1100 and one from 1300 to 1600")
	}
}

// A pool in the server has its own lock. A connection may wait for it before it reads
// a request, or while it reads one.
func TestLockIsNoWaitForRequest(t *testing.T) {
	const (
		begins = "net/http.(*conn).serve"
		locks  = "sync.(*Mutex).Lock < sync.(*Pool).pinSlow < net/http.newTextprotoReader < net/http.readRequest < net/http.(*conn).readRequest < net/http.(*conn).serve"
		frees  = "sync.(*Mutex).Unlock < sync.(*Pool).pinSlow < main.main"
		header = "syscall.read < internal/poll.(*FD).Read < net/http.(*connReader).Read < net/http.readRequest < net/http.(*conn).readRequest < net/http.(*conn).serve"
		peeks  = "internal/poll.(*FD).Read < net/http.(*connReader).Read < bufio.(*Reader).Peek < net/http.(*conn).serve"
		sys    = "syscall.read < " + peeks
		sleeps = "time.Sleep < main.get < net/http.HandlerFunc.ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve"
	)
	stacks := []string{"", begins, locks, frees, header, peeks, sys, sleeps}
	id := func(s string) int32 { return int32(slices.Index(stacks, s)) }
	var got []breakdown.Request
	m := newMachine(rules.New(), func(r *breakdown.Request) { got = append(got, *r) })
	in := func(at int64, state trace.State, reason trace.Reason, stack string) trace.Record {
		return trace.Record{At: at, Op: trace.OpState, G: 2, Other: -1, State: state, Reason: reason, Stack: id(stack)}
	}
	woken := func(at int64, by int32, stack string) trace.Record {
		return trace.Record{At: at, Op: trace.OpWake, G: 2, Other: by, State: trace.StateRunnable, Stack2: id(stack)}
	}
	running := func(at int64) trace.Record { return in(at, trace.StateRunning, trace.ReasonNone, "") }
	lock := func(at int64) []trace.Record {
		return []trace.Record{in(at, trace.StateWaiting, trace.ReasonSync, locks), woken(at+40, 3, frees), running(at + 50)}
	}
	apply(m, &batch{stacks: stackClasses(rules.New(), stacks), first: 100, records: slices.Concat(
		[]trace.Record{
			{At: 100, Op: trace.OpStatus, G: 3, Other: -1, State: trace.StateRunning},
			{At: 110, Op: trace.OpCreate, G: 2, Other: -1, State: trace.StateRunnable, Stack2: id(begins)},
			running(120),
		},
		lock(130), // before anything was read
		[]trace.Record{
			in(200, trace.StateSyscall, trace.ReasonNone, header), running(210),
			in(220, trace.StateWaiting, trace.ReasonSleep, sleeps), woken(300, -1, ""), running(310),
			in(500, trace.StateWaiting, trace.ReasonNetwork, peeks), woken(600, -1, ""), running(610),
			in(620, trace.StateSyscall, trace.ReasonNone, sys), running(630),
		},
		lock(640), // when the first bytes were read
		[]trace.Record{
			in(700, trace.StateWaiting, trace.ReasonSleep, sleeps), woken(800, -1, ""), running(810),
			in(900, trace.StateWaiting, trace.ReasonNetwork, peeks),
		},
	)})
	m.finish()
	if len(got) != 2 || got[0].Start != 200 || got[0].End != 500 || got[1].Start != 600 || got[1].End != 900 {
		for _, r := range got {
			t.Errorf("a request to %q from %d to %d", r.Endpoint, r.Start, r.End)
		}
		t.Error("want one from 200 to 500 and one from 600 to 900")
	}
}
