package timeline

import (
	"slices"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// A connection's goroutine that is never seen waiting still serves one request after
// another.
func TestBackToBackRequestsAreSeparate(t *testing.T) {
	const (
		reads   = "internal/poll.(*FD).Read < net/http.(*connReader).Read < net/http.readRequest < net/http.(*conn).readRequest < net/http.(*conn).serve"
		sys     = "syscall.read < " + reads
		handler = "main.get < net/http.HandlerFunc.ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve"
		writes  = "syscall.write < net/http.checkConnErrorWriter.Write < net/http.(*response).Write < " + handler
		ahead   = "net/http.(*connReader).startBackgroundRead < net/http.(*conn).serve"
		body    = "net/http.(*connReader).startBackgroundRead < net/http.(*body).Read < " + handler
		reader  = "net/http.(*connReader).backgroundRead"
		begins  = "net/http.(*conn).serve"
	)
	stacks := []string{"", reads, sys, writes, ahead, body, reader, begins}
	id := func(s string) int32 { return int32(slices.Index(stacks, s)) }
	others := int32(9)
	running := func(at int64) trace.Record {
		return trace.Record{At: at, Op: trace.OpState, G: 2, Other: -1, State: trace.StateRunning}
	}
	syscall := func(at int64, stack string) []trace.Record {
		return []trace.Record{{At: at, Op: trace.OpState, G: 2, Other: -1, State: trace.StateSyscall, Stack: id(stack)}, running(at + 1)}
	}
	start := func(at int64, stack string) []trace.Record {
		others++
		return []trace.Record{{At: at, Op: trace.OpCreate, G: others, Other: 2, State: trace.StateRunnable, Stack: id(stack), Stack2: id(reader)}}
	}
	waits := func(from, to int64) []trace.Record {
		return []trace.Record{{At: from, Op: trace.OpState, G: 2, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonNetwork, Stack: id(reads)},
			{At: to, Op: trace.OpWake, G: 2, Other: -1, State: trace.StateRunnable}, running(to + 5)}
	}
	for _, test := range []struct {
		name    string
		records []trace.Record
		want    []span
	}{
		{"the next header is read where the last one was, as before Go 1.20", slices.Concat(
			syscall(200, sys), start(210, ahead), syscall(300, writes), syscall(350, sys),
			start(360, ahead), syscall(500, writes), syscall(550, sys),
		), []span{{200, 350}, {350, 550}}},
		{"and waited for there", slices.Concat(
			syscall(200, sys), start(210, ahead), syscall(300, writes), syscall(350, sys),
			waits(355, 400), syscall(410, sys), start(420, ahead), syscall(500, writes), syscall(550, sys), waits(555, 600),
		), []span{{200, 350}, {400, 550}}},
		{"a header that comes in pieces is one", slices.Concat(
			syscall(200, sys), start(210, ahead), syscall(300, writes), syscall(350, sys), waits(355, 400),
			syscall(410, sys), syscall(420, sys), waits(425, 450), syscall(460, sys), start(470, ahead), syscall(500, writes), syscall(550, sys), waits(555, 600),
		), []span{{200, 350}, {400, 550}}},
		{"the next request has been read with the last one", slices.Concat(
			syscall(200, sys), start(210, ahead), syscall(300, writes), start(400, ahead), syscall(500, writes), start(600, ahead), syscall(700, sys),
		), []span{{200, 400}, {400, 600}, {600, 700}}},
		{"with a body after one without", slices.Concat(
			syscall(200, sys), start(210, ahead), syscall(300, writes), start(400, body), syscall(500, writes), syscall(550, sys),
		), []span{{200, 400}, {400, 550}}},
		{"with a body after one with a body", slices.Concat(
			syscall(200, sys), start(210, body), syscall(300, writes), start(400, body), syscall(500, writes), syscall(550, sys),
		), []span{{200, 400}, {400, 550}}},
		{"without a body after one that was answered before its body came", slices.Concat(
			syscall(200, sys), syscall(220, writes), start(240, body), syscall(300, writes), start(400, ahead), syscall(500, writes), syscall(550, sys),
		), []span{{200, 400}, {400, 550}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []span
			m := newMachine(rules.New(), func(r *breakdown.Request) {
				if r.Incomplete {
					t.Errorf("the request from %d to %d is incomplete", r.Start, r.End)
				}
				if err := r.Check(); err != nil {
					t.Error(err)
				}
				got = append(got, span{r.Start, r.End})
			})
			begin := []trace.Record{{At: 110, Op: trace.OpCreate, G: 2, Other: -1, State: trace.StateRunnable, Stack2: id(begins)}, running(120)}
			apply(m, &batch{stacks: stackClasses(rules.New(), stacks), first: 100, records: append(begin, test.records...)})
			m.finish()
			if !slices.Equal(got, test.want) {
				t.Errorf("the requests are %v, want %v", got, test.want)
			}
		})
	}
}
