package timeline

import (
	"slices"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// A trace of Go before 1.22 has system calls that take no time. Between two calls on
// files in one function of the service, the goroutine was in the first one.
func TestSystemCallsWithoutDuration(t *testing.T) {
	const (
		begins  = "net/http.(*conn).serve"
		handler = "main.get < net/http.HandlerFunc.ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve"
		reads   = "syscall.read < internal/poll.(*FD).Read < net/http.(*connReader).Read < bufio.(*Reader).Peek < net/http.(*conn).serve"
		opens   = "syscall.openat < syscall.Open < os.OpenFile < " + handler
		loads   = "syscall.read < syscall.Read < internal/poll.(*FD).Read < os.(*File).Read < " + handler
		syncs   = "syscall.Fsync < internal/poll.(*FD).Fsync < os.(*File).Sync < " + handler
		stats   = "syscall.fstatat < syscall.Lstat < os.lstatNolog < os.Lstat < " + handler // its line is the fifth
		removes = "syscall.unlinkat < syscall.Unlink < os.Remove < main.tidy < " + handler
		sleeps  = "time.Sleep < " + handler
	)
	stacks := []string{"", begins, handler, reads, opens, loads, syncs, stats, removes, sleeps}
	id := func(s string) int32 { return int32(slices.Index(stacks, s)) }
	in := func(at int64, state trace.State, stack string) trace.Record {
		return trace.Record{At: at, Op: trace.OpState, G: 2, Other: -1, State: state, Stack: id(stack)}
	}
	call := func(at int64, stack string) []trace.Record {
		return []trace.Record{in(at, trace.StateSyscall, stack), in(at+1, trace.StateRunning, "")}
	}
	for _, test := range []struct {
		name           string
		calls          []trace.Record // from 200 to 400
		file           int64          // the time in files
		within, beyond int64          // of it, the time inferred from the next call; of cpu, the time after one
	}{
		{"one after another", slices.Concat(call(200, opens), call(300, syncs)), 101, 99, 99},
		{"a read, and then another call", slices.Concat(call(200, loads), call(300, syncs)), 2, 0, 198},
		{"the same one again", slices.Concat(call(200, syncs), call(300, syncs)), 2, 0, 198},
		{"the next one in another function", slices.Concat(call(200, syncs), call(300, removes)), 2, 0, 198},
		{"the next one further up", slices.Concat(call(200, stats), call(300, opens)), 2, 0, 198},
		{"a collection in between", slices.Concat(call(200, opens), []trace.Record{{At: 250, Op: trace.OpAssistBegin, G: 2, Other: -1}, {At: 260, Op: trace.OpAssistEnd, G: 2, Other: -1}}, call(300, syncs)),
			2, 0, 148},
		{"one that lasts", []trace.Record{in(200, trace.StateSyscall, syncs), in(350, trace.StateRunnable, ""), in(360, trace.StateRunning, "")}, 150, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []breakdown.Request
			m := newMachine(rules.New(), func(r *breakdown.Request) {
				if err := r.Check(); err != nil {
					t.Error(err)
				}
				c := *r
				c.Path = slices.Clone(r.Path)
				got = append(got, c)
			})
			m.instant = true
			apply(m, &batch{stacks: stackClasses(rules.New(), stacks), first: 100, records: slices.Concat(
				[]trace.Record{{At: 110, Op: trace.OpCreate, G: 2, Other: -1, State: trace.StateRunnable, Stack2: id(begins)}, in(120, trace.StateRunning, "")},
				call(150, reads), test.calls,
				[]trace.Record{in(400, trace.StateWaiting, sleeps), {At: 500, Op: trace.OpWake, G: 2, Other: -1, State: trace.StateRunnable}, in(510, trace.StateRunning, ""), in(600, trace.StateWaiting, reads)},
			)})
			sum := m.finish()
			if len(got) != 1 {
				t.Fatalf("%d requests", len(got))
			}
			file := int64(0)
			for _, s := range got[0].Path {
				if s.Bucket == breakdown.File {
					file += s.End - s.Start
				}
			}
			if file != test.file || sum.InCalls != test.within || sum.AfterCalls != test.beyond {
				t.Errorf("%d in files, of which %d inferred from the next call, and %d after one; want %d, %d and %d", file, sum.InCalls, sum.AfterCalls, test.file, test.within, test.beyond)
			}
		})
	}
}
