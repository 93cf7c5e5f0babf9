package timeline

import (
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// A driven machine is given records, one moment after another.
type driven struct {
	m      *machine
	tables tables
}

func newDriven(stacks ...string) *driven {
	m := newMachine(rules.New(), func(*breakdown.Request) {})
	m.startGeneration(1)
	s := &driven{m: m}
	classes := stackClasses(rules.New(), append([]string{""}, stacks...))
	s.tables = tables{ids: []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, stacks: classes}
	return s
}

func (s *driven) apply(records ...trace.Record) {
	for i := range records {
		s.m.tables = s.tables
		for len(s.m.met) < len(s.tables.ids) {
			s.m.met = append(s.m.met, nil)
		}
		s.m.now = max(s.m.now, records[i].At)
		s.m.step(&records[i])
	}
}

// Samples show which part of the collector, and which work that serves no request, has the
// processors, and whether all were busy.
func TestSamplesShowWhomTheProcessorsWorkFor(t *testing.T) {
	const marking, rebuilding, serving, reading, job, worker, request = 1, 2, 3, 4, 5, 6, 7
	s := newDriven("runtime.scanobject < runtime.gcDrain < runtime.gcBgMarkWorker",
		"crypto/sha256.Sum256 < main.(*reporter).rebuild < main.(*reporter).run.func1",
		"main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
		"bufio.(*Reader).Peek < net/http.(*persistConn).readLoop")
	s.apply(trace.Record{At: 1, Op: trace.OpMaxProcs, G: 2},
		trace.Record{At: 1, Op: trace.OpStatus, G: job, Other: -1, State: trace.StateRunning},
		trace.Record{At: 1, Op: trace.OpStatus, G: request, Other: -1, State: trace.StateRunning},
		trace.Record{At: 1, Op: trace.OpProcRun, G: 0})
	sample := func(at int64, g int32, stack int32) {
		s.apply(trace.Record{At: at * 1e6, Op: trace.OpSample, G: g, Other: -1, Stack: stack})
	}
	sample(1, worker, marking)
	s.apply(trace.Record{At: 2e6, Op: trace.OpProcRun, G: 1})
	for _, at := range []int64{10, 20, 30, 400, 410} {
		sample(at, job, rebuilding)
	}
	sample(411, request, serving)
	sample(412, job, reading) // a client's own goroutine
	sample(413, -1, 0)
	p := s.m.profile.result()
	if p.All != (breakdown.Hits{Total: 9, Collector: 1, Requests: 2, Jobs: 5}) || p.Crowded != (breakdown.Hits{Total: 8, Requests: 2, Jobs: 5}) || p.Marking != 1 {
		t.Errorf("%+v", p)
	}
	if len(p.Jobs) != 1 || p.Jobs[0].Function != "main.(*reporter).rebuild" || p.Jobs[0].Root != "main.(*reporter).run.func1" ||
		p.Jobs[0].Samples != 5 || p.Jobs[0].Crowded != 5 || p.Jobs[0].Times != 2 || p.Jobs[0].Busy != 50e6 {
		t.Errorf("%+v", p.Jobs)
	}
}

// While all processors are busy, and no one looks, what ends a wait is noticed late: by how
// much is known from other waits at the place.
func TestLateNewsIsEstimated(t *testing.T) {
	const answer, sleep, g, hog = 1, 2, 5, 6
	const msec = int64(1e6)
	s := newDriven("internal/poll.(*FD).Read < github.com/lib/pq.(*conn).query < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve",
		"time.Sleep < main.get < net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve")
	s.apply(trace.Record{At: 1, Op: trace.OpMaxProcs, G: 1}, trace.Record{At: 1, Op: trace.OpStatus, G: g, Other: -1, State: trace.StateRunning})
	at := int64(1000)
	wait := func(stack int32, why trace.Reason, lasts int64) int32 {
		s.apply(trace.Record{At: at, Op: trace.OpState, G: g, Other: -1, State: trace.StateWaiting, Stack: stack, Reason: why})
		gr := s.m.met[g]
		late := s.m.lateness(gr, at+lasts, nil)
		s.apply(trace.Record{At: at + lasts, Op: trace.OpWake, G: g, Other: -1, State: trace.StateRunnable},
			trace.Record{At: at + lasts, Op: trace.OpState, G: g, Other: -1, State: trace.StateRunning})
		at += lasts + msec
		return late
	}
	if late := wait(answer, trace.ReasonNetwork, 3*msec); late != 0 {
		t.Errorf("with an idle processor, %d ns are late", late)
	}
	s.apply(trace.Record{At: at, Op: trace.OpProcRun, G: 0}, trace.Record{At: at, Op: trace.OpStatus, G: hog, Other: -1, State: trace.StateRunnable})
	if late := int64(wait(answer, trace.ReasonNetwork, 10*msec)); late < 4*msec || late > 5*msec {
		t.Errorf("of a stretch of 10 ms, %d ns are late", late)
	}
	if late := wait(sleep, trace.ReasonSleep, 10*msec); late != 0 {
		t.Errorf("a sleep of unknown length is %d ns late", late)
	}
	s.apply(trace.Record{At: at, Op: trace.OpProcIdle, G: 0})
	for range 2 * enoughPrompt {
		wait(answer, trace.ReasonNetwork, 3*msec)
		wait(sleep, trace.ReasonSleep, 2*msec)
	}
	s.apply(trace.Record{At: at, Op: trace.OpProcRun, G: 0})
	if late := int64(wait(answer, trace.ReasonNetwork, 10*msec)); late < 6*msec || late > 8*msec {
		t.Errorf("of an answer that usually takes 3 ms, %d ns of 10 ms are late", late)
	}
	if late := int64(wait(sleep, trace.ReasonSleep, 6*msec)); late < 3*msec || late > 5*msec {
		t.Errorf("of a sleep of 2 ms, %d ns of 6 ms are late", late)
	}
	if late := wait(answer, trace.ReasonNetwork, msec); late > 0 {
		t.Errorf("a short wait is %d ns late", late)
	}
}

// Sleeps that differ say nothing about how long one was meant to be.
func TestOnlySleepsThatAreAlikeHaveALength(t *testing.T) {
	alike, various := &class{}, &class{}
	for i := range int64(40) {
		alike.slept(2_000_000 + i%3*3_000_000)
		various.slept(2_000_000 + i*500_000)
	}
	if ns, ok := alike.usual(trace.ReasonSleep); !ok || ns != 2_000_000 {
		t.Errorf("%d ns, %v", ns, ok)
	}
	if ns, ok := various.usual(trace.ReasonSleep); ok {
		t.Errorf("%d ns", ns)
	}
}

// A stop of the world leaves the processors no time to look at timers.
func TestAStopIsNoChanceToLook(t *testing.T) {
	for _, stops := range []bool{true, false} {
		s := newDriven()
		s.apply(trace.Record{At: 1, Op: trace.OpMaxProcs, G: 1}, trace.Record{At: 1000, Op: trace.OpProcRun, G: 0})
		if stops {
			s.apply(trace.Record{At: 2000, Op: trace.OpStopBegin, Other: -1})
		}
		s.apply(trace.Record{At: 3000, Op: trace.OpProcIdle, G: 0})
		if stops {
			s.apply(trace.Record{At: 4000, Op: trace.OpStopEnd, Other: -1})
		}
		s.apply(trace.Record{At: 5000, Op: trace.OpProcRun, G: 0})
		if want := map[bool]int64{true: 1000, false: 5000}[stops]; s.m.crowded != want {
			t.Errorf("with a stop: %v, all processors are busy since %d, not %d", stops, s.m.crowded, want)
		}
	}
}
