package timeline

import (
	"slices"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// A connection's goroutine that is never seen to wait serves one request after
// another all the same.
func TestRequestsWithoutAPauseAreSeveral(t *testing.T) {
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
	running := func(at int64) record { return record{at: at, op: opState, g: 2, other: -1, state: stateRunning} }
	syscall := func(at int64, stack string) []record {
		return []record{{at: at, op: opState, g: 2, other: -1, state: stateSyscall, stack: id(stack)}, running(at + 1)}
	}
	start := func(at int64, stack string) []record {
		others++
		return []record{{at: at, op: opCreate, g: others, other: 2, state: stateRunnable, stack: id(stack), stack2: id(reader)}}
	}
	waits := func(from, to int64) []record {
		return []record{{at: from, op: opState, g: 2, other: -1, state: stateWaiting, reason: reasonNetwork, stack: id(reads)},
			{at: to, op: opWake, g: 2, other: -1, state: stateRunnable}, running(to + 5)}
	}
	for _, test := range []struct {
		name    string
		records []record
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
			m := newMachine(newClasses(rules.New()), func(r *breakdown.Request) {
				if r.Incomplete {
					t.Errorf("the request from %d to %d is incomplete", r.Start, r.End)
				}
				if err := r.Check(); err != nil {
					t.Error(err)
				}
				got = append(got, span{r.Start, r.End})
			})
			begin := []record{{at: 110, op: opCreate, g: 2, other: -1, state: stateRunnable, stack2: id(begins)}, running(120)}
			apply(m, &decoded{classes: stackClasses(rules.New(), stacks), first: 100, records: append(begin, test.records...)})
			m.finish()
			if !slices.Equal(got, test.want) {
				t.Errorf("the requests are %v, not %v", got, test.want)
			}
		})
	}
}
