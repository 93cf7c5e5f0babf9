package timeline

import (
	"slices"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// A trace of Go before 1.22 has system calls that last no time. Between two of files
// in one function of the service the goroutine was in the first one.
func TestCallsThatLastNoTime(t *testing.T) {
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
	in := func(at int64, state uint8, stack string) record {
		return record{at: at, op: opState, g: 2, other: -1, state: state, stack: id(stack)}
	}
	call := func(at int64, stack string) []record {
		return []record{in(at, stateSyscall, stack), in(at+1, stateRunning, "")}
	}
	for _, test := range []struct {
		name           string
		calls          []record // from 200 to 400
		file           int64    // the time in files
		within, beyond int64    // of it told by the next call, and of cpu what followed one
	}{
		{"one after another", slices.Concat(call(200, opens), call(300, syncs)), 101, 99, 99},
		{"a read, and then another call", slices.Concat(call(200, loads), call(300, syncs)), 2, 0, 198},
		{"the same one again", slices.Concat(call(200, syncs), call(300, syncs)), 2, 0, 198},
		{"the next one in another function", slices.Concat(call(200, syncs), call(300, removes)), 2, 0, 198},
		{"the next one further up", slices.Concat(call(200, stats), call(300, opens)), 2, 0, 198},
		{"a collection in between", slices.Concat(call(200, opens), []record{{at: 250, op: opAssist, g: 2, other: -1}, {at: 260, op: opAssisted, g: 2, other: -1}}, call(300, syncs)),
			2, 0, 148},
		{"one that lasts", []record{in(200, stateSyscall, syncs), in(350, stateRunnable, ""), in(360, stateRunning, "")}, 150, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []breakdown.Request
			m := newMachine(newClasses(rules.New()), func(r *breakdown.Request) {
				if err := r.Check(); err != nil {
					t.Error(err)
				}
				c := *r
				c.Path = slices.Clone(r.Path)
				got = append(got, c)
			})
			m.instant = true
			apply(m, &decoded{classes: stackClasses(rules.New(), stacks), first: 100, records: slices.Concat(
				[]record{{at: 110, op: opCreate, g: 2, other: -1, state: stateRunnable, stack2: id(begins)}, in(120, stateRunning, "")},
				call(150, reads), test.calls,
				[]record{in(400, stateWaiting, sleeps), {at: 500, op: opWake, g: 2, other: -1, state: stateRunnable}, in(510, stateRunning, ""), in(600, stateWaiting, reads)},
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
				t.Errorf("%d in files, of which %d by the next call, and %d after one; want %d, %d and %d", file, sum.InCalls, sum.AfterCalls, test.file, test.within, test.beyond)
			}
		})
	}
}
